//! Every limit, in one place: what it is called, what it is by default, who sets it, and what
//! happens beyond it.
//!
//! Some are a provider's ([`Limits`]), some a runtime's ([`RuntimeOptions`]), and some are fixed:
//! the constants here. [`all`] lists them together, and the guide has the same table.

use std::fmt;
use std::time::Duration;

use crate::providers::{InstanceId, Limits, TaskQueue, ValueKey};
use crate::runtime::RuntimeOptions;

/// The bytes of the name of an orchestration, an activity or an event; at least one.
pub const NAME_BYTES_MAX: usize = 1_024;

/// The bytes of a version, as text.
pub const VERSION_BYTES_MAX: usize = 256;

/// The events of one execution, unless a provider is told otherwise. Histories that name no cap of
/// their own were begun under this one, so it never changes.
pub const HISTORY_EVENTS_MAX_DEFAULT: u64 = 51_200;

/// How many events of a history are kept free, so that code can handle the refusal of what would not
/// fit. A sixteenth of `history_events_max` where that is less.
pub const HISTORY_RESERVE_EVENTS_MAX: u64 = 64;

/// The bytes of texts in a history from which on `ctx.should_continue_as_new()` says yes, however
/// few its events are.
pub const CONTINUE_AS_NEW_BYTES: usize = 4 * 1024 * 1024;

/// What one step of an orchestration, from one input to where it waits, may schedule.
pub const DECISIONS_PER_STEP_MAX: usize = 20_000;

/// How often one step may poll before the code is taken to be spinning.
pub const POLLS_PER_STEP_MAX: u32 = 10_000;

/// How many executions one commit may run through, in a chain of `continue_as_new`. Where they carry
/// more than [`TURN_BYTES_MAX`], it is fewer.
pub const EXECUTIONS_PER_TURN_MAX: usize = 8;

/// A turn takes in no more messages once its commit has this many events, activities and messages.
pub const PARTS_PER_TURN_MAX: usize = 20_000;

/// How many turns, and how many activities, one claim asks for.
pub const CLAIM_ITEMS_MAX: usize = 64;

/// How many queues one claim may name, and so how many queues of turns, and of activities, a runtime
/// serves.
pub const CLAIM_QUEUES_MAX: usize = 16;

/// How many messages a turn is claimed with.
pub const TURN_MESSAGES_MAX: usize = 1_000;

/// How many bytes of messages a turn is claimed with, but for a first message that is larger. A
/// quarter of the provider's `commit_bytes_max` where that is less.
pub const TURN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How many bytes of messages, or of activities' inputs, one claim asks for, but for a first item that is
/// larger. What is left is claimed next.
pub const CLAIM_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many bytes of details a store keeps with an activity, as core encodes them.
pub const ACTIVITY_DETAILS_BYTES_MAX: usize = 64 * 1024;

/// How many bytes of them are what the activity says of its progress, as text and encoded.
pub const ACTIVITY_PROGRESS_BYTES_MAX: usize = 60 * 1024;

/// How many bytes of details and notes one call of `renew` or `release` brings.
pub const DETAILS_BYTES_PER_CALL_MAX: usize = 1024 * 1024;

/// How long the details of an activity wait for others, in order to be stored with them.
pub const DETAILS_HELD_MAX: Duration = Duration::from_secs(1);

/// How many bytes the note has that a node leaves with an instance which it cannot run.
pub const RELEASE_NOTE_BYTES_MAX: usize = 4 * 1024;

/// How many instances one call of `Client::delete_instances` looks at.
pub const DELETION_LOOKS_MAX: usize = 10_000;

/// For how long an ended instance is kept at least, if it expires at all: longer than anybody sends
/// again what may have arrived.
pub const EXPIRE_AFTER_MIN: Duration = Duration::from_hours(1);

/// How many bytes the history of an instance may have that is rewound: what is repeated of it goes into
/// one commit, and is read at once. Half of the provider's `commit_bytes_max` where that is less.
pub const REWOUND_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The same with a provider that has these limits.
pub(crate) fn rewound_bytes_max(limits: &Limits) -> usize {
    REWOUND_BYTES_MAX.min(limits.commit_bytes_max / 2)
}

/// How long the code of an orchestration may hold back the outcome of an activity that wakes it,
/// in order to record both at once.
pub const OUTCOME_HELD_MAX: Duration = Duration::from_millis(50);

