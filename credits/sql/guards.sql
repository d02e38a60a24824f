-- What no code path may do, whoever runs it.

CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The journal is append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

-- All lines of a posting are written by one statement, and looked at when it ends: they must be all that the posting has,
-- and balance. So nothing is ever added to a posting that stands, not even what balances by itself. The rows are looked
-- up posting by posting: a plan for all at once could read the whole journal, since nobody knows how many are added.
CREATE OR REPLACE FUNCTION ledger_check_entries() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    n record;
    p record;
    e record;
BEGIN
    FOR n IN SELECT posting_id AS id, count(*) AS lines FROM added GROUP BY posting_id LOOP
        SELECT kind, amount INTO p FROM credits_posting WHERE id = n.id;
        SELECT sum(amount) AS total, coalesce(sum(amount) FILTER (WHERE wallet_id IS NOT NULL), 0) AS own,
            count(*) AS lines
        INTO e FROM credits_entry WHERE posting_id = n.id;
        IF e.lines <> n.lines THEN
            RAISE EXCEPTION 'The journal is append-only: posting % has its lines.', n.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF e.total <> 0 OR e.own IS DISTINCT FROM p.amount OR e.lines < 2 OR p.kind = 'void' THEN
            RAISE EXCEPTION 'Posting % does not balance: its lines sum to %, those of the wallet to % instead of %.',
                n.id, e.total, e.own, p.amount USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- A posting without lines is seen at the end of its transaction. A void has none.
CREATE OR REPLACE FUNCTION ledger_check_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM credits_entry WHERE posting_id = NEW.id) THEN
        RAISE EXCEPTION 'Posting % has no lines.', NEW.id USING ERRCODE = 'check_violation';
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
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind <> 'void') EXECUTE FUNCTION ledger_check_posting();
DROP TRIGGER IF EXISTS credits_entry_balances ON credits_entry;
CREATE TRIGGER credits_entry_balances AFTER INSERT ON credits_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_entries();

-- The rows that the journal speaks of stay.
DROP TRIGGER IF EXISTS credits_wallet_stays ON credits_wallet;
CREATE TRIGGER credits_wallet_stays BEFORE DELETE ON credits_wallet
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
DROP TRIGGER IF EXISTS credits_lot_stays ON credits_lot;
CREATE TRIGGER credits_lot_stays BEFORE DELETE ON credits_lot FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
DROP TRIGGER IF EXISTS credits_hold_stays ON credits_hold;
CREATE TRIGGER credits_hold_stays BEFORE DELETE ON credits_hold FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
