-- Weighted fair queueing inside a lane. Locks and plans as in accept.sql; a flow is locked after its wallet, flows in the
-- order of workspaces, and the lane's row last.

-- Virtual time that work takes: slot-milliseconds over the workspace's weight. Trying things out weighs a quarter.
CREATE OR REPLACE FUNCTION generation_work(p_ms bigint, p_weight integer, p_sandbox boolean) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_ms * CASE WHEN p_sandbox THEN 4000 ELSE 1000 END / p_weight
$$;

-- Moves a flow on by some work and says where that work begins: at the flow's last tag, or at the lane's present if that
-- is later. So a workspace that returns has saved nothing up.
CREATE OR REPLACE FUNCTION generation_advance(p_lane text, p_workspace uuid, p_sandbox boolean, p_cpu bigint, p_io bigint)
RETURNS TABLE (cpu bigint, io bigint) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    INSERT INTO generation_flow AS f (lane, workspace_id, sandbox, vfin_cpu, vfin_io)
    SELECT l.name, p_workspace, p_sandbox, l.v_cpu + p_cpu, l.v_io + p_io FROM generation_lane l WHERE l.name = p_lane
    ON CONFLICT (lane, workspace_id, sandbox) DO UPDATE SET
        vfin_cpu = greatest(f.vfin_cpu, excluded.vfin_cpu - p_cpu) + p_cpu,
        vfin_io = greatest(f.vfin_io, excluded.vfin_io - p_io) + p_io
    RETURNING f.vfin_cpu - p_cpu, f.vfin_io - p_io;
END $$;

-- Gives a flow back what a job was charged for steps that will never begin. Wallet and job are locked, the steps not
-- ended yet. Tags that were given stay, so nobody gets ahead by it: only what is ordered next begins earlier.
CREATE OR REPLACE FUNCTION generation_give_back(p_job uuid) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    unused record;
BEGIN
    SELECT j.workspace_id, j.sandbox, j.lane,
        sum(generation_work(s.cost, w.weight, j.sandbox)) FILTER (WHERE s.placement = 'cpu') AS cpu,
        sum(generation_work(s.cost, w.weight, j.sandbox)) FILTER (WHERE s.placement = 'io') AS io
    INTO unused FROM generation_job j JOIN generation_step s ON s.job_id = j.id
    JOIN generation_window w ON w.workspace_id = j.workspace_id AND w.sandbox = j.sandbox
    WHERE j.id = p_job AND j.admitted_at IS NOT NULL AND s.tries = 0 AND s.token IS NULL
        AND s.state IN ('queued', 'waiting', 'ready', 'claimed', 'approval')
    GROUP BY 1, 2, 3;
    IF FOUND THEN
        UPDATE generation_flow SET vfin_cpu = vfin_cpu - coalesce(unused.cpu, 0),
            vfin_io = vfin_io - coalesce(unused.io, 0)
        WHERE lane = unused.lane AND workspace_id = unused.workspace_id AND sandbox = unused.sandbox;
    END IF;
END $$;

-- Corrects what workspaces and lanes were charged for tries that just ended, once for each: p_spent_ms is what its slot
-- was busy. A step was charged its expected cost for the first try and nothing for others. Time in a provider takes no
-- slot of ours, so steps that wait on a wire keep their declared cost. Call it when the end is durable: it locks no
-- wallet, and what is lost in a crash is a moment's fairness.
-- A small difference is noise, and not worth the lane's lock.
CREATE OR REPLACE FUNCTION generation_true_up(p_steps uuid[], p_spent_ms bigint[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    late record;
BEGIN
    FOR late IN
        SELECT j.workspace_id, j.sandbox, s.lane,
            sum(generation_work(t.spent - CASE WHEN s.tries > 1 THEN 0 ELSE s.cost END, w.weight, j.sandbox)) AS work
        FROM unnest(p_steps, p_spent_ms) AS t (id, spent)
        JOIN generation_step s ON s.id = t.id JOIN generation_job j ON j.id = s.job_id
        JOIN generation_window w ON w.workspace_id = j.workspace_id AND w.sandbox = j.sandbox
        WHERE s.placement = 'cpu' AND abs(t.spent - s.cost) > 20 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    LOOP
        UPDATE generation_flow SET vfin_cpu = vfin_cpu + late.work
        WHERE workspace_id = late.workspace_id AND sandbox = late.sandbox AND lane = late.lane;
    END LOOP;
    FOR late IN
        SELECT s.lane, sum(t.spent - CASE WHEN s.tries > 1 THEN 0 ELSE s.cost END) AS ms
        FROM unnest(p_steps, p_spent_ms) AS t (id, spent) JOIN generation_step s ON s.id = t.id
        WHERE s.placement = 'cpu' AND abs(t.spent - s.cost) > 20 GROUP BY 1 ORDER BY 1
    LOOP
        UPDATE generation_lane SET served_cpu = served_cpu + late.ms WHERE name = late.lane;
    END LOOP;
END $$;
