-- Extends leases, or gives them back. The rows are locked in the order that commits keep, and looked at
-- after that, so that a lease that ends while this waits is lost. Nobody names a lease twice.

CREATE FUNCTION renew_v1(
    p_extend_ms bigint,
    t_id text[],
    t_token uuid[],
    a_id text[],
    a_incarnation uuid[],
    a_execution bigint[],
    a_activity_id bigint[],
    a_token uuid[]
) RETURNS TABLE (kind smallint, place integer) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint;
    v_locked record;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT * INTO v_locked FROM lock_leases_v1(t_id, a_id, a_incarnation,
        a_execution, a_activity_id);
    v_now := now_ms();
    RETURN QUERY
    UPDATE ready r SET
        hold_until = greatest(r.hold_until, v_now + p_extend_ms),
        claim_at = CASE WHEN r.claim_at IS NOT NULL
            THEN greatest(r.claim_at, v_now + p_extend_ms) END
    FROM unnest(v_locked.inos, v_locked.ino_places) t (ino, n)
    WHERE r.ino = t.ino AND r.lease_token = t_token[t.n] AND r.hold_until > v_now
    RETURNING 1::smallint, t.n;
    RETURN QUERY
    UPDATE activity a SET claim_at = greatest(a.claim_at, v_now + p_extend_ms)
    FROM unnest(v_locked.ids, v_locked.id_places) t (id, n)
    WHERE a.id = t.id AND a.lease_token = a_token[t.n] AND a.claim_at > v_now
    RETURNING 2::smallint, t.n;
END
$duroxide$;

-- The same for leases of which some bring details of their activity. A function of its own, so that plain
-- renewals are sent as they were.
CREATE FUNCTION renew_with_details_v1(
    p_extend_ms bigint,
    a_id text[],
    a_incarnation uuid[],
    a_execution bigint[],
    a_activity_id bigint[],
    a_token uuid[],
    a_details bytea[]
) RETURNS TABLE (kind smallint, place integer) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint;
    v_locked record;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT * INTO v_locked FROM lock_leases_v1('{}', a_id, a_incarnation,
        a_execution, a_activity_id);
    v_now := now_ms();
    RETURN QUERY
    UPDATE activity a SET
        claim_at = greatest(a.claim_at, v_now + p_extend_ms),
        details = a_details[t.n]
    FROM unnest(v_locked.ids, v_locked.id_places) t (id, n)
    WHERE a.id = t.id AND a.lease_token = a_token[t.n] AND a.claim_at > v_now
    RETURNING 2::smallint, t.n;
END
$duroxide$;

-- Locks what these leases are of: the numbers of what is there, and the place of each lease.
CREATE FUNCTION lock_leases_v1(
    t_id text[],
    a_id text[],
    a_incarnation uuid[],
    a_execution bigint[],
    a_activity_id bigint[],
    OUT inos bigint[],
    OUT ino_places integer[],
    OUT ids bigint[],
    OUT id_places integer[]
) LANGUAGE plpgsql AS $duroxide$
#variable_conflict use_column
BEGIN
    -- Found first and locked then, by the number alone: see commit_v1.
    SELECT array_agg(i.ino), array_agg(t.n::integer) INTO inos, ino_places
    FROM unnest(t_id) WITH ORDINALITY t (id, n)
    JOIN instance i ON i.id = t.id;
    PERFORM 1 FROM ready r WHERE r.ino = ANY (inos) ORDER BY r.ino FOR UPDATE;
    SELECT array_agg(a.id), array_agg(t.n::integer) INTO ids, id_places
    FROM unnest(a_id, a_incarnation, a_execution, a_activity_id) WITH ORDINALITY
        t (id, incarnation, execution, activity_id, n)
    JOIN instance i ON i.id = t.id AND i.incarnation = t.incarnation
    JOIN activity a ON a.ino = i.ino AND a.execution = t.execution
        AND a.activity_id = t.activity_id;
    PERFORM 1 FROM activity a WHERE a.id = ANY (ids) ORDER BY a.id FOR UPDATE;
