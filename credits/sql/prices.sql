-- A price that was in force once is evidence for every quote made by it.

CREATE OR REPLACE FUNCTION credits_price_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The rate card is append-only: % is refused. Publish another price instead.', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

DROP TRIGGER IF EXISTS credits_price_append_only ON credits_price;
CREATE TRIGGER credits_price_append_only BEFORE UPDATE OR DELETE ON credits_price
    FOR EACH ROW EXECUTE FUNCTION credits_price_refuse_change();
DROP TRIGGER IF EXISTS credits_price_keep ON credits_price;
CREATE TRIGGER credits_price_keep BEFORE TRUNCATE ON credits_price
    FOR EACH STATEMENT EXECUTE FUNCTION credits_price_refuse_change();
