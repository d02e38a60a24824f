-- Steps under way: begun, waiting for a provider, in doubt, parked. Locks and plans as in accept.sql; several rows are
-- locked in the order in which endings are written: by workspace, wallet, job and step, jobs first.

-- Begins claimed steps that are still this worker's to begin, and says everything needed to run them.
-- A step with a token has an attempt under way at its provider, and goes on with it: mode check when the provider's
-- handle is known, reconcile when not even that is. All others begin a new attempt: mode submit.
-- tries_here are those on the step's present way; price is what that way may cost at most.
-- Rows are found by primary key alone: `state || ''` is no condition of a partial index, whose statistics are from a
-- quiet hour, and which a planner would read from end to end for every message.
CREATE OR REPLACE FUNCTION generation_take(
    p_steps uuid[], p_attempts integer[], p_owner text, p_lease interval, p_at timestamptz
) RETURNS TABLE (step_id uuid, attempt_no integer, tries integer, tries_here integer, token uuid, job_id uuid,
    workspace_id uuid, sandbox boolean, revision_id text, model text, kind text, params jsonb, price bigint, output_index integer,
    deadline_at timestamptz, seq integer, began boolean, mode text, handle jsonb, attempt_started_at timestamptz,
    first_started_at timestamptz, stop_cause text, connection_id uuid)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM generation_job
    WHERE id IN (SELECT s.job_id FROM generation_step s WHERE s.id = ANY (p_steps))
    ORDER BY workspace_id, sandbox, id FOR UPDATE;
    RETURN QUERY
    WITH begun AS (
        UPDATE generation_step s
        SET state = CASE WHEN s.token IS NULL THEN 'submitting' WHEN a.handle IS NULL THEN 'reconciling'
                ELSE 'awaiting' END,
            tries = s.tries + (s.token IS NULL)::integer, lease_owner = p_owner, lease_expires_at = now() + p_lease,
            next_run_at = NULL, started_at = coalesce(s.started_at, p_at)
        FROM unnest(p_steps, p_attempts) AS m (id, no)
        LEFT JOIN generation_step t ON t.id = m.id
        LEFT JOIN generation_attempt a ON a.id = t.token
        WHERE s.id = m.id AND s.attempt_no = m.no AND s.state || '' = 'claimed'
        RETURNING s.*
    ), tried AS (
        INSERT INTO generation_attempt (id, step_id, no, revision_id, worker, outcome, error_code, provider_code,
            detail, cost_usd_micros, cost_source, started_at, connection_id)
        SELECT gen_random_uuid(), b.id, b.attempt_no, b.revision_id, p_owner, 'running', '', '', '', 0, '', p_at,
            b.connection_id
        FROM begun b WHERE b.token IS NULL RETURNING id, step_id, handle, started_at, connection_id
    ), resumed AS (
        -- The attempt keeps its token, which the provider knows, and takes the number that fences its former worker.
        UPDATE generation_attempt a SET no = b.attempt_no, worker = p_owner FROM begun b WHERE a.id = b.token
        RETURNING a.id, a.step_id, a.handle, a.started_at, a.connection_id
    ), moved AS (
        UPDATE generation_job j SET state = 'running', started_at = p_at, seq = j.seq + 1
        WHERE j.id IN (SELECT b.job_id FROM begun b) AND j.state || '' = 'queued' RETURNING j.id, j.seq
    ), again AS (
        -- Begun before, when its provider had no room for it: this is when it starts.
        UPDATE generation_job j SET started_at = p_at
        WHERE j.id IN (SELECT b.job_id FROM begun b) AND j.started_at IS NULL AND j.state || '' <> 'queued'
    ), told AS (
        INSERT INTO generation_event (job_id, seq, type, data, at)
        SELECT m.id, m.seq, 'status', '{"status": "running"}', p_at FROM moved m
    )
    SELECT b.id, b.attempt_no::integer, b.tries::integer, (b.tries - b.tries_elsewhere)::integer, t.id, j.id,
        j.workspace_id, j.sandbox, b.revision_id::text, j.model::text, b.kind::text, b.params,
        coalesce(b.charge, b.price), b.output_index::integer, j.deadline_at, coalesce(m.seq, j.seq)::integer, m.id IS NOT NULL,
        CASE WHEN b.token IS NULL THEN 'submit' WHEN t.handle IS NULL THEN 'reconcile' ELSE 'check' END,
        t.handle, t.started_at, b.started_at, j.stop_cause::text, t.connection_id
    FROM begun b
    JOIN (SELECT * FROM tried UNION ALL SELECT * FROM resumed) t ON t.step_id = b.id
    JOIN generation_job j ON j.id = b.job_id
    LEFT JOIN moved m ON m.id = j.id
    ORDER BY b.vtag, b.id;
