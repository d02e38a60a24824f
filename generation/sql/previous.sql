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
