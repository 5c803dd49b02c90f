//! The table of all limits: the guide shows it, and a test compares the two.

use std::fmt;
use std::time::Duration;

use super::*;
use crate::providers::{InstanceId, Limits, TaskQueue, ValueKey};
use crate::runtime::RuntimeOptions;

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
             start fails the orchestration; the start of a runtime panics",
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
            "the history of an instance that is rewound, and what a fork copies of one",
            "the rewind or the fork is refused as `InvalidInput`",
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
            "the start of the runtime panics and says so; a claim is refused as `LimitExceeded`",
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
             orchestration; the start of a runtime panics",
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