/// By how much the clocks of machines may disagree, for the code of an orchestration to see no time that
/// is before one it has seen, or before that for which a timer was set.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(10);

/// How many threads the code of orchestrations may block on a node. While there are more, it claims
/// no turns.
pub const BLOCKED_THREADS_MAX: usize = 64;

/// From how many attempts on without an end a turn or an activity runs alone on its node: those
/// before may have ended with a process that something else has killed.
pub const ATTEMPTS_BESIDE_OTHERS_MAX: u32 = 2;

/// For how long a node claims nothing while what is to run alone waits for the rest to end.
pub const ISOLATION_DRAIN_MAX: Duration = Duration::from_secs(10);

/// For how long a node claims no activities beside what runs alone, and no turns either if that is
/// a turn.
pub const ISOLATION_MAX: Duration = Duration::from_secs(30);

/// For how long a node claims nothing at all beside an activity that runs alone, and how long it
/// waits with each further round of what is to run alone once one has lasted.
pub const ISOLATION_MIN: Duration = Duration::from_secs(5);

/// How often something waits in vain to run alone before it runs beside others, and how often in a
/// row a node does not drain before everything that waits there does so.
pub const ISOLATION_TRIES_MAX: u32 = 3;

/// How many of the attempts that count, the last ones, are made strictly alone: beside nothing, for
/// as long as they take or a node can idle.
pub const ATTEMPTS_STRICTLY_ALONE: u32 = 2;

/// For how long a node takes on nothing at all beside what runs strictly alone. What that waits for
/// may be this node's to do, so that it cannot be for ever.
pub const ISOLATION_STRICT_MAX: Duration = Duration::from_mins(10);

/// How many instances, and how many items that run alone, one report of a runtime's health names.
pub const HEALTH_ITEMS_MAX: usize = 100;

/// How many items a node remembers to have given back, since it could not run them.
pub const GIVEN_BACK_ITEMS_MAX: usize = 10_000;

/// How many topics an instance awaits at a time, and the bytes of their names together.
pub const AWAITED_TOPICS_MAX: usize = 64;
/// See [`AWAITED_TOPICS_MAX`].
pub const AWAITED_BYTES_MAX: usize = 8 * 1024;

/// How many messages of each topic, and how many bytes of mail, one read asks for.
pub const MAIL_MESSAGES_MAX: usize = 256;
/// See [`MAIL_MESSAGES_MAX`].
pub const MAIL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many of the last messages that brought an event an execution hands on to the next one.
pub const TAKEN_IDS_MAX: usize = 256;

/// How many of them may be messages whose sender has given them no id.
pub const TAKEN_RANDOM_IDS_MAX: usize = 16;

/// How many values the code of an orchestration keeps, its custom status among them, and the bytes of
/// their keys and of the encoded values together. Each execution hands all of them on to the next one.
pub const KEPT_VALUES_MAX: usize = 256;
/// See [`KEPT_VALUES_MAX`].
pub const KEPT_VALUES_BYTES_MAX: usize = 64 * 1024;

/// A turn takes in no more messages once its commit sets or removes this many values.
pub const VALUES_PER_TURN_MAX: usize = 256;

/// How many labels an instance may have, and the bytes of the key and of the value of each.
pub const LABELS_MAX: usize = 16;
/// See [`LABELS_MAX`].
pub const LABEL_KEY_BYTES_MAX: usize = 64;
/// See [`LABELS_MAX`].
pub const LABEL_VALUE_BYTES_MAX: usize = 256;

/// How many instances, messages or activities a page of a listing has at most, and how many instances
/// one call looks at for it.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// How many bytes of bodies, or of values, one page asks for.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many queues of turns, and how many of activities, the metrics of a store name.
pub const METRICS_QUEUES_MAX: usize = 1_000;

/// How many bytes of history one read asks for.
pub const HISTORY_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many children of an instance that was waited for in vain, and of theirs, are asked why.
pub const BLOCKED_CHILDREN_MAX: usize = 64;

/// How many of the last events of an instance that was waited for in vain are searched for children.
pub const BLOCKED_EVENTS_MAX: u64 = 2_000;

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The name of its field or constant.
    pub name: &'static str,
    /// Who sets it.
    pub set_by: SetBy,
    /// What it is unless somebody sets it.
    pub default: Amount,
    /// What it limits.
    pub what: &'static str,
    /// What happens beyond it.
    pub beyond: &'static str,
}

