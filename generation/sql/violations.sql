-- One row for every job that does not agree with its hold, and for every count that does not agree with the jobs; empty
-- when all is well. The columns are those of credits_violation: `reconcile_ledger` reads both.
CREATE OR REPLACE VIEW generation_violation AS
SELECT 'load_live_equals_live_jobs' AS invariant,
    'load:' || workspace_id || ':' || pipeline || CASE WHEN sandbox THEN ':sandbox' ELSE '' END AS subject,
    coalesce(q.live, 0)::numeric AS expected, coalesce(l.live, 0)::numeric AS actual
FROM (
    SELECT workspace_id, sandbox, pipeline, count(*) AS live FROM generation_job
    WHERE state IN ('queued', 'running', 'canceling', 'reconciling') GROUP BY 1, 2, 3
) q
FULL JOIN generation_load l USING (workspace_id, sandbox, pipeline)
WHERE coalesce(q.live, 0) <> coalesce(l.live, 0)
UNION ALL
SELECT 'window_admitted_equals_jobs_with_a_place',
    'window:' || workspace_id || CASE WHEN sandbox THEN ':sandbox' ELSE '' END,
    coalesce(q.held, 0), coalesce(w.admitted, 0)
FROM (
    SELECT workspace_id, sandbox, count(*) FILTER (WHERE place = 'held') AS held FROM generation_job
    WHERE state IN ('queued', 'running', 'canceling', 'reconciling') GROUP BY 1, 2
) q
FULL JOIN generation_window w USING (workspace_id, sandbox)
WHERE coalesce(q.held, 0) <> coalesce(w.admitted, 0)
UNION ALL
SELECT 'no_job_waits_beside_a_free_place',
    'window:' || w.workspace_id || CASE WHEN w.sandbox THEN ':sandbox' ELSE '' END, 0, w.most - w.admitted
FROM generation_window w
WHERE w.admitted < w.most AND EXISTS (
    SELECT 1 FROM generation_job q WHERE q.workspace_id = w.workspace_id AND q.sandbox = w.sandbox
        AND q.place = 'wanted' AND q.completed_at IS NULL)
UNION ALL
-- A hold that a job asked for is named after it, whether the job's row exists or not.
SELECT 'open_hold_has_its_job', 'hold:' || h.id, 0, h.amount
FROM credits_hold h LEFT JOIN generation_job j ON j.hold_id = h.id
WHERE h.state = 'held' AND j.id IS NULL AND h.reference ~ '^job:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
UNION ALL
SELECT 'ended_job_has_no_open_hold', 'job:' || j.id, 0, h.amount
FROM generation_job j JOIN credits_hold h ON h.id = j.hold_id
WHERE j.completed_at IS NOT NULL AND h.state = 'held'
UNION ALL
SELECT 'job_captured_equals_hold', 'job:' || j.id, h.captured, j.captured
FROM generation_job j JOIN credits_hold h ON h.id = j.hold_id WHERE j.captured <> h.captured
UNION ALL
SELECT 'job_released_equals_rest_of_hold', 'job:' || j.id, h.amount - h.captured, j.released
FROM generation_job j JOIN credits_hold h ON h.id = j.hold_id
WHERE j.completed_at IS NOT NULL AND j.released <> h.amount - h.captured;
