-- Leases what is due, and says when the next thing will be.
--
-- Two statements on purpose. The first locks and leases; the second reads messages by a snapshot that
-- is taken while the rows are held. In one statement the snapshot would be older than the locks, and
-- messages that another node has consumed in between would be delivered again.
--
-- Several aggregates in one order take it from a subquery that is sorted: each would sort for itself
-- otherwise, before version 16 (PostgreSQL, "Aggregate Functions").
--
-- A turn comes with control messages, and unless it is suspended with system messages behind them; mail
-- is not claimed (CLM-02, CLM-11, SUS-01).
--
-- p_turn_floor and p_activity_floor are times before which nothing is expected to be due: the index is
-- read from there on. Rows that are dead and cannot be vacuumed, since some transaction is left open,
-- would be passed one by one otherwise. Where nothing is found from there on, all of it is read.
--
-- Each queue gets its share, and of the rest comes first what became claimable first (CLM-12). Of every
-- queue as many rows are locked as are wanted in all, and those that are not chosen are free again
-- with the end of this call.
--
-- p_only names one instance, which is leased instead if nobody holds it, whatever its queue is and whether
-- there is anything to do or not (CLM-14).
--
-- Rows of kind 0 (one, the last), 1 (a turn) and 2 (an activity), in the order in which they became
-- claimable.
CREATE FUNCTION claim_v1(
    p_node uuid,
    p_turns_max integer,
    p_messages_max integer,
    p_bytes_max bigint,
    p_turn_lease_ms bigint,
    p_turn_total_bytes_max bigint,
    p_activities_max integer,
    p_activity_lease_ms bigint,
    p_activity_total_bytes_max bigint,
    p_turn_queues text[],
    p_queues text[],
    p_turn_floor bigint,
    p_activity_floor bigint,
    p_only text
) RETURNS TABLE (
    kind smallint,
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
    awaited bytea[],
    suspended boolean,
    created_ms bigint,
    updated_ms bigint,
    parent_id text,
    parent_incarnation uuid,
    expires_ms bigint,
    token uuid,
    attempts integer,
    message_ids uuid[],
    message_channels bytea[],
    message_executions bigint[],
    message_dues bigint[],
    message_bodies bytea[],
    has_mail boolean,
    queue text,
    activity_id bigint,
    body bytea,
    details bytea,
    at_ms bigint,
    turn_dues bigint[],
    queue_dues bigint[],
    has_peers boolean,
    is_whole boolean
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint;
    v_turns bigint[];
    v_tokens uuid[];
    v_attempts integer[];
    v_claim_ats bigint[];
    v_claim_orders bigint[];
    v_holds bigint[];
    v_returned bigint;
    v_activities bigint[];
    v_is_second boolean := false;
    v_turn_floor bigint := p_turn_floor;
    v_activity_floor bigint := p_activity_floor;
BEGIN
    -- A lease has to survive the end of a process, and need not survive that of the server.
    PERFORM set_config('synchronous_commit', 'off', true);
    IF p_only IS NOT NULL THEN
        PERFORM 1 FROM ready r WHERE r.ino = (SELECT i.ino FROM instance i WHERE i.id = p_only)
        FOR UPDATE;
        v_now := now_ms();
        WITH leased AS (
            UPDATE ready r SET
                lease_token = gen_random_uuid(),
                hold_until = v_now + greatest(p_turn_lease_ms, 1),
                -- It is claimable after the lease only if it has something to do.
                claim_at = (
                    SELECT min(greatest(b.visible_at, v_now + greatest(p_turn_lease_ms, 1)))
                    FROM unnest(CASE WHEN i.suspended THEN ARRAY['c'::bytea]
                        ELSE ARRAY['c'::bytea, 's'] || i.awaited END) c (channel)
                    CROSS JOIN LATERAL (
                        SELECT b.visible_at FROM inbox b
                        WHERE b.ino = r.ino AND b.channel = c.channel
                        ORDER BY b.visible_at, b.seq LIMIT 1
                    ) b
                ),
                claim_order = nextval('claim_order'),
                attempts = r.attempts + 1
            FROM instance i
            WHERE i.id = p_only AND r.ino = i.ino
                AND (r.lease_token IS NULL OR r.hold_until <= v_now)
            RETURNING r.ino, r.lease_token, r.attempts
        )
        SELECT array_agg(l.ino), array_agg(l.lease_token), array_agg(l.attempts)
        INTO v_turns, v_tokens, v_attempts
        FROM leased l;
    END IF;
    LOOP
        v_now := now_ms();
        IF p_turns_max > 0 THEN
            WITH picked AS (
                SELECT d.ino, d.claim_at, d.claim_order, d.hold_until
                FROM (
                    SELECT r.ino, r.claim_at, r.claim_order, r.hold_until, row_number() OVER (
                        PARTITION BY q.name ORDER BY r.claim_at, r.claim_order) AS place
                    FROM unnest(p_turn_queues) q (name)
                    CROSS JOIN LATERAL (
                        SELECT r.ino, r.claim_at, r.claim_order, r.hold_until FROM ready r
                        WHERE r.queue = q.name AND r.claim_at >= v_turn_floor
                            AND r.claim_at <= v_now
                        ORDER BY r.claim_at, r.claim_order
                        LIMIT p_turns_max
                        FOR UPDATE SKIP LOCKED
                    ) r
                ) d
                ORDER BY d.place > p_turns_max / greatest(cardinality(p_turn_queues), 1),
                    d.claim_at, d.claim_order
                LIMIT p_turns_max
            ), leased AS (
                UPDATE ready r SET
                    lease_token = gen_random_uuid(),
                    -- A lease of no time at all would be claimed again by the same claim.
                    hold_until = v_now + greatest(p_turn_lease_ms, 1),
                    claim_at = v_now + greatest(p_turn_lease_ms, 1),
                    claim_order = nextval('claim_order'),
                    attempts = r.attempts + 1
                FROM picked p WHERE r.ino = p.ino
                RETURNING p.claim_at, p.claim_order, p.hold_until, r.ino, r.lease_token, r.attempts
            )
            SELECT array_agg(l.ino), array_agg(l.lease_token), array_agg(l.attempts),
                array_agg(l.claim_at), array_agg(l.claim_order), array_agg(l.hold_until)
            INTO v_turns, v_tokens, v_attempts, v_claim_ats, v_claim_orders, v_holds
            FROM (SELECT * FROM leased l ORDER BY l.claim_at, l.claim_order) l;
        END IF;
        -- Most activities are born leased, so that often there is none: a look costs less than a claim.
        IF p_activities_max > 0 AND EXISTS (
            SELECT FROM unnest(p_queues) q (name)
            CROSS JOIN LATERAL (
                SELECT FROM activity a
                WHERE a.queue = q.name AND a.claim_at >= v_activity_floor AND a.claim_at <= v_now
                ORDER BY a.claim_at LIMIT 1
            ) a
        ) THEN
            WITH chosen AS (
                SELECT d.id, d.claim_at, d.bytes
                FROM (
                    SELECT a.id, a.claim_at, a.bytes,
                        row_number() OVER (PARTITION BY q.name ORDER BY a.claim_at, a.id) AS place
                    FROM unnest(p_queues) q (name)
                    CROSS JOIN LATERAL (
                        SELECT a.id, a.claim_at, octet_length(a.body) AS bytes FROM activity a
                        WHERE a.queue = q.name AND a.claim_at >= v_activity_floor
                            AND a.claim_at <= v_now
                        ORDER BY a.claim_at, a.id
                        LIMIT p_activities_max
                        FOR UPDATE SKIP LOCKED
                    ) a
                ) d
                ORDER BY d.place > p_activities_max / greatest(cardinality(p_queues), 1), d.claim_at, d.id
                LIMIT p_activities_max
            ), picked AS (
                -- The first is taken however long it is, and none behind one that does not fit.
                SELECT s.id, s.claim_at
                FROM (
                    SELECT c.id, c.claim_at, row_number() OVER w AS n, sum(c.bytes) OVER w AS bytes
                    FROM chosen c
                    WINDOW w AS (ORDER BY c.claim_at, c.id)
                ) s
                WHERE s.n = 1 OR s.bytes <= p_activity_total_bytes_max
            ), leased AS (
                UPDATE activity a SET
                    lease_token = gen_random_uuid(),
                    claim_at = v_now + greatest(p_activity_lease_ms, 1),
                    attempts = a.attempts + 1
                FROM picked p WHERE a.id = p.id
                RETURNING p.claim_at, a.id
            )
            SELECT array_agg(l.id ORDER BY l.claim_at, l.id) INTO v_activities FROM leased l;
        END IF;
        EXIT WHEN v_is_second OR v_turns IS NOT NULL OR v_activities IS NOT NULL;
        IF v_turn_floor > 0 OR v_activity_floor > 0 THEN
            v_turn_floor := 0;
            v_activity_floor := 0;
            CONTINUE;
        END IF;
        -- Something is due, and somebody else has it locked just now. It may be free again as soon as
        -- that transaction ends, so this waits for it: an empty answer would be wrong (CON-01).
        v_is_second := true;
        IF p_turns_max > 0 THEN
            PERFORM 1 FROM ready r WHERE r.ino = (
                SELECT d.ino
                FROM unnest(p_turn_queues) q (name)
                CROSS JOIN LATERAL (
                    SELECT d.ino FROM ready d WHERE d.queue = q.name AND d.claim_at <= v_now
                    ORDER BY d.claim_at, d.claim_order LIMIT 1
                ) d LIMIT 1
            ) FOR UPDATE;
            CONTINUE WHEN FOUND;
        END IF;
        IF p_activities_max > 0 THEN
            PERFORM 1 FROM activity a WHERE a.id = (
                SELECT d.id
                FROM unnest(p_queues) q (name)
                CROSS JOIN LATERAL (
                    SELECT d.id FROM activity d WHERE d.queue = q.name AND d.claim_at <= v_now
                    ORDER BY d.claim_at, d.id LIMIT 1
                ) d LIMIT 1
            ) FOR UPDATE;
            CONTINUE WHEN FOUND;
        END IF;
        EXIT;
    END LOOP;

    IF v_turns IS NOT NULL THEN
        RETURN QUERY
        SELECT 1::smallint, f.id, f.incarnation, f.orchestration, f.version, f.status, f.output,
            f.execution, f.next_event_id, f.commit_id, f.core_state, f.awaited, f.suspended,
            f.created_ms, f.updated_ms, f.parent_id, f.parent_incarnation, f.expires_ms, f.token, f.attempts,
            f.ids, f.channels, f.executions, f.dues, f.bodies,
            NOT f.suspended AND f.awaited <> '{}' AND EXISTS (
                SELECT FROM unnest(f.awaited) c (channel)
                CROSS JOIN LATERAL (
                    SELECT FROM inbox b
                    WHERE b.ino = f.ino AND b.channel = c.channel AND b.visible_at <= v_now
                    LIMIT 1
                ) b
            ),
            f.queue, NULL::bigint, NULL::bytea, NULL::bytea,
            NULL::bigint, NULL::bigint[], NULL::bigint[], NULL::boolean, NULL::boolean
        FROM (
            SELECT i.id, i.incarnation, i.orchestration, i.version, i.status, i.output, i.execution,
                i.next_event_id, i.commit_id, i.core_state, i.awaited, i.suspended, i.created_ms,
                i.updated_ms, i.parent_id, i.parent_incarnation, i.expires_ms, i.queue, t.ino, t.token, t.attempts, t.n,
                m.ids, m.channels, m.executions, m.dues, m.bodies,
                sum(m.bytes) OVER (ORDER BY t.n) AS total_bytes
            FROM unnest(v_turns, v_tokens, v_attempts) WITH ORDINALITY t (ino, token, attempts, n)
            JOIN instance i ON i.ino = t.ino
            CROSS JOIN LATERAL (
                SELECT coalesce(max(v.bytes), 0) AS bytes,
                    coalesce(array_agg(v.message_id), '{}') AS ids,
                    coalesce(array_agg(v.channel), '{}') AS channels,
                    coalesce(array_agg(v.execution), '{}') AS executions,
                    coalesce(array_agg(v.visible_at), '{}') AS dues,
                    coalesce(array_agg(v.body), '{}') AS bodies
                FROM (
                    SELECT u.message_id, u.channel, u.execution, u.visible_at, u.body,
                        row_number() OVER w AS n, sum(octet_length(u.body)) OVER w AS bytes
                    FROM (
                        SELECT b.message_id, b.channel, b.execution, b.visible_at, b.seq, b.body
                        FROM unnest(CASE WHEN i.suspended THEN ARRAY['c'::bytea]
                            ELSE ARRAY['c'::bytea, 's'] END) c (channel)
                        CROSS JOIN LATERAL (
                            SELECT b.message_id, b.channel, b.execution, b.visible_at, b.seq, b.body
                            FROM inbox b
                            WHERE b.ino = t.ino AND b.channel = c.channel AND b.visible_at <= v_now
                            ORDER BY b.visible_at, b.seq
                            LIMIT greatest(p_messages_max, 1)
                        ) b
                        ORDER BY b.channel, b.visible_at, b.seq
                        LIMIT greatest(p_messages_max, 1)
                    ) u
                    WINDOW w AS (ORDER BY u.channel, u.visible_at, u.seq)
                    ORDER BY u.channel, u.visible_at, u.seq
                ) v
                WHERE v.n = 1 OR v.bytes <= p_bytes_max
            ) m
        ) f
        WHERE f.n = 1 OR f.total_bytes <= p_turn_total_bytes_max
        ORDER BY f.n;
        -- What the messages of the others leave no room for is as it was before.
        GET DIAGNOSTICS v_returned = ROW_COUNT;
        IF v_returned < cardinality(v_turns) THEN
            UPDATE ready r SET
                lease_token = NULL,
                hold_until = t.hold_until,
                claim_at = t.claim_at,
                claim_order = t.claim_order,
                attempts = r.attempts - 1
            FROM unnest(v_turns, v_claim_ats, v_claim_orders, v_holds) WITH ORDINALITY
                t (ino, claim_at, claim_order, hold_until, n)
            WHERE r.ino = t.ino AND t.n > v_returned;
        END IF;
    END IF;
    IF v_activities IS NOT NULL THEN
        RETURN QUERY
        SELECT 2::smallint, i.id, i.incarnation, NULL::text, NULL::text, NULL::smallint,
            NULL::bytea, a.execution, NULL::bigint, NULL::uuid, NULL::bytea, NULL::bytea[],
            NULL::boolean, NULL::bigint, NULL::bigint, NULL::text, NULL::uuid, NULL::bigint, a.lease_token, a.attempts, NULL::uuid[],
            NULL::bytea[], NULL::bigint[], NULL::bigint[], NULL::bytea[], NULL::boolean,
            a.queue, a.activity_id, a.body, a.details,
            NULL::bigint, NULL::bigint[], NULL::bigint[], NULL::boolean, NULL::boolean
        FROM unnest(v_activities) WITH ORDINALITY t (id, n)
        JOIN activity a ON a.id = t.id
        JOIN instance i ON i.ino = a.ino
        ORDER BY t.n;
    END IF;
    RETURN QUERY
    SELECT 0::smallint, NULL::text, NULL::uuid, NULL::text, NULL::text, NULL::smallint,
        NULL::bytea, NULL::bigint, NULL::bigint, NULL::uuid, NULL::bytea, NULL::bytea[],
        NULL::boolean, NULL::bigint, NULL::bigint, NULL::text, NULL::uuid, NULL::bigint, NULL::uuid, NULL::integer,
        NULL::uuid[],
        NULL::bytea[], NULL::bigint[], NULL::bigint[], NULL::bytea[], NULL::boolean,
        NULL::text, NULL::bigint, NULL::bytea, NULL::bytea, v_now, p.turn_dues, p.queue_dues,
        p.has_peers, v_turn_floor = 0 AND v_activity_floor = 0
    FROM due_v1(p_node, p_turn_queues, p_queues, v_turn_floor, v_activity_floor) p;
END
$duroxide$;
