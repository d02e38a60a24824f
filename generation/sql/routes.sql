-- Which way a step goes: its model's revision, and the connection to a provider. Locks and plans as in accept.sql.

-- Writes down the connections that new attempts were given, before anything is sent.
CREATE OR REPLACE FUNCTION generation_connect(p_tokens uuid[], p_connections uuid[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE generation_attempt a SET connection_id = m.connection
    FROM unnest(p_tokens, p_connections) AS m (token, connection)
    WHERE a.id = m.token AND a.handle IS NULL;
    UPDATE generation_step s SET connection_id = a.connection_id
    FROM generation_attempt a
    WHERE a.id = ANY (p_tokens) AND s.id = a.step_id AND s.attempt_no = a.no;
END $$;

-- Sends a step another way, from its next attempt on: p_way has the revision, its params, what it may cost at most, the
-- connection if it must be that one, and why. The attempt that failed is closed as generation_park does it.
-- outcome: parked | stopped | fenced
CREATE OR REPLACE FUNCTION generation_reroute(
    p_step uuid, p_attempt integer, p_way jsonb, p_attempt_row jsonb, p_at timestamptz, OUT outcome text, OUT seq integer
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    SELECT g.outcome, g.seq INTO outcome, seq
    FROM generation_park(p_step, p_attempt, 0, true, p_attempt_row, p_at) g;
    IF outcome <> 'parked' THEN
        RETURN;
    END IF;
    PERFORM generation_send(p_step, p_way);
END $$;

-- A step that waits goes another way. The job is locked by the caller, or its step is not claimed yet and locked here.
CREATE OR REPLACE FUNCTION generation_send(p_step uuid, p_way jsonb) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE generation_step s SET revision_id = p_way ->> 'revision', params = p_way -> 'params',
        charge = (p_way ->> 'charge')::bigint, connection_id = (p_way ->> 'connection')::uuid,
        tries_elsewhere = s.tries, route_reason = p_way ->> 'reason'
    WHERE s.id = p_step AND s.token IS NULL AND s.state || '' IN ('ready', 'parked');
    RETURN FOUND;
END $$;

-- What a step has been tried on, for the choice of its next way.
CREATE OR REPLACE FUNCTION generation_tried(p_step uuid)
RETURNS TABLE (revision_id text, connection_id uuid, tries bigint) LANGUAGE sql STABLE AS $$
    SELECT a.revision_id::text, a.connection_id, count(*) FROM generation_attempt a
    WHERE a.step_id = p_step AND a.error_code <> 'not_yet' GROUP BY 1, 2;
$$;

-- An attempt whose answer was lost takes the name that its provider's webhook has for the work. It is only asked about
-- by it: what the webhook says of the work itself is not believed.
CREATE OR REPLACE FUNCTION generation_adopt(p_token uuid, p_handle jsonb) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE generation_attempt a SET handle = p_handle
    FROM generation_step s
    WHERE a.id = p_token AND a.handle IS NULL AND a.outcome = 'running' AND s.id = a.step_id AND s.attempt_no = a.no
        AND s.state || '' IN ('submitting', 'reconciling', 'ready', 'claimed');
    RETURN FOUND;
END $$;
