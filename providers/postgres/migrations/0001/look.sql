-- Looking: lists of instances, one instance with what it has, the activities of a queue, and counts.

-- A page of the instances that meet a filter: of so many rows at most, in the order of ids or from the
-- newest on, each order by its index, and of these no more than so many. The last row says where the next
-- page begins, and nothing if this is the last one.
CREATE FUNCTION instances_v1(
    p_newest_first boolean,
    p_after_ino bigint,
    p_after_id text,
    p_first_id text,
    p_end_id text,
    p_statuses smallint[],
    p_suspended boolean,
    p_orchestration text,
    p_queue text,
    p_parent text,
    p_label_keys bytea[],
    p_label_values bytea[],
    p_with_outputs boolean,
    p_instances_max integer,
    p_rows_max integer
) RETURNS TABLE (
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
    label_keys bytea[],
    label_values bytea[],
    next_ino bigint,
    next_id text
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    -- The rows to look at, in their order, and one more where there is one.
    v_ino bigint[];
    v_id text[];
    -- The places of those that meet the filter, and one more than are wanted where there is one.
    v_matching bigint[];
    v_last bigint;
BEGIN
    IF p_newest_first AND cardinality(p_label_keys) > 0 THEN
        SELECT array_agg(c.ino) INTO v_ino
        FROM (
            SELECT l.ino FROM label l
            WHERE l.key = p_label_keys[1] AND l.value = p_label_values[1] AND l.ino < p_after_ino
            ORDER BY l.ino DESC LIMIT p_rows_max + 1
        ) c;
    ELSIF p_newest_first THEN
        SELECT array_agg(c.ino) INTO v_ino
        FROM (
            SELECT i.ino FROM instance i WHERE i.ino < p_after_ino
            ORDER BY i.ino DESC LIMIT p_rows_max + 1
        ) c;
    ELSIF p_parent IS NOT NULL THEN
        SELECT array_agg(c.ino), array_agg(c.id) INTO v_ino, v_id
        FROM (
            SELECT i.ino, i.id FROM instance i
            WHERE i.parent_id = p_parent AND i.id > p_after_id AND i.id >= p_first_id
                AND i.id < p_end_id
            ORDER BY i.id LIMIT p_rows_max + 1
        ) c;
    ELSE
        SELECT array_agg(c.ino), array_agg(c.id) INTO v_ino, v_id
        FROM (
            SELECT i.ino, i.id FROM instance i
            WHERE i.id > p_after_id AND i.id >= p_first_id AND i.id < p_end_id
            ORDER BY i.id LIMIT p_rows_max + 1
        ) c;
    END IF;
    SELECT array_agg(m.n ORDER BY m.n) INTO v_matching
    FROM (
        SELECT t.n
        FROM unnest(v_ino[1:p_rows_max]) WITH ORDINALITY t (ino, n)
        JOIN instance i ON i.ino = t.ino
        WHERE (p_statuses IS NULL OR i.status = ANY (p_statuses))
            AND (p_suspended IS NULL OR i.suspended = p_suspended)
            AND (p_orchestration IS NULL OR i.orchestration = p_orchestration)
            AND (p_queue IS NULL OR i.queue = p_queue)
            AND (p_parent IS NULL OR i.parent_id = p_parent)
            AND i.id >= p_first_id AND i.id < p_end_id
            AND NOT EXISTS (
                SELECT FROM unnest(p_label_keys, p_label_values) w (key, value)
                WHERE NOT EXISTS (
                    SELECT FROM label l
                    WHERE l.ino = i.ino AND l.key = w.key AND l.value = w.value
                )
            )
        ORDER BY t.n LIMIT p_instances_max + 1
    ) m;
    v_last := CASE
        WHEN cardinality(v_matching) > p_instances_max THEN v_matching[p_instances_max]
        WHEN cardinality(v_ino) > p_rows_max THEN p_rows_max
    END;
    RETURN QUERY
    SELECT i.id, i.incarnation, i.queue, i.orchestration, i.version, i.status,
        CASE WHEN p_with_outputs THEN i.output END, i.execution, i.next_event_id, i.commit_id,
        i.core_state, i.awaited, i.suspended, i.created_ms, i.updated_ms, i.parent_id,
        i.parent_incarnation, i.expires_ms, l.keys, l.values, NULL::bigint, NULL::text
    FROM unnest(v_matching[1:p_instances_max]) m (n)
    JOIN instance i ON i.ino = v_ino[m.n]
    CROSS JOIN LATERAL (
        SELECT array_agg(l.key) AS keys, array_agg(l.value) AS values
        FROM label l WHERE l.ino = i.ino
    ) l
    ORDER BY m.n;
    RETURN QUERY
    SELECT NULL::text, NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::smallint, NULL::bytea,
        NULL::bigint, NULL::bigint, NULL::uuid, NULL::bytea, NULL::bytea[], NULL::boolean,
        NULL::bigint, NULL::bigint, NULL::text, NULL::uuid, NULL::bigint, NULL::bytea[],
        NULL::bytea[],
        v_ino[v_last], v_id[v_last];
END
$duroxide$;

-- An instance (kind 0), and a page of what it has: its messages (1) behind this place, channel by channel,
-- and its activities (2) behind this one; without a place among messages only activities. No more than so
-- many, and where bodies are wanted no more than so many bytes of them and of details, but one at least. All of it is read
-- by one statement, which sees one state. The seq of the instance is the time, and the hold_until of an
-- item is its place.
CREATE FUNCTION inspect_v1(
    p_id text,
    p_channel bytea,
    p_due_ms bigint,
    p_seq bigint,
    p_execution bigint,
    p_activity_id bigint,
    p_items_max integer,
    p_bytes_max bigint,
    p_with_bodies boolean
) RETURNS TABLE (
    kind smallint,
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
    label_keys bytea[],
    label_values bytea[],
    claim_at bigint,
    hold_until bigint,
    is_leased boolean,
    attempts integer,
    channel bytea,
    seq bigint,
    message_id uuid,
    activity_id bigint,
    body_bytes bigint,
    body bytea,
    details_bytes bigint,
    details bytea,
    is_left boolean,
    note bytea
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint := now_ms();
BEGIN
    RETURN QUERY
    WITH found AS (
        SELECT i.ino FROM instance i WHERE i.id = p_id
    ), items AS (
        SELECT 1 AS kind, b.channel, b.visible_at AS claim_at, b.seq, b.message_id, b.execution,
            NULL::bigint AS activity_id, b.bytes, b.ino, NULL::bigint AS activity, 0 AS details_bytes
        FROM found f
        CROSS JOIN LATERAL (
            SELECT b.ino, b.channel, b.visible_at, b.seq, b.message_id, b.execution,
                octet_length(b.body) AS bytes
            FROM inbox b
            WHERE b.ino = f.ino AND (b.channel, b.visible_at, b.seq) > (p_channel, p_due_ms, p_seq)
            ORDER BY b.channel, b.visible_at, b.seq
            -- One more, which tells whether any is left.
            LIMIT p_items_max + 1
        ) b
        UNION ALL
        SELECT 2, NULL, NULL, NULL, NULL, a.execution, a.activity_id, a.bytes, a.ino, a.id,
            a.details_bytes
        FROM found f
        CROSS JOIN LATERAL (
            SELECT a.ino, a.id, a.execution, a.activity_id, octet_length(a.body) AS bytes,
                coalesce(octet_length(a.details), 0) AS details_bytes
            FROM activity a
            WHERE a.ino = f.ino AND (a.execution, a.activity_id) > (p_execution, p_activity_id)
            ORDER BY a.execution, a.activity_id
            LIMIT p_items_max + 1
        ) a
    ), counted AS (
        SELECT t.*, row_number() OVER w AS n,
            sum(t.bytes + t.details_bytes) OVER w AS bytes_so_far
        FROM items t
        WINDOW w AS (ORDER BY t.kind, t.channel, t.claim_at, t.seq, t.execution, t.activity_id)
    ), page AS (
        SELECT c.* FROM counted c
        WHERE c.n <= p_items_max AND (c.n = 1 OR NOT p_with_bodies OR c.bytes_so_far <= p_bytes_max)
    )
    SELECT 0::smallint, i.id, i.incarnation, i.queue, i.orchestration, i.version, i.status,
        CASE WHEN p_with_bodies THEN i.output END, i.execution, i.next_event_id, i.commit_id,
        i.core_state, i.awaited, i.suspended, i.created_ms, i.updated_ms, i.parent_id,
        i.parent_incarnation, i.expires_ms, l.keys, l.values, r.claim_at, r.hold_until,
        r.lease_token IS NOT NULL AND r.hold_until > v_now, r.attempts, NULL::bytea, v_now,
        NULL::uuid, NULL::bigint, NULL::bigint, NULL::bytea, NULL::bigint, NULL::bytea,
        (SELECT count(*) FROM counted) > (SELECT count(*) FROM page), o.note
    FROM found f
    JOIN instance i ON i.ino = f.ino
    JOIN ready r ON r.ino = f.ino
    LEFT JOIN note o ON o.ino = f.ino AND o.commit_id IS NOT DISTINCT FROM i.commit_id
    CROSS JOIN LATERAL (
        SELECT array_agg(l.key) AS keys, array_agg(l.value) AS values
        FROM label l WHERE l.ino = f.ino
    ) l
    UNION ALL
    SELECT p.kind::smallint, NULL, NULL, a.queue, NULL, NULL, NULL, NULL, p.execution, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, coalesce(p.claim_at, a.claim_at), p.n,
        a.lease_token IS NOT NULL AND a.claim_at > v_now, a.attempts, p.channel,
        p.seq, p.message_id, p.activity_id, p.bytes::bigint,
        CASE WHEN p_with_bodies THEN coalesce(b.body, a.body) END, p.details_bytes::bigint,
        CASE WHEN p_with_bodies THEN a.details END, NULL, NULL
    FROM page p
    LEFT JOIN inbox b ON b.ino = p.ino AND b.message_id = p.message_id
    LEFT JOIN activity a ON a.id = p.activity
    ORDER BY 1, 23;
END
$duroxide$;

-- A page of the activities of a queue behind this place, by the time from which they may be claimed. No more
-- than so many, and where bodies are wanted no more than so many bytes of them and of details, but one at
-- least. The last
-- row says whether others are left.
CREATE FUNCTION activities_v1(
    p_queue text,
    p_after_ms bigint,
    p_after_id bigint,
    p_items_max integer,
    p_bytes_max bigint,
    p_with_bodies boolean
) RETURNS TABLE (
    id bigint,
    instance text,
    incarnation uuid,
    execution bigint,
    activity_id bigint,
    queue text,
    attempts integer,
    claim_at bigint,
    is_leased boolean,
    body_bytes bigint,
    body bytea,
    details_bytes bigint,
    details bytea,
    is_left boolean
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint := now_ms();
BEGIN
    RETURN QUERY
    WITH found AS (
        SELECT a.id, a.claim_at,
            octet_length(a.body) + coalesce(octet_length(a.details), 0) AS bytes
        FROM activity a
        WHERE a.queue = p_queue AND (a.claim_at, a.id) > (p_after_ms, p_after_id)
        ORDER BY a.claim_at, a.id LIMIT p_items_max + 1
    ), counted AS (
        SELECT f.id, row_number() OVER w AS n, sum(f.bytes) OVER w AS bytes_so_far
        FROM found f
        WINDOW w AS (ORDER BY f.claim_at, f.id)
    ), page AS (
        SELECT c.* FROM counted c
        WHERE c.n <= p_items_max AND (c.n = 1 OR NOT p_with_bodies OR c.bytes_so_far <= p_bytes_max)
    )
    SELECT a.id, i.id, i.incarnation, a.execution, a.activity_id, a.queue, a.attempts, a.claim_at,
        a.lease_token IS NOT NULL AND a.claim_at > v_now, octet_length(a.body)::bigint,
        CASE WHEN p_with_bodies THEN a.body END,
        coalesce(octet_length(a.details), 0)::bigint, CASE WHEN p_with_bodies THEN a.details END,
        NULL::boolean
    FROM page p JOIN activity a ON a.id = p.id JOIN instance i ON i.ino = a.ino
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        (SELECT count(*) FROM counted) > (SELECT count(*) FROM page)
    ORDER BY 8, 1;
END
$duroxide$;

-- Counts, as they were at one time: of what is stored and queued (kind 0), of the queues of turns (1) and
-- of the queues of activities (2), of each no more than so many. Mail that nobody awaits is no work.
CREATE FUNCTION metrics_v1(p_queues_max bigint) RETURNS TABLE (
    kind smallint,
    queue text,
    instances bigint,
    running bigint,
    completed bigint,
    failed bigint,
    executions bigint,
    events bigint,
    visible bigint,
    delayed bigint,
    activities bigint,
    claimable bigint,
    later bigint,
    oldest_waits_ms bigint
) LANGUAGE sql SET search_path = {schema}, pg_temp AS $duroxide$
    WITH moment AS MATERIALIZED (
        SELECT now_ms() AS ms
    ), stored AS (
        SELECT count(DISTINCT i.ino) AS instances,
            count(DISTINCT i.ino) FILTER (WHERE i.status < 2) AS running,
            count(DISTINCT i.ino) FILTER (WHERE i.status = 2) AS completed,
            count(DISTINCT i.ino) FILTER (WHERE i.status = 3) AS failed,
            count(e.ino) AS executions,
            coalesce(sum(CASE WHEN e.execution = i.execution THEN i.next_event_id - 1
                ELSE e.event_count END), 0)::bigint AS events
        FROM instance i LEFT JOIN execution e ON e.ino = i.ino
    ), waiting AS (
        SELECT count(*) FILTER (WHERE b.visible_at <= m.ms) AS visible,
            count(*) FILTER (WHERE b.visible_at > m.ms) AS delayed
        FROM inbox b CROSS JOIN moment m
        WHERE b.channel < 't' OR EXISTS (
            SELECT FROM instance i WHERE i.ino = b.ino AND b.channel = ANY (i.awaited)
        )
    ), turns AS (
        SELECT r.queue, count(*) FILTER (WHERE r.claim_at <= m.ms) AS claimable,
            count(*) FILTER (WHERE r.claim_at > m.ms) AS later,
            max(m.ms) - min(r.claim_at) AS oldest_ms
        FROM ready r CROSS JOIN moment m
        WHERE r.claim_at IS NOT NULL
        GROUP BY r.queue
        ORDER BY claimable DESC, r.queue
        LIMIT p_queues_max
    ), works AS (
        SELECT a.queue, count(*) FILTER (WHERE a.claim_at <= m.ms) AS claimable,
            count(*) FILTER (WHERE a.claim_at > m.ms) AS later,
            max(m.ms) - min(a.claim_at) AS oldest_ms
        FROM activity a CROSS JOIN moment m
        GROUP BY a.queue
        ORDER BY claimable DESC, a.queue
        LIMIT p_queues_max
    )
    SELECT 0::smallint, NULL, s.instances, s.running, s.completed, s.failed, s.executions, s.events,
        w.visible, w.delayed, (SELECT count(*) FROM activity), NULL, NULL, NULL
    FROM stored s CROSS JOIN waiting w
    UNION ALL
    SELECT 1, t.queue, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, t.claimable, t.later,
        CASE WHEN t.claimable > 0 THEN t.oldest_ms END
    FROM turns t
    UNION ALL
    SELECT 2, k.queue, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, k.claimable, k.later,
        CASE WHEN k.claimable > 0 THEN k.oldest_ms END
    FROM works k
$duroxide$;
