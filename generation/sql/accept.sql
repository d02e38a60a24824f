-- The life of a job begins. One lock order in all these files: wallet, job, step. Every function decides under those
-- locks, writes the event and, at the end, settles the hold in the same transaction. Called only by generation/*.py.
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
    base record;
    asked record;
    win record;
    allowed integer;
    share integer := (p ->> 'weight')::integer;
    trial boolean := (p ->> 'sandbox')::boolean;
    placed boolean := true;
BEGIN
    PERFORM 1 FROM credits_wallet w
    WHERE w.workspace_id = space AND w.sandbox = trial FOR UPDATE;
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
    INTO load FROM generation_load l WHERE l.workspace_id = space AND l.sandbox = trial;
    refused := CASE
        WHEN load.live >= (p ->> 'max_queued')::integer THEN 'queue_full'
        WHEN load.alike >= (p ->> 'max_live')::integer THEN 'concurrency_limit'
        WHEN load.made >= (p ->> 'daily_jobs')::integer THEN 'daily_jobs'
        WHEN load.made_alike >= (p ->> 'daily_jobs_by_pipeline')::integer THEN 'daily_jobs_by_pipeline' END;
    IF refused IS NOT NULL THEN
        RETURN QUERY SELECT refused, 0, NULL::text, 0::bigint;
        RETURN;
    END IF;
    SELECT * INTO held FROM ledger_hold(space, trial, (j ->> 'quoted')::bigint,
        'job:' || (j ->> 'id'), (j ->> 'hold')::uuid, p -> 'payer', p_at, p_hold_expires_at);
    IF held.outcome <> 'held' THEN
        RETURN QUERY SELECT held.outcome, 0, held.detail::text, held.available;
        RETURN;
    END IF;

    -- A place of those that the plan gives the workspace at once; what was ordered before comes first where there are
    -- more of them than there were. At least one: a job that could never start would only wait for its deadline.
    SELECT w.most, w.weight INTO win FROM generation_window w WHERE w.workspace_id = space AND w.sandbox = trial;
    allowed := greatest(coalesce((p ->> 'max_running')::integer, win.most, 1000000), 1);
    IF win.most IS NULL THEN
        INSERT INTO generation_window (workspace_id, sandbox, most, weight, admitted) VALUES (space, trial, allowed, share, 1);
    ELSE
        IF (win.most, win.weight) <> (allowed, share) THEN
            UPDATE generation_window w SET most = allowed, weight = share
            WHERE w.workspace_id = space AND w.sandbox = trial;
            PERFORM generation_fill(space, trial, p_at);
        END IF;
        UPDATE generation_window w SET admitted = w.admitted + 1
        WHERE w.workspace_id = space AND w.sandbox = trial AND w.admitted < w.most;
        placed := FOUND;
    END IF;

    INSERT INTO generation_job (id, workspace_id, created_by_id, api_key_id, sandbox, pipeline, model_requested, model,
        revision_id, input, asked, lane, state, stop_cause, seq, hold_id, quoted, captured, released, charge_reason,
        outputs, error, start_deadline_at, deadline_at, external_id, metadata, visibility, parent_id, created_at, place,
        admitted_at, allow_fallback)
    VALUES ((j ->> 'id')::uuid, space, (p ->> 'user')::uuid, (p ->> 'key')::uuid, trial,
        j ->> 'pipeline', j ->> 'model_requested', j ->> 'model', j ->> 'revision', j -> 'input',
        (j ->> 'asked')::smallint, p ->> 'lane', 'queued', '', 1, (j ->> 'hold')::uuid, (j ->> 'quoted')::bigint, 0, 0,
        '', '[]', NULL, (j ->> 'start_deadline_at')::timestamptz, (j ->> 'deadline_at')::timestamptz,
        j ->> 'external_id', j -> 'metadata', j ->> 'visibility', (j ->> 'parent')::uuid, p_at,
        CASE WHEN placed THEN 'held' ELSE 'wanted' END, CASE WHEN placed THEN p_at END,
        coalesce((j ->> 'allow_fallback')::boolean, true));
    INSERT INTO generation_load AS l (workspace_id, sandbox, pipeline, live, day, accepted_today)
    VALUES (space, trial, j ->> 'pipeline', 1, today, 1)
    ON CONFLICT (workspace_id, sandbox, pipeline) DO UPDATE SET live = l.live + 1, day = greatest(l.day, today),
        accepted_today = CASE WHEN l.day >= today THEN l.accepted_today + 1 ELSE 1 END;

    -- Self-clocked fair queueing: see fairness.sql. What waits for a place is stamped when it has one.
    IF placed THEN
        SELECT coalesce(sum(t.work) FILTER (WHERE t.placement = 'cpu'), 0)::bigint AS cpu,
            coalesce(sum(t.work) FILTER (WHERE t.placement = 'io'), 0)::bigint AS io
        INTO asked FROM (
            SELECT s ->> 'placement' AS placement, generation_work((s ->> 'cost')::bigint, share, trial) AS work
            FROM jsonb_array_elements(p -> 'steps') s
        ) t;
        SELECT * INTO base FROM generation_advance(p ->> 'lane', space, trial, asked.cpu, asked.io);
    ELSE
        SELECT 0::bigint AS cpu, 0::bigint AS io INTO base;
    END IF;
    INSERT INTO generation_step (id, job_id, name, kind, position, depends_on, optional, revision_id, placement, lane,
        params, price, unit, quantity, settled, output_index, state, vtag, cost, attempt_no, tries, lost_leases,
        lease_owner, route_reason, tries_elsewhere, connection_id)
    SELECT (s ->> 'id')::uuid, (j ->> 'id')::uuid, s ->> 'name', s ->> 'kind', nth,
        ARRAY(SELECT jsonb_array_elements_text(s -> 'depends_on')), (s ->> 'optional')::boolean, s ->> 'revision',
        s ->> 'placement', p ->> 'lane', s -> 'params', (s ->> 'price')::bigint, s ->> 'unit', (s ->> 'quantity')::numeric, 0,
        (s ->> 'output_index')::smallint,
        CASE WHEN jsonb_array_length(s -> 'depends_on') > 0 THEN 'waiting' WHEN placed THEN 'ready' ELSE 'queued' END,
        CASE WHEN placed THEN CASE s ->> 'placement' WHEN 'cpu' THEN base.cpu ELSE base.io END
            + sum(generation_work((s ->> 'cost')::bigint, share, trial))
                OVER (PARTITION BY s ->> 'placement' ORDER BY nth)
        ELSE 0 END,
        (s ->> 'cost')::integer, 0, 0, 0, '', '', 0, (s ->> 'connection')::uuid
    FROM jsonb_array_elements(p -> 'steps') WITH ORDINALITY AS t (s, nth);

    INSERT INTO generation_event (job_id, seq, type, data, at)
    VALUES ((j ->> 'id')::uuid, 1, 'status', '{"status": "queued"}', p_at);
    IF k IS NOT NULL THEN
        INSERT INTO core_idempotencyrecord (workspace_id, route, key, request_hash, status, body, created_at)
        VALUES (space, p ->> 'route', k, p ->> 'request_hash', 201, p ->> 'body', p_at);
    END IF;
    RETURN QUERY SELECT 'accepted'::text, 201, p ->> 'body', held.available;
END $$;
