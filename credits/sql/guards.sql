-- What no code path may do, whoever runs it.

CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The journal is append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE FUNCTION ledger_check_posting() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    n bigint;
    p record;
    e record;
BEGIN
    n := CASE WHEN TG_TABLE_NAME = 'credits_entry' THEN (to_jsonb(NEW) ->> 'posting_id')::bigint ELSE NEW.id END;
    SELECT kind, amount INTO p FROM credits_posting WHERE id = n;
    SELECT coalesce(sum(amount), 0) AS total, coalesce(sum(amount) FILTER (WHERE wallet_id IS NOT NULL), 0) AS own,
        count(*) AS lines
    INTO e FROM credits_entry WHERE posting_id = n;
    IF e.total <> 0 OR e.own <> p.amount OR (e.lines < 2) <> (p.kind = 'void') THEN
        RAISE EXCEPTION 'Posting % does not balance: % over % lines, % of the wallet instead of %.',
            n, e.total, e.lines, e.own, p.amount USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS credits_entry_append_only ON credits_entry;
CREATE TRIGGER credits_entry_append_only BEFORE UPDATE OR DELETE ON credits_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
DROP TRIGGER IF EXISTS credits_entry_keep ON credits_entry;
CREATE TRIGGER credits_entry_keep BEFORE TRUNCATE ON credits_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
DROP TRIGGER IF EXISTS credits_posting_append_only ON credits_posting;
CREATE TRIGGER credits_posting_append_only BEFORE UPDATE OR DELETE ON credits_posting
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
DROP TRIGGER IF EXISTS credits_posting_keep ON credits_posting;
CREATE TRIGGER credits_posting_keep BEFORE TRUNCATE ON credits_posting
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

DROP TRIGGER IF EXISTS credits_posting_balances ON credits_posting;
CREATE CONSTRAINT TRIGGER credits_posting_balances AFTER INSERT ON credits_posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_posting();
DROP TRIGGER IF EXISTS credits_entry_balances ON credits_entry;
CREATE CONSTRAINT TRIGGER credits_entry_balances AFTER INSERT ON credits_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_posting();
