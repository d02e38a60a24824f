-- Steps and jobs end. Locks and plans as in accept.sql.

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
    UPDATE generation_job SET state = ending, captured = kept.captured, released = kept.released,
        charge_reason = ending_cause, completed_at = p_at,
        error = CASE WHEN fault IS NULL THEN NULL
            ELSE jsonb_build_object('provider_code', NULL) || fault || jsonb_build_object('refunded', kept.released) END
    WHERE id = p_job;
    -- An end is never refused for the sake of a count.
    UPDATE generation_load SET live = greatest(live - 1, 0)
    WHERE workspace_id = j.workspace_id AND sandbox = j.sandbox AND pipeline = j.pipeline;
    PERFORM generation_leave(p_job, p_at);
    PERFORM generation_emit(p_job, 'done', jsonb_build_object('status', ending), p_at);
    RETURN ending;
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
        error = p_error, finished_at = p_at, lease_expires_at = NULL
    WHERE id = p_step AND attempt_no = p_attempt AND state IN ('submitting', 'awaiting', 'collecting')
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
        LOOP
            UPDATE generation_step c SET state = 'skipped', finished_at = p_at
            WHERE c.job_id = j.id AND c.state = 'waiting' AND EXISTS (
                SELECT 1 FROM generation_step d WHERE d.job_id = j.id AND d.name = ANY (c.depends_on)
                    AND d.state IN ('failed', 'skipped', 'canceled') AND NOT d.optional);
            EXIT WHEN NOT FOUND;
        END LOOP;
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
