-- A job is stopped, and stays as it ended. Locks and plans as in accept.sql.

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
    IF p_cause = 'start_deadline' AND j.started_at IS NOT NULL THEN
        RETURN QUERY SELECT 'started'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    IF j.stop_cause <> '' AND j.stop_cause <> 'deadline' THEN
        RETURN QUERY SELECT 'stopping'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    UPDATE generation_job SET stop_cause = p_cause WHERE id = p_job;
    PERFORM 1 FROM generation_step WHERE job_id = p_job ORDER BY id FOR UPDATE;
    PERFORM generation_give_back(p_job);
    -- What has an attempt under way at a provider ends only when the provider was told, or asked.
    UPDATE generation_step SET state = 'canceled', finished_at = p_at, lease_expires_at = NULL
    WHERE job_id = p_job AND state IN ('queued', 'waiting', 'ready', 'claimed', 'parked', 'approval') AND token IS NULL;
    UPDATE generation_step SET next_run_at = now()
    WHERE job_id = p_job AND state IN ('awaiting', 'reconciling') AND lease_owner = '';
    ending := generation_conclude(p_job, p_at);
    IF ending IS NULL AND j.state <> 'canceling' AND p_cause = 'cancel' THEN
        UPDATE generation_job SET state = 'canceling' WHERE id = p_job;
        PERFORM generation_emit(p_job, 'status', '{"status": "canceling"}', p_at);
    END IF;
    RETURN QUERY SELECT CASE WHEN ending IS NULL THEN 'stopping' ELSE 'stopped' END::text, g.state::text, g.seq::integer
    FROM generation_job g WHERE g.id = p_job;
END $$;

-- Ends a job that was to stop and that nobody works on: there was no runner that could tell its provider. What is paid
-- for there is lost to us, and nothing is kept. outcome: stopped | terminal | held (somebody works on it)
CREATE OR REPLACE FUNCTION generation_abandon(p_job uuid, p_at timestamptz)
RETURNS TABLE (outcome text, job_state text, seq integer)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    j generation_job%ROWTYPE;
    ending text;
BEGIN
    SELECT * INTO j FROM generation_job WHERE id = p_job;
    PERFORM 1 FROM credits_wallet w WHERE w.workspace_id = j.workspace_id AND w.sandbox = j.sandbox FOR UPDATE;
    SELECT * INTO j FROM generation_job WHERE id = p_job FOR UPDATE;
    PERFORM 1 FROM generation_step WHERE job_id = p_job ORDER BY id FOR UPDATE;
    IF j.completed_at IS NOT NULL OR j.stop_cause = '' THEN
        RETURN QUERY SELECT 'terminal'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    IF EXISTS (SELECT 1 FROM generation_step WHERE job_id = p_job AND lease_expires_at > now()) THEN
        RETURN QUERY SELECT 'held'::text, j.state::text, j.seq::integer;
        RETURN;
    END IF;
    UPDATE generation_attempt a SET outcome = 'lost', finished_at = p_at, error_code = 'abandoned'
    FROM generation_step s WHERE s.job_id = p_job AND a.step_id = s.id AND a.no = s.attempt_no
        AND a.outcome = 'running' AND s.state NOT IN ('done', 'failed', 'skipped', 'canceled');
    UPDATE generation_step SET state = 'canceled', finished_at = p_at, lease_expires_at = NULL, token = NULL,
        next_run_at = NULL
    WHERE job_id = p_job AND state NOT IN ('done', 'failed', 'skipped', 'canceled');
    ending := generation_conclude(p_job, p_at);
    RETURN QUERY SELECT 'stopped'::text, g.state::text, g.seq::integer FROM generation_job g WHERE g.id = p_job;
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
