-- What workers of the release before call, while a new one is rolled out. Goes with the next release.

-- Begins claimed steps as start.sql does, but for those whose attempt is under way at a provider: it knows of none.
CREATE OR REPLACE FUNCTION generation_start(
    p_steps uuid[], p_attempts integer[], p_owner text, p_lease interval, p_at timestamptz
) RETURNS TABLE (step_id uuid, attempt_no integer, tries integer, token uuid, job_id uuid, workspace_id uuid,
    sandbox boolean, revision_id text, model text, kind text, params jsonb, price bigint, output_index integer,
    deadline_at timestamptz, seq integer, began boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM generation_job
    WHERE id IN (SELECT s.job_id FROM generation_step s WHERE s.id = ANY (p_steps))
    ORDER BY workspace_id, sandbox, id FOR UPDATE;
    RETURN QUERY
    WITH begun AS (
        UPDATE generation_step s
        SET state = 'submitting', tries = s.tries + 1, lease_owner = p_owner, lease_expires_at = now() + p_lease,
            started_at = coalesce(s.started_at, p_at)
        FROM unnest(p_steps, p_attempts) AS m (id, no)
        WHERE s.id = m.id AND s.attempt_no = m.no AND s.state || '' = 'claimed' AND s.token IS NULL
        RETURNING s.*
    ), tried AS (
        INSERT INTO generation_attempt (id, step_id, no, revision_id, worker, outcome, error_code, provider_code,
            detail, cost_usd_micros, cost_source, started_at)
        SELECT gen_random_uuid(), b.id, b.attempt_no, b.revision_id, p_owner, 'running', '', '', '', 0, '', p_at
        FROM begun b RETURNING id, step_id
    ), moved AS (
        UPDATE generation_job j SET state = 'running', started_at = p_at, seq = j.seq + 1
        WHERE j.id IN (SELECT b.job_id FROM begun b) AND j.state = 'queued' RETURNING j.id, j.seq
    ), again AS (
        -- Begun before, when its provider had no room for it: this is when it starts.
        UPDATE generation_job j SET started_at = p_at
        WHERE j.id IN (SELECT b.job_id FROM begun b) AND j.started_at IS NULL AND j.state || '' <> 'queued'
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

-- As generation_take in start.sql, of a release that knew one way for each model.
CREATE OR REPLACE FUNCTION generation_begin(
    p_steps uuid[], p_attempts integer[], p_owner text, p_lease interval, p_at timestamptz
) RETURNS TABLE (step_id uuid, attempt_no integer, tries integer, token uuid, job_id uuid, workspace_id uuid,
    sandbox boolean, revision_id text, model text, kind text, params jsonb, price bigint, output_index integer,
    deadline_at timestamptz, seq integer, began boolean, mode text, handle jsonb, attempt_started_at timestamptz,
    first_started_at timestamptz, stop_cause text)
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
            detail, cost_usd_micros, cost_source, started_at)
        SELECT gen_random_uuid(), b.id, b.attempt_no, b.revision_id, p_owner, 'running', '', '', '', 0, '', p_at
        FROM begun b WHERE b.token IS NULL RETURNING id, step_id, handle, started_at
    ), resumed AS (
        -- The attempt keeps its token, which the provider knows, and takes the number that fences its former worker.
        UPDATE generation_attempt a SET no = b.attempt_no, worker = p_owner FROM begun b WHERE a.id = b.token
        RETURNING a.id, a.step_id, a.handle, a.started_at
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
    SELECT b.id, b.attempt_no::integer, b.tries::integer, t.id, j.id, j.workspace_id, j.sandbox,
        b.revision_id::text, j.model::text, b.kind::text, b.params, b.price, b.output_index::integer, j.deadline_at,
        coalesce(m.seq, j.seq)::integer, m.id IS NOT NULL,
        CASE WHEN b.token IS NULL THEN 'submit' WHEN t.handle IS NULL THEN 'reconcile' ELSE 'check' END,
        t.handle, t.started_at, b.started_at, j.stop_cause::text
    FROM begun b
    JOIN (SELECT * FROM tried UNION ALL SELECT * FROM resumed) t ON t.step_id = b.id
    JOIN generation_job j ON j.id = b.job_id
    LEFT JOIN moved m ON m.id = j.id
    ORDER BY b.vtag, b.id;
END $$;
