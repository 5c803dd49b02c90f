//! Every limit, in one place: what it is called, what it is by default, who sets it, and what
//! happens beyond it.
//!
//! Some are a provider's ([`Limits`]), some a runtime's ([`RuntimeOptions`](crate::RuntimeOptions)), and some are fixed:
//! the constants here. [`all`] lists them together, and the guide has the same table.

mod table;

use std::time::Duration;

use crate::providers::Limits;

pub use table::{Amount, Limit, SetBy, all};

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

/// How many bytes the history of an instance may have that is rewound, and what a fork copies of one: what is repeated of it goes into
/// one commit, and is read at once. A quarter of the provider's `commit_bytes_max` where that is less: what is open is sent
/// anew in the same commit.
pub const REWOUND_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The same with a provider that has these limits.
pub(crate) fn rewound_bytes_max(limits: &Limits) -> usize {
    REWOUND_BYTES_MAX.min(limits.commit_bytes_max / 4)
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