/// Who sets a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetBy {
    /// A field of the provider's [`Limits`].
    Provider,
    /// A field of [`RuntimeOptions`].
    Runtime,
    /// Nobody.
    Fixed,
}

impl fmt::Display for SetBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::Runtime => "runtime",
            Self::Fixed => "fixed",
        })
    }
}

/// How much a limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Amount {
    /// So many things.
    Count(u64),
    /// So many bytes.
    Bytes(u64),
    /// So long.
    Time(Duration),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1024;
        const MIB: u64 = KIB * KIB;
        match *self {
            Self::Count(count) => f.write_str(&grouped(count)),
            Self::Bytes(bytes) if bytes >= MIB && bytes.is_multiple_of(MIB) => {
                write!(f, "{} MiB", grouped(bytes / MIB))
            }
            Self::Bytes(bytes) if bytes > KIB && bytes.is_multiple_of(KIB) => {
                write!(f, "{} KiB", grouped(bytes / KIB))
            }
            Self::Bytes(bytes) => write!(f, "{} bytes", grouped(bytes)),
            Self::Time(time) => write!(f, "{} s", time.as_secs_f64()),
        }
    }
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    if number < 1_000 {
        return number.to_string();
    }
    format!("{},{:03}", grouped(number / 1_000), number % 1_000)
}

fn count(number: impl TryInto<u64>) -> Amount {
    Amount::Count(number.try_into().unwrap_or(u64::MAX))
}

fn bytes(number: usize) -> Amount {
    Amount::Bytes(u64::try_from(number).unwrap_or(u64::MAX))
}

/// All limits, each with its default.
#[must_use]
pub fn all() -> Vec<Limit> {
    let mut all = of_providers();
    all.extend(of_runtimes());
    all.extend(of_texts());
    all.extend(of_turns());
    all.extend(of_mail());
    all.extend(of_values());
    all.extend(of_details());
    all.extend(of_listings());
    all.extend(of_blocking_code());
    all.extend(of_clients());
    all.extend(of_suspects());
    all
}

/// The limits that a provider keeps. None is left out: a new field has to be named here.
#[expect(clippy::too_many_lines, reason = "one entry for each limit")]
fn of_providers() -> Vec<Limit> {
    let Limits {
        body_bytes_max,
        commit_bytes_max,
        core_state_bytes_max,
        commit_operations_max,
        history_events_max,
        topic_messages_max,
        mail_messages_max,
        control_messages_max,
        values_max,
        value_bytes_max,
        values_bytes_max,
    } = Limits::default();
    let limit = |name, default, what, beyond| Limit {
        name,
        set_by: SetBy::Provider,
        default,
        what,
        beyond,
    };
    vec![
        limit(
            "history_events_max",
            count(history_events_max),
            "events of one execution with the outcomes that it waits for, the last one kept for \
             its end",
            "an activity or a sub-orchestration fails with all that is scheduled with it, and says \
             to use `continue_as_new`; beyond a timer, a wait or an event the instance fails",
        ),
        limit(
            "body_bytes_max",
            bytes(body_bytes_max),
            "one input, output or event, encoded",
            "a client's call is refused as `InvalidInput`; an activity, a child or the run fails \
             with that reason",
        ),
        limit(
            "topic_messages_max",
            count(topic_messages_max),
            "events of one name that wait for one instance",
            "a client's event is refused as `LimitExceeded`",
        ),
        limit(
            "mail_messages_max",
            count(mail_messages_max),
            "events of all names that wait for one instance",
            "a client's event is refused as `LimitExceeded`",
        ),
        limit(
            "control_messages_max",
            count(control_messages_max),
            "cancellations, suspensions and wake-ups that wait for one instance",
            "a client's is refused as `Unavailable`, and tried again",
        ),
        limit(
            "values_max",
            count(values_max),
            "values of one instance that do not expire",
            "the commit is refused as `LimitExceeded`; the code of an orchestration is refused before",
        ),
        limit(
            "value_bytes_max",
            bytes(value_bytes_max),
            "one value of an instance, encoded",
            "the commit is refused as `LimitExceeded`; the code of an orchestration is refused before",
        ),
        limit(
            "values_bytes_max",
            bytes(values_bytes_max),
            "the values of one instance that do not expire, together",
            "the commit is refused as `LimitExceeded`; the code of an orchestration is refused before",
        ),
        limit(
            "commit_bytes_max",
            bytes(commit_bytes_max),
            "one commit",
            "a turn takes in fewer messages; a single step beyond it fails the instance",
        ),
        limit(
            "commit_operations_max",
            count(commit_operations_max),
            "operations in one call of `commit`",
            "the runtime commits the rest in the next call; a caller is refused as `LimitExceeded`",
        ),
        limit(
            "core_state_bytes_max",
            bytes(core_state_bytes_max),
            "the runtime's own bytes in an instance's head",
            "the commit is refused as `LimitExceeded`; the runtime stays below it",
        ),
    ]
}

