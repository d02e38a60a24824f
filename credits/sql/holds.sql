-- The hot verbs of the ledger, one round trip each. Called only by credits/ledger.py and, inside its own transaction,
-- by generation/sql. Sequential scans are off for the reason given in lots.sql.

-- The first day of the period that p_at lies in.
CREATE OR REPLACE FUNCTION ledger_period_start(p_period text, p_at timestamptz) RETURNS date
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE p_period WHEN 'total' THEN DATE '2000-01-01'
        ELSE date_trunc(p_period, p_at AT TIME ZONE 'UTC')::date END;
END $$;

-- Makes the day's holds count against the daily cap of the plan, which goes by the wallet's own id. Gives their sum.
CREATE OR REPLACE FUNCTION ledger_count_day(p_wallet uuid, p_day date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    total bigint;
BEGIN
    WITH recent AS (
        SELECT id FROM credits_hold WHERE wallet_id = p_wallet AND state = 'held'
        UNION SELECT hold_id FROM credits_posting
        WHERE wallet_id = p_wallet AND kind = 'capture' AND at >= p_day::timestamp AT TIME ZONE 'UTC'
    ), counted AS (
        UPDATE credits_hold h SET limit_ids = limit_ids || p_wallet, limit_starts = limit_starts || p_day
        FROM recent WHERE h.id = recent.id AND h.created_at >= p_day::timestamp AT TIME ZONE 'UTC'
        RETURNING CASE h.state WHEN 'held' THEN h.amount ELSE h.captured - h.refunded END AS used
    )
    SELECT coalesce(sum(used), 0) INTO total FROM counted;
    INSERT INTO credits_spending (limit_id, period_start, used) VALUES (p_wallet, p_day, total);
    RETURN total;
END $$;

-- Sets credits aside. p_for says for whom: pipeline, model, key, member, daily_credits (the plan's cap).
-- outcome: held | replayed | conflict | insufficient | in_debt | limited | no_wallet
CREATE OR REPLACE FUNCTION ledger_hold(
    p_workspace uuid, p_sandbox boolean, p_amount bigint, p_reference text, p_hold uuid, p_for jsonb, p_at timestamptz,
    p_expires_at timestamptz, OUT outcome text, OUT hold_id uuid, OUT available bigint, OUT detail jsonb
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    h credits_hold%ROWTYPE;
    d record;
    c record;
    since date;
    spent bigint;
    limits uuid[] := '{}';
    starts date[] := '{}';
BEGIN
    available := 0;
    -- A statement of its own: lots read in the same statement would be those from before the wait.
    SELECT * INTO w FROM credits_wallet WHERE workspace_id = p_workspace AND sandbox = p_sandbox FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'no_wallet';
        RETURN;
    END IF;
    SELECT * INTO h FROM credits_hold WHERE reference = p_reference;
    IF FOUND THEN
        outcome := CASE WHEN h.wallet_id = w.id AND h.amount = p_amount THEN 'replayed' ELSE 'conflict' END;
        hold_id := h.id;
        available := greatest(0, w.balance - w.held);
        RETURN;
    END IF;
    IF w.debt > 0 THEN
        outcome := 'in_debt';
        detail := jsonb_build_object('debt', w.debt);
        RETURN;
    END IF;
    IF w.limited OR jsonb_typeof(p_for -> 'daily_credits') = 'number' THEN
        FOR c IN
            SELECT id, scope, subject, period, amount FROM credits_spendlimit
            WHERE wallet_id = w.id AND (scope, subject) IN (('wallet', ''), ('key', p_for ->> 'key'),
                ('member', p_for ->> 'member'), ('model', p_for ->> 'model'))
            UNION ALL
            SELECT w.id, 'plan', '', 'day', (p_for ->> 'daily_credits')::bigint
            WHERE jsonb_typeof(p_for -> 'daily_credits') = 'number'
        LOOP
            since := ledger_period_start(c.period, p_at);
            SELECT used INTO spent FROM credits_spending WHERE limit_id = c.id AND period_start = since;
            IF NOT FOUND AND c.scope = 'plan' THEN
                -- The first hold of the day that meets the plan's cap: what the day used before counts, once.
                spent := ledger_count_day(w.id, since);
            END IF;
            IF coalesce(spent, 0) + p_amount > c.amount THEN
                outcome := 'limited';
                available := greatest(0, c.amount - coalesce(spent, 0));
                detail := jsonb_build_object('scope', c.scope, 'subject', c.subject, 'period', c.period, 'limit',
                    c.amount, 'used', coalesce(spent, 0), 'since', since);
                RETURN;
            END IF;
            limits := limits || c.id;
            starts := starts || since;
        END LOOP;
    END IF;
    d := ledger_draw(w.id, p_amount, coalesce(p_for ->> 'pipeline', ''), p_at, NULL, false);
    available := d.usable;
    IF d.drawn = 0 THEN
        outcome := 'insufficient';
        RETURN;
    END IF;
    INSERT INTO credits_hold (id, wallet_id, reference, amount, captured, refunded, state, lot_ids, lot_amounts,
        lot_captured, key_id, member_id, model, limit_ids, limit_starts, reason, created_at, expires_at)
    VALUES (p_hold, w.id, p_reference, p_amount, 0, 0, 'held', d.lots, d.amounts,
        array_fill(0::bigint, ARRAY[cardinality(d.lots)]), (p_for ->> 'key')::uuid, (p_for ->> 'member')::uuid,
        coalesce(p_for ->> 'model', ''), limits, starts, '', p_at, p_expires_at);
    IF limits <> '{}' THEN
        INSERT INTO credits_spending AS s (limit_id, period_start, used)
        SELECT t.id, t.since, p_amount FROM unnest(limits, starts) AS t (id, since) ORDER BY t.id
        ON CONFLICT (limit_id, period_start) DO UPDATE SET used = s.used + excluded.used;
    END IF;
    UPDATE credits_wallet SET held = held + p_amount WHERE id = w.id;
    outcome := 'held';
    hold_id := p_hold;
    available := d.usable - p_amount;
END $$;

-- Splits p_amount more over a hold's draws, what expires first before what lives longest: the order opposite to the
-- one in which credits go back, so that parts and whole come to the same. Gives what is kept of each draw after it.
CREATE OR REPLACE FUNCTION ledger_keep(
    p_lots uuid[], p_drawn bigint[], p_kept bigint[], p_amount bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    kept bigint[] := p_kept;
    wanted bigint := p_amount;
    take bigint;
    d record;
BEGIN
    IF cardinality(p_lots) = 1 THEN
        RETURN ARRAY[p_kept[1] + p_amount];
    END IF;
    FOR d IN
        SELECT t.nth FROM unnest(p_lots) WITH ORDINALITY AS t (lot, nth) JOIN credits_lot l ON l.id = t.lot
        ORDER BY l.expires_at NULLS LAST, t.nth
    LOOP
        take := least(wanted, p_drawn[d.nth] - kept[d.nth]);
        kept[d.nth] := kept[d.nth] + take;
        wanted := wanted - take;
    END LOOP;
    RETURN kept;
END $$;

CREATE OR REPLACE FUNCTION ledger_difference(p_from bigint[], p_less bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    rest bigint[] := '{}';
BEGIN
    FOR nth IN 1..cardinality(p_from) LOOP
        rest[nth] := p_from[nth] - p_less[nth];
    END LOOP;
    RETURN rest;
END $$;

-- Captures from a hold until p_captured in all are kept. p_state closes it (captured, voided or expired) and the rest
-- goes back to its lots, the longest-lived first; with p_state held it stays open, and p_part names this part of it.
-- Voided and expired keep what was captured in parts before. outcome: closed | replayed | conflict | exceeds | no_hold
CREATE OR REPLACE FUNCTION ledger_settle(
    p_hold uuid, p_captured bigint, p_state text, p_part text, p_reason text, p_at timestamptz, p_grace interval,
    OUT outcome text, OUT captured bigint, OUT released bigint
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    h credits_hold%ROWTYPE;
    total bigint;
    more bigint;
    back bigint := 0;
    kept bigint[];
    done bigint;
BEGIN
    SELECT wallet_id INTO w.id FROM credits_hold WHERE id = p_hold;
    IF NOT FOUND THEN
        outcome := 'no_hold';
        captured := 0;
        released := 0;
        RETURN;
    END IF;
    -- The hold needs no lock of its own: who changes one has its wallet's.
    SELECT * INTO w FROM credits_wallet WHERE id = w.id FOR UPDATE;
    SELECT * INTO h FROM credits_hold WHERE id = p_hold;
    captured := h.captured;
    released := h.amount - h.captured;
    IF p_state = 'held' THEN
        SELECT p.amount INTO more FROM credits_posting p WHERE p.reference = 'hold:' || p_hold || ':' || p_part;
        IF FOUND THEN
            outcome := CASE WHEN -more = p_captured THEN 'replayed' ELSE 'conflict' END;
            RETURN;
        END IF;
        total := h.captured + p_captured;
    ELSE
        total := CASE WHEN p_state = 'captured' THEN p_captured ELSE h.captured END;
    END IF;
    IF h.state <> 'held' THEN
        outcome := CASE WHEN h.state = p_state AND h.captured = total THEN 'replayed' ELSE 'conflict' END;
        RETURN;
    END IF;
    more := total - h.captured;
    IF more < 0 OR total > h.amount THEN
        outcome := 'exceeds';
        RETURN;
    END IF;
    kept := h.lot_captured;
    IF more > 0 THEN
        kept := ledger_keep(h.lot_ids, h.lot_amounts, h.lot_captured, more);
    END IF;
    IF p_state <> 'held' THEN
        back := h.amount - total;
    END IF;
    UPDATE credits_hold c SET captured = total, lot_captured = kept, state = p_state,
        reason = CASE WHEN p_state = 'held' THEN c.reason ELSE p_reason END,
        closed_at = CASE WHEN p_state = 'held' THEN NULL ELSE p_at END
    WHERE c.id = p_hold;
    UPDATE credits_wallet SET held = held - more - back, balance = balance - more WHERE id = w.id;
    IF more > 0 THEN
        done := ledger_post(w.id, 'capture', 'hold:' || p_hold || CASE p_state WHEN 'held' THEN ':' || p_part ELSE '' END,
            p_at, -more, w.balance - more, h.lot_ids, ledger_difference(h.lot_captured, kept), 'consumed',
            p_reason => p_reason, p_hold => p_hold, p_subject => h.reference, p_released => back);
    ELSIF back > 0 THEN
        done := ledger_post(w.id, 'void', 'hold:' || p_hold, p_at, 0, w.balance, '{}', '{}', 'consumed',
            p_reason => p_reason, p_hold => p_hold, p_subject => h.reference, p_released => back);
    END IF;
    IF back > 0 THEN
        IF h.limit_ids <> '{}' THEN
            UPDATE credits_spending s SET used = s.used - back FROM unnest(h.limit_ids, h.limit_starts) AS t (id, since)
            WHERE s.limit_id = t.id AND s.period_start = t.since;
        END IF;
        done := ledger_give_back(w.id, w.debt, h.lot_ids, ledger_difference(h.lot_amounts, kept), 'hold:' || p_hold, p_at,
            p_grace);
    END IF;
    outcome := 'closed';
    captured := total;
    released := h.amount - total;
END $$;

-- Captures holds whole, all of them by one statement for each table: what ledger_settle writes for each, one after
-- another in the order given. Gives those it did. One that is not open, was captured in parts or is for another amount
-- is left as it is, to ledger_settle. Only nested loops: a plan is kept, and what is hashed while it is small grows.
CREATE OR REPLACE FUNCTION ledger_settle_many(
    p_holds uuid[], p_captured bigint[], p_reason text, p_at timestamptz
) RETURNS uuid[] LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    settled uuid[];
BEGIN
    PERFORM 1 FROM credits_wallet w
    WHERE w.id IN (SELECT h.wallet_id FROM credits_hold h WHERE h.id = ANY (p_holds))
    ORDER BY w.workspace_id, w.sandbox FOR UPDATE;
    WITH due AS MATERIALIZED (
        SELECT h.id, h.wallet_id, h.reference, h.amount, h.lot_ids, h.lot_amounts, t.nth
        FROM unnest(p_holds, p_captured) WITH ORDINALITY AS t (hold, captured, nth) JOIN credits_hold h ON h.id = t.hold
        -- Written so that no index of open holds is read through for it.
        WHERE h.state || '' = 'held' AND h.captured = 0 AND h.amount = t.captured
    ), closed AS (
        UPDATE credits_hold h SET captured = d.amount, lot_captured = d.lot_amounts, state = 'captured',
            reason = p_reason, closed_at = p_at
        FROM due d WHERE h.id = d.id
    ), paid AS (
        UPDATE credits_wallet w SET held = w.held - s.amount, balance = w.balance - s.amount
        FROM (SELECT wallet_id, sum(amount)::bigint AS amount FROM due GROUP BY wallet_id) s WHERE w.id = s.wallet_id
    ), posted AS (
        INSERT INTO credits_posting (kind, reference, inputs_hash, actor, reason, subject, at, wallet_id, hold_id,
            amount, released, balance_after)
        SELECT 'capture', 'hold:' || d.id, '', 'system', p_reason, d.reference, p_at, d.wallet_id, d.id, -d.amount, 0,
            w.balance - sum(d.amount) OVER (PARTITION BY d.wallet_id ORDER BY d.nth)
        FROM due d JOIN credits_wallet w ON w.id = d.wallet_id ORDER BY d.nth
        RETURNING id, hold_id
    ), written AS (
        INSERT INTO credits_entry (posting_id, account, wallet_id, lot_id, amount)
        SELECT p.id, l.account, l.wallet_id, l.lot, l.amount FROM posted p JOIN credits_hold h ON h.id = p.hold_id,
            LATERAL (
                SELECT t.nth, 'wallet' AS account, h.wallet_id, t.lot, -t.amount AS amount
                FROM unnest(h.lot_ids, h.lot_amounts) WITH ORDINALITY AS t (lot, amount, nth) WHERE t.amount <> 0
                UNION ALL SELECT NULL, 'consumed', NULL, NULL, h.amount
            ) l
        ORDER BY p.id, l.nth
    )
    SELECT coalesce(array_agg(d.id), '{}') INTO settled FROM due d;
    RETURN settled;
END $$;

-- Gives captured credits back to the lots they came from, the longest-lived first, once for a reference.
-- An open hold is settled first. outcome: refunded | replayed | conflict | open | exceeds | no_hold
CREATE OR REPLACE FUNCTION ledger_refund(
    p_hold uuid, p_amount bigint, p_reference text, p_reason text, p_actor text, p_at timestamptz,
    p_grace interval
) RETURNS TABLE (outcome text, refundable bigint) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    h credits_hold%ROWTYPE;
    seen text;
    inputs text;
    before bigint[];
    after bigint[];
    giving bigint[];
BEGIN
    SELECT wallet_id INTO w.id FROM credits_hold WHERE id = p_hold;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'no_hold'::text, 0::bigint;
        RETURN;
    END IF;
    SELECT * INTO w FROM credits_wallet WHERE id = w.id FOR UPDATE;
    SELECT * INTO h FROM credits_hold WHERE id = p_hold;
    inputs := ledger_digest(w.id, p_amount, p_hold::text);
    SELECT inputs_hash INTO seen FROM credits_posting WHERE reference = 'refund:' || p_reference;
    IF FOUND THEN
        RETURN QUERY SELECT CASE WHEN seen = inputs THEN 'replayed' ELSE 'conflict' END,
            (h.captured - h.refunded)::bigint;
        RETURN;
    END IF;
    IF h.state = 'held' OR p_amount > h.captured - h.refunded THEN
        RETURN QUERY SELECT CASE h.state WHEN 'held' THEN 'open' ELSE 'exceeds' END, (h.captured - h.refunded)::bigint;
        RETURN;
    END IF;
    -- What stays captured is kept in the order of ledger_keep; the refund is the difference to what stayed before.
    before := ledger_keep(h.lot_ids, h.lot_captured, array_fill(0::bigint, ARRAY[cardinality(h.lot_ids)]),
        h.captured - h.refunded);
    after := ledger_keep(h.lot_ids, h.lot_captured, array_fill(0::bigint, ARRAY[cardinality(h.lot_ids)]),
        h.captured - h.refunded - p_amount);
    giving := ledger_difference(before, after);
    UPDATE credits_hold c SET refunded = c.refunded + p_amount WHERE c.id = p_hold;
    UPDATE credits_wallet SET balance = balance + p_amount WHERE id = w.id;
    PERFORM ledger_post(w.id, 'refund', 'refund:' || p_reference, p_at, p_amount, w.balance + p_amount, h.lot_ids,
        giving, 'consumed', p_reason => p_reason, p_hold => p_hold, p_subject => h.reference, p_inputs => inputs,
        p_actor => p_actor);
    IF h.limit_ids <> '{}' THEN
        UPDATE credits_spending s SET used = s.used - p_amount
        FROM unnest(h.limit_ids, h.limit_starts) AS t (id, since)
        WHERE s.limit_id = t.id AND s.period_start = t.since;
    END IF;
    PERFORM ledger_give_back(w.id, w.debt, h.lot_ids, giving, 'refund:' || p_reference, p_at, p_grace);
    RETURN QUERY SELECT 'refunded'::text, h.captured - h.refunded - p_amount;
END $$;
