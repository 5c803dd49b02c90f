-- The tables. All times are milliseconds since the Unix epoch, by this server's clock (now_ms).

-- The only place where time is read, so that a test can put a clock of its own here.
CREATE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS $duroxide$
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$duroxide$;

-- The heads. The numbers of instances are never used again, so that no row of a deleted life can
-- pass for one of a later life. No indexed column ever changes, but for the end of an instance that
-- expires: updates stay within their page.
CREATE TABLE instance (
    ino bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    incarnation uuid NOT NULL,
    status smallint NOT NULL,
    execution bigint NOT NULL,
    next_event_id bigint NOT NULL,
    commit_id uuid,
    created_ms bigint NOT NULL,
    updated_ms bigint NOT NULL,
    queue text COLLATE "C" NOT NULL,
    orchestration text NOT NULL,
    version text,
    core_state bytea NOT NULL,
    output bytea,
    -- The channels of the topics whose mail wakes it.
    awaited bytea[] NOT NULL DEFAULT '{}',
    suspended boolean NOT NULL DEFAULT false,
    -- Whose child it is, and of which life of it.
    parent_id text COLLATE "C",
    parent_incarnation uuid,
    -- When it is to go, of one that has ended.
    expires_ms bigint
) WITH (fillfactor = 80);
-- The children of each parent. Who has none is not in it, and it is written once for each child.
CREATE INDEX instance_parent ON instance (parent_id, id) WHERE parent_id IS NOT NULL;

-- What instances are found by, written once for each of them that has any. Both may hold what no text can.
CREATE TABLE label (
    ino bigint NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (ino, key)
);
CREATE INDEX label_value ON label (key, value, ino);
CREATE INDEX instance_expiry ON instance (expires_ms) WHERE expires_ms IS NOT NULL;

-- Decides between items that became claimable in the same millisecond.
CREATE SEQUENCE claim_order;

-- One narrow row for each instance: the queues of turns, the leases, and the lock that serialises
-- whatever is done to an instance. claim_at is the time from which the instance may be claimed, and
-- NULL where nothing in its inbox wakes it: the earliest control message, or, unless it is suspended,
-- the earliest system message or mail of an awaited topic, but none of these before hold_until. A
-- control message waits for the end of a lease only, and not of what a release holds back. The queue
-- is that of the instance, where the index needs it.
CREATE TABLE ready (
    ino bigint PRIMARY KEY,
    queue text COLLATE "C" NOT NULL,
    claim_at bigint,
    claim_order bigint NOT NULL,
    hold_until bigint NOT NULL,
    lease_token uuid,
    attempts integer NOT NULL DEFAULT 0,
    -- How many messages of all topics there are.
    mail_count integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ready_due ON ready (queue, claim_at, claim_order) WHERE claim_at IS NOT NULL;

-- Numbers are given out while the instance's row is locked, so that they are in the order of
-- arrival. A channel is 'c' (control), 's' (system), or 't' with the name of a topic behind it, which
-- may hold what no text can. There are no statistics of channels, since what most rows have says
-- nothing of one instance: a plan that took the key instead of the second index would walk mail.
CREATE TABLE inbox (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    ino bigint NOT NULL,
    message_id uuid NOT NULL,
    channel bytea NOT NULL,
    execution bigint,
    visible_at bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (ino, message_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0);
CREATE INDEX inbox_visible ON inbox (ino, channel, visible_at, seq);
ALTER TABLE inbox ALTER channel SET STATISTICS 0;

-- How many messages of a topic there are, where there are any: a limit is checked without counting
-- what waits. Whoever changes a row here has the instance's row of `ready` locked.
CREATE TABLE topic (
    ino bigint NOT NULL,
    channel bytea NOT NULL,
    messages integer NOT NULL,
    PRIMARY KEY (ino, channel)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0);

-- What instances show, each value with the commit that wrote it. A key may hold what no text can. Whoever
-- changes a row here has the instance's row of `ready` locked, but for sweep_v1, which waits for nobody.
CREATE TABLE value (
    ino bigint NOT NULL,
    key bytea NOT NULL,
    version uuid NOT NULL,
    expires_at bigint,
    value bytea NOT NULL,
    PRIMARY KEY (ino, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0);
CREATE INDEX value_expiry ON value (expires_at) WHERE expires_at IS NOT NULL;

-- What a release has left of an instance, and the commit that it was left at. The next commit makes it void,
-- and need not know of it: it is no longer the last one then.
CREATE TABLE note (
    ino bigint PRIMARY KEY,
    commit_id uuid,
    note bytea NOT NULL
);

-- claim_at is the end of the lease while an activity is leased.
CREATE TABLE activity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ino bigint NOT NULL,
    execution bigint NOT NULL,
    activity_id bigint NOT NULL,
    queue text COLLATE "C" NOT NULL,
    claim_at bigint NOT NULL,
    lease_token uuid,
    attempts integer NOT NULL,
    body bytea NOT NULL,
    -- What the last renewal or release that brought some has left of it.
    details bytea,
    CONSTRAINT activity_key UNIQUE (ino, execution, activity_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0);
CREATE INDEX activity_due ON activity (queue, claim_at, id);

-- Written when an execution opens and when it closes. What the current one has in addition, its
-- output and its number of events, is in the head.
CREATE TABLE execution (
    ino bigint NOT NULL,
    execution bigint NOT NULL,
    status smallint NOT NULL,
    started_ms bigint NOT NULL,
    completed_ms bigint,
    event_count bigint NOT NULL,
    output bytea,
    PRIMARY KEY (ino, execution)
);

-- One row for each turn.
CREATE TABLE history (
    ino bigint NOT NULL,
    execution bigint NOT NULL,
    first_event_id bigint NOT NULL,
    event_count bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (ino, execution, first_event_id)
);

-- Histories that belong to nobody any more, up to and including this execution; they are removed
-- slice by slice.
CREATE TABLE removal (
    ino bigint PRIMARY KEY,
    through_execution bigint NOT NULL
);

-- The processes that want to hear of work, by real time whatever now_ms says.
CREATE TABLE node (
    id uuid PRIMARY KEY,
    alive_until timestamptz NOT NULL
);
