-- Reads.

CREATE FUNCTION heads_v1(p_ids text[]) RETURNS TABLE (
    id text,
    incarnation uuid,
    queue text,
    orchestration text,
    version text,
    status smallint,
    output bytea,
    execution bigint,
    next_event_id bigint,
    commit_id uuid,
    core_state bytea,
    awaited bytea[],
    suspended boolean,
    created_ms bigint,
    updated_ms bigint,
    parent_id text,
    parent_incarnation uuid,
    expires_ms bigint,
    note bytea
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT i.id, i.incarnation, i.queue, i.orchestration, i.version, i.status, i.output, i.execution,
        i.next_event_id, i.commit_id, i.core_state, i.awaited, i.suspended, i.created_ms,
        i.updated_ms, i.parent_id, i.parent_incarnation, i.expires_ms, o.note
    FROM unnest(p_ids) u (id) JOIN instance i ON i.id = u.id
    LEFT JOIN note o ON o.ino = i.ino AND o.commit_id IS NOT DISTINCT FROM i.commit_id;
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

-- The oldest mail that is due of each of these channels, behind the place that was read last. No more
-- than so many messages of each, and of all of them, in their order, no more than so many bytes but
-- one message at least. The last row says whether others are left.
CREATE FUNCTION mail_v1(
    p_id text,
    p_incarnation uuid,
    c_channel bytea[],
    c_after_ms bigint[],
    c_after_seq bigint[],
    p_messages_max bigint,
    p_bytes_max bigint
) RETURNS TABLE (
    place integer,
    due_ms bigint,
    seq bigint,
    message_id uuid,
    body bytea,
    is_left boolean
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint := now_ms();
    v_ino bigint;
BEGIN
    SELECT i.ino INTO v_ino FROM instance i WHERE i.id = p_id AND i.incarnation = p_incarnation;
    -- How far the page goes is known without reading a body.
    RETURN QUERY
    WITH found AS (
        SELECT c.place::integer, b.visible_at, b.seq, b.message_id, b.bytes, b.n
        FROM unnest(c_channel, c_after_ms, c_after_seq) WITH ORDINALITY
            c (channel, after_ms, after_seq, place)
        CROSS JOIN LATERAL (
            SELECT b.visible_at, b.seq, b.message_id, octet_length(b.body) AS bytes,
                row_number() OVER (ORDER BY b.visible_at, b.seq) AS n
            FROM inbox b
            WHERE b.ino = v_ino AND b.channel = c.channel AND b.visible_at <= v_now
                AND (b.visible_at, b.seq) > (c.after_ms, c.after_seq)
            ORDER BY b.visible_at, b.seq
            -- One more, which tells whether any is left.
            LIMIT p_messages_max + 1
        ) b
    ), fitting AS (
        SELECT f.place, f.visible_at, f.seq, f.message_id
        FROM (
            SELECT f.place, f.visible_at, f.seq, f.message_id, row_number() OVER w AS n,
                sum(f.bytes) OVER w AS bytes
            FROM found f
            WHERE f.n <= p_messages_max
            WINDOW w AS (ORDER BY f.visible_at, f.seq)
        ) f
        WHERE f.n = 1 OR f.bytes <= p_bytes_max
    )
    SELECT f.place, f.visible_at, f.seq, f.message_id, b.body, NULL::boolean
    FROM fitting f JOIN inbox b ON b.ino = v_ino AND b.message_id = f.message_id
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL,
        (SELECT count(*) FROM found) > (SELECT count(*) FROM fitting)
    ORDER BY 2, 3;
END
$duroxide$;

-- The values that are there, by the places of their keys.
CREATE FUNCTION values_v1(p_id text, p_keys bytea[]) RETURNS TABLE (
    place integer,
    version uuid,
    value bytea
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint := now_ms();
BEGIN
    RETURN QUERY
    SELECT k.place::integer, o.version, o.value
    FROM unnest(p_keys) WITH ORDINALITY k (key, place)
    JOIN instance i ON i.id = p_id
    JOIN value o ON o.ino = i.ino AND o.key = k.key
    WHERE o.expires_at IS NULL OR o.expires_at > v_now
    ORDER BY k.place;
END
$duroxide$;

-- A page of all values of an instance, in the order of their keys: those behind this key, no more than so
-- many and no more than so many bytes, but one at least.
CREATE FUNCTION values_page_v1(
    p_id text,
    p_after bytea,
    p_rows_max bigint,
    p_bytes_max bigint
) RETURNS TABLE (
    key bytea,
    version uuid,
    value bytea
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint := now_ms();
BEGIN
    RETURN QUERY
    SELECT v.key, v.version, o.value
    FROM (
        SELECT u.ino, u.key, u.version, row_number() OVER w AS n, sum(u.bytes) OVER w AS bytes
        FROM (
            SELECT o.ino, o.key, o.version, octet_length(o.value) AS bytes
            FROM instance i JOIN value o ON o.ino = i.ino
            WHERE i.id = p_id AND (p_after IS NULL OR o.key > p_after)
                AND (o.expires_at IS NULL OR o.expires_at > v_now)
            ORDER BY o.key LIMIT p_rows_max
        ) u
        WINDOW w AS (ORDER BY u.key)
    ) v
    JOIN value o ON o.ino = v.ino AND o.key = v.key
    WHERE v.n = 1 OR v.bytes <= p_bytes_max
    ORDER BY v.key;
END
$duroxide$;

-- The versions of values, by their places: NULL for one that is not there, and no row for one whose instance
-- is not.
CREATE FUNCTION versions_v1(p_ids text[], p_keys bytea[]) RETURNS TABLE (
    place integer,
    version uuid
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint := now_ms();
BEGIN
    RETURN QUERY
    SELECT k.place::integer, o.version
    FROM unnest(p_ids, p_keys) WITH ORDINALITY k (id, key, place)
    JOIN instance i ON i.id = k.id
    LEFT JOIN value o ON o.ino = i.ino AND o.key = k.key
        AND (o.expires_at IS NULL OR o.expires_at > v_now);
END
$duroxide$;
