-- When the first item of each queue becomes claimable, or became; NULL where there is none. It claims
-- nothing, and reads the first entry of each index, from these times on.
CREATE FUNCTION due_v1(
    p_node uuid,
    p_turn_queues text[],
    p_queues text[],
    p_turn_floor bigint,
    p_activity_floor bigint
) RETURNS TABLE (
    at_ms bigint,
    turn_dues bigint[],
    queue_dues bigint[],
    has_peers boolean
) LANGUAGE plpgsql AS $duroxide$
BEGIN
    RETURN QUERY SELECT now_ms(),
        ARRAY(SELECT (SELECT r.claim_at FROM ready r
                WHERE r.queue = q.name AND r.claim_at >= p_turn_floor
                ORDER BY r.claim_at, r.claim_order LIMIT 1)
            FROM unnest(p_turn_queues) WITH ORDINALITY q (name, n) ORDER BY q.n),
        ARRAY(SELECT (SELECT a.claim_at FROM activity a
                WHERE a.queue = q.name AND a.claim_at >= p_activity_floor
                ORDER BY a.claim_at, a.id LIMIT 1)
            FROM unnest(p_queues) WITH ORDINALITY q (name, n) ORDER BY q.n),
        EXISTS (SELECT FROM node n WHERE n.id <> p_node AND n.alive_until > clock_timestamp());
END
$duroxide$;

-- The same, and makes known that this process lives for so long from now on; one that does not
-- listen says NULL. It rings once, so that the process hears that it hears.
CREATE FUNCTION poll_v1(
    p_node uuid,
    p_turn_queues text[],
    p_queues text[],
    p_alive_ms bigint,
    p_channel text,
    p_bell text
) RETURNS TABLE (
    at_ms bigint,
    turn_dues bigint[],
    queue_dues bigint[],
    has_peers boolean
) LANGUAGE plpgsql {settings} AS $duroxide$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    IF p_alive_ms IS NOT NULL THEN
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_notify(p_channel, p_bell);
        INSERT INTO node AS n (id, alive_until)
        VALUES (p_node, v_now + p_alive_ms * interval '1 millisecond')
        ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until;
        DELETE FROM node n WHERE n.id IN (
            SELECT o.id FROM node o WHERE o.alive_until < v_now - interval '1 hour'
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    RETURN QUERY SELECT * FROM due_v1(p_node, p_turn_queues, p_queues, 0, 0);
END
$duroxide$;

-- This process does not want to hear of anything any more.
CREATE FUNCTION leave_v1(p_node uuid) RETURNS void LANGUAGE plpgsql {settings} AS $duroxide$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    DELETE FROM node n WHERE n.id = p_node;
END
$duroxide$;
