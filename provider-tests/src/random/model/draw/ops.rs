//! Drawing single operations.

use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};

use super::parts::{at, known, members, parts};
use super::words::{
    Weighted, ago, attempts, home, homes, lease, line, message, one_of, queue, shown, span, topics,
    weighted, who,
};
use crate::random::model::op::Op;
use crate::random::model::part::Parts;
use crate::random::model::words::{Line, Who};

pub(super) fn op() -> BoxedStrategy<Op> {
    let mut all = messages();
    all.extend(turns());
    all.push(weighted(8, claim_activities()));
    all.extend(ends_of_activities());
    all.extend(leases_of_activities());
    all.extend(leases_of_turns());
    all.extend(looks());
    one_of(all)
}

pub(super) fn messages() -> Vec<Weighted<Op>> {
    let addressed = || (who(), message());
    vec![
        weighted(8, start()),
        weighted(3, start_in_place()),
        weighted(
            6,
            addressed().prop_map(|(to, message)| Op::Send { to, message }),
        ),
        weighted(
            3,
            (who(), message(), span()).prop_map(|(to, message, delay)| Op::SendLater {
                to,
                message,
                delay,
            }),
        ),
        weighted(
            6,
            (who(), line(), message(), span()).prop_map(|(to, line, message, delay)| Op::SendOn {
                to,
                line,
                message,
                delay,
            }),
        ),
        weighted(
            2,
            (who(), line()).prop_flat_map(|(to, line)| several(to, line)),
        ),
        weighted(
            2,
            addressed().prop_map(|(to, message)| Op::SendToLife { to, message }),
        ),
        weighted(
            1,
            (who(), message(), message()).prop_map(|(to, start, message)| Op::SendToLifeOf {
                to,
                start,
                message,
            }),
        ),
        weighted(
            1,
            addressed().prop_map(|(to, message)| Op::SendTwice { to, message }),
        ),
    ]
}

pub(super) fn turns() -> Vec<Weighted<Op>> {
    vec![
        weighted(16, claim_turns()),
        weighted(1, claim_named()),
        weighted(16, commit(parts())),
        weighted(6, commit_unleased(parts())),
        weighted(
            2,
            (who(), home(), parts()).prop_map(|(instance, queue, parts)| Op::Create {
                instance,
                queue,
                parts,
            }),
        ),
        weighted(2, ago().prop_map(|commit| Op::RepeatCommit { commit })),
        weighted(1, ago().prop_map(|turn| Op::CommitTwoTurns { turn })),
        weighted(
            3,
            (members(), ago(), parts(), members()).prop_map(|(before, turn, parts, after)| {
                Op::Batch {
                    before,
                    turn,
                    parts,
                    after,
                }
            }),
        ),
        weighted(
            2,
            (ago(), 0..4_usize, parts()).prop_map(|(turn, polls, parts)| {
                Op::CommitDroppedAndRepeated { turn, polls, parts }
            }),
        ),
    ]
}

/// A client's start.
fn start() -> impl Strategy<Value = Op> {
    (who(), home(), message()).prop_map(|(instance, queue, message)| Op::Start {
        instance,
        queue,
        message,
    })
}

/// A start in the place of what has ended.
pub(super) fn start_in_place() -> impl Strategy<Value = Op> {
    (who(), home(), message()).prop_map(|(instance, queue, message)| Op::StartInPlace {
        instance,
        queue,
        message,
    })
}

pub(super) fn claim_turns() -> impl Strategy<Value = Op> {
    let turns_max = one_of(vec![
        weighted(3, Just(1)),
        weighted(2, Just(10)),
        weighted(1, Just(2)),
    ]);
    let messages_max = one_of(vec![weighted(3, Just(100)), weighted(1, 1..=2_usize)]);
    let bytes_max = one_of(vec![weighted(4, Just(10_000)), weighted(1, 1..=60_usize)]);
    let limits = (turns_max, messages_max, bytes_max, total_bytes_max());
    (homes(), limits, lease()).prop_map(
        |(queues, (turns_max, messages_max, bytes_max, total_bytes_max), lease)| Op::ClaimTurns {
            queues,
            turns_max,
            messages_max,
            bytes_max,
            total_bytes_max,
            lease,
        },
    )
}

/// Now and then so few bytes that a claim does not take everything.
fn total_bytes_max() -> impl Strategy<Value = usize> {
    one_of(vec![weighted(4, Just(10_000)), weighted(1, 0..=60_usize)])
}

/// What a renewal or a release brings, mostly nothing.
fn details() -> impl Strategy<Value = Option<u8>> {
    one_of(vec![
        weighted(2, Just(None)),
        weighted(1, (0..3_u8).prop_map(Some)),
    ])
}

pub(super) fn claim_named() -> impl Strategy<Value = Op> {
    (who(), lease()).prop_map(|(instance, lease)| Op::ClaimNamed { instance, lease })
}

pub(super) fn claim_activities() -> impl Strategy<Value = Op> {
    let activities_max = one_of(vec![weighted(2, Just(10)), weighted(1, 1..=2_usize)]);
    (queue(), activities_max, total_bytes_max(), lease()).prop_map(
        |(queues, activities_max, total_bytes_max, lease)| Op::ClaimActivities {
            queues,
            activities_max,
            total_bytes_max,
            lease,
        },
    )
}

