-- The numbers of instances are never used again, so that no row of a deleted life can pass for one
-- of a later life. The columns that every claim and commit reads come before those that may be long.
-- `control_at`, `system_at` and `mail_at` say when the first message is due that may wake the instance:
-- of mail only what it awaits, and while it is suspended control alone.
CREATE TABLE instance (
    ino INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    claim_at INTEGER,
    claim_order INTEGER NOT NULL,
    hold_until INTEGER NOT NULL,
    lease_token BLOB,
    attempts INTEGER NOT NULL DEFAULT 0,
    control_at INTEGER,
    system_at INTEGER,
    mail_at INTEGER,
    control_count INTEGER NOT NULL DEFAULT 0,
    mail_count INTEGER NOT NULL DEFAULT 0,
    mail_seq INTEGER NOT NULL DEFAULT 0,
    incarnation BLOB NOT NULL,
    status INTEGER NOT NULL,
    suspended INTEGER NOT NULL DEFAULT 0,
    execution INTEGER NOT NULL,
    next_event_id INTEGER NOT NULL,
    commit_id BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    queue TEXT NOT NULL,
    orchestration TEXT NOT NULL,
    version TEXT,
    parent_id TEXT,
    parent_incarnation BLOB,
    awaited BLOB,
    core_state BLOB NOT NULL,
    output BLOB
) STRICT;
CREATE UNIQUE INDEX instance_id ON instance (id);
-- The ready set of each queue: an instance that nothing wakes is not in it, however many there are.
CREATE INDEX instance_ready ON instance (queue, claim_at, claim_order) WHERE claim_at IS NOT NULL;

-- The children of each parent. Who has none is not in it, and it is written once for each child.
CREATE INDEX instance_parent ON instance (parent_id, id) WHERE parent_id IS NOT NULL;

-- What instances are found by, written once for each of them that has any.
CREATE TABLE label (
    ino INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (ino, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_value ON label (key, value, ino);

-- Those that have ended and are to go. A running instance is not in it.
-- Those for which control waits apart, so that maintenance does not look at them again and again.
CREATE INDEX instance_expiry ON instance (expires_at)
    WHERE expires_at IS NOT NULL AND control_at IS NULL;
CREATE INDEX instance_managed ON instance (control_at, expires_at)
    WHERE expires_at IS NOT NULL AND control_at IS NOT NULL;

-- Written when an execution opens and when it closes. What the current one has in addition, its
-- output and its number of events, is in the head.
CREATE TABLE execution (
    ino INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    status INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    completed_at INTEGER,
    event_count INTEGER NOT NULL,
    output BLOB,
    PRIMARY KEY (ino, execution)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    rid INTEGER PRIMARY KEY,
    ino INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    first_event_id INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX history_position ON history (ino, execution, first_event_id);

-- A new row's seq is above that of every row there is, which is all that the order of arrival needs. That
-- of mail is above every earlier one of its instance too (`mail_seq`), since readers go on from there.
-- The channel is a number for control and for system messages, and the topic's name for mail.
CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY,
    ino INTEGER NOT NULL,
    channel ANY NOT NULL,
    message_id BLOB NOT NULL,
    execution INTEGER,
    due_at INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX inbox_message ON inbox (ino, message_id);
CREATE INDEX inbox_due ON inbox (ino, channel, due_at);

-- How many messages of a topic there are, so that a send need not count them. Without any there is no row.
CREATE TABLE topic (
    ino INTEGER NOT NULL,
    topic TEXT NOT NULL,
    message_count INTEGER NOT NULL,
    PRIMARY KEY (ino, topic)
) STRICT, WITHOUT ROWID;

-- The values of an instance, each with the commit that wrote it. One that is long is read last.
CREATE TABLE value (
    id INTEGER PRIMARY KEY,
    ino INTEGER NOT NULL,
    key TEXT NOT NULL,
    version BLOB NOT NULL,
    expires_at INTEGER,
    value BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX value_key ON value (ino, key);
CREATE INDEX value_expiry ON value (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE activity (
    id INTEGER PRIMARY KEY,
    ino INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    activity_id INTEGER NOT NULL,
    queue TEXT NOT NULL,
    claim_at INTEGER NOT NULL,
    lease_token BLOB,
    attempts INTEGER NOT NULL,
    has_details INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX activity_key ON activity (ino, execution, activity_id);
CREATE INDEX activity_ready ON activity (queue, claim_at);

-- The details of activities that have some, apart from their rows: those are written whole with each
-- renewal of a lease. They go with their activity, whatever removes it, since its number is used again.
CREATE TABLE details (
    id INTEGER PRIMARY KEY,
    details BLOB NOT NULL
) STRICT;
CREATE TRIGGER activity_details AFTER DELETE ON activity WHEN old.has_details BEGIN
    DELETE FROM details WHERE id = old.id;
END;

-- What a release has left of an instance, and the commit that it was left at. The next commit makes it
-- void, and need not know of it: it is no longer the last one then.
CREATE TABLE note (
    ino INTEGER PRIMARY KEY,
    commit_id BLOB,
    note BLOB NOT NULL
) STRICT;
CREATE TRIGGER instance_note AFTER DELETE ON instance BEGIN
    DELETE FROM note WHERE ino = old.ino;
END;

-- Instances whose row is gone, and of whose executions and history something is left.
CREATE TABLE removal (
    ino INTEGER PRIMARY KEY
) STRICT;

-- The store's time when somebody last tidied up or closed it: one row. What was written since says more, but
-- not of an instance that nothing wakes.
CREATE TABLE latest (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at_ms INTEGER NOT NULL
) STRICT;