END $$;

-- The job is as its steps are: reconciling while one of them is in doubt. Tells only a change. The job is locked.
CREATE OR REPLACE FUNCTION generation_reflect(p_job uuid, p_at timestamptz) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    seen text;
    now_is text;
BEGIN
    SELECT state INTO seen FROM generation_job WHERE id = p_job;
    IF seen NOT IN ('running', 'reconciling') THEN
        RETURN NULL;
    END IF;
    now_is := CASE WHEN EXISTS (SELECT 1 FROM generation_step WHERE job_id = p_job AND (state = 'reconciling'
        OR state IN ('ready', 'claimed') AND token IS NOT NULL
            AND EXISTS (SELECT 1 FROM generation_attempt a WHERE a.id = token AND a.handle IS NULL)))
        THEN 'reconciling' ELSE 'running' END;
    IF now_is = seen THEN
        RETURN NULL;
    END IF;
    UPDATE generation_job SET state = now_is WHERE id = p_job;
    RETURN generation_emit(p_job, 'status', jsonb_build_object('status', now_is), p_at);
END $$;

-- Keeps the providers' handles of attempts that were accepted. With an owner the steps stay with it; without one they
-- wait in the table until they are due. Gives the steps that moved; the others belong to somebody else by now.
CREATE OR REPLACE FUNCTION generation_await(
    p_steps uuid[], p_attempts integer[], p_handles jsonb[], p_delays double precision[], p_owner text,
    p_lease interval, p_at timestamptz
) RETURNS TABLE (step_id uuid, job_id uuid, seq integer) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    r record;
BEGIN
    PERFORM 1 FROM generation_job
    WHERE id IN (SELECT s.job_id FROM generation_step s WHERE s.id = ANY (p_steps))
    ORDER BY workspace_id, sandbox, id FOR UPDATE;
    FOR r IN
        WITH mine AS (
            SELECT s.id, m.no, m.handle, m.delay
            FROM unnest(p_steps, p_attempts, p_handles, p_delays) AS m (id, no, handle, delay)
            JOIN generation_step s ON s.id = m.id JOIN generation_job j ON j.id = s.job_id
            WHERE s.attempt_no = m.no AND s.state || '' IN ('submitting', 'awaiting', 'reconciling')
            ORDER BY j.workspace_id, j.sandbox, j.id, s.id FOR UPDATE OF s
        ), kept AS (
            UPDATE generation_attempt a SET handle = mine.handle FROM mine WHERE a.step_id = mine.id AND a.no = mine.no
            RETURNING a.id, a.step_id, mine.delay
        ), moved AS (
            UPDATE generation_step s SET state = 'awaiting', token = kept.id, lease_owner = coalesce(p_owner, ''),
                lease_expires_at = CASE WHEN p_owner IS NOT NULL THEN now() + p_lease END,
                next_run_at = CASE WHEN p_owner IS NULL THEN now() + make_interval(secs => kept.delay) END
            FROM kept WHERE s.id = kept.step_id RETURNING s.id, s.job_id
        )
        SELECT moved.id, moved.job_id, j.state FROM moved JOIN generation_job j ON j.id = moved.job_id
    LOOP
        step_id := r.id;
        job_id := r.job_id;
        seq := CASE WHEN r.state = 'reconciling' THEN generation_reflect(r.job_id, p_at) END;
        RETURN NEXT;
    END LOOP;
END $$;

