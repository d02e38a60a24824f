-- Who stands where in line. Whatever the planner believes of the table, these read the fair order's index and stop: with
-- counts that were a little old it read and sorted all that waits instead, and compiled that plan, for a second.

-- The first thousand waiting steps of every line, in fair order.
CREATE OR REPLACE FUNCTION generation_front() RETURNS TABLE (placement text, lane text, job_id uuid, workspace_id uuid,
    cost integer, created_at timestamptz, waits_to_start boolean)
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
    SELECT p.placement, l.name::text, s.job_id, j.workspace_id, s.cost, j.created_at, j.started_at IS NULL
    FROM (VALUES ('cpu'), ('io')) AS p (placement) CROSS JOIN generation_lane l CROSS JOIN LATERAL (
        SELECT g.job_id, g.cost, g.vtag, g.id FROM generation_step g
        WHERE g.placement = p.placement AND g.lane = l.name AND g.state = 'ready' ORDER BY g.vtag, g.id LIMIT 1000
    ) s CROSS JOIN LATERAL (
        -- The limit keeps this a look-up for each row; a join might read all jobs.
        SELECT q.workspace_id, q.created_at, q.started_at FROM generation_job q WHERE q.id = s.job_id LIMIT 1
    ) j
    ORDER BY p.placement, l.name, s.vtag, s.id
$$;

-- How deep each line is where nobody leads who counted: steps that wait and their work in slot-milliseconds, of its first
-- five thousand steps. That many mean that or more.
CREATE OR REPLACE FUNCTION generation_depth() RETURNS TABLE (placement text, lane text, ready bigint, work bigint)
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
    SELECT p.placement, l.name::text, d.ready, d.work
    FROM (VALUES ('cpu'), ('io')) AS p (placement) CROSS JOIN generation_lane l CROSS JOIN LATERAL (
        SELECT count(*) AS ready, coalesce(sum(b.cost), 0)::bigint AS work FROM (
            SELECT g.cost FROM generation_step g
            WHERE g.placement = p.placement AND g.lane = l.name AND g.state = 'ready' ORDER BY g.vtag, g.id LIMIT 5000
        ) b
    ) d
$$;

-- For each job its first waiting step's line, and what is before it: steps (a thousand means that or more), jobs, work.
CREATE OR REPLACE FUNCTION generation_ahead(p_jobs uuid[]) RETURNS TABLE (job_id uuid, placement text, lane text,
    steps bigint, jobs bigint, work bigint)
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
    SELECT f.job_id, f.placement::text, f.lane::text, a.steps, a.jobs, a.work
    FROM unnest(p_jobs) AS asked (id) CROSS JOIN LATERAL (
        SELECT g.job_id, g.placement, g.lane, g.vtag, g.id FROM generation_step g
        -- Written so that no index of waiting steps can answer: the job's few steps are found by the job.
        WHERE g.job_id = asked.id AND g.state || '' = 'ready' ORDER BY g.vtag + 0, g.id LIMIT 1
    ) f CROSS JOIN LATERAL (
        SELECT count(*) AS steps, count(DISTINCT b.job_id) AS jobs, coalesce(sum(b.cost), 0)::bigint AS work FROM (
            SELECT g.job_id, g.cost FROM generation_step g
            WHERE g.placement = f.placement AND g.lane = f.lane AND g.state = 'ready'
                AND (g.vtag, g.id) < (f.vtag, f.id)
            ORDER BY g.vtag, g.id LIMIT 1000
        ) b
    ) a
$$;
