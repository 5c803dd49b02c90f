-- Management.

CREATE FUNCTION executions_v1(p_id text) RETURNS TABLE (
    execution bigint,
    status smallint,
    output bytea,
    started_ms bigint,
    completed_ms bigint,
    event_count bigint
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT e.execution, e.status,
        CASE WHEN e.execution = i.execution THEN i.output ELSE e.output END,
        e.started_ms, e.completed_ms,
        CASE WHEN e.execution = i.execution THEN i.next_event_id - 1 ELSE e.event_count END
    FROM instance i JOIN execution e ON e.ino = i.ino
    WHERE i.id = p_id
    ORDER BY e.execution;
END
$duroxide$;

-- Removes instances, but for their histories, which nobody can find any more and which sweep_v1
-- removes. The caller has locked their rows of `ready`.
CREATE FUNCTION remove_v1(p_inos bigint[]) RETURNS void LANGUAGE plpgsql {settings} AS $duroxide$
BEGIN
    PERFORM 1 FROM activity a WHERE a.ino = ANY (p_inos) ORDER BY a.id FOR UPDATE;
    DELETE FROM activity a WHERE a.ino = ANY (p_inos);
    DELETE FROM inbox b WHERE b.ino = ANY (p_inos);
    DELETE FROM topic t WHERE t.ino = ANY (p_inos);
    DELETE FROM value o WHERE o.ino = ANY (p_inos);
    DELETE FROM note o WHERE o.ino = ANY (p_inos);
    DELETE FROM label l WHERE l.ino = ANY (p_inos);
    DELETE FROM instance i WHERE i.ino = ANY (p_inos);
    DELETE FROM ready r WHERE r.ino = ANY (p_inos);
    INSERT INTO removal AS o (ino, through_execution)
    SELECT u.ino, 9223372036854775807 FROM unnest(p_inos) u (ino)
    ON CONFLICT (ino) DO UPDATE SET through_execution = excluded.through_execution;
END
$duroxide$;

-- Removes an instance, as remove_v1 does.
-- 0: done, 1: there is none, 2: it has not ended, 3: a control message may have it go on (DEL-05).
CREATE FUNCTION delete_v1(
    p_synchronous_commit text,
    p_id text,
    p_force boolean
) RETURNS smallint LANGUAGE plpgsql {settings} AS $duroxide$
DECLARE
    v_ino bigint;
    v_status smallint;
BEGIN
    IF p_synchronous_commit IS NOT NULL THEN
        PERFORM set_config('synchronous_commit', p_synchronous_commit, true);
    END IF;
    SELECT r.ino INTO v_ino FROM instance i JOIN ready r ON r.ino = i.ino
    WHERE i.id = p_id FOR UPDATE OF r;
    -- The status of now, and not of when this began to wait.
    SELECT i.status INTO v_status FROM instance i WHERE i.ino = v_ino;
    IF v_status IS NULL THEN
        RETURN 1;
    ELSIF NOT p_force AND v_status < 2 THEN
        RETURN 2;
    ELSIF NOT p_force AND EXISTS (SELECT FROM inbox b
        WHERE b.ino = v_ino AND b.channel = 'c' AND b.visible_at <= now_ms())
    THEN
        RETURN 3;
    END IF;
    PERFORM remove_v1(ARRAY[v_ino]);
    RETURN 0;
END
$duroxide$;

-- Forgets all executions but the latest ones, the oldest first and so many at most, and leaves their
-- histories to sweep_v1. How many, or NULL for an instance that is not there.
CREATE FUNCTION prune_v1(
    p_synchronous_commit text,
    p_id text,
    p_others_kept bigint,
    p_rows_max integer
) RETURNS bigint LANGUAGE plpgsql {settings} AS $duroxide$
DECLARE
    v_ino bigint;
    v_through bigint;
    v_pruned bigint;
BEGIN
    IF p_synchronous_commit IS NOT NULL THEN
        PERFORM set_config('synchronous_commit', p_synchronous_commit, true);
    END IF;
    SELECT r.ino INTO v_ino FROM instance i JOIN ready r ON r.ino = i.ino
    WHERE i.id = p_id FOR UPDATE OF r;
    SELECT i.execution - 1 - least(p_others_kept, i.execution - 1) INTO v_through
    FROM instance i WHERE i.ino = v_ino;
    IF v_through IS NULL THEN
        RETURN NULL;
    END IF;
    WITH pruned AS (
        DELETE FROM execution e WHERE e.ino = v_ino AND e.execution IN (
            SELECT o.execution FROM execution o
            WHERE o.ino = v_ino AND o.execution <= v_through
            ORDER BY o.execution LIMIT p_rows_max
        )
        RETURNING e.execution
    )
    SELECT count(*), max(p.execution) INTO v_pruned, v_through FROM pruned p;
    IF v_pruned > 0 THEN
        INSERT INTO removal AS o (ino, through_execution) VALUES (v_ino, v_through)
        ON CONFLICT (ino) DO UPDATE SET
            through_execution = greatest(o.through_execution, excluded.through_execution);
    END IF;
    RETURN v_pruned;
END
$duroxide$;

-- Removes at most so many rows of what remove_v1 and prune_v1 have left, so many values that have
-- expired, and a number of instances that have and for which no control is due (DEL-05); whether something is left. Of several callers each takes
-- other instances, and other values; where others work on all that has expired, it waits for one.
CREATE FUNCTION sweep_v1(p_rows_max integer) RETURNS boolean
LANGUAGE plpgsql {settings} AS $duroxide$
DECLARE
    -- An instance has several rows, so that it takes fewer of these.
    v_instances_max CONSTANT integer := greatest(p_rows_max / 50, 1);
    v_inos bigint[];
    v_through bigint[];
    v_is_left boolean;
    v_rows bigint;
    v_more bigint;
    v_values bigint;
    v_now bigint := now_ms();
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    DELETE FROM value o WHERE o.ctid = ANY (ARRAY(
        SELECT d.ctid FROM value d WHERE d.expires_at <= v_now
        ORDER BY d.expires_at LIMIT p_rows_max FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS v_values = ROW_COUNT;
    SELECT array_agg(l.ino) INTO v_inos FROM (
        SELECT r.ino FROM instance i JOIN ready r ON r.ino = i.ino
        WHERE i.expires_ms <= v_now AND NOT EXISTS (SELECT FROM inbox b
            WHERE b.ino = i.ino AND b.channel = 'c' AND b.visible_at <= v_now)
        ORDER BY i.expires_ms LIMIT v_instances_max FOR UPDATE OF r SKIP LOCKED
    ) l;
    IF v_inos IS NULL THEN
        SELECT array_agg(l.ino) INTO v_inos FROM (
            SELECT r.ino FROM instance i JOIN ready r ON r.ino = i.ino
            WHERE i.expires_ms <= v_now AND NOT EXISTS (SELECT FROM inbox b
                WHERE b.ino = i.ino AND b.channel = 'c' AND b.visible_at <= v_now)
            ORDER BY i.expires_ms LIMIT 1 FOR UPDATE OF r
        ) l;
    END IF;
    -- As they stand now that they are locked, and no more of them than have so many messages. What was stored
    -- while this waited is due later than when it began.
    v_now := now_ms();
    SELECT array_agg(s.ino) INTO v_inos FROM (
        SELECT i.ino, coalesce(sum(r.mail_count) OVER (ORDER BY i.expires_ms, i.ino
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS mail_before
        FROM instance i JOIN ready r ON r.ino = i.ino
        WHERE i.ino = ANY (v_inos) AND i.expires_ms <= v_now AND NOT EXISTS (SELECT FROM inbox b
            WHERE b.ino = i.ino AND b.channel = 'c' AND b.visible_at <= v_now)
    ) s
    WHERE s.mail_before < p_rows_max;
    IF v_inos IS NOT NULL THEN
        PERFORM remove_v1(v_inos);
    END IF;
    v_is_left := v_values >= p_rows_max
        OR EXISTS (SELECT FROM instance i WHERE i.expires_ms <= v_now AND NOT EXISTS (SELECT FROM inbox b
            WHERE b.ino = i.ino AND b.channel = 'c' AND b.visible_at <= v_now));
    -- Those above are among these, so that short histories go at once.
    SELECT array_agg(l.ino), array_agg(l.through_execution) INTO v_inos, v_through FROM (
        SELECT o.ino, o.through_execution FROM removal o
        ORDER BY o.ino LIMIT v_instances_max FOR UPDATE SKIP LOCKED
    ) l;
    IF v_inos IS NULL THEN
        RETURN v_is_left;
    END IF;
    DELETE FROM history h WHERE h.ctid = ANY (ARRAY(
        SELECT d.ctid FROM unnest(v_inos, v_through) o (ino, through)
        CROSS JOIN LATERAL (
            SELECT d.ctid FROM history d WHERE d.ino = o.ino AND d.execution <= o.through
            LIMIT p_rows_max
        ) d
        LIMIT p_rows_max
    ));
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    DELETE FROM execution e WHERE e.ctid = ANY (ARRAY(
        SELECT d.ctid FROM unnest(v_inos, v_through) o (ino, through)
        CROSS JOIN LATERAL (
            SELECT d.ctid FROM execution d WHERE d.ino = o.ino AND d.execution <= o.through
            LIMIT p_rows_max
        ) d
        LIMIT p_rows_max
    ));
    GET DIAGNOSTICS v_more = ROW_COUNT;
    IF v_rows < p_rows_max AND v_more < p_rows_max THEN
        DELETE FROM removal o WHERE o.ino = ANY (v_inos);
    END IF;
    RETURN v_is_left OR EXISTS (SELECT FROM removal);
END
$duroxide$;

-- What slows the queues down: rows that are dead and not yet vacuumed, and the oldest transaction of this
-- database, which keeps them from being vacuumed.
CREATE FUNCTION health_v1() RETURNS TABLE (
    name text,
    live_rows bigint,
    dead_rows bigint,
    oldest_transaction_ms bigint
) LANGUAGE sql SET search_path = {schema}, pg_temp AS $duroxide$
    SELECT s.relname::text, s.n_live_tup, s.n_dead_tup,
        (SELECT floor(extract(epoch FROM clock_timestamp() - min(a.xact_start)) * 1000)::bigint
            FROM pg_catalog.pg_stat_activity a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
                AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL))
    FROM pg_catalog.pg_stat_all_tables s
    WHERE s.schemaname = current_schema()
        AND s.relname IN ('instance', 'ready', 'label', 'inbox', 'topic', 'value', 'activity',
            'execution', 'history')
    ORDER BY s.relname
$duroxide$;