pub(super) fn ends_of_activities() -> Vec<Weighted<Op>> {
    let finish =
        (ago(), message()).prop_map(|(activity, message)| Op::Finish { activity, message });
    vec![
        weighted(4, finish),
        weighted(
            2,
            ago().prop_map(|activity| Op::FinishSilently { activity }),
        ),
        weighted(1, ago().prop_map(|outcome| Op::RepeatOutcome { outcome })),
    ]
}

pub(super) fn leases_of_activities() -> Vec<Weighted<Op>> {
    let renewal =
        (ago(), span(), details()).prop_map(|(activity, by, details)| Op::RenewActivity {
            activity,
            by,
            details,
        });
    let release =
        (ago(), span(), attempts(), details()).prop_map(|(activity, delay, attempts, details)| {
            Op::ReleaseActivity {
                activity,
                delay,
                attempts,
                details,
            }
        });
    vec![weighted(2, renewal), weighted(2, release)]
}

pub(super) fn leases_of_turns() -> Vec<Weighted<Op>> {
    let renewal = (ago(), span()).prop_map(|(turn, by)| Op::RenewTurn { turn, by });
    let release =
        (ago(), span(), attempts(), details()).prop_map(|(turn, delay, attempts, note)| {
            Op::ReleaseTurn {
                turn,
                delay,
                attempts,
                note,
            }
        });
    vec![
        weighted(2, renewal),
        weighted(3, release),
        weighted(1, span().prop_map(|by| Op::RenewAll { by })),
        weighted(1, who().prop_map(|instance| Op::RenewUnknown { instance })),
        weighted(
            1,
            who().prop_map(|instance| Op::ReleaseUnknown { instance }),
        ),
    ]
}

pub(super) fn looks() -> Vec<Weighted<Op>> {
    vec![
        weighted(6, span().prop_map(|by| Op::Advance { by })),
        weighted(5, read_history()),
        weighted(4, read_mail()),
        weighted(2, read_values()),
        weighted(2, wait_for_value()),
        weighted(4, Just(Op::Reopen)),
        weighted(1, who().prop_map(|instance| Op::Delete { instance })),
        weighted(1, who().prop_map(|instance| Op::ForceDelete { instance })),
        weighted(
            1,
            (who(), 0..4_u64).prop_map(|(instance, keep_last)| Op::Prune {
                instance,
                keep_last,
            }),
        ),
        weighted(
            1,
            (option::of(who()), any::<[bool; 3]>(), 1..4_usize).prop_map(
                |(parent, [running_only, labelled, newest_first], instances_max)| {
                    Op::ListInstances {
                        running_only,
                        parent,
                        labelled,
                        newest_first,
                        instances_max,
                    }
                },
            ),
        ),
        weighted(1, Just(Op::Maintain)),
        weighted(1, queue().prop_map(|queues| Op::WaitForWork { queues })),
        weighted(1, who().prop_map(|instance| Op::WaitForEnd { instance })),
    ]
}

pub(super) fn read_history() -> impl Strategy<Value = Op> {
    (who(), 1..3_u64, 1..3_u64, 1..30_usize).prop_map(
        |(instance, execution, from_event_id, bytes_max)| Op::ReadHistory {
            instance,
            execution,
            from_event_id,
            bytes_max,
        },
    )
}

/// A read of values, of one or of both.
pub(super) fn read_values() -> impl Strategy<Value = Op> {
    (who(), shown(), shown()).prop_map(|(instance, first, second)| Op::ReadValues {
        instance,
        first,
        second,
    })
}

/// A look at a value that may have changed.
pub(super) fn wait_for_value() -> impl Strategy<Value = Op> {
    let known = one_of(vec![
        weighted(1, Just(None)),
        weighted(3, ago().prop_map(Some)),
    ]);
    (who(), shown(), known).prop_map(|(instance, value, known)| Op::WaitForValue {
        instance,
        value,
        known,
    })
}

/// Several messages on one channel.
pub(super) fn several(to: Who, line: Line) -> impl Strategy<Value = Op> {
    (message(), 2..=4_u8).prop_map(move |(first, times)| Op::SendSeveral {
        to,
        line,
        first,
        times,
    })
}

/// A read of the mail of one of the instances.
pub(super) fn read_mail() -> impl Strategy<Value = Op> {
    who().prop_flat_map(read_mail_of)
}

/// A read of the mail of an instance.
pub(super) fn read_mail_of(instance: Who) -> impl Strategy<Value = Op> {
    let goes_on = one_of(vec![weighted(3, Just(false)), weighted(1, Just(true))]);
    let per_topic_max = one_of(vec![weighted(1, Just(100)), weighted(3, 1..=2_usize)]);
    (topics(), per_topic_max, goes_on).prop_map(move |(topics, per_topic_max, goes_on)| {
        Op::ReadMail {
            instance,
            topics,
            per_topic_max,
            goes_on,
        }
    })
}

pub(super) fn commit(parts: impl Strategy<Value = Parts>) -> impl Strategy<Value = Op> {
    (ago(), at(), parts).prop_map(|(turn, at, parts)| Op::Commit { turn, at, parts })
}

pub(super) fn commit_unleased(parts: impl Strategy<Value = Parts>) -> impl Strategy<Value = Op> {
    (ago(), known(), parts).prop_map(|(turn, known, parts)| Op::CommitUnleased {
        turn,
        known,
        parts,
    })
}

/// A message that makes an instance claimable.
pub(super) fn arrival() -> impl Strategy<Value = Op> {
    let start = start();
    let event = (who(), message()).prop_map(|(to, message)| Op::Send { to, message });
    one_of(vec![weighted(1, start), weighted(4, event)])
}
