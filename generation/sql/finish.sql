-- Steps and jobs end. Locks and plans as in accept.sql.
-- Functions that take a list join by nested loops alone: their plans are cached too, and a hash of a whole index is a
-- good plan only while the table is small. `state || ''` keeps a plan from a partial index of the living, which looks
-- empty by statistics from a quiet hour and holds the whole backlog later. A plan for any list serves each, since one
-- for the list at hand is made anew each time.

-- The one place where jobs end: the row, the count of those under way and the last event. Wallets and jobs are locked,
-- the holds settled. Gives how many.
CREATE OR REPLACE FUNCTION generation_close(
    p_jobs uuid[], p_states text[], p_causes text[], p_captured bigint[], p_released bigint[], p_errors jsonb[],
    p_at timestamptz
) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    n integer;
    job uuid;
BEGIN
    WITH closed AS (
        UPDATE generation_job j SET state = t.state, captured = t.captured, released = t.released,
            charge_reason = t.cause, completed_at = p_at, error = t.error, seq = j.seq + 1
        FROM unnest(p_jobs, p_states, p_causes, p_captured, p_released, p_errors)
            AS t (job, state, cause, captured, released, error)
        WHERE j.id = t.job
        RETURNING j.id, j.seq, j.state, j.workspace_id, j.sandbox, j.pipeline
    ), counted AS (
        -- An end is never refused for the sake of a count.
        UPDATE generation_load l SET live = greatest(l.live - c.jobs, 0)
        FROM (SELECT workspace_id, sandbox, pipeline, count(*) AS jobs FROM closed GROUP BY 1, 2, 3) c
        WHERE l.workspace_id = c.workspace_id AND l.sandbox = c.sandbox AND l.pipeline = c.pipeline
    )
    INSERT INTO generation_event (job_id, seq, type, data, at)
    SELECT id, seq, 'done', jsonb_build_object('status', state), p_at FROM closed;
    GET DIAGNOSTICS n = ROW_COUNT;
    FOREACH job IN ARRAY p_jobs LOOP
        PERFORM generation_leave(job, p_at);
    END LOOP;
    RETURN n;
END $$;

-- Ends the job if no step of it can still run. Wallet and job are locked by the caller.
CREATE OR REPLACE FUNCTION generation_conclude(p_job uuid, p_at timestamptz) RETURNS text
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    j generation_job%ROWTYPE;
    done integer;
    lacking integer;
    earned bigint;
    fault jsonb;
    ending text;
    ending_cause text;
    kept_for bigint;
    kept record;
    n integer;