fn of_runtimes() -> Vec<Limit> {
    let options = RuntimeOptions::default();
    let limit = |name, default, what, beyond| Limit {
        name,
        set_by: SetBy::Runtime,
        default,
        what,
        beyond,
    };
    vec![
        limit(
            "orchestration_concurrency",
            count(options.orchestration_concurrency),
            "turns in flight",
            "others wait in the store",
        ),
        limit(
            "worker_concurrency",
            count(options.worker_concurrency),
            "activities in flight",
            "others wait in the store",
        ),
        limit(
            "warm_instances_max",
            count(options.warm_instances_max),
            "instances kept warm",
            "the least recently used are replayed when they go on",
        ),
        limit(
            "warm_bytes_max",
            bytes(options.warm_bytes_max),
            "the history of the instances kept warm, with 2 KiB for each",
            "the least recently used are replayed when they go on",
        ),
        limit(
            "max_attempts",
            count(options.max_attempts),
            "attempts of a turn or an activity that end with their process while it runs alone, or \
             of a turn whose code does not yield",
            "it fails as `Poison`",
        ),
        limit(
            "turn_deadline",
            Amount::Time(options.turn_deadline),
            "the code of a turn, without yielding",
            "the turn is given up and counts as an attempt; it is logged from 1 s on",
        ),
        limit(
            "orchestrator_lock_timeout",
            Amount::Time(options.orchestrator_lock_timeout),
            "the lease of a turn, unless it is renewed",
            "another node takes over",
        ),
        limit(
            "worker_lock_timeout",
            Amount::Time(options.worker_lock_timeout),
            "the lease of an activity, unless it is renewed",
            "another worker runs it again",
        ),
        limit(
            "activity_cancellation_grace",
            Amount::Time(options.activity_cancellation_grace),
            "a cancelled activity, after it was told",
            "it is aborted",
        ),
    ]
}

fn fixed(name: &'static str, default: Amount, what: &'static str, beyond: &'static str) -> Limit {
    Limit {
        name,
        set_by: SetBy::Fixed,
        default,
        what,
        beyond,
    }
}