END
$duroxide$;

-- An item keeps the attempts that are not taken back: none, where more are than it has. It keeps its details,
-- and an instance its note, where no others are brought.
-- The last row, of kind 0, says when the first instance that was given back can be claimed, and whether
-- others want to hear of it.
CREATE FUNCTION release_v1(
    p_node uuid,
    t_id text[],
    t_token uuid[],
    t_delay_ms bigint[],
    t_attempts_back integer[],
    t_notes bytea[],
    a_id text[],
    a_incarnation uuid[],
    a_execution bigint[],
    a_activity_id bigint[],
    a_token uuid[],
    a_delay_ms bigint[],
    a_attempts_back integer[],
    a_details bytea[]
) RETURNS TABLE (
    kind smallint,
    place integer,
    queue text,
    due bigint,
    at_ms bigint,
    has_peers boolean
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    v_now bigint;
    v_locked record;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT * INTO v_locked FROM lock_leases_v1(t_id, a_id, a_incarnation,
        a_execution, a_activity_id);
    v_now := now_ms();
    IF t_notes IS NOT NULL THEN
        INSERT INTO note AS o (ino, commit_id, note)
        SELECT i.ino, i.commit_id, t_notes[t.n]
        FROM unnest(v_locked.inos, v_locked.ino_places) t (ino, n)
        JOIN ready r ON r.ino = t.ino
        JOIN instance i ON i.ino = t.ino
        WHERE r.lease_token = t_token[t.n] AND r.hold_until > v_now AND t_notes[t.n] IS NOT NULL
        ON CONFLICT (ino) DO UPDATE SET commit_id = excluded.commit_id, note = excluded.note;
    END IF;
    RETURN QUERY
    UPDATE ready r SET
        lease_token = NULL,
        hold_until = v_now + t_delay_ms[t.n],
        claim_order = nextval('claim_order'),
        attempts = greatest(0, r.attempts - t_attempts_back[t.n]),
        -- A control message does not wait for the end of the delay (LEA-06).
        claim_at = (
            SELECT min(greatest(b.visible_at,
                CASE WHEN c.channel = 'c' THEN v_now ELSE v_now + t_delay_ms[t.n] END))
            FROM unnest(CASE WHEN i.suspended THEN ARRAY['c'::bytea]
                ELSE ARRAY['c'::bytea, 's'] || i.awaited END) c (channel)
            CROSS JOIN LATERAL (
                SELECT b.visible_at FROM inbox b WHERE b.ino = r.ino AND b.channel = c.channel
                ORDER BY b.visible_at, b.seq LIMIT 1
            ) b
        )
    FROM unnest(v_locked.inos, v_locked.ino_places) t (ino, n)
    JOIN instance i ON i.ino = t.ino
    WHERE r.ino = t.ino AND r.lease_token = t_token[t.n] AND r.hold_until > v_now
    RETURNING 1::smallint, t.n, r.queue, r.claim_at, NULL::bigint, NULL::boolean;
    RETURN QUERY
    UPDATE activity a SET
        lease_token = NULL,
        claim_at = v_now + a_delay_ms[t.n],
        details = coalesce(a_details[t.n], a.details),
        attempts = greatest(0, a.attempts - a_attempts_back[t.n])
    FROM unnest(v_locked.ids, v_locked.id_places) t (id, n)
    WHERE a.id = t.id AND a.lease_token = a_token[t.n] AND a.claim_at > v_now
    RETURNING 2::smallint, t.n, a.queue, a.claim_at, NULL::bigint, NULL::boolean;
    RETURN QUERY
    SELECT 0::smallint, 0, NULL::text, NULL::bigint, v_now,
        EXISTS (SELECT FROM node n WHERE n.id <> p_node AND n.alive_until > clock_timestamp());
END
$duroxide$;
