-- What moves credits into, out of and between lots. Called only by credits/ledger.py, credits/expiry.py and the
-- functions of holds.sql. One lock order for the whole house: wallet, hold, lot; the wallet is locked by a statement
-- of its own, since lots read in the same statement would be those from before the wait.
-- Sequential scans are off in every function: their plans are cached by each connection, and one that was made while
-- a table was small would otherwise read all of it for ever after (measured: 22 ms a job instead of 1). What each job
-- calls answers by OUT parameters and is called by assignment where it can be: RETURN QUERY and PERFORM run a statement
-- of their own. Rows are changed one by one: a plan for a list of unknown length is made anew each time.

-- Writes a posting and its entries: p_lots and p_amounts are the lines of the wallet, p_debt the line of its debt, and
-- p_against is the platform's account that takes the other side. Gives the posting's number.
CREATE OR REPLACE FUNCTION ledger_post(
    p_wallet uuid, p_kind text, p_reference text, p_at timestamptz, p_amount bigint, p_balance_after bigint,
    p_lots uuid[], p_amounts bigint[], p_against text, p_debt bigint DEFAULT 0, p_reason text DEFAULT '',
    p_hold uuid DEFAULT NULL, p_subject text DEFAULT '', p_released bigint DEFAULT 0, p_inputs text DEFAULT '',
    p_actor text DEFAULT 'system'
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    total bigint := p_debt;
    a bigint;
BEGIN
    INSERT INTO credits_posting (kind, reference, inputs_hash, actor, reason, subject, at, wallet_id, hold_id, amount,
        released, balance_after)
    VALUES (p_kind, p_reference, p_inputs, p_actor, p_reason, p_subject, p_at, p_wallet, p_hold, p_amount, p_released,
        p_balance_after)
    RETURNING id INTO n;
    FOREACH a IN ARRAY p_amounts LOOP
        total := total + a;
    END LOOP;
    IF p_amounts = '{}' AND total = 0 THEN
        RETURN n;
    END IF;
    -- The usual case in a plan of two constants.
    IF cardinality(p_lots) = 1 AND total = p_amounts[1] AND total <> 0 THEN
        INSERT INTO credits_entry (posting_id, account, wallet_id, lot_id, amount)
        VALUES (n, 'wallet', p_wallet, p_lots[1], total), (n, p_against, NULL, NULL, -total);
        RETURN n;
    END IF;
    INSERT INTO credits_entry (posting_id, account, wallet_id, lot_id, amount)
    SELECT n, 'wallet', p_wallet, t.lot, t.amount FROM unnest(p_lots, p_amounts) AS t (lot, amount)
    WHERE t.amount <> 0
    UNION ALL SELECT n, 'debt', p_wallet, NULL, p_debt WHERE p_debt <> 0
    UNION ALL SELECT n, p_against, NULL, NULL, -total WHERE total <> 0;
    RETURN n;
END $$;

-- Takes up to p_amount from lots that have not expired: the lot p_first whatever its date, then in spend order. With
-- p_pipeline only from lots that are in effect and allow it; what was granted to count at once does, even for a caller
-- whose clock is behind. Less than p_amount is taken only if p_partly.
CREATE OR REPLACE FUNCTION ledger_draw(
    p_wallet uuid, p_amount bigint, p_pipeline text, p_at timestamptz, p_first uuid, p_partly boolean,
    OUT lots uuid[], OUT amounts bigint[], OUT drawn bigint, OUT usable bigint
) LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[];
    rest bigint[];
    take bigint;
BEGIN
    SELECT array_agg(l.id), array_agg(l.remaining), coalesce(sum(l.remaining), 0) INTO ids, rest, usable FROM (
        SELECT id, remaining FROM credits_lot
        WHERE wallet_id = p_wallet AND NOT closed AND (expires_at IS NULL OR expires_at > p_at)
            AND (p_pipeline IS NULL OR (effective_at <= greatest(p_at, created_at)
                AND (applies_to = '{}' OR p_pipeline = ANY (applies_to))))
            AND id IS DISTINCT FROM p_first
        ORDER BY priority, expires_at NULLS LAST, paid, id
    ) l;
    IF p_first IS NOT NULL THEN
        SELECT remaining INTO take FROM credits_lot WHERE id = p_first AND wallet_id = p_wallet;
        -- A lot of another wallet is none of this one's; the others still are.
        IF FOUND THEN
            ids := p_first || ids;
            rest := take || rest;
            usable := usable + take;
        END IF;
    END IF;
    lots := '{}';
    amounts := '{}';
    drawn := 0;
    IF usable < p_amount AND NOT p_partly THEN
        RETURN;
    END IF;
    FOR i IN 1 .. coalesce(cardinality(ids), 0) LOOP
        EXIT WHEN drawn = p_amount;
        take := least(rest[i], p_amount - drawn);
        IF take > 0 THEN
            lots := lots || ids[i];
            amounts := amounts || take;
            drawn := drawn + take;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(lots) LOOP
        UPDATE credits_lot SET remaining = remaining - amounts[i], closed = (remaining = amounts[i]) WHERE id = lots[i];
    END LOOP;
END $$;

-- A time-ordered id, as core.ids.uuid7 makes them: lots of equal standing are drawn oldest first, which is by id.
CREATE OR REPLACE FUNCTION ledger_uuid7() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    micros bigint := floor(extract(epoch FROM clock_timestamp()) * 1000000);
BEGIN
    RETURN (lpad(to_hex(micros / 1000), 12, '0') || '7' || lpad(to_hex(micros % 1000 * 4096 / 1000), 3, '0')
        || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid;
END $$;

-- What a reference was booked with: another wallet, amount or third thing under the same reference is an error.
CREATE OR REPLACE FUNCTION ledger_digest(p_wallet uuid, p_amount bigint, p_what text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN encode(sha256(convert_to(concat_ws('|', p_wallet, p_amount, p_what), 'UTF8')), 'hex');
END $$;

CREATE OR REPLACE FUNCTION ledger_negative(p_amounts bigint[]) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(SELECT -t.amount FROM unnest(p_amounts) WITH ORDINALITY AS t (amount, nth) ORDER BY nth);
END $$;

-- Debt is repaid first: by whatever was just granted or came back.
CREATE OR REPLACE FUNCTION ledger_repay(p_wallet uuid, p_cause text, p_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    d record;
BEGIN
    SELECT * INTO w FROM credits_wallet WHERE id = p_wallet;
    SELECT * INTO d FROM ledger_draw(p_wallet, w.debt, NULL, p_at, NULL, true);
    IF d.drawn > 0 THEN
        PERFORM ledger_post(p_wallet, 'repay', 'repay:' || p_cause, p_at, 0, w.balance, d.lots,
            ledger_negative(d.amounts), 'issued', p_debt => d.drawn, p_reason => 'debt');
        UPDATE credits_wallet SET debt = debt - d.drawn WHERE id = p_wallet;
    END IF;
END $$;

-- Returns credits to the lots they came from. What came from a lot that has expired meanwhile lives on in a lot of its
-- own for a while, with the old one's standing. A debt of the wallet is repaid from what came back. Gives how many of the
-- lots were still alive.
CREATE OR REPLACE FUNCTION ledger_give_back(
    p_wallet uuid, p_debt bigint, p_lots uuid[], p_amounts bigint[], p_cause text, p_at timestamptz, p_grace interval
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    old credits_lot%ROWTYPE;
    grace uuid;
    balance bigint;
    given integer := 0;
BEGIN
    FOR i IN 1 .. cardinality(p_lots) LOOP
        CONTINUE WHEN p_amounts[i] = 0;
        UPDATE credits_lot SET remaining = remaining + p_amounts[i], closed = false
        WHERE id = p_lots[i] AND (expires_at IS NULL OR expires_at > p_at);
        given := given + FOUND::integer;
    END LOOP;
    IF given < cardinality(array_remove(p_amounts, 0)) THEN
        SELECT w.balance INTO balance FROM credits_wallet w WHERE w.id = p_wallet;
        FOR i IN 1 .. cardinality(p_lots) LOOP
            SELECT * INTO old FROM credits_lot WHERE id = p_lots[i];
            CONTINUE WHEN p_amounts[i] = 0 OR old.expires_at IS NULL OR old.expires_at > p_at;
            grace := ledger_uuid7();
            INSERT INTO credits_lot (id, wallet_id, origin, reference, priority, paid, amount, remaining, closed,
                applies_to, parent_id, generation, rollover_times, effective_at, expires_at, created_at)
            VALUES (grace, p_wallet, 'grace', 'grace:' || p_cause || ':' || old.id, old.priority, old.paid,
                p_amounts[i], p_amounts[i], false, old.applies_to, old.id, 0, 0, p_at, p_at + p_grace, p_at);
            PERFORM ledger_post(p_wallet, 'grace', 'grace:' || p_cause || ':' || old.id, p_at, 0, balance,
                ARRAY[old.id, grace], ARRAY[-p_amounts[i], p_amounts[i]], 'issued', p_reason => 'lot_expired');
        END LOOP;
    END IF;
    IF p_debt > 0 THEN
        PERFORM ledger_repay(p_wallet, p_cause, p_at);
    END IF;
    RETURN given;
END $$;

-- Adds a lot, once for its reference. p_kind is grant, or adjust for a correction upwards.
-- outcome: granted | replayed | conflict | no_wallet
CREATE OR REPLACE FUNCTION ledger_grant(
    p_workspace uuid, p_sandbox boolean, p_kind text, p_reference text, p_lot uuid, p_amount bigint, p_terms jsonb,
    p_at timestamptz, OUT outcome text, OUT lot_id uuid
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    seen text;
    inputs text;
    pipelines text[] := '{}';
    done bigint;
BEGIN
    SELECT * INTO w FROM credits_wallet WHERE workspace_id = p_workspace AND sandbox = p_sandbox FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'no_wallet';
        RETURN;
    END IF;
    inputs := ledger_digest(w.id, p_amount, p_terms ->> 'origin');
    SELECT inputs_hash INTO seen FROM credits_posting WHERE reference = p_kind || ':' || p_reference;
    IF FOUND THEN
        outcome := CASE WHEN seen = inputs THEN 'replayed' ELSE 'conflict' END;
        SELECT l.id INTO lot_id FROM credits_lot l WHERE l.reference = p_kind || ':' || p_reference;
        RETURN;
    END IF;
    IF jsonb_array_length(p_terms -> 'applies_to') > 0 THEN
        pipelines := ARRAY(SELECT jsonb_array_elements_text(p_terms -> 'applies_to'));
    END IF;
    INSERT INTO credits_lot (id, wallet_id, origin, reference, priority, paid, amount, remaining, closed, applies_to,
        parent_id, generation, rollover_percent, rollover_most, rollover_times, effective_at, expires_at, created_at)
    VALUES (p_lot, w.id, p_terms ->> 'origin', p_kind || ':' || p_reference, (p_terms ->> 'priority')::smallint,
        (p_terms ->> 'paid')::boolean, p_amount, p_amount, false,
        pipelines, NULL, 0,
        (p_terms ->> 'rollover_percent')::smallint, (p_terms ->> 'rollover_most')::bigint,
        (p_terms ->> 'rollover_times')::smallint, coalesce((p_terms ->> 'effective_at')::timestamptz, p_at),
        (p_terms ->> 'expires_at')::timestamptz, p_at);
    done := ledger_post(w.id, p_kind, p_kind || ':' || p_reference, p_at, p_amount, w.balance + p_amount,
        ARRAY[p_lot], ARRAY[p_amount], CASE p_kind WHEN 'grant' THEN 'issued' ELSE 'adjustments' END,
        p_reason => p_terms ->> 'reason', p_inputs => inputs, p_actor => p_terms ->> 'actor');
    UPDATE credits_wallet SET balance = balance + p_amount WHERE id = w.id;
    IF w.debt > 0 THEN
        PERFORM ledger_repay(w.id, p_kind || ':' || p_reference, p_at);
    END IF;
    outcome := 'granted';
    lot_id := p_lot;
END $$;

-- Takes credits out of a wallet, once for a reference. claw_back: what is not there becomes debt; p_first is the lot
-- that was paid for. adjust: all or nothing. outcome: taken | replayed | conflict | insufficient | no_wallet
CREATE OR REPLACE FUNCTION ledger_take(
    p_workspace uuid, p_sandbox boolean, p_kind text, p_reference text, p_first uuid, p_amount bigint, p_reason text,
    p_actor text, p_at timestamptz
) RETURNS TABLE (outcome text, taken bigint, owed bigint) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    seen record;
    d record;
    inputs text;
BEGIN
    SELECT * INTO w FROM credits_wallet WHERE workspace_id = p_workspace AND sandbox = p_sandbox FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'no_wallet'::text, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    inputs := ledger_digest(w.id, p_amount, p_first::text);
    SELECT id, inputs_hash INTO seen FROM credits_posting WHERE reference = p_kind || ':' || p_reference;
    IF FOUND THEN
        RETURN QUERY SELECT CASE WHEN seen.inputs_hash = inputs THEN 'replayed' ELSE 'conflict' END,
            coalesce(-sum(e.amount) FILTER (WHERE e.account = 'wallet'), 0)::bigint,
            coalesce(-sum(e.amount) FILTER (WHERE e.account = 'debt'), 0)::bigint
        FROM credits_entry e WHERE e.posting_id = seen.id;
        RETURN;
    END IF;
    SELECT * INTO d FROM ledger_draw(w.id, p_amount, NULL, p_at, p_first, p_kind = 'claw_back');
    IF p_kind <> 'claw_back' AND d.drawn < p_amount THEN
        RETURN QUERY SELECT 'insufficient'::text, 0::bigint, d.usable;
        RETURN;
    END IF;
    PERFORM ledger_post(w.id, p_kind, p_kind || ':' || p_reference, p_at, -p_amount, w.balance - p_amount, d.lots,
        ledger_negative(d.amounts), CASE p_kind WHEN 'claw_back' THEN 'issued' ELSE 'adjustments' END,
        p_debt => d.drawn - p_amount, p_reason => p_reason, p_inputs => inputs, p_actor => p_actor);
    UPDATE credits_wallet SET balance = balance - p_amount, debt = debt + p_amount - d.drawn WHERE id = w.id;
    RETURN QUERY SELECT 'taken'::text, d.drawn, p_amount - d.drawn;
END $$;

-- Ends a lot whose time has passed: what its terms allow rolls over to a lot that lives until p_rolls_until, the rest
-- is breakage. Without p_rolls_until nothing rolls over. Gives what became of the rest; nothing twice.
CREATE OR REPLACE FUNCTION ledger_retire(
    p_lot uuid, p_rolled uuid, p_rolls_until timestamptz, p_at timestamptz
) RETURNS TABLE (rolled bigint, expired bigint) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    l credits_lot%ROWTYPE;
    kept bigint := 0;
BEGIN
    SELECT * INTO w FROM credits_wallet WHERE id = (SELECT wallet_id FROM credits_lot WHERE id = p_lot) FOR UPDATE;
    SELECT * INTO l FROM credits_lot WHERE id = p_lot;
    IF l.expires_at IS NULL OR l.expires_at > p_at OR l.remaining = 0 THEN
        RETURN QUERY SELECT 0::bigint, 0::bigint;
        RETURN;
    END IF;
    IF p_rolls_until > l.expires_at AND l.rollover_percent IS NOT NULL AND l.generation < l.rollover_times
        AND NOT EXISTS (SELECT 1 FROM credits_lot c WHERE c.reference = 'rollover:' || l.id) THEN
        kept := least(l.remaining, l.amount * l.rollover_percent / 100, coalesce(l.rollover_most, l.remaining));
    END IF;
    IF kept > 0 THEN
        INSERT INTO credits_lot (id, wallet_id, origin, reference, priority, paid, amount, remaining, closed,
            applies_to, parent_id, generation, rollover_percent, rollover_most, rollover_times, effective_at,
            expires_at, created_at)
        VALUES (p_rolled, w.id, 'rolled_over', 'rollover:' || l.id, l.priority, l.paid, kept, kept, false,
            l.applies_to, l.id, l.generation + 1, l.rollover_percent, l.rollover_most, l.rollover_times,
            l.expires_at, p_rolls_until, p_at);
        PERFORM ledger_post(w.id, 'rollover', 'rollover:' || l.id, p_at, 0, w.balance, ARRAY[l.id, p_rolled],
            ARRAY[-kept, kept], 'issued', p_reason => 'renewal');
    END IF;
    IF l.remaining > kept THEN
        -- Named by its moment too: a worker whose clock is behind may have given something back after the first time.
        PERFORM ledger_post(w.id, 'expire', 'expire:' || l.id || ':' || extract(epoch FROM p_at), p_at, kept - l.remaining,
            w.balance - l.remaining + kept, ARRAY[l.id], ARRAY[kept - l.remaining], 'breakage',
            p_reason => l.origin);
    END IF;
    UPDATE credits_lot SET remaining = 0, closed = true WHERE id = l.id;
    UPDATE credits_wallet SET balance = balance - l.remaining + kept WHERE id = w.id;
    IF w.debt > 0 THEN
        PERFORM ledger_repay(w.id, 'rollover:' || l.id, p_at);
    END IF;
    RETURN QUERY SELECT kept, l.remaining - kept;
END $$;
