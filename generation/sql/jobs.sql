-- The life of a job. One lock order: wallet, job, step. Every function decides under those locks, writes
-- the event and, at the end, settles the hold in the same transaction. Called only by generation/*.py.
-- Sequential scans are off in every function: their plans are cached by each connection, and one that was made while
-- a table was small would otherwise read all of it for ever after (measured: 22 ms a job instead of 1).

-- Appends an event and gives its number.
CREATE OR REPLACE FUNCTION generation_emit(p_job uuid, p_type text, p_data jsonb, p_at timestamptz)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    n integer;
BEGIN
    UPDATE generation_job SET seq = seq + 1 WHERE id = p_job RETURNING seq INTO n;
    INSERT INTO generation_event (job_id, seq, type, data, at) VALUES (p_job, n, p_type, p_data, p_at);
    RETURN n;
END $$;

-- Accepts a job: replay, cap, hold, rows, first event and stored answer, or nothing at all.
-- outcome: accepted | replayed | key_reused | queue_full | concurrency_limit | daily_jobs | daily_jobs_by_pipeline, or
--     one of ledger_hold's, whose detail is then the body.
CREATE OR REPLACE FUNCTION generation_accept(p jsonb, p_at timestamptz, p_hold_expires_at timestamptz)
RETURNS TABLE (outcome text, status integer, body text, available bigint)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    j jsonb := p -> 'job';
    k text := p ->> 'idempotency_key';
    space uuid := (p ->> 'workspace')::uuid;
    seen core_idempotencyrecord%ROWTYPE;
    held record;
    load record;
    refused text;
    today date := (p_at AT TIME ZONE 'UTC')::date;
    base bigint;
    total bigint;
BEGIN
    PERFORM 1 FROM credits_wallet w
    WHERE w.workspace_id = space AND w.sandbox = (p ->> 'sandbox')::boolean FOR UPDATE;
    IF k IS NOT NULL THEN
        SELECT * INTO seen FROM core_idempotencyrecord r
        WHERE r.workspace_id = space AND r.route = p ->> 'route' AND r.key = k;
        IF FOUND AND seen.request_hash = p ->> 'request_hash' THEN
            RETURN QUERY SELECT 'replayed'::text, seen.status::integer, seen.body, 0::bigint;
            RETURN;
        ELSIF FOUND THEN
            RETURN QUERY SELECT 'key_reused'::text, 0, NULL::text, 0::bigint;
            RETURN;
        END IF;
    END IF;
    -- A limit that is null refuses nothing. A clock that is behind never makes an earlier day begin again.
    SELECT coalesce(sum(l.live), 0) AS live,
        coalesce(sum(l.live) FILTER (WHERE l.pipeline = j ->> 'pipeline'), 0) AS alike,
        coalesce(sum(l.accepted_today) FILTER (WHERE l.day >= today), 0) AS made,
        coalesce(sum(l.accepted_today) FILTER (WHERE l.day >= today AND l.pipeline = j ->> 'pipeline'), 0) AS made_alike
    INTO load FROM generation_load l WHERE l.workspace_id = space AND l.sandbox = (p ->> 'sandbox')::boolean;
    refused := CASE
        WHEN load.live >= (p ->> 'max_queued')::integer THEN 'queue_full'
        WHEN load.alike >= (p ->> 'max_live')::integer THEN 'concurrency_limit'
        WHEN load.made >= (p ->> 'daily_jobs')::integer THEN 'daily_jobs'
        WHEN load.made_alike >= (p ->> 'daily_jobs_by_pipeline')::integer THEN 'daily_jobs_by_pipeline' END;
    IF refused IS NOT NULL THEN
        RETURN QUERY SELECT refused, 0, NULL::text, 0::bigint;
        RETURN;
    END IF;
    SELECT * INTO held FROM ledger_hold(space, (p ->> 'sandbox')::boolean, (j ->> 'quoted')::bigint,
        'job:' || (j ->> 'id'), (j ->> 'hold')::uuid, p -> 'payer', p_at, p_hold_expires_at);
    IF held.outcome <> 'held' THEN
        RETURN QUERY SELECT held.outcome, 0, held.detail::text, held.available;
        RETURN;
    END IF;

    INSERT INTO generation_job (id, workspace_id, created_by_id, api_key_id, sandbox, pipeline, model_requested, model,
        revision_id, input, asked, lane, state, stop_cause, seq, hold_id, quoted, captured, released, charge_reason,
        outputs, error, start_deadline_at, deadline_at, external_id, metadata, visibility, parent_id, created_at)
    VALUES ((j ->> 'id')::uuid, space, (p ->> 'user')::uuid, (p ->> 'key')::uuid, (p ->> 'sandbox')::boolean,
        j ->> 'pipeline', j ->> 'model_requested', j ->> 'model', j ->> 'revision', j -> 'input',
        (j ->> 'asked')::smallint, p ->> 'lane', 'queued', '', 1, (j ->> 'hold')::uuid, (j ->> 'quoted')::bigint, 0, 0,
        '', '[]', NULL, (j ->> 'start_deadline_at')::timestamptz, (j ->> 'deadline_at')::timestamptz,
        j ->> 'external_id', j -> 'metadata', j ->> 'visibility', (j ->> 'parent')::uuid, p_at);
    INSERT INTO generation_load AS l (workspace_id, sandbox, pipeline, live, day, accepted_today)
    VALUES (space, (p ->> 'sandbox')::boolean, j ->> 'pipeline', 1, today, 1)
    ON CONFLICT (workspace_id, sandbox, pipeline) DO UPDATE SET live = l.live + 1, day = greatest(l.day, today),
        accepted_today = CASE WHEN l.day >= today THEN l.accepted_today + 1 ELSE 1 END;

    -- Self-clocked fair queueing: a workspace that returns starts at the lane's present, never in its past.
    SELECT sum((s ->> 'cost')::bigint * 1000 / (p ->> 'weight')::integer) INTO total
    FROM jsonb_array_elements(p -> 'steps') s;
    INSERT INTO generation_flow AS f (lane, workspace_id, vfin)
    SELECT l.name, space, l.v + total FROM generation_lane l WHERE l.name = p ->> 'lane'
    ON CONFLICT (lane, workspace_id) DO UPDATE SET vfin = greatest(f.vfin, excluded.vfin - total) + total
    RETURNING f.vfin - total INTO base;
    INSERT INTO generation_step (id, job_id, name, kind, position, depends_on, optional, revision_id, placement, lane,
        params, price, unit, quantity, settled, output_index, state, vtag, cost, attempt_no, tries, lost_leases,
        lease_owner)
    SELECT (s ->> 'id')::uuid, (j ->> 'id')::uuid, s ->> 'name', s ->> 'kind', nth,
        ARRAY(SELECT jsonb_array_elements_text(s -> 'depends_on')), (s ->> 'optional')::boolean, s ->> 'revision',
        s ->> 'placement', p ->> 'lane', s -> 'params', (s ->> 'price')::bigint, s ->> 'unit', (s ->> 'quantity')::numeric, 0,
        (s ->> 'output_index')::smallint,
        CASE WHEN jsonb_array_length(s -> 'depends_on') = 0 THEN 'ready' ELSE 'waiting' END,
        base + sum((s ->> 'cost')::bigint * 1000 / (p ->> 'weight')::integer) OVER (ORDER BY nth),
        (s ->> 'cost')::integer, 0, 0, 0, ''
    FROM jsonb_array_elements(p -> 'steps') WITH ORDINALITY AS t (s, nth);

    INSERT INTO generation_event (job_id, seq, type, data, at)
    VALUES ((j ->> 'id')::uuid, 1, 'status', '{"status": "queued"}', p_at);
    IF k IS NOT NULL THEN
        INSERT INTO core_idempotencyrecord (workspace_id, route, key, request_hash, status, body, created_at)
        VALUES (space, p ->> 'route', k, p ->> 'request_hash', 201, p ->> 'body', p_at);
    END IF;
    RETURN QUERY SELECT 'accepted'::text, 201, p ->> 'body', held.available;
END $$;

-- Begins claimed steps that are still this worker's to begin, and says everything needed to run them.
CREATE OR REPLACE FUNCTION generation_start(
    p_steps uuid[], p_attempts integer[], p_owner text, p_lease interval, p_at timestamptz
) RETURNS TABLE (step_id uuid, attempt_no integer, tries integer, token uuid, job_id uuid, workspace_id uuid,
    sandbox boolean, revision_id text, model text, kind text, params jsonb, price bigint, output_index integer,
    deadline_at timestamptz, seq integer, began boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM generation_job
    WHERE id IN (SELECT s.job_id FROM generation_step s WHERE s.id = ANY (p_steps)) ORDER BY id FOR UPDATE;
    RETURN QUERY
    WITH begun AS (
        UPDATE generation_step s
        SET state = 'submitting', tries = s.tries + 1, lease_owner = p_owner, lease_expires_at = now() + p_lease,
            started_at = coalesce(s.started_at, p_at)
        FROM unnest(p_steps, p_attempts) AS m (id, no)
        WHERE s.id = m.id AND s.attempt_no = m.no AND s.state = 'claimed'
        RETURNING s.*
    ), tried AS (
        INSERT INTO generation_attempt (id, step_id, no, revision_id, worker, outcome, error_code, provider_code,
            detail, cost_usd_micros, cost_source, started_at)
        SELECT gen_random_uuid(), b.id, b.attempt_no, b.revision_id, p_owner, 'running', '', '', '', 0, '', p_at
        FROM begun b RETURNING id, step_id
    ), moved AS (
        UPDATE generation_job j SET state = 'running', started_at = p_at, seq = j.seq + 1
        WHERE j.id IN (SELECT b.job_id FROM begun b) AND j.state = 'queued' RETURNING j.id, j.seq
    ), told AS (
        INSERT INTO generation_event (job_id, seq, type, data, at)
        SELECT m.id, m.seq, 'status', '{"status": "running"}', p_at FROM moved m
    )
    SELECT b.id, b.attempt_no::integer, b.tries::integer, t.id, j.id, j.workspace_id, j.sandbox,
        b.revision_id::text, j.model::text, b.kind::text, b.params, b.price, b.output_index::integer, j.deadline_at,
        coalesce(m.seq, j.seq)::integer, m.id IS NOT NULL
    FROM begun b JOIN tried t ON t.step_id = b.id JOIN generation_job j ON j.id = b.job_id
    LEFT JOIN moved m ON m.id = j.id
    ORDER BY b.vtag, b.id;
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
    RETURN QUERY SELECT 'finished'::text, g.state::text, g.seq::integer FROM generation_job g WHERE g.id = j.id;
END $$;

-- Stops a job: what has not begun ends at once and free; what runs is asked to stop.
-- p_cause: cancel | start_deadline | deadline. outcome: stopped | stopping | terminal | not_found | started
CREATE OR REPLACE FUNCTION generation_stop(p_job uuid, p_workspace uuid, p_cause text, p_at timestamptz)
RETURNS TABLE (outcome text, job_state text, seq integer)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    j generation_job%ROWTYPE;
    ending text;
BEGIN
    SELECT * INTO j FROM generation_job WHERE id = p_job AND (p_workspace IS NULL OR workspace_id = p_workspace);
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'not_found'::text, NULL::text, 0;
        RETURN;
    END IF;
    PERFORM 1 FROM credits_wallet w WHERE w.workspace_id = j.workspace_id AND w.sandbox = j.sandbox FOR UPDATE;
    SELECT * INTO j FROM generation_job WHERE id = p_job FOR UPDATE;
    IF j.completed_at IS NOT NULL THEN
        RETURN QUERY SELECT 'terminal'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    IF p_cause = 'start_deadline' AND j.state <> 'queued' THEN
        RETURN QUERY SELECT 'started'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    IF j.stop_cause <> '' AND j.stop_cause <> 'deadline' THEN
        RETURN QUERY SELECT 'stopping'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    UPDATE generation_job SET stop_cause = p_cause WHERE id = p_job;
    PERFORM 1 FROM generation_step WHERE job_id = p_job ORDER BY id FOR UPDATE;
    UPDATE generation_step SET state = 'canceled', finished_at = p_at, lease_expires_at = NULL
    WHERE job_id = p_job AND state IN ('waiting', 'ready', 'claimed', 'parked', 'approval');
    ending := generation_conclude(p_job, p_at);
    IF ending IS NULL AND j.state <> 'canceling' AND p_cause = 'cancel' THEN
        UPDATE generation_job SET state = 'canceling' WHERE id = p_job;
        PERFORM generation_emit(p_job, 'status', '{"status": "canceling"}', p_at);
    END IF;
    RETURN QUERY SELECT CASE WHEN ending IS NULL THEN 'stopping' ELSE 'stopped' END::text, g.state::text, g.seq::integer
    FROM generation_job g WHERE g.id = p_job;
END $$;

-- A finished job stays as it ended, whoever writes.
CREATE OR REPLACE FUNCTION generation_keep_terminal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Job % ended as % and cannot become %.', OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'restrict_violation';
END $$;

DROP TRIGGER IF EXISTS generation_job_terminal ON generation_job;
CREATE TRIGGER generation_job_terminal BEFORE UPDATE OF state ON generation_job FOR EACH ROW
    WHEN (OLD.completed_at IS NOT NULL AND NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION generation_keep_terminal();