BEGIN
    IF EXISTS (SELECT 1 FROM generation_step
        WHERE job_id = p_job AND state NOT IN ('done', 'failed', 'skipped', 'canceled')) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO j FROM generation_job WHERE id = p_job;
    SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state <> 'done' AND NOT optional),
        coalesce(sum(settled), 0)
    INTO done, lacking, earned FROM generation_step WHERE job_id = p_job;
    SELECT error INTO fault FROM generation_step WHERE job_id = p_job AND error IS NOT NULL AND state = 'failed'
    ORDER BY position LIMIT 1;
    ending := CASE
        WHEN lacking = 0 THEN 'succeeded'
        WHEN j.stop_cause = 'cancel' THEN 'canceled'
        WHEN done > 0 THEN 'partially_succeeded'
        WHEN j.stop_cause = 'start_deadline' THEN 'aborted'
        WHEN fault ->> 'category' = 'moderation' THEN 'blocked'
        ELSE 'failed' END;
    fault := CASE
        WHEN ending = 'succeeded' THEN NULL
        WHEN ending = 'canceled' THEN '{"code": "canceled", "category": "canceled", "message": "You canceled it.", "retryable": true}'
        WHEN ending = 'aborted' THEN '{"code": "start_deadline", "category": "timeout", "message": "It did not start within the time you allowed.", "retryable": true}'
        ELSE coalesce(fault, '{"code": "timeout", "category": "timeout", "message": "The job took longer than it may.", "retryable": true}')
        END;
    ending_cause := CASE
        WHEN ending = 'succeeded' THEN 'delivered'
        WHEN ending = 'partially_succeeded' THEN 'partly_delivered'
        WHEN ending = 'canceled' THEN CASE WHEN j.started_at IS NULL THEN 'canceled_before_start'
            ELSE 'canceled_while_running' END
        WHEN ending = 'aborted' THEN 'start_deadline'
        WHEN ending = 'blocked' THEN 'refused_after'
        WHEN j.stop_cause = 'deadline' THEN 'deadline'
        WHEN fault ->> 'code' = 'unknown_outcome' THEN 'outcome_unknown'
        ELSE CASE fault ->> 'category' WHEN 'provider' THEN 'provider_failed' WHEN 'timeout' THEN 'timed_out'
            WHEN 'capacity' THEN 'no_capacity' WHEN 'input' THEN 'invalid_input' ELSE 'our_fault' END END;
    kept_for := CASE WHEN (SELECT m.captures FROM refund_matrix() m WHERE m.cause = ending_cause) = 'delivered'
        THEN least(earned, j.quoted) ELSE 0 END;
    SELECT * INTO kept FROM ledger_settle(j.hold_id, kept_for, CASE WHEN kept_for > 0 THEN 'captured' ELSE 'voided' END,
        '', ending_cause, p_at, interval '30 days');
    IF kept.outcome = 'conflict' AND (SELECT h.state FROM credits_hold h WHERE h.id = j.hold_id) = 'expired' THEN
        -- Our own sweeper was first: what was made is delivered, and nobody pays for our delay.
        ending_cause := CASE WHEN kept_for > 0 THEN 'hold_expired' ELSE ending_cause END;
    ELSIF kept.outcome NOT IN ('closed', 'replayed') THEN
        RAISE EXCEPTION 'Hold % of job % cannot be settled: %', j.hold_id, p_job, kept.outcome;
    END IF;
    IF kept.captured <> earned THEN
        UPDATE credits_usagerecord SET credits = 0 WHERE job_id = p_job AND kept.captured = 0;
    END IF;
    n := generation_close(ARRAY[p_job], ARRAY[ending], ARRAY[ending_cause], ARRAY[kept.captured], ARRAY[kept.released],
        ARRAY[CASE WHEN fault IS NULL THEN NULL ELSE jsonb_build_object('provider_code', NULL) || fault
            || jsonb_build_object('refunded', kept.released) END], p_at);
    RETURN ending;
END $$;