-- An attempt whose outcome nobody knows: it may be under way at the provider and on its bill. Never begun again until
-- the provider was asked. Waits in the table until p_delay is over. Gives the job's event, if it became one.
-- outcome: doubted | fenced
CREATE OR REPLACE FUNCTION generation_doubt(
    p_step uuid, p_attempt integer, p_delay double precision, p_only_expired boolean, p_at timestamptz,
    OUT outcome text, OUT seq integer
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    s generation_step%ROWTYPE;
BEGIN
    SELECT * INTO s FROM generation_step WHERE id = p_step;
    PERFORM 1 FROM generation_job WHERE id = s.job_id FOR UPDATE;
    UPDATE generation_step t SET state = 'reconciling', lease_owner = '', lease_expires_at = NULL,
        lost_leases = lost_leases + p_only_expired::integer, next_run_at = now() + make_interval(secs => p_delay),
        token = (SELECT a.id FROM generation_attempt a WHERE a.step_id = p_step AND a.no = p_attempt)
    WHERE t.id = p_step AND t.attempt_no = p_attempt
        AND t.state || '' IN ('submitting', 'awaiting', 'collecting', 'reconciling')
        AND (NOT p_only_expired OR t.lease_expires_at < now());
    IF NOT FOUND THEN
        outcome := 'fenced';
        RETURN;
    END IF;
    outcome := 'doubted';
    seq := generation_reflect(s.job_id, p_at);
END $$;

-- Lets a step wait before its next attempt. An attempt that was not begun (the provider had no room for it) does not
-- count as a try. outcome: parked | stopped (the job is to end: there is nothing to wait for) | fenced
CREATE OR REPLACE FUNCTION generation_park(
    p_step uuid, p_attempt integer, p_delay double precision, p_counts boolean, p_attempt_row jsonb, p_at timestamptz,
    OUT outcome text, OUT seq integer
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    s generation_step%ROWTYPE;
    stopped boolean;
BEGIN
    SELECT * INTO s FROM generation_step WHERE id = p_step;
    SELECT j.stop_cause <> '' INTO stopped FROM generation_job j WHERE j.id = s.job_id FOR UPDATE;
    IF stopped THEN
        outcome := 'stopped';
        RETURN;
    END IF;
    UPDATE generation_step t SET state = 'parked', token = NULL, lease_owner = '', lease_expires_at = NULL,
        next_run_at = now() + make_interval(secs => p_delay), tries = t.tries - (NOT p_counts)::integer
    WHERE t.id = p_step AND t.attempt_no = p_attempt
        AND t.state || '' IN ('submitting', 'awaiting', 'collecting', 'reconciling');
    IF NOT FOUND THEN
        outcome := 'fenced';
        RETURN;
    END IF;
    UPDATE generation_attempt SET outcome = 'failed', finished_at = p_at, error_code = p_attempt_row ->> 'error_code',
        provider_code = p_attempt_row ->> 'provider_code', detail = p_attempt_row ->> 'detail',
        cost_usd_micros = coalesce((p_attempt_row ->> 'cost_usd_micros')::bigint, cost_usd_micros),
        cost_source = coalesce(p_attempt_row ->> 'cost_source', cost_source)
    WHERE step_id = p_step AND no = p_attempt;
    -- A job of which nothing was begun has not started, whatever was asked for it: its start deadline counts on.
    IF NOT EXISTS (SELECT 1 FROM generation_step g JOIN generation_attempt a ON a.step_id = g.id
        WHERE g.job_id = s.job_id AND (a.handle IS NOT NULL
            OR a.error_code NOT IN ('not_yet', 'rate_limited', 'overloaded'))) THEN
        UPDATE generation_job SET started_at = NULL WHERE id = s.job_id AND started_at IS NOT NULL;
    END IF;
    outcome := 'parked';
    seq := generation_reflect(s.job_id, p_at);
END $$;

-- Renews the leases of the steps that a process works on, and says which of them are its own still and which are to stop.
CREATE OR REPLACE FUNCTION generation_keep(p_steps uuid[], p_attempts integer[], p_lease interval)
RETURNS TABLE (step_id uuid, attempt_no integer, stop_cause text)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH mine AS (
        SELECT s.id, s.job_id FROM unnest(p_steps, p_attempts) AS m (id, no) JOIN generation_step s ON s.id = m.id
        JOIN generation_job j ON j.id = s.job_id
        WHERE s.attempt_no = m.no AND s.state || '' IN ('submitting', 'awaiting', 'collecting', 'reconciling')
            AND s.lease_owner <> ''
        ORDER BY j.workspace_id, j.sandbox, j.id, s.id FOR UPDATE OF s
    ), kept AS (
        UPDATE generation_step s SET lease_expires_at = now() + p_lease FROM mine WHERE s.id = mine.id
        RETURNING s.id, s.attempt_no, s.job_id
    )
    SELECT k.id, k.attempt_no::integer, j.stop_cause::text FROM kept k JOIN generation_job j ON j.id = k.job_id;
END $$;

-- Something is known to have happened to an attempt: whoever waits for it looks now. found: whether one waits.
CREATE OR REPLACE FUNCTION generation_wake(p_token uuid) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    s uuid;
BEGIN
    SELECT a.step_id INTO s FROM generation_attempt a WHERE a.id = p_token;
    UPDATE generation_step SET next_run_at = now()
    WHERE id = s AND token = p_token AND lease_owner = '' AND state || '' IN ('awaiting', 'reconciling');
    RETURN EXISTS (SELECT 1 FROM generation_step
        WHERE id = s AND state || '' IN ('submitting', 'awaiting', 'reconciling'));
END $$;
