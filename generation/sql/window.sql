-- How many of a workspace's jobs run at once. A job holds one of its workspace's places, wants one, or has none because
-- all that is left of it is parked. Places are counted in generation_window, one row for each wallet, and change hands
-- under the wallet's lock alone. Locks and plans as in accept.sql. What waits for a place has no tag and stands in no
-- index that a claim reads, so its number costs nobody anything.

-- Gives a job the place that the caller counted: its first steps become ready. They are stamped now, not when they were
-- ordered; a job that comes back from being parked keeps its tags, and so its turn.
CREATE OR REPLACE FUNCTION generation_admit(p_job uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    j record;
    asked record;
    base record;
    share integer;
BEGIN
    SELECT q.workspace_id, q.sandbox, q.lane, q.admitted_at INTO j FROM generation_job q WHERE q.id = p_job;
    UPDATE generation_job SET place = 'held', admitted_at = coalesce(admitted_at, p_at) WHERE id = p_job;
    IF j.admitted_at IS NOT NULL THEN
        UPDATE generation_step SET state = 'ready' WHERE job_id = p_job AND state = 'queued';
        RETURN;
    END IF;
    SELECT w.weight INTO share FROM generation_window w WHERE w.workspace_id = j.workspace_id AND w.sandbox = j.sandbox;
    SELECT coalesce(sum(generation_work(cost, share, j.sandbox)) FILTER (WHERE placement = 'cpu'), 0)::bigint AS cpu,
        coalesce(sum(generation_work(cost, share, j.sandbox)) FILTER (WHERE placement = 'io'), 0)::bigint AS io
    INTO asked FROM generation_step WHERE job_id = p_job;
    SELECT * INTO base FROM generation_advance(j.lane, j.workspace_id, j.sandbox, asked.cpu, asked.io);
    UPDATE generation_step s SET vtag = t.tag, state = CASE s.state WHEN 'queued' THEN 'ready' ELSE s.state END
    FROM (
        SELECT id, CASE placement WHEN 'cpu' THEN base.cpu ELSE base.io END
            + sum(generation_work(cost, share, j.sandbox)) OVER (PARTITION BY placement ORDER BY position) AS tag
        FROM generation_step WHERE job_id = p_job
    ) t WHERE s.id = t.id;
END $$;

-- Gives free places to the oldest jobs that want one.
CREATE OR REPLACE FUNCTION generation_fill(p_workspace uuid, p_sandbox boolean, p_at timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    oldest uuid;
BEGIN
    LOOP
        SELECT id INTO oldest FROM generation_job
        WHERE workspace_id = p_workspace AND sandbox = p_sandbox AND place = 'wanted' AND completed_at IS NULL
        ORDER BY id LIMIT 1;
        EXIT WHEN NOT FOUND;
        UPDATE generation_window SET admitted = admitted + 1
        WHERE workspace_id = p_workspace AND sandbox = p_sandbox AND admitted < most;
        EXIT WHEN NOT FOUND;
        PERFORM generation_admit(oldest, p_at);
    END LOOP;
END $$;

-- An ended job gives its place to the next. Wallet and job are locked by the caller; once for each job.
CREATE OR REPLACE FUNCTION generation_leave(p_job uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    j record;
BEGIN
    SELECT workspace_id, sandbox, place INTO j FROM generation_job WHERE id = p_job;
    IF j.place = 'held' THEN
        -- An end is never refused for the sake of a count.
        UPDATE generation_window SET admitted = greatest(admitted - 1, 0)
        WHERE workspace_id = j.workspace_id AND sandbox = j.sandbox;
        PERFORM generation_fill(j.workspace_id, j.sandbox, p_at);
    END IF;
END $$;

-- A job of which nothing can run before a time, or before a person agreed, gives its place to the next. Says whether it
-- did. In a transaction of its own or one that has the wallet: parking a step locks the step alone.
CREATE OR REPLACE FUNCTION generation_set_aside(p_job uuid, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    j record;
BEGIN
    SELECT workspace_id, sandbox INTO j FROM generation_job WHERE id = p_job;
    PERFORM 1 FROM credits_wallet w WHERE w.workspace_id = j.workspace_id AND w.sandbox = j.sandbox FOR UPDATE;
    UPDATE generation_job SET place = 'none'
    WHERE id = p_job AND place = 'held' AND completed_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM generation_step WHERE job_id = p_job
            AND state IN ('ready', 'claimed', 'submitting', 'awaiting', 'collecting', 'reconciling'));
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE generation_window SET admitted = greatest(admitted - 1, 0)
    WHERE workspace_id = j.workspace_id AND sandbox = j.sandbox;
    PERFORM generation_fill(j.workspace_id, j.sandbox, p_at);
    RETURN true;
END $$;

-- Lets parked steps go whose time has come, and says how many. A job that gave its place up wants one again, and being
-- the oldest it gets the next. By the database's clock; p_at is when places are said to be taken.
CREATE OR REPLACE FUNCTION generation_return(p_at timestamptz) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    due uuid[];
    wallet record;
    n integer;
BEGIN
    due := ARRAY(SELECT id FROM generation_step WHERE state = 'parked' AND next_run_at <= now()
        ORDER BY next_run_at LIMIT 500);
    IF cardinality(due) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM 1 FROM credits_wallet w WHERE (w.workspace_id, w.sandbox) IN (
        SELECT j.workspace_id, j.sandbox FROM generation_step s JOIN generation_job j ON j.id = s.job_id
        WHERE s.id = ANY (due)) ORDER BY w.workspace_id, w.sandbox FOR UPDATE;
    PERFORM 1 FROM generation_job WHERE id IN (SELECT s.job_id FROM generation_step s WHERE s.id = ANY (due))
    ORDER BY workspace_id, sandbox, id FOR UPDATE;
    UPDATE generation_job SET place = 'wanted'
    WHERE id IN (SELECT s.job_id FROM generation_step s WHERE s.id = ANY (due)) AND place = 'none'
        AND completed_at IS NULL;
    UPDATE generation_step s SET state = CASE j.place WHEN 'held' THEN 'ready' ELSE 'queued' END, next_run_at = NULL
    FROM generation_job j WHERE s.id = ANY (due) AND s.state = 'parked' AND j.id = s.job_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    FOR wallet IN SELECT DISTINCT j.workspace_id, j.sandbox FROM generation_step s
        JOIN generation_job j ON j.id = s.job_id WHERE s.id = ANY (due) AND j.place = 'wanted' ORDER BY 1, 2
    LOOP
        PERFORM generation_fill(wallet.workspace_id, wallet.sandbox, p_at);
    END LOOP;
    RETURN n;
END $$;
