-- When messages wake an instance: control ends the delay of a release and waits for the end of a lease, all
-- else waits for both (LEA-06). The planner inlines it.
CREATE FUNCTION wake_at_v1(control_at bigint, work_at bigint, lease_token uuid, hold_until bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $duroxide$
    SELECT least(
        CASE WHEN lease_token IS NULL THEN control_at
            WHEN control_at IS NOT NULL THEN greatest(control_at, hold_until) END,
        CASE WHEN work_at IS NOT NULL THEN greatest(work_at, hold_until) END)
$duroxide$;

-- Applies any number of turns, outcomes and sends in one transaction.
--
-- Arrays of one prefix belong together, an element for each row:
--   p_ids  the instances that are involved, each once; the others name them by their place here
--   t_  turns                  e_  executions of a turn      h_  chunks of history of a turn
--   w_  the topics that turns await, those of each between t_awaited_first and t_awaited_last
--   k_  values that turns set, and remove where there is no value
--   c_  consumed messages      a_  new activities            x_  cancelled activities, by range
--   f_  activities that a turn completes                     o_  outcomes of activities
--   m_  envelopes: of a turn, or of a client where m_turn is 0; m_replacing has the places of those that
--       take the place of an instance that has ended (STA-08)
--   l_  the labels of instances that are created here, and in which life
-- t_parent and m_parent name whose child a new instance is: 36 characters of the incarnation, then the id.
-- They end with the last one that has any.
-- t_new_id and m_new_id hold the id of the instance that the row creates, if it does; a turn with
-- neither an id to create nor a token goes on without a lease (FEN-07).
-- What a turn or an outcome breaks without a look at the store is known to the caller, who says so in
-- t_valid and o_valid; it counts only where nothing else comes before it.
--
-- The caller sees to it that no instance has two turns or two creators here, that no activity is
-- named by two of f_ and o_, and that nothing else here is about an instance that is replaced.
--
-- What is locked, in this order: what is replaced, as remove_v1 needs it; instances that are new, in the order of their ids; the rows of
-- `ready`, in the order of their numbers; activities, in the order of theirs. Who locks several rows
-- elsewhere keeps the same order, so that nobody waits in a circle. The rows of `topic` are changed by
-- whoever has locked the instance's row of `ready`, so that nobody ever waits for one of them.
--
-- No mail is left behind without a wake-up (WAK-01), whatever races: who sends holds the receiver's row
-- of `ready` while it looks whether the topic is awaited, and a turn holds it while it says what is
-- awaited from now on and looks for mail of that. Both look by statements that begin once they hold it,
-- and both hold it until they have committed, so that the one that comes second sees what the first
-- one did.
--
-- Rows of kind 0 (one, the last), 1 (a turn), 2 (an outcome), 3 (a client's envelope), 4 (a cancelled
-- activity that was leased) and 5 (a message that nobody is there for, at the place of its
-- turn).
CREATE FUNCTION commit_v1(
    p_node uuid,
    p_synchronous_commit text,
    p_topic_messages_max bigint,
    p_mail_messages_max bigint,
    p_control_messages_max bigint,
    p_values_max bigint,
    p_values_bytes_max bigint,
    p_ids text[],
    t_ref integer[],
    t_commit_id uuid[],
    t_token uuid[],
    t_new_id text[],
    t_incarnation uuid[],
    t_execution bigint[],
    t_next_event_id bigint[],
    t_last_commit_id uuid[],
    t_valid boolean[],
    t_opens_ended boolean[],
    t_queue text[],
    t_orchestration text[],
    t_version text[],
    t_core_state bytea[],
    t_status smallint[],
    t_output bytea[],
    t_end_execution bigint[],
    t_end_next_event_id bigint[],
    t_suspended boolean[],
    t_expire_after_ms bigint[],
    t_awaited_first integer[],
    t_awaited_last integer[],
    t_purge_through bigint[],
    w_channel bytea[],
    k_turn integer[],
    k_key bytea[],
    k_value bytea[],
    k_expires_after_ms bigint[],
    e_turn integer[],
    e_execution bigint[],
    e_status smallint[],
    e_event_count bigint[],
    e_output bytea[],
    h_turn integer[],
    h_execution bigint[],
    h_first_event_id bigint[],
    h_event_count bigint[],
    h_body bytea[],
    c_turn integer[],
    c_message_id uuid[],
    a_turn integer[],
    a_execution bigint[],
    a_activity_id bigint[],
    a_queue text[],
    a_token uuid[],
    a_lease_ms bigint[],
    a_body bytea[],
    x_turn integer[],
    x_execution bigint[],
    x_first_id bigint[],
    x_last_id bigint[],
    f_turn integer[],
    f_ref integer[],
    f_incarnation uuid[],
    f_execution bigint[],
    f_activity_id bigint[],
    f_token uuid[],
    o_ref integer[],
    o_incarnation uuid[],
    o_execution bigint[],
    o_activity_id bigint[],
    o_token uuid[],
    o_valid boolean[],
    o_message_id uuid[],
    o_channel bytea[],
    o_message_execution bigint[],
    o_body bytea[],
    m_turn integer[],
    m_ref integer[],
    m_new_id text[],
    m_incarnation uuid[],
    m_queue text[],
    m_orchestration text[],
    m_core_state bytea[],
    m_delay_ms bigint[],
    m_message_id uuid[],
    m_channel bytea[],
    m_execution bigint[],
    m_body bytea[],
    m_replacing integer[],
    t_parent text[],
    m_parent text[],
    l_ref integer[],
    l_incarnation uuid[],
    l_key bytea[],
    l_value bytea[]
) RETURNS TABLE (
    kind smallint,
    place integer,
    code smallint,
    incarnation uuid,
    created_ms bigint,
    suspended boolean,
    queue text,
    execution bigint,
    activity_id bigint,
    token uuid,
    at_ms bigint,
    turn_queues text[],
    turn_dues bigint[],
    has_peers boolean,
    has_parent boolean
) LANGUAGE plpgsql {settings} AS $duroxide$
#variable_conflict use_column
DECLARE
    -- Arrays have no initial values, each of which would be worked out anew by every call: one that was
    -- not set has no elements either.
    -- What came of a turn, an outcome or an envelope.
    done CONSTANT smallint := 0;
    repeated CONSTANT smallint := 1;
    already_exists CONSTANT smallint := 2;
    lease_lost CONSTANT smallint := 3;
    position_conflict CONSTANT smallint := 4;
    activity_lost CONSTANT smallint := 5;
    not_valid CONSTANT smallint := 6;
    absent CONSTANT smallint := 7;
    topic_full CONSTANT smallint := 8;
    nothing_to_do CONSTANT smallint := 9;
    mail_full CONSTANT smallint := 10;
    control_full CONSTANT smallint := 11;
    ended CONSTANT smallint := 12;
    values_full CONSTANT smallint := 13;
    values_long CONSTANT smallint := 14;
    not_ended CONSTANT smallint := 15;

    v_now bigint;
    v_turns integer := cardinality(t_ref);
    v_creates boolean := cardinality(array_remove(m_new_id, NULL))
        + cardinality(array_remove(t_new_id, NULL)) > 0;
    v_sends_mail boolean := 't' <= ANY (m_channel) OR 't' <= ANY (o_channel);
    v_new bigint[];
    v_locked integer;
    v_present integer;
    -- By the place in p_ids; 0 for an instance that is not there.
    v_ino bigint[];
    v_incarnation uuid[];
    v_status smallint[];
    v_execution bigint[];
    v_next_event_id bigint[];
    v_commit_id uuid[];
    v_suspended boolean[];
    v_queue text[];
    v_created_ms bigint[];
    v_has_parent boolean[];
    v_token uuid[];
    v_hold_until bigint[];
    v_mail_count integer[];
    -- By turn, outcome, envelope.
    v_code smallint[];
    v_outcome smallint[];
    v_fate smallint[];
    v_is_crowded boolean;
    -- Of each turn the first activity that it completes and that is not held, or 0, where there may be any.
    v_is_any_lost boolean;
    v_lost bigint[];
    -- Of the turns that are applied.
    v_settled bigint[];
    -- The activities that are locked here, and what is known of each.
    v_activity bigint[];
    v_activity_turn integer[];
    v_activity_f integer[];
    v_activity_o integer[];
    v_activity_wanted uuid[];
    v_activity_execution bigint[];
    v_activity_activity_id bigint[];
    v_activity_token uuid[];
    v_activity_is_held boolean[];
    -- One element for each mail that was removed, and for each message that was stored.
    v_gone bigint[];
    v_gone_channel bytea[];
    v_stored bigint[];
    v_stored_channel bytea[];
    v_stored_at bigint[];
    -- When turns of which queues become claimable.
    v_due_queues text[];
    v_dues bigint[];
    v_raised_queues text[];
    v_raised_dues bigint[];
BEGIN
    IF p_synchronous_commit IS NOT NULL THEN
        PERFORM set_config('synchronous_commit', p_synchronous_commit, true);
    END IF;
    v_now := now_ms();

    -- Should a lock of these end in a deadlock with those below, the caller makes the commit again.
    IF cardinality(m_replacing) > 0 THEN
        SELECT array_agg(l.ino) INTO v_new FROM (
            SELECT r.ino FROM unnest(m_replacing) p (n)
            JOIN instance i ON i.id = m_new_id[p.n]
            JOIN ready r ON r.ino = i.ino
            WHERE i.incarnation <> m_message_id[p.n]
            ORDER BY r.ino
            FOR UPDATE OF r
        ) l;
        -- What is now, and not what was when this began to wait: control may have come meanwhile.
        SELECT array_agg(i.ino) INTO v_new FROM instance i WHERE i.ino = ANY (v_new) AND i.status > 1
            AND NOT EXISTS (SELECT FROM inbox b
                WHERE b.ino = i.ino AND b.channel = 'c' AND b.visible_at <= now_ms());
        IF v_new IS NOT NULL THEN
            PERFORM remove_v1(v_new);
            v_new := NULL;
        END IF;
    END IF;

    -- New instances come first, before it is known whether their creator may create them: whoever
    -- waits for one of these rows holds no other lock yet. In a second pass it may; should that end in
    -- a deadlock, the caller makes the commit again.
    LOOP
        IF v_creates THEN
            WITH created AS (
                INSERT INTO instance (id, incarnation, status, execution, next_event_id, created_ms,
                    updated_ms, queue, orchestration, core_state, parent_incarnation, parent_id)
                SELECT DISTINCT ON (c.id) c.id, c.incarnation, 0, 1, 1, v_now, v_now, c.queue,
                    c.orchestration, c.core_state, left(c.parent, 36)::uuid, substr(c.parent, 37)
                FROM (
                    SELECT m.id COLLATE "C" AS id, m.message_id AS incarnation, m.queue,
                        m.orchestration, m.core_state, m.parent, m.n
                    FROM unnest(m_new_id, m_message_id, m_queue, m_orchestration, m_core_state,
                        m_parent) WITH ORDINALITY
                        m (id, message_id, queue, orchestration, core_state, parent, n)
                    WHERE m.id IS NOT NULL
                    UNION ALL
                    SELECT t.id COLLATE "C", t.incarnation, t.queue, t.orchestration, t.core_state,
                        t.parent, 0
                    FROM unnest(t_new_id, t_incarnation, t_queue, t_orchestration, t_core_state,
                        t_parent) t (id, incarnation, queue, orchestration, core_state, parent)
                    WHERE t.id IS NOT NULL
                ) c
                ORDER BY c.id, c.n
                ON CONFLICT (id) DO NOTHING
                RETURNING ino, queue
            ), readied AS (
                INSERT INTO ready (ino, queue, claim_order, hold_until)
                SELECT c.ino, c.queue, 0, v_now FROM created c
                RETURNING ino
            )
            SELECT v_new || coalesce(array_agg(r.ino), '{}') INTO v_new FROM readied r;
        END IF;
        SELECT count(*) INTO v_locked FROM (
            SELECT r.ino FROM unnest(p_ids) u (id)
            JOIN instance i ON i.id = u.id
            JOIN ready r ON r.ino = i.ino
            ORDER BY r.ino
            FOR UPDATE OF r
        ) l;
        -- A statement of its own, whose snapshot is younger than the locks.
        SELECT array_agg(coalesce(l.ino, 0)),
            array_agg(coalesce(l.incarnation, '00000000-0000-0000-0000-000000000000')),
            array_agg(coalesce(l.status, 0::smallint)),
            array_agg(coalesce(l.execution, 0)),
            array_agg(coalesce(l.next_event_id, 0)),
            array_agg(l.commit_id),
            array_agg(coalesce(l.suspended, false)),
            array_agg(coalesce(l.queue, '')),
            array_agg(coalesce(l.created_ms, 0)),
            array_agg(l.parent_id IS NOT NULL),
            array_agg(l.lease_token),
            array_agg(coalesce(l.hold_until, 0)),
            array_agg(coalesce(l.mail_count, 0))
        INTO v_ino, v_incarnation, v_status, v_execution, v_next_event_id, v_commit_id,
            v_suspended, v_queue, v_created_ms, v_has_parent, v_token, v_hold_until, v_mail_count
        FROM (
            SELECT i.ino, i.incarnation, i.status, i.execution, i.next_event_id, i.commit_id,
                i.suspended, i.queue, i.created_ms, i.parent_id, r.lease_token, r.hold_until,
                r.mail_count
            FROM unnest(p_ids) WITH ORDINALITY u (id, n)
            LEFT JOIN instance i ON i.id = u.id
            LEFT JOIN ready r ON r.ino = i.ino
            ORDER BY u.n
        ) l;
        -- One that was deleted and created again while this waited is not locked yet.
        v_present := cardinality(array_remove(v_ino, 0));
        CONTINUE WHEN v_locked <> v_present;
        -- One that was there and was deleted while this waited is not created yet.
        EXIT WHEN NOT v_creates OR v_present = cardinality(p_ids);
        EXIT WHEN NOT EXISTS (
            SELECT FROM unnest(t_ref || m_ref, t_new_id || m_new_id) c (ref, new_id)
            WHERE c.new_id IS NOT NULL AND v_ino[c.ref] = 0
        );
    END LOOP;
    v_now := now_ms();

    -- The fences of turns.
    IF v_turns > 0 THEN
        SELECT array_agg(CASE
                WHEN v_ino[t.ref] > 0 AND v_commit_id[t.ref] = t.commit_id THEN repeated
                WHEN t.new_id IS NOT NULL AND v_ino[t.ref] <> ALL (v_new) THEN already_exists
                WHEN CASE
                    WHEN t.new_id IS NOT NULL THEN false
                    -- An instance that is not there has no row to compare with.
                    WHEN v_ino[t.ref] = 0 THEN true
                    WHEN t.token IS NULL
                    THEN v_incarnation[t.ref] <> t.incarnation OR v_hold_until[t.ref] > v_now
                        OR v_suspended[t.ref]
                    ELSE v_token[t.ref] IS DISTINCT FROM t.token OR v_hold_until[t.ref] <= v_now
                END THEN lease_lost
                WHEN v_execution[t.ref] <> t.execution
                    OR v_next_event_id[t.ref] <> t.next_event_id
                    OR t.new_id IS NULL AND t.token IS NULL
                        AND v_commit_id[t.ref] IS DISTINCT FROM t.last_commit_id
                THEN position_conflict
                -- Whether what a turn completes is held comes before its own flaws.
                WHEN cardinality(f_turn) > 0 THEN done
                WHEN NOT t.valid THEN not_valid
                WHEN t.opens_ended AND v_status[t.ref] < 2 THEN not_ended
                ELSE done
            END ORDER BY t.n)
        INTO v_code
        FROM unnest(t_ref, t_commit_id, t_token, t_new_id, t_incarnation, t_execution,
            t_next_event_id, t_last_commit_id, t_valid, t_opens_ended) WITH ORDINALITY
            t (ref, commit_id, token, new_id, incarnation, execution, next_event_id, last_commit_id,
                valid, opens_ended, n);
    END IF;

    -- The activities that go: found, locked in their order, and looked at after that. Found and locked
    -- at once, a row that a renewal has written meanwhile would be matched with the arguments once
    -- more, and be left out (EvalPlanQual does not look behind a UNION ALL).
    IF cardinality(f_turn) + cardinality(o_ref) + cardinality(x_turn) > 0 THEN
        SELECT coalesce(array_agg(a.id), '{}'), coalesce(array_agg(w.turn), '{}'),
            coalesce(array_agg(w.f), '{}'), coalesce(array_agg(w.o), '{}'),
            coalesce(array_agg(w.token), '{}')
        INTO v_activity, v_activity_turn, v_activity_f, v_activity_o, v_activity_wanted
        FROM (
            SELECT f.turn, f.n::integer AS f, 0 AS o, f.ref, f.execution,
                f.activity_id AS first_id, f.activity_id AS last_id, f.token
            FROM unnest(f_turn, f_ref, f_incarnation, f_execution, f_activity_id, f_token)
                WITH ORDINALITY f (turn, ref, incarnation, execution, activity_id, token, n)
            WHERE f.incarnation = v_incarnation[f.ref]
            UNION ALL
            SELECT 0, 0, o.n::integer, o.ref, o.execution, o.activity_id, o.activity_id, o.token
            FROM unnest(o_ref, o_incarnation, o_execution, o_activity_id, o_token)
                WITH ORDINALITY o (ref, incarnation, execution, activity_id, token, n)
            WHERE o.incarnation = v_incarnation[o.ref]
            UNION ALL
            SELECT x.turn, 0, 0, t_ref[x.turn], x.execution, x.first_id, x.last_id,
                '00000000-0000-0000-0000-000000000000'
            FROM unnest(x_turn, x_execution, x_first_id, x_last_id)
                x (turn, execution, first_id, last_id)
            WHERE v_code[x.turn] = done
        ) w
        JOIN activity a ON a.ino = v_ino[w.ref] AND a.execution = w.execution
            AND a.activity_id BETWEEN w.first_id AND w.last_id;
        PERFORM 1 FROM activity a WHERE a.id = ANY (v_activity) ORDER BY a.id FOR UPDATE;
        SELECT coalesce(array_agg(coalesce(l.execution, 0)), '{}'),
            coalesce(array_agg(coalesce(l.activity_id, 0)), '{}'),
            coalesce(array_agg(
                coalesce(l.lease_token, '00000000-0000-0000-0000-000000000000')), '{}'),
            coalesce(array_agg(coalesce(l.lease_token IS NOT NULL AND l.claim_at > v_now
                AND (l.f + l.o = 0 OR l.lease_token = l.wanted), false)), '{}')
        INTO v_activity_execution, v_activity_activity_id, v_activity_token, v_activity_is_held
        FROM (
            SELECT a.execution, a.activity_id, a.lease_token, a.claim_at, l.f, l.o, l.wanted
            FROM unnest(v_activity, v_activity_f, v_activity_o, v_activity_wanted) WITH ORDINALITY
                l (id, f, o, wanted, n)
            LEFT JOIN activity a ON a.id = l.id
            ORDER BY l.n
        ) l;
    END IF;

    -- What is left of the checks. Whether each activity is there and held shows without another look, unless
    -- some are cancelled, of which there may be any number.
    v_is_any_lost := cardinality(f_turn) > 0 AND (cardinality(x_turn) > 0
        OR cardinality(v_activity) < cardinality(f_turn) + cardinality(o_ref)
        OR false = ANY (v_activity_is_held));
    IF v_is_any_lost THEN
        SELECT array_agg(l.place ORDER BY l.turn) INTO v_lost
        FROM (
            SELECT u.turn, coalesce(min(u.place) FILTER (WHERE NOT u.is_held), 0) AS place
            FROM (
                SELECT f.turn, f.place, bool_or(f.is_held) AS is_held
                FROM (
                    SELECT f.turn, row_number() OVER (PARTITION BY f.turn ORDER BY f.n) AS place,
                        f.n, false AS is_held
                    FROM unnest(f_turn) WITH ORDINALITY f (turn, n)
                    UNION ALL
                    SELECT f_turn[a.f], a.f - array_position(f_turn, f_turn[a.f]) + 1, a.f,
                        a.is_held
                    FROM unnest(v_activity_f, v_activity_is_held) a (f, is_held)
                    WHERE a.f > 0
                ) f
                GROUP BY f.turn, f.place
                UNION ALL
                SELECT t.n, 0, true FROM unnest(t_valid) WITH ORDINALITY t (valid, n)
            ) u
            GROUP BY u.turn
        ) l;
    END IF;
    IF cardinality(f_turn) > 0 AND (v_is_any_lost OR false = ANY (t_valid) OR true = ANY (t_opens_ended))
    THEN
        SELECT array_agg(CASE
                WHEN v_code[t.n] <> done THEN v_code[t.n]
                WHEN v_lost[t.n] > 0 THEN activity_lost
                WHEN NOT t.valid THEN not_valid
                WHEN t.opens_ended AND v_status[t_ref[t.n]] < 2 THEN not_ended
                ELSE done
            END ORDER BY t.n)
        INTO v_code
        FROM unnest(t_valid, t_opens_ended) WITH ORDINALITY t (valid, opens_ended, n);
    END IF;
    IF cardinality(o_ref) > 0 THEN
        SELECT array_agg(CASE
                WHEN NOT o.is_held THEN lease_lost
                WHEN NOT o_valid[o.n] THEN not_valid
                ELSE done
            END ORDER BY o.n)
        INTO v_outcome
        FROM (
            SELECT u.n, bool_or(u.is_held) AS is_held
            FROM (
                SELECT o.n, false AS is_held FROM unnest(o_ref) WITH ORDINALITY o (ref, n)
                UNION ALL
                SELECT l.o, l.is_held FROM unnest(v_activity_o, v_activity_is_held) l (o, is_held)
                WHERE l.o > 0
            ) u
            GROUP BY u.n
        ) o;
    END IF;

    -- What the turns leave of the values that do not expire, of those that set one.
    IF cardinality(k_turn) > 0 THEN
        SELECT array_agg(CASE
                WHEN v_code[t.n] <> done THEN v_code[t.n]
                WHEN l.count > p_values_max THEN values_full
                WHEN l.bytes > p_values_bytes_max THEN values_long
                ELSE done
            END ORDER BY t.n)
        INTO v_code
        FROM unnest(t_ref) WITH ORDINALITY t (ref, n)
        LEFT JOIN (
            SELECT s.turn, count(*) AS count, sum(s.bytes) AS bytes
            FROM (
                SELECT k.turn::bigint, octet_length(k.value) AS bytes, true AS is_set
                FROM unnest(k_turn, k_value, k_expires_after_ms) k (turn, value, expires_after_ms)
                WHERE k.value IS NOT NULL AND k.expires_after_ms IS NULL
                UNION ALL
                SELECT t.n, octet_length(o.value), false
                FROM unnest(t_ref) WITH ORDINALITY t (ref, n)
                JOIN value o ON o.ino = v_ino[t.ref]
                WHERE t.n = ANY (k_turn) AND o.expires_at IS NULL
                    AND NOT EXISTS (
                        SELECT FROM unnest(k_turn, k_key) k (turn, key)
                        WHERE k.turn = t.n AND k.key = o.key
                    )
            ) s
            GROUP BY s.turn
            HAVING bool_or(s.is_set)
        ) l ON l.turn = t.n;
    END IF;

    -- A refused turn creates nothing.
    IF cardinality(v_new) > 0 AND NOT done = ALL (v_code) THEN
        WITH refused AS (
            SELECT v_ino[t.ref] AS ino
            FROM unnest(t_ref, t_new_id) WITH ORDINALITY t (ref, new_id, n)
            WHERE t.new_id IS NOT NULL AND v_code[t.n] <> done
            UNION
            SELECT v_ino[m.ref] FROM unnest(m_ref, m_turn, m_new_id) m (ref, turn, new_id)
            WHERE m.new_id IS NOT NULL AND m.turn > 0 AND v_code[m.turn] <> done
        ), unready AS (
            DELETE FROM ready r USING refused d WHERE r.ino = d.ino AND d.ino = ANY (v_new)
            RETURNING r.ino
        )
        DELETE FROM instance i USING unready u WHERE i.ino = u.ino;
        SELECT array_agg(coalesce(i.ino, 0) ORDER BY u.n) INTO v_ino
        FROM unnest(p_ids) WITH ORDINALITY u (id, n) LEFT JOIN instance i ON i.id = u.id;
    END IF;

    IF cardinality(l_ref) > 0 THEN
        INSERT INTO label (ino, key, value)
        SELECT v_ino[l.ref], l.key, l.value
        FROM unnest(l_ref, l_incarnation, l_key, l_value) l (ref, incarnation, key, value)
        WHERE v_ino[l.ref] = ANY (v_new) AND v_incarnation[l.ref] = l.incarnation;
    END IF;

    -- Histories, and the rows of executions that open or close.
    IF cardinality(h_turn) > 0 THEN
        INSERT INTO history (ino, execution, first_event_id, event_count, body)
        SELECT v_ino[t_ref[h.turn]], h.execution, h.first_event_id, h.event_count, h.body
        FROM unnest(h_turn, h_execution, h_first_event_id, h_event_count, h_body)
            h (turn, execution, first_event_id, event_count, body)
        WHERE v_code[h.turn] = done;
    END IF;
    -- What ended an instance that is opened again was in its head, and goes with the execution that it
    -- was of (EXE-04).
    IF true = ANY (t_opens_ended) THEN
        UPDATE execution x SET output = i.output
        FROM unnest(t_ref, t_opens_ended) WITH ORDINALITY t (ref, opens_ended, n)
        JOIN instance i ON i.ino = v_ino[t.ref]
        WHERE t.opens_ended AND v_code[t.n] = done AND x.ino = i.ino AND x.execution = i.execution;
    END IF;
    -- Where everything runs and goes on to run, there is no such row.
    IF 1 <> ANY (e_status) OR 1 <> ANY (v_status) AND cardinality(e_turn) > 0 THEN
        INSERT INTO execution AS x (ino, execution, status, started_ms, completed_ms, event_count,
            output)
        SELECT v_ino[t_ref[e.turn]], e.execution, e.status, v_now,
            CASE WHEN e.status <> 1 THEN v_now END, e.event_count, e.output
        FROM unnest(e_turn, e_execution, e_status, e_event_count, e_output)
            e (turn, execution, status, event_count, output)
        WHERE v_code[e.turn] = done
            -- A running one has its row, which is true still.
            AND NOT (e.status = 1 AND v_status[t_ref[e.turn]] = 1
                AND v_execution[t_ref[e.turn]] = e.execution)
        ON CONFLICT (ino, execution) DO UPDATE SET status = excluded.status,
            completed_ms = excluded.completed_ms, event_count = excluded.event_count,
            output = excluded.output;
    END IF;

    -- Messages that were consumed, and those that nobody wants any more.
    IF cardinality(c_turn) > 0 THEN
        WITH gone AS (
            DELETE FROM inbox b USING unnest(c_turn, c_message_id) c (turn, message_id)
            WHERE b.ino = v_ino[t_ref[c.turn]] AND b.message_id = c.message_id
                AND v_code[c.turn] = done
            RETURNING b.ino, b.channel
        )
        SELECT array_agg(g.ino), array_agg(g.channel) INTO v_gone, v_gone_channel
        FROM gone g WHERE g.channel >= 't';
        IF v_gone IS NOT NULL THEN
            WITH fewer AS (
                SELECT g.ino, g.channel, count(*)::integer AS messages
                FROM unnest(v_gone, v_gone_channel) g (ino, channel)
                GROUP BY g.ino, g.channel
            ), emptied AS (
                DELETE FROM topic o USING fewer f
                WHERE o.ino = f.ino AND o.channel = f.channel AND o.messages <= f.messages
            )
            UPDATE topic o SET messages = o.messages - f.messages FROM fewer f
            WHERE o.ino = f.ino AND o.channel = f.channel AND o.messages > f.messages;
        END IF;
    END IF;
    -- Mail is addressed to no execution, and is not looked at (COM-03).
    IF cardinality(array_remove(t_purge_through, NULL)) > 0 THEN
        DELETE FROM inbox b USING unnest(t_ref, t_purge_through) WITH ORDINALITY
            t (ref, purge_through, n)
        WHERE b.ino = v_ino[t.ref] AND b.channel IN ('c', 's') AND b.execution <= t.purge_through
            AND v_code[t.n] = done;
    END IF;

    IF cardinality(k_turn) > 0 THEN
        DELETE FROM value o USING unnest(k_turn, k_key, k_value) k (turn, key, value)
        WHERE o.ino = v_ino[t_ref[k.turn]] AND o.key = k.key AND k.value IS NULL
            AND v_code[k.turn] = done;
        INSERT INTO value AS o (ino, key, version, expires_at, value)
        SELECT v_ino[t_ref[k.turn]], k.key, t_commit_id[k.turn], v_now + k.expires_after_ms, k.value
        FROM unnest(k_turn, k_key, k_value, k_expires_after_ms)
            k (turn, key, value, expires_after_ms)
        WHERE k.value IS NOT NULL AND v_code[k.turn] = done
        ON CONFLICT (ino, key) DO UPDATE SET version = excluded.version,
            expires_at = excluded.expires_at, value = excluded.value;
    END IF;

    -- Activities: the new ones first, so that the table itself refuses a key that is there, even that
    -- of one which goes (ACT-01).
    IF cardinality(a_turn) > 0 THEN
        INSERT INTO activity (ino, execution, activity_id, queue, claim_at, lease_token, attempts,
            body)
        SELECT v_ino[t_ref[a.turn]], a.execution, a.activity_id, a.queue,
            v_now + coalesce(a.lease_ms, 0), a.token, CASE WHEN a.token IS NULL THEN 0 ELSE 1 END,
            a.body
        FROM unnest(a_turn, a_execution, a_activity_id, a_queue, a_token, a_lease_ms, a_body)
            WITH ORDINALITY a (turn, execution, activity_id, queue, token, lease_ms, body, n)
        WHERE v_code[a.turn] = done
        ORDER BY a.n;
    END IF;
    IF cardinality(v_activity) > 0 THEN
        DELETE FROM activity a WHERE a.id = ANY (ARRAY(
            SELECT l.id FROM unnest(v_activity, v_activity_turn, v_activity_o) l (id, turn, o)
            WHERE l.o > 0 AND v_outcome[l.o] = done OR l.turn > 0 AND v_code[l.turn] = done
        ));
    END IF;
    IF cardinality(x_turn) > 0 THEN
        -- What ended by itself was not cancelled.
        RETURN QUERY
        SELECT 4::smallint, l.turn, done, NULL::uuid, NULL::bigint, NULL::boolean, NULL::text, l.execution,
            l.activity_id, l.token, NULL::bigint, NULL::text[], NULL::bigint[], NULL::boolean,
            NULL::boolean
        FROM (
            SELECT max(l.turn) AS turn, max(l.execution) AS execution,
                max(l.activity_id) AS activity_id, (array_agg(l.token))[1] AS token
            FROM unnest(v_activity, v_activity_turn, v_activity_f, v_activity_o,
                v_activity_execution, v_activity_activity_id, v_activity_token,
                v_activity_is_held) l (id, turn, f, o, execution, activity_id, token, is_held)
            GROUP BY l.id
            HAVING bool_or(l.turn > 0 AND l.f = 0 AND l.is_held AND v_code[l.turn] = done)
                AND NOT bool_or(l.o > 0 AND v_outcome[l.o] = done
                    OR l.f > 0 AND v_code[l.turn] = done)
        ) l;
    END IF;

    -- Where each envelope goes. Mail for who has ended goes nowhere, by a turn of this call too (STA-06).
    IF v_sends_mail THEN
        FOR n IN 1..v_turns LOOP
            IF v_code[n] = done AND t_status[n] IS NOT NULL THEN
                v_status[t_ref[n]] := t_status[n];
            END IF;
        END LOOP;
    END IF;
    IF cardinality(m_turn) > 0 THEN
        SELECT array_agg(CASE
                WHEN m.turn > 0 AND v_code[m.turn] <> done THEN nothing_to_do
                WHEN m.new_id IS NOT NULL AND v_incarnation[m.ref] = m.message_id THEN
                    -- The start that created it has done its work, however often it comes.
                    CASE WHEN v_ino[m.ref] = ANY (v_new) THEN done ELSE nothing_to_do END
                WHEN m.new_id IS NOT NULL THEN
                    CASE WHEN m.turn > 0 THEN done ELSE already_exists END
                WHEN v_ino[m.ref] = 0 OR m.incarnation <> v_incarnation[m.ref] THEN absent
                WHEN m.channel >= 't' AND v_status[m.ref] > 1 THEN CASE
                    WHEN m.turn > 0 THEN absent
                    WHEN EXISTS (SELECT FROM inbox b WHERE b.ino = v_ino[m.ref]
                        AND b.message_id = m.message_id) THEN done
                    ELSE ended
                END
                ELSE done
            END ORDER BY m.n),
            bool_or(m.turn = 0 AND m.new_id IS NULL AND (m.channel = 'c' OR m.channel >= 't'
                AND v_mail_count[m.ref] + cardinality(m_turn)
                    > least(p_topic_messages_max, p_mail_messages_max)))
        INTO v_fate, v_is_crowded
        FROM unnest(m_turn, m_ref, m_new_id, m_incarnation, m_message_id, m_channel) WITH ORDINALITY
            m (turn, ref, new_id, incarnation, message_id, channel, n);
        -- Counting costs something, and is done only where a channel might be full. A limit of all topics
        -- counts what that of one lets in; those of turns are counted first, and let in (LIM-03).
        IF v_is_crowded THEN
            SELECT array_agg(CASE
                    WHEN m.fate = done AND m.is_full AND m.channel = 'c' THEN control_full
                    WHEN m.fate = done AND m.is_full THEN topic_full
                    WHEN m.fate = done AND m.is_judged AND m.channel >= 't'
                        AND m.mail > p_mail_messages_max THEN mail_full
                    ELSE m.fate
                END ORDER BY m.n)
            INTO v_fate
            FROM (
                SELECT e.fate, e.channel, e.is_judged, e.is_full, e.n,
                    v_mail_count[e.ref]
                        - (SELECT count(*) FROM unnest(v_gone) g (ino) WHERE g.ino = v_ino[e.ref])
                        + count(*) FILTER (WHERE e.is_new AND NOT e.is_full AND e.channel >= 't')
                            OVER (PARTITION BY e.ref ORDER BY e.turn = 0, e.n) AS mail
                FROM (
                    SELECT w.*, w.is_judged AND CASE
                            WHEN w.channel = 'c' THEN w.rank + (
                                SELECT count(*) FROM (
                                    SELECT FROM inbox b
                                    WHERE b.ino = v_ino[w.ref] AND b.channel = 'c'
                                    LIMIT p_control_messages_max
                                ) b
                            ) > p_control_messages_max
                            WHEN w.channel >= 't' THEN w.rank + coalesce((
                                SELECT o.messages FROM topic o
                                WHERE o.ino = v_ino[w.ref] AND o.channel = w.channel
                            ), 0) > p_topic_messages_max
                            ELSE false
                        END AS is_full
                    FROM (
                        SELECT m.*, m.is_new AND m.turn = 0 AND m.new_id IS NULL AS is_judged,
                            count(*) FILTER (WHERE m.is_new) OVER (
                                PARTITION BY m.ref, m.channel ORDER BY m.turn = 0, m.n) AS rank
                        FROM (
                            SELECT m.turn, m.ref, m.new_id, m.channel, m.n, v_fate[m.n] AS fate,
                                v_fate[m.n] = done AND NOT EXISTS (
                                    SELECT FROM inbox b WHERE b.ino = v_ino[m.ref]
                                        AND b.message_id = m.message_id
                                ) AS is_new
                            FROM unnest(m_turn, m_ref, m_new_id, m_message_id, m_channel)
                                WITH ORDINALITY m (turn, ref, new_id, message_id, channel, n)
                        ) m
                    ) w
                ) e
            ) m;
        END IF;
    END IF;

    IF cardinality(m_turn) + cardinality(o_ref) > 0 THEN
        WITH stored AS (
            INSERT INTO inbox (ino, message_id, channel, execution, visible_at, body)
            SELECT v_ino[s.ref], s.message_id, s.channel, s.execution, v_now + s.delay_ms, s.body
            FROM (
                -- A start of what is there already is for whoever manages that (STA-03).
                SELECT 1 AS part, m.n, m.ref, m.message_id,
                    CASE WHEN m.new_id IS NOT NULL AND v_incarnation[m.ref] <> m.message_id
                        THEN 'c' ELSE m.channel END AS channel,
                    m.execution,
                    CASE WHEN m.new_id IS NOT NULL AND v_incarnation[m.ref] <> m.message_id
                        THEN 0 ELSE m.delay_ms END AS delay_ms,
                    m.body
                FROM unnest(m_ref, m_new_id, m_message_id, m_channel, m_execution, m_delay_ms, m_body)
                    WITH ORDINALITY
                    m (ref, new_id, message_id, channel, execution, delay_ms, body, n)
                WHERE v_fate[m.n] = done
                UNION ALL
                SELECT 0, o.n, o.ref, o.message_id, o.channel, o.execution, 0, o.body
                FROM unnest(o_ref, o_message_id, o_channel, o_message_execution, o_body)
                    WITH ORDINALITY o (ref, message_id, channel, execution, body, n)
                WHERE v_outcome[o.n] = done AND o.message_id IS NOT NULL
                    AND NOT (o.channel >= 't' AND v_status[o.ref] > 1)
            ) s
            ORDER BY s.part, s.n
            ON CONFLICT (ino, message_id) DO NOTHING
            RETURNING ino, channel, visible_at
        )
        SELECT array_agg(s.ino), array_agg(s.channel), array_agg(s.visible_at)
        INTO v_stored, v_stored_channel, v_stored_at
        FROM stored s;
        IF v_sends_mail THEN
            INSERT INTO topic AS o (ino, channel, messages)
            SELECT s.ino, s.channel, count(*)
            FROM unnest(v_stored, v_stored_channel) s (ino, channel)
            WHERE s.channel >= 't'
            GROUP BY s.ino, s.channel
            ON CONFLICT (ino, channel) DO UPDATE SET messages = o.messages + excluded.messages;
        END IF;
    END IF;

    -- The heads, and with each its place in the queue of turns, from what is really left (COM-04).
    IF v_turns > 0 AND done = ANY (v_code) THEN
        WITH headed AS (
            UPDATE instance i SET
                commit_id = t.commit_id,
                orchestration = t.orchestration,
                version = t.version,
                core_state = t.core_state,
                updated_ms = v_now,
                status = coalesce(t.status, i.status),
                output = CASE WHEN t.status IS NULL THEN i.output ELSE t.output END,
                execution = t.end_execution,
                next_event_id = t.end_next_event_id,
                awaited = CASE WHEN t.status IS NULL THEN i.awaited
                    ELSE w_channel[t.awaited_first:t.awaited_last] END,
                suspended = coalesce(t.status, i.status) < 2 AND coalesce(t.suspended, i.suspended),
                expires_ms = CASE WHEN t.status IS NULL THEN i.expires_ms
                    WHEN t.status > 1 THEN v_now + t.expire_after_ms END
            FROM unnest(t_ref, t_commit_id, t_orchestration, t_version, t_core_state, t_status,
                t_output, t_end_execution, t_end_next_event_id, t_suspended, t_expire_after_ms,
                t_awaited_first, t_awaited_last) WITH ORDINALITY
                t (ref, commit_id, orchestration, version, core_state, status, output,
                    end_execution, end_next_event_id, suspended, expire_after_ms, awaited_first,
                    awaited_last, n)
            WHERE i.ino = v_ino[t.ref] AND v_code[t.n] = done
            RETURNING i.ino, i.awaited, i.suspended
        ), settled AS (
            UPDATE ready r SET
                lease_token = NULL,
                hold_until = v_now,
                claim_at = (
                    SELECT min(greatest(b.visible_at, v_now))
                    FROM unnest(CASE WHEN h.suspended THEN ARRAY['c'::bytea]
                        ELSE ARRAY['c'::bytea, 's'] || h.awaited END) c (channel)
                    CROSS JOIN LATERAL (
                        SELECT b.visible_at FROM inbox b
                        WHERE b.ino = r.ino AND b.channel = c.channel
                        ORDER BY b.visible_at, b.seq LIMIT 1
                    ) b
                ),
                claim_order = nextval('claim_order'),
                attempts = 0,
                mail_count = CASE WHEN v_sends_mail OR v_gone IS NOT NULL THEN r.mail_count
                    - (SELECT count(*) FROM unnest(v_gone) g (ino) WHERE g.ino = r.ino)
                    + (SELECT count(*) FROM unnest(v_stored, v_stored_channel) g (ino, channel)
                        WHERE g.ino = r.ino AND g.channel >= 't')
                    ELSE r.mail_count END
            FROM headed h
            WHERE r.ino = h.ino
            RETURNING r.ino, r.queue, r.claim_at
        )
        SELECT array_agg(s.ino), array_agg(s.queue) FILTER (WHERE s.claim_at IS NOT NULL),
            array_agg(s.claim_at) FILTER (WHERE s.claim_at IS NOT NULL)
        INTO v_settled, v_due_queues, v_dues
        FROM settled s;
    END IF;
    IF v_stored IS NOT NULL THEN
        WITH raised AS (
            UPDATE ready r SET
                mail_count = r.mail_count + s.mail,
                claim_at = least(r.claim_at,
                    wake_at_v1(s.control_at, s.work_at, r.lease_token, r.hold_until)),
                -- Where the time stays the place stays: a busy sender must not send its receiver back.
                claim_order = CASE
                    WHEN wake_at_v1(s.control_at, s.work_at, r.lease_token, r.hold_until) >= r.claim_at
                        OR s.control_at IS NULL AND s.work_at IS NULL
                    THEN r.claim_order ELSE nextval('claim_order') END
            FROM (
                SELECT g.ino,
                    min(g.visible_at) FILTER (WHERE g.channel = 'c') AS control_at,
                    min(g.visible_at) FILTER (WHERE NOT i.suspended
                        AND (g.channel = 's' OR g.channel = ANY (i.awaited))) AS work_at,
                    (count(*) FILTER (WHERE g.channel >= 't'))::integer AS mail
                FROM unnest(v_stored, v_stored_channel, v_stored_at) g (ino, channel, visible_at)
                JOIN instance i ON i.ino = g.ino
                GROUP BY g.ino
            ) s
            WHERE r.ino = s.ino AND coalesce(s.ino <> ALL (v_settled), true)
            -- What wakes nobody is not told of.
            RETURNING r.queue, CASE WHEN s.control_at IS NOT NULL OR s.work_at IS NOT NULL
                THEN r.claim_at END AS claim_at
        )
        SELECT array_agg(r.queue), array_agg(r.claim_at) INTO v_raised_queues, v_raised_dues
        FROM raised r
        WHERE r.claim_at IS NOT NULL;
        v_due_queues := v_due_queues || v_raised_queues;
        v_dues := v_dues || v_raised_dues;
    END IF;

    kind := 1;
    FOR n IN 1..v_turns LOOP
        place := n;
        code := v_code[n];
        incarnation := v_incarnation[t_ref[n]];
        created_ms := v_created_ms[t_ref[n]];
        suspended := v_suspended[t_ref[n]];
        queue := v_queue[t_ref[n]];
        activity_id := coalesce(v_lost[n], 0);
        has_parent := v_has_parent[t_ref[n]];
        RETURN NEXT;
    END LOOP;
    IF cardinality(o_ref) > 0 THEN
        RETURN QUERY
        SELECT 2::smallint, o.n::integer,
            CASE WHEN o.code = done AND o.channel >= 't' AND v_status[o.ref] > 1 THEN ended
                ELSE o.code END,
            NULL::uuid, NULL::bigint, NULL::boolean, NULL::text, NULL::bigint, NULL::bigint,
            NULL::uuid, NULL::bigint, NULL::text[], NULL::bigint[], NULL::boolean, NULL::boolean
        FROM unnest(v_outcome, o_ref, o_channel) WITH ORDINALITY o (code, ref, channel, n);
    END IF;
    IF cardinality(m_turn) > 0 THEN
        RETURN QUERY
        SELECT CASE WHEN m.turn = 0 THEN 3::smallint ELSE 5::smallint END,
            CASE WHEN m.turn = 0 THEN m.n::integer ELSE m.turn END,
            v_fate[m.n], NULL::uuid, NULL::bigint, NULL::boolean, NULL::text, NULL::bigint, NULL::bigint,
            NULL::uuid, NULL::bigint, NULL::text[], NULL::bigint[], NULL::boolean, NULL::boolean
        FROM unnest(m_turn) WITH ORDINALITY m (turn, n)
        WHERE m.turn = 0 OR v_fate[m.n] = absent;
    END IF;
    RETURN QUERY
    SELECT 0::smallint, 0, done, NULL::uuid, NULL::bigint, NULL::boolean, NULL::text, NULL::bigint,
        NULL::bigint, NULL::uuid, v_now, v_due_queues, v_dues,
        EXISTS (SELECT FROM node n WHERE n.id <> p_node AND n.alive_until > clock_timestamp()),
        NULL::boolean;
END
$duroxide$;