-- A step was given up for a reason that is not its person's: it is kept for an operator, with what was tried. Not of a
-- sandbox, which plays failures.
CREATE OR REPLACE FUNCTION generation_bury(p_step uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO generation_deadletter (step_id, job_id, workspace_id, pipeline, model, cause, category, provider_code,
        payload_digest, trail, at, state, resolved_by, reason)
    SELECT s.id, j.id, j.workspace_id, j.pipeline, j.model, s.error ->> 'code', s.error ->> 'category',
        coalesce(s.error ->> 'provider_code', ''), encode(sha256(convert_to(s.params::text, 'UTF8')), 'hex'),
        (SELECT coalesce(jsonb_agg(jsonb_build_object('no', a.no, 'worker', a.worker, 'outcome', a.outcome,
            'error_code', a.error_code, 'provider_code', a.provider_code, 'started_at', a.started_at,
            'finished_at', a.finished_at) ORDER BY a.no), '[]') FROM generation_attempt a WHERE a.step_id = s.id),
        p_at, 'open', '', ''
    FROM generation_step s JOIN generation_job j ON j.id = s.job_id
    WHERE s.id = p_step AND s.error ->> 'category' IN ('provider', 'timeout', 'capacity', 'internal')
        AND j.stop_cause <> 'cancel' AND NOT j.sandbox
    ON CONFLICT (step_id) DO NOTHING;
END $$;

-- Ends a step. p_result: done | failed | canceled. outcome: finished | fenced (another attempt owns it).
-- p_trust_lease false is the sweeper's: it ends a step only if its lease has run out.
CREATE OR REPLACE FUNCTION generation_finish(
    p_step uuid, p_attempt integer, p_result text, p_settled bigint, p_output jsonb, p_error jsonb, p_attempt_row jsonb,
    p_only_expired boolean, p_at timestamptz
) RETURNS TABLE (outcome text, job_state text, seq integer)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    j generation_job%ROWTYPE;
    s generation_step%ROWTYPE;
    ending text;
BEGIN
    SELECT * INTO s FROM generation_step WHERE id = p_step;
    SELECT * INTO j FROM generation_job WHERE id = s.job_id;
    PERFORM 1 FROM credits_wallet w WHERE w.workspace_id = j.workspace_id AND w.sandbox = j.sandbox FOR UPDATE;
    SELECT * INTO j FROM generation_job WHERE id = s.job_id FOR UPDATE;
    UPDATE generation_step SET state = p_result, settled = CASE WHEN p_result = 'done' THEN p_settled ELSE 0 END,
        error = p_error, finished_at = p_at, lease_expires_at = NULL, token = NULL
    WHERE id = p_step AND attempt_no = p_attempt AND state IN ('submitting', 'awaiting', 'collecting', 'reconciling')
        AND (NOT p_only_expired OR lease_expires_at < now());
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'fenced'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    UPDATE generation_attempt SET outcome = coalesce(p_attempt_row ->> 'outcome', p_result), finished_at = p_at,
        error_code = coalesce(p_attempt_row ->> 'error_code', ''),
        provider_code = coalesce(p_attempt_row ->> 'provider_code', ''),
        detail = coalesce(p_attempt_row ->> 'detail', ''),
        cost_usd_micros = coalesce((p_attempt_row ->> 'cost_usd_micros')::bigint, 0),
        cost_source = coalesce(p_attempt_row ->> 'cost_source', '')
    WHERE step_id = p_step AND no = p_attempt;

    -- What was used, in the model's own unit. A failed step is there too when the provider billed us for it.
    INSERT INTO credits_usagerecord (workspace_id, sandbox, at, job_id, step_id, pipeline, model, unit, quantity, credits,
        cost_usd_micros, cost_source, key_id, member_id)
    SELECT j.workspace_id, j.sandbox, p_at, j.id, s.id, j.pipeline, split_part(j.model, '@', 1), s.unit,
        CASE WHEN p_result = 'done' THEN s.quantity ELSE 0 END, CASE WHEN p_result = 'done' THEN p_settled ELSE 0 END,
        coalesce(c.usd_micros, 0), coalesce(p_attempt_row ->> 'cost_source', ''), j.api_key_id, j.created_by_id
    FROM (SELECT sum(a.cost_usd_micros) AS usd_micros FROM generation_attempt a WHERE a.step_id = p_step) c
    WHERE p_result = 'done' OR c.usd_micros > 0;

    -- A child runs once all it waits for is done; one that waits for a failure is skipped, and so are its own.
    UPDATE generation_step c SET state = 'ready' WHERE c.job_id = j.id AND c.state = 'waiting' AND NOT EXISTS (
        SELECT 1 FROM generation_step d WHERE d.job_id = j.id AND d.name = ANY (c.depends_on)
            AND d.state <> 'done' AND NOT (d.optional AND d.state IN ('failed', 'skipped')));
    IF p_result <> 'done' THEN
        PERFORM generation_bury(p_step, p_at);
        LOOP
            UPDATE generation_step c SET state = 'skipped', finished_at = p_at
            WHERE c.job_id = j.id AND c.state = 'waiting' AND EXISTS (
                SELECT 1 FROM generation_step d WHERE d.job_id = j.id AND d.name = ANY (c.depends_on)
                    AND d.state IN ('failed', 'skipped', 'canceled') AND NOT d.optional);
            EXIT WHEN NOT FOUND;
        END LOOP;
    END IF;
    IF j.state = 'reconciling' THEN
        PERFORM generation_reflect(j.id, p_at);
    END IF;
    IF p_output IS NOT NULL THEN
        UPDATE generation_job SET outputs = outputs || p_output WHERE id = j.id;
        PERFORM generation_emit(j.id, 'output', p_output, p_at);
    END IF;
    ending := generation_conclude(j.id, p_at);
    IF ending IS NULL THEN
        -- Perhaps all that is left of it is parked.
        PERFORM generation_set_aside(j.id, p_at);
    END IF;
    RETURN QUERY SELECT 'finished'::text, g.state::text, g.seq::integer FROM generation_job g WHERE g.id = j.id;
END $$;

-- The endings of a message as rows, in its order.
CREATE OR REPLACE FUNCTION generation_endings(p jsonb)
RETURNS TABLE (step uuid, job uuid, attempt integer, result text, settled bigint, output jsonb, error jsonb,
    attempt_row jsonb, only_expired boolean, nth bigint)
LANGUAGE sql IMMUTABLE AS $$
    SELECT * FROM ROWS FROM (jsonb_to_recordset(p) AS (step uuid, job uuid, attempt integer, result text,
        settled bigint, output jsonb, error jsonb, attempt_row jsonb, only_expired boolean)) WITH ORDINALITY;
$$;

-- Ends those of the jobs all of whose steps are done, and captures their holds whole. p_places says which came first.
-- One whose hold is not to be captured whole, since it has expired or was captured in parts, goes by itself.
CREATE OR REPLACE FUNCTION generation_conclude_many(p_jobs uuid[], p_places bigint[], p_at timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    f record;
    settled uuid[];
    n integer;
    job uuid;
    ending text;
BEGIN
    SELECT array_agg(q.id ORDER BY q.place) AS jobs, array_agg(q.hold_id ORDER BY q.place) AS holds,
        array_agg(CASE WHEN (SELECT m.captures FROM refund_matrix() m WHERE m.cause = 'delivered') = 'delivered'
            THEN least(q.earned, q.quoted) ELSE 0 END ORDER BY q.place) AS kept
    INTO f FROM (
        SELECT j.id, j.hold_id, j.quoted, t.place, sum(s.settled)::bigint AS earned
        FROM (SELECT u.job, max(u.place) AS place FROM unnest(p_jobs, p_places) AS u (job, place) GROUP BY u.job) t
        JOIN generation_job j ON j.id = t.job JOIN generation_step s ON s.job_id = j.id
        GROUP BY j.id, j.hold_id, j.quoted, t.place HAVING bool_and(s.state = 'done')
    ) q;
    IF f.jobs IS NULL THEN
        RETURN 0;
    END IF;
    settled := ledger_settle_many(f.holds, f.kept, 'delivered', p_at);
    IF cardinality(settled) < cardinality(f.holds) THEN
        FOR job IN SELECT t.job FROM unnest(f.jobs, f.holds) AS t (job, hold) WHERE t.hold <> ALL (settled) LOOP
            ending := generation_conclude(job, p_at);
        END LOOP;
        SELECT array_agg(t.job) AS jobs, array_agg(t.kept) AS kept INTO f
        FROM unnest(f.jobs, f.holds, f.kept) AS t (job, hold, kept) WHERE t.hold = ANY (settled);
    END IF;
    n := cardinality(settled);
    IF n = 0 THEN
        RETURN 0;
    END IF;
    RETURN generation_close(f.jobs, array_fill('succeeded'::text, ARRAY[n]), array_fill('delivered'::text, ARRAY[n]),
        f.kept, array_fill(0::bigint, ARRAY[n]), array_fill(NULL::jsonb, ARRAY[n]), p_at);
END $$;

-- What generation_finish_many does with the plain jobs of a message, each table by one statement.
CREATE OR REPLACE FUNCTION generation_finish_plain(p jsonb, p_jobs uuid[], p_at timestamptz)
RETURNS TABLE (place integer, outcome text, job_state text, seq integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    places bigint[];
    jobs uuid[];
    outputs boolean;
    n integer;
BEGIN
    WITH e AS MATERIALIZED (
        SELECT * FROM generation_endings(p) WHERE job = ANY (p_jobs)
    ), ended AS (
        UPDATE generation_step s SET state = 'done', settled = e.settled, error = e.error, finished_at = p_at,
            lease_expires_at = NULL, token = NULL
        FROM e WHERE s.id = e.step AND s.job_id = e.job AND s.attempt_no = e.attempt
            AND s.state || '' IN ('submitting', 'awaiting', 'collecting', 'reconciling')
            AND (NOT e.only_expired OR s.lease_expires_at < now())
        RETURNING s.id, s.job_id, s.attempt_no, s.unit, s.quantity, s.settled, e.nth, e.attempt_row,
            e.output IS NOT NULL AS has_output
    ), tried AS (
        UPDATE generation_attempt a SET outcome = coalesce(x.attempt_row ->> 'outcome', 'done'), finished_at = p_at,
            error_code = coalesce(x.attempt_row ->> 'error_code', ''),
            provider_code = coalesce(x.attempt_row ->> 'provider_code', ''),
            detail = coalesce(x.attempt_row ->> 'detail', ''),
            cost_usd_micros = coalesce((x.attempt_row ->> 'cost_usd_micros')::bigint, 0),
            cost_source = coalesce(x.attempt_row ->> 'cost_source', '')
        FROM ended x WHERE a.step_id = x.id AND a.no = x.attempt_no
    ), metered AS (
        INSERT INTO credits_usagerecord (workspace_id, sandbox, at, job_id, step_id, pipeline, model, unit, quantity,
            credits, cost_usd_micros, cost_source, key_id, member_id)
        SELECT j.workspace_id, j.sandbox, p_at, j.id, x.id, j.pipeline, split_part(j.model, '@', 1), x.unit,
            x.quantity, x.settled, coalesce((x.attempt_row ->> 'cost_usd_micros')::bigint, 0)
                -- This attempt's row is as it was before this statement.
                + coalesce((SELECT sum(a.cost_usd_micros) FROM generation_attempt a
                    WHERE a.step_id = x.id AND a.no <> x.attempt_no), 0),
            coalesce(x.attempt_row ->> 'cost_source', ''), j.api_key_id, j.created_by_id
        FROM ended x JOIN generation_job j ON j.id = x.job_id ORDER BY x.nth
    )
    SELECT coalesce(array_agg(x.nth), '{}'), array_agg(x.job_id), coalesce(bool_or(x.has_output), false)
    INTO places, jobs, outputs FROM ended x;
    IF outputs THEN
        WITH o AS (
            SELECT e.job, e.output, e.nth, row_number() OVER (PARTITION BY e.job ORDER BY e.nth) AS more
            FROM generation_endings(p) e WHERE e.nth = ANY (places) AND e.output IS NOT NULL
        ), given AS (
            UPDATE generation_job j SET outputs = j.outputs || g.outputs, seq = j.seq + g.more
            FROM (SELECT job, jsonb_agg(output ORDER BY nth) AS outputs, count(*) AS more FROM o GROUP BY job) g
            WHERE j.id = g.job RETURNING j.id, j.seq - g.more AS seq
        )
        INSERT INTO generation_event (job_id, seq, type, data, at)
        SELECT o.job, g.seq + o.more, 'output', o.output, p_at FROM o JOIN given g ON g.id = o.job;
    END IF;
    n := generation_conclude_many(jobs, places, p_at);
    -- Perhaps all that is left of a job is parked.
    PERFORM generation_set_aside(j.id, p_at) FROM generation_job j
    WHERE j.id = ANY (jobs) AND j.completed_at IS NULL AND j.place = 'held';
    -- An ending saw its job as it was then: neither the outputs after it nor the end were there yet.
    RETURN QUERY
    SELECT x.nth::integer, CASE WHEN x.ours THEN 'finished' ELSE 'fenced' END,
        CASE WHEN x.ours AND x.endings > 0 THEN 'running' ELSE j.state END::text,
        (j.seq - x.outputs - CASE WHEN x.endings > 0 AND j.completed_at IS NOT NULL THEN 1 ELSE 0 END)::integer
    FROM (
        SELECT e.job, e.nth, e.nth = ANY (places) AS ours,
            count(*) FILTER (WHERE e.nth = ANY (places)) OVER later AS endings,
            count(e.output) FILTER (WHERE e.nth = ANY (places)) OVER later AS outputs
        FROM generation_endings(p) e WHERE e.job = ANY (p_jobs)
        WINDOW later AS (PARTITION BY e.job ORDER BY e.nth ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
    ) x JOIN generation_job j ON j.id = x.job ORDER BY x.nth;
END $$;

-- Ends the steps of a message: what generation_finish does with each, in the order given, except that the plain jobs
-- come first. A job is plain if all that ends of it now is done, and no other step of it waits or fell short: one that
-- was stopped too late is, one that is in doubt is not. Gives what generation_finish gives for each ending, with its
-- place in the message from 1, in the order in which they were settled.
CREATE OR REPLACE FUNCTION generation_finish_many(p jsonb, p_at timestamptz)
RETURNS TABLE (place integer, outcome text, job_state text, seq integer) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    jobs uuid[];
    plain uuid[];
    e record;
BEGIN
    SELECT array_agg(q.job), array_agg(q.job) FILTER (WHERE q.plain) INTO jobs, plain FROM (
        SELECT f.job, bool_and(f.result = 'done') AND count(*) = count(DISTINCT f.step) AS plain
        FROM generation_endings(p) f GROUP BY f.job) q;
    PERFORM 1 FROM credits_wallet w
    WHERE (w.workspace_id, w.sandbox) IN (
        SELECT j.workspace_id, j.sandbox FROM generation_job j WHERE j.id = ANY (jobs))
    ORDER BY w.workspace_id, w.sandbox FOR UPDATE;
    PERFORM 1 FROM generation_job j WHERE j.id = ANY (jobs) ORDER BY j.workspace_id, j.sandbox, j.id FOR UPDATE;
    -- Leases are renewed without a look at the jobs: those who do so lock several steps in this order.
    PERFORM 1 FROM generation_step s JOIN generation_job j ON j.id = s.job_id
    WHERE s.id IN (SELECT f.step FROM generation_endings(p) f)
    ORDER BY j.workspace_id, j.sandbox, j.id, s.id FOR UPDATE OF s;
    plain := ARRAY(
        SELECT j.id FROM generation_job j WHERE j.id = ANY (plain) AND j.state || '' <> 'reconciling' AND NOT EXISTS (
            SELECT 1 FROM generation_step s
            WHERE s.job_id = j.id AND s.state || '' IN ('waiting', 'failed', 'skipped', 'canceled')));
    IF plain <> '{}' THEN
        RETURN QUERY SELECT f.place, f.outcome, f.job_state, f.seq FROM generation_finish_plain(p, plain, p_at) f;
    END IF;
    IF cardinality(plain) < cardinality(jobs) THEN
        FOR e IN SELECT * FROM generation_endings(p) f WHERE f.job <> ALL (plain) ORDER BY f.nth LOOP
            RETURN QUERY SELECT e.nth::integer, f.outcome, f.job_state, f.seq FROM generation_finish(e.step, e.attempt,
                e.result, e.settled, e.output, e.error, e.attempt_row, e.only_expired, p_at) f;
        END LOOP;
    END IF;
END $$;
