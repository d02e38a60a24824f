-- Makes the counts of admission again from the jobs; gives how many rows there are then. For the migration that brought
-- them, and for an operator when the view generation_violation names one. Waits for every wallet: nothing is accepted
-- and nothing ends meanwhile.
CREATE OR REPLACE FUNCTION generation_recount(p_at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    today date := (p_at AT TIME ZONE 'UTC')::date;
    n integer;
BEGIN
    PERFORM 1 FROM credits_wallet ORDER BY workspace_id, sandbox FOR UPDATE;
    DELETE FROM generation_load;
    INSERT INTO generation_load (workspace_id, sandbox, pipeline, live, day, accepted_today)
    SELECT q.workspace_id, q.sandbox, q.pipeline,
        count(*) FILTER (WHERE q.state IN ('queued', 'running', 'canceling', 'reconciling')), today,
        count(*) FILTER (WHERE q.created_at >= today::timestamp AT TIME ZONE 'UTC')
    FROM generation_job q
    WHERE q.state IN ('queued', 'running', 'canceling', 'reconciling')
        OR q.created_at >= today::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1, 2, 3;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
