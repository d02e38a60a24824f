-- Makes the counts of admission and the places again from the jobs; gives how many rows of the first there are then. For the migration that brought
-- them, and for an operator when the view generation_violation names one. Waits for every wallet: nothing is accepted
-- and nothing ends meanwhile.
CREATE OR REPLACE FUNCTION generation_recount(p_at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    today date := (p_at AT TIME ZONE 'UTC')::date;
    n integer;
    wallet record;
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
    -- How many places there are is known from the last submission; where it is not, as many as are held.
    INSERT INTO generation_window AS w (workspace_id, sandbox, most, weight, admitted)
    SELECT q.workspace_id, q.sandbox, greatest(count(*) FILTER (WHERE q.place = 'held'), 1), 1,
        count(*) FILTER (WHERE q.place = 'held')
    FROM generation_job q WHERE q.state IN ('queued', 'running', 'canceling', 'reconciling') GROUP BY 1, 2
    ON CONFLICT (workspace_id, sandbox) DO UPDATE SET admitted = excluded.admitted;
    UPDATE generation_window w SET admitted = 0
    WHERE w.admitted <> 0 AND NOT EXISTS (SELECT 1 FROM generation_job q WHERE q.workspace_id = w.workspace_id
        AND q.sandbox = w.sandbox AND q.state IN ('queued', 'running', 'canceling', 'reconciling'));
    FOR wallet IN SELECT w.workspace_id, w.sandbox FROM generation_window w WHERE w.admitted < w.most LOOP
        PERFORM generation_fill(wallet.workspace_id, wallet.sandbox, p_at);
    END LOOP;
    RETURN n;
END $$;
