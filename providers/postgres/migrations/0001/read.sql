-- Reads.

CREATE FUNCTION heads_v1(p_ids text[]) RETURNS TABLE (
    id text,
    incarnation uuid,
    orchestration text,
    version text,
    status smallint,
    output bytea,
    execution bigint,
    next_event_id bigint,
    commit_id uuid,
    core_state bytea,
    created_ms bigint,
    updated_ms bigint
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT i.id, i.incarnation, i.orchestration, i.version, i.status, i.output, i.execution,
        i.next_event_id, i.commit_id, i.core_state, i.created_ms, i.updated_ms
    FROM unnest(p_ids) u (id) JOIN instance i ON i.id = u.id;
END
$duroxide$;

-- A page of an execution's history: from the chunk that holds this event on, at least one chunk, and
-- no more than so many bytes otherwise. The last row says whether others follow.
CREATE FUNCTION history_v1(
    p_id text,
    p_execution bigint,
    p_from_event_id bigint,
    p_bytes_max bigint
) RETURNS TABLE (
    first_event_id bigint,
    event_count bigint,
    body bytea,
    is_left boolean
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_ino bigint;
    v_last bigint;
BEGIN
    -- The history of a pruned execution may be there still, until it is swept.
    SELECT i.ino INTO v_ino FROM instance i
    JOIN execution e ON e.ino = i.ino AND e.execution = p_execution
    WHERE i.id = p_id;
    -- How far the page goes is known without reading a body.
    SELECT max(c.first_event_id) INTO v_last
    FROM (
        SELECT h.first_event_id, row_number() OVER w AS n,
            sum(octet_length(h.body)) OVER w AS bytes
        FROM history h
        WHERE h.ino = v_ino AND h.execution = p_execution
            AND h.first_event_id >= coalesce((
                SELECT b.first_event_id FROM history b
                WHERE b.ino = v_ino AND b.execution = p_execution
                    AND b.first_event_id <= p_from_event_id
                ORDER BY b.first_event_id DESC LIMIT 1), 0)
            AND h.first_event_id + h.event_count > p_from_event_id
        WINDOW w AS (ORDER BY h.first_event_id)
    ) c
    WHERE c.n = 1 OR c.bytes <= p_bytes_max;
    RETURN QUERY
    SELECT h.first_event_id, h.event_count, h.body, false
    FROM history h
    WHERE h.ino = v_ino AND h.execution = p_execution AND h.first_event_id <= v_last
        AND h.first_event_id + h.event_count > p_from_event_id
        AND h.first_event_id >= coalesce((
            SELECT b.first_event_id FROM history b
            WHERE b.ino = v_ino AND b.execution = p_execution
                AND b.first_event_id <= p_from_event_id
            ORDER BY b.first_event_id DESC LIMIT 1), 0)
    ORDER BY h.first_event_id;
    RETURN QUERY
    SELECT NULL::bigint, NULL::bigint, NULL::bytea, EXISTS (
        SELECT FROM history h
        WHERE h.ino = v_ino AND h.execution = p_execution AND h.first_event_id > v_last
    );
END
$duroxide$;