fn of_texts() -> Vec<Limit> {
    vec![
        fixed(
            "InstanceId::BYTES_MAX",
            bytes(InstanceId::BYTES_MAX),
            "an instance id, at least one byte of UTF-8 without control characters",
            "`ClientError::InvalidInput`; a child with such an id fails; a detached start of one \
             fails the orchestration that makes it",
        ),
        fixed(
            "NAME_BYTES_MAX",
            bytes(NAME_BYTES_MAX),
            "the name of an orchestration, an activity or an event, at least one byte",
            "`ClientError::InvalidInput`; an activity or a child of such a name fails; a detached \
             start or a wait fails the orchestration; a registry is not built",
        ),
        fixed(
            "VERSION_BYTES_MAX",
            bytes(VERSION_BYTES_MAX),
            "a version",
            "`ClientError::InvalidInput`; a child fails; a detached start fails the orchestration",
        ),
        fixed(
            "TaskQueue::BYTES_MAX",
            bytes(TaskQueue::BYTES_MAX),
            "the name of a queue, at least one byte of UTF-8 without control characters and without \
             `@` at its beginning",
            "`ClientError::InvalidInput`; an activity or a child with such a queue fails; a detached \
             start fails the orchestration; a runtime does not start",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "one entry for each limit")]
fn of_turns() -> Vec<Limit> {
    vec![
        fixed(
            "DECISIONS_PER_STEP_MAX",
            count(DECISIONS_PER_STEP_MAX),
            "what an orchestration schedules between two waits",
            "activities and sub-orchestrations fail, none of them having run; code that schedules \
             without an end fails the instance",
        ),
        fixed(
            "HISTORY_RESERVE_EVENTS_MAX",
            count(HISTORY_RESERVE_EVENTS_MAX),
            "events kept free for code that handles a refusal, or a sixteenth of \
             `history_events_max`",
            "a second refusal, and in the end the instance fails",
        ),
        fixed(
            "CONTINUE_AS_NEW_BYTES",
            bytes(CONTINUE_AS_NEW_BYTES),
            "texts in one history",
            "`should_continue_as_new` says yes, as it does from a quarter of the cap on",
        ),
        fixed(
            "POLLS_PER_STEP_MAX",
            count(POLLS_PER_STEP_MAX),
            "polls between two waits",
            "the instance fails",
        ),
        fixed(
            "EXECUTIONS_PER_TURN_MAX",
            count(EXECUTIONS_PER_TURN_MAX),
            "executions in one commit",
            "the chain of `continue_as_new` goes on in the next turn",
        ),
        fixed(
            "PARTS_PER_TURN_MAX",
            count(PARTS_PER_TURN_MAX),
            "events, activities and messages in one commit",
            "the turn takes in no more messages; they wait for the next one",
        ),
        fixed(
            "TURN_MESSAGES_MAX",
            count(TURN_MESSAGES_MAX),
            "messages of one claimed turn",
            "the rest wait for the next turn",
        ),
        fixed(
            "TURN_BYTES_MAX",
            bytes(TURN_BYTES_MAX),
            "messages of one claimed turn, but for a first one that is larger",
            "the rest wait for the next turn",
        ),
        fixed(
            "REWOUND_BYTES_MAX",
            bytes(REWOUND_BYTES_MAX),
            "the history of an instance that is rewound",
            "the rewind is refused as `InvalidInput`",
        ),
        fixed(
            "CLAIM_ITEMS_MAX",
            count(CLAIM_ITEMS_MAX),
            "turns, or activities, of one claim",
            "the rest wait for the next claim",
        ),
        fixed(
            "CLAIM_BYTES_MAX",
            bytes(CLAIM_BYTES_MAX),
            "messages of the turns, or inputs of the activities, of one claim, but for a first item \
             that is larger",
            "the rest wait for the next claim",
        ),
        fixed(
            "CLAIM_QUEUES_MAX",
            count(CLAIM_QUEUES_MAX),
            "queues of turns, and queues of activities, that a runtime serves",
            "the runtime does not start, and says so; a claim is refused as `LimitExceeded`",
        ),
        fixed(
            "GIVEN_BACK_ITEMS_MAX",
            count(GIVEN_BACK_ITEMS_MAX),
            "turns and activities that a node remembers to have given back",
            "the least recent ones are given back as if for the first time",
        ),
        fixed(
            "HISTORY_PAGE_BYTES_MAX",
            bytes(HISTORY_PAGE_BYTES_MAX),
            "history in one read",
            "the rest comes with the next read",
        ),
    ]
}

fn of_mail() -> Vec<Limit> {
    vec![
        fixed(
            "AWAITED_TOPICS_MAX",
            count(AWAITED_TOPICS_MAX),
            "names of events that an orchestration waits for at a time",
            "the instance fails",
        ),
        fixed(
            "AWAITED_BYTES_MAX",
            bytes(AWAITED_BYTES_MAX),
            "the names of events that an orchestration waits for at a time, together",
            "the instance fails",
        ),
        fixed(
            "TAKEN_IDS_MAX",
            count(TAKEN_IDS_MAX),
            "last events by which an execution recognises one that is sent again over `continue_as_new`",
            "an event that is sent again later than that is taken twice",
        ),
        fixed(
            "TAKEN_RANDOM_IDS_MAX",
            count(TAKEN_RANDOM_IDS_MAX),
            "of these, events that were sent without an id of the sender's",
            "an event that is sent again later than that is taken twice",
        ),
        fixed(
            "MAIL_MESSAGES_MAX",
            count(MAIL_MESSAGES_MAX),
            "events of each name in one read",
            "the rest comes with the next read",
        ),
        fixed(
            "MAIL_BYTES_MAX",
            bytes(MAIL_BYTES_MAX),
            "events in one read, but for a first one that is larger",
            "the rest comes with the next read",
        ),
    ]
}

fn of_values() -> Vec<Limit> {
    vec![
        fixed(
            "KEPT_VALUES_MAX",
            count(KEPT_VALUES_MAX),
            "values that an orchestration keeps, its custom status among them",
            "`ctx.set_value` answers an error, and nothing is set",
        ),
        fixed(
            "KEPT_VALUES_BYTES_MAX",
            bytes(KEPT_VALUES_BYTES_MAX),
            "the values that an orchestration keeps, encoded and with their keys, together",
            "`ctx.set_value` and `ctx.set_custom_status` answer an error, and nothing is set",
        ),
        fixed(
            "ValueKey::BYTES_MAX",
            bytes(ValueKey::BYTES_MAX),
            "the key of a value, at least one byte, that does not begin with `@`",
            "`ctx.set_value` answers an error; `ClientError::InvalidInput`",
        ),
        fixed(
            "VALUES_PER_TURN_MAX",
            count(VALUES_PER_TURN_MAX),
            "values that one commit sets or removes",
            "the turn takes in no more messages; they wait for the next one",
        ),
    ]
}

fn of_details() -> Vec<Limit> {
    vec![
        fixed(
            "ACTIVITY_PROGRESS_BYTES_MAX",
            bytes(ACTIVITY_PROGRESS_BYTES_MAX),
            "the details that an activity leaves with its heartbeat, encoded",
            "the call answers an error, and the details before stay",
        ),
        fixed(
            "ACTIVITY_DETAILS_BYTES_MAX",
            bytes(ACTIVITY_DETAILS_BYTES_MAX),
            "everything that a store keeps with an activity beside its input",
            "the renewal or release is refused as `LimitExceeded`; the runtime stays below it",
        ),
        fixed(
            "DETAILS_BYTES_PER_CALL_MAX",
            bytes(DETAILS_BYTES_PER_CALL_MAX),
            "details and notes in one call of `renew` or `release`",
            "the runtime brings the rest with the next call; a caller is refused as `LimitExceeded`",
        ),
        fixed(
            "DETAILS_HELD_MAX",
            Amount::Time(DETAILS_HELD_MAX),
            "details that wait for those of other activities before they are stored",
            "they are stored with those that there are; of one activity only the newest",
        ),
        fixed(
            "RELEASE_NOTE_BYTES_MAX",
            bytes(RELEASE_NOTE_BYTES_MAX),
            "what a node leaves with an instance that it cannot run, to say why",
            "the release is refused as `LimitExceeded`; the runtime stays below it",
        ),
    ]
}

fn of_listings() -> Vec<Limit> {
    vec![
        fixed(
            "LABELS_MAX",
            count(LABELS_MAX),
            "labels of one instance",
            "`ClientError::InvalidInput`; a child fails; a detached start fails the orchestration",
        ),
        fixed(
            "LABEL_KEY_BYTES_MAX",
            bytes(LABEL_KEY_BYTES_MAX),
            "the key of a label, at least one byte",
            "`ClientError::InvalidInput`; a child fails; a detached start fails the orchestration",
        ),
        fixed(
            "LABEL_VALUE_BYTES_MAX",
            bytes(LABEL_VALUE_BYTES_MAX),
            "the value of a label",
            "`ClientError::InvalidInput`; a child fails; a detached start fails the orchestration",
        ),
        fixed(
            "PAGE_ROWS_MAX",
            count(PAGE_ROWS_MAX),
            "instances, messages or activities in one page of a listing, and instances that are looked at for it",
            "the rest comes with the next page; a page may be empty and not the last one",
        ),
        fixed(
            "PAGE_BYTES_MAX",
            bytes(PAGE_BYTES_MAX),
            "bodies, or values, in one page, but for a first one that is larger",
            "the rest comes with the next page",
        ),
        fixed(
            "METRICS_QUEUES_MAX",
            count(METRICS_QUEUES_MAX),
            "queues of turns, and queues of activities, in the metrics of a store",
            "those with the least that is claimable are not named",
        ),
    ]
}

fn of_blocking_code() -> Vec<Limit> {
    vec![
        fixed(
            "BLOCKED_THREADS_MAX",
            count(BLOCKED_THREADS_MAX),
            "threads of a node that the code of orchestrations blocks",
            "the node claims no turns until one of them is free",
        ),
        fixed(
            "CLOCK_SKEW_MAX",
            Amount::Time(CLOCK_SKEW_MAX),
            "by how much the clocks of machines disagree",
            "the time that the code of an orchestration sees may go back",
        ),
        fixed(
            "OUTCOME_HELD_MAX",
            Amount::Time(OUTCOME_HELD_MAX),
            "the code of a turn, while the outcome of an activity waits to be recorded with it",
            "the outcome is recorded by itself, and the turn is run again",
        ),
    ]
}

fn of_clients() -> Vec<Limit> {
    vec![
        fixed(
            "DELETION_LOOKS_MAX",
            count(DELETION_LOOKS_MAX),
            "instances that one `Client::delete_instances` looks at",
            "the answer says where the next call goes on",
        ),
        fixed(
            "EXPIRE_AFTER_MIN",
            Amount::Time(EXPIRE_AFTER_MIN),
            "the shortest time after which an ended instance may expire",
            "`ClientError::InvalidInput`; a child with a shorter one fails; a detached start fails the \
             orchestration; a runtime does not start",
        ),
        fixed(
            "BLOCKED_CHILDREN_MAX",
            count(BLOCKED_CHILDREN_MAX),
            "children, with theirs, that are asked why an instance was waited for in vain",
            "the client is told `Timeout`, although one of the others may be blocked",
        ),
        fixed(
            "BLOCKED_EVENTS_MAX",
            count(BLOCKED_EVENTS_MAX),
            "last events of an instance in which such children are looked for",
            "children that were scheduled before are not asked",
        ),
    ]
}

fn of_suspects() -> Vec<Limit> {
    vec![
        fixed(
            "ATTEMPTS_BESIDE_OTHERS_MAX",
            count(ATTEMPTS_BESIDE_OTHERS_MAX),
            "attempts of a turn or an activity without an end, whatever ran beside it",
            "it runs alone on its node",
        ),
        fixed(
            "ISOLATION_DRAIN_MAX",
            Amount::Time(ISOLATION_DRAIN_MAX),
            "a node that claims nothing until what is to run alone can begin",
            "that is given back, uncounted, and the node goes on",
        ),
        fixed(
            "ISOLATION_MAX",
            Amount::Time(ISOLATION_MAX),
            "a node that claims no activities beside what runs alone",
            "it goes on beside others",
        ),
        fixed(
            "ISOLATION_MIN",
            Amount::Time(ISOLATION_MIN),
            "a node that claims no turns beside an activity that runs alone, and the same of activities once one has lasted",
            "it goes on beside others",
        ),
        fixed(
            "ISOLATION_TRIES_MAX",
            count(ISOLATION_TRIES_MAX),
            "waits in vain to run alone, and those of a node in a row",
            "it runs beside others, but for its last attempts; on such a node all that wait do",
        ),
        fixed(
            "ATTEMPTS_STRICTLY_ALONE",
            count(ATTEMPTS_STRICTLY_ALONE),
            "last attempts of a turn or an activity before it is poison",
            "these are made with nothing beside them",
        ),
        fixed(
            "ISOLATION_STRICT_MAX",
            Amount::Time(ISOLATION_STRICT_MAX),
            "a node that claims nothing beside a last attempt",
            "it goes on beside it",
        ),
        fixed(
            "HEALTH_ITEMS_MAX",
            count(HEALTH_ITEMS_MAX),
            "instances whose code hangs, and items that run alone, in one `Runtime::health()`",
            "the others are not named",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_people() {
        for (amount, expected) in [
            (Amount::Count(8), "8"),
            (Amount::Count(1_024), "1,024"),
            (Amount::Count(1_000_007), "1,000,007"),
            (Amount::Bytes(256), "256 bytes"),
            (Amount::Bytes(1_024), "1,024 bytes"),
            (Amount::Bytes(4 * 1024), "4 KiB"),
            (Amount::Bytes(16 * 1024 * 1024), "16 MiB"),
            (Amount::Time(Duration::from_millis(2_500)), "2.5 s"),
        ] {
            assert_eq!(amount.to_string(), expected);
        }
    }

    #[test]
    fn every_limit_has_a_name_of_its_own_and_allows_something() {
        let mut names = std::collections::BTreeSet::new();
        for limit in all() {
            assert!(names.insert(limit.name), "{} is there twice", limit.name);
            let amount = match limit.default {
                Amount::Count(number) | Amount::Bytes(number) => number,
                Amount::Time(time) => u64::try_from(time.as_millis()).unwrap(),
            };
            assert!(amount > 0, "{}", limit.name);
        }
    }
}
