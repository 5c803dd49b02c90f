//! What sequences are drawn from.
//!
//! The weights follow what must come together for a store to be put to the test: instances, claims of
//! them, and commits that schedule something. Everything else comes now and then.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::strategy::Union;

use super::op::Op;
use super::part::{At, Member, Members, Part, Parts};
use super::words::{Queue, Span, Who};

/// Long enough for an instance to live, end and live again.
const OPERATIONS_MAX: usize = 60;
/// A few more operations than that, since most episodes have several.
const EPISODES_MAX: usize = 40;
/// More parts than most turns have.
const PARTS_MAX: usize = 5;
/// More members than it takes for one to disturb another.
const MEMBERS_MAX: usize = 2;
/// So few that repeats are frequent.
const MESSAGES: u8 = 6;
/// How far back an operation reaches for what was seen.
const AGO_MAX: usize = 4;

/// A sequence of operations. It begins with two instances: most operations need one.
pub(super) fn sequence() -> impl Strategy<Value = Vec<Op>> {
    let first =
        [(Who::A, 0), (Who::B, 1)].map(|(instance, message)| Op::Start { instance, message });
    vec(episode(), 1..=EPISODES_MAX).prop_map(move |episodes| {
        let ops = first.iter().cloned().chain(episodes.into_iter().flatten());
        ops.take(OPERATIONS_MAX).collect()
    })
}

/// Operations that come to more if one follows the other.
fn episode() -> BoxedStrategy<Vec<Op>> {
    one_of(vec![
        (5, op().prop_map(|op| vec![op]).boxed()),
        (4, one_turn().boxed()),
        (1, kept_turn().boxed()),
        (2, Just(vec![Op::Advance { by: Span::Lease }]).boxed()),
        (1, held_turn().boxed()),
        (2, held_activity().boxed()),
        (2, one_activity().boxed()),
        (1, finished_activity().boxed()),
        (1, end_of_life().boxed()),
    ])
}

/// Something happens to the lease of a claimed turn.
fn held_turn() -> impl Strategy<Value = Vec<Op>> {
    (arrival(), claim_turns(), one_of(leases_of_turns()))
        .prop_map(|(arrival, claim, lease)| vec![arrival, claim, lease])
}

/// Something happens to a claimed activity, if one is left.
fn held_activity() -> impl Strategy<Value = Vec<Op>> {
    let mut all = ends_of_activities();
    all.extend(leases_of_activities());
    (claim_activities(), one_of(all)).prop_map(|(claim, next)| vec![claim, next])
}

/// Something happens to an instance, and a turn decides what to do.
fn one_turn() -> impl Strategy<Value = Vec<Op>> {
    (arrival(), claim_turns(), commit(parts()))
        .prop_map(|(arrival, claim, commit)| vec![arrival, claim, commit])
}

/// A turn that goes on without a claim, and what it recorded.
fn kept_turn() -> impl Strategy<Value = Vec<Op>> {
    let recording = || Part::Record { events: 1 };
    let first = (part(), lease())
        .prop_map(move |(part, lease)| Parts(vec![recording(), part, Part::Keep { lease }]));
    let second = part().prop_map(move |part| Parts(vec![recording(), part]));
    let turns = (arrival(), claim_turns(), commit(first), commit(second));
    (turns, read_history()).prop_map(|((arrival, claim, first, second), read)| {
        vec![arrival, claim, first, second, read]
    })
}

/// A turn schedules an activity, which is claimed.
fn scheduled_activity() -> impl Strategy<Value = Vec<Op>> {
    let parts = (queue(), part()).prop_map(|(queue, part)| vec![Part::Schedule { queue }, part]);
    let all = Op::ClaimActivities {
        queues: Queue::Both,
        activities_max: 10,
        lease: Span::Lease,
    };
    (arrival(), claim_turns(), commit(parts.prop_map(Parts)))
        .prop_map(move |(arrival, claim, commit)| vec![arrival, claim, commit, all.clone()])
}

/// An activity that ends.
fn finished_activity() -> impl Strategy<Value = Vec<Op>> {
    (scheduled_activity(), one_of(ends_of_activities())).prop_map(|(mut ops, end)| {
        ops.push(end);
        ops
    })
}

/// An activity that is ended or cancelled by the next turn.
fn one_activity() -> impl Strategy<Value = Vec<Op>> {
    let fused = ago().prop_map(|activity| Part::FinishFused { activity });
    let cancelled = back().prop_map(|executions_ago| Part::CancelAll { executions_ago });
    let ending = one_of(vec![
        (2, fused.boxed()),
        (2, cancelled.boxed()),
        (1, part()),
    ]);
    let ending = commit(ending.prop_map(|part| Parts(vec![part])));
    (scheduled_activity(), arrival(), claim_turns(), ending).prop_map(
        |(mut ops, arrival, claim, commit)| {
            ops.extend([arrival, claim, commit]);
            ops
        },
    )
}

/// An instance ends, is looked at and deleted.
fn end_of_life() -> impl Strategy<Value = Vec<Op>> {
    let last = vec(part(), 0..2).prop_map(|mut parts| {
        parts.push(Part::Complete);
        Parts(parts)
    });
    let looked_at = who().prop_map(|instance| Op::WaitForEnd { instance });
    let deleted = who().prop_map(|instance| Op::Delete { instance });
    (arrival(), claim_turns(), commit(last), looked_at, deleted).prop_map(
        |(arrival, claim, commit, looked_at, deleted)| {
            vec![arrival, claim, commit, looked_at, deleted]
        },
    )
}

/// A message that makes an instance claimable.
fn arrival() -> impl Strategy<Value = Op> {
    let start = (who(), message()).prop_map(|(instance, message)| Op::Start { instance, message });
    let event = (who(), message()).prop_map(|(to, message)| Op::Send { to, message });
    one_of(vec![(1, start.boxed()), (4, event.boxed())])
}

fn commit(parts: impl Strategy<Value = Parts>) -> impl Strategy<Value = Op> {
    (ago(), at(), parts).prop_map(|(turn, at, parts)| Op::Commit { turn, at, parts })
}

/// One of these, as often as its weight says; a failing one shrinks towards the first.
fn one_of<T: std::fmt::Debug + 'static>(
    weighted: Vec<(u32, BoxedStrategy<T>)>,
) -> BoxedStrategy<T> {
    Union::new_weighted(weighted).boxed()
}

fn op() -> BoxedStrategy<Op> {
    let mut all = messages();
    all.extend(turns());
    all.push((8, claim_activities().boxed()));
    all.extend(ends_of_activities());
    all.extend(leases_of_activities());
    all.extend(leases_of_turns());
    all.extend(looks());
    one_of(all)
}

fn messages() -> Vec<(u32, BoxedStrategy<Op>)> {
    let addressed = || (who(), message());
    vec![
        (
            8,
            addressed()
                .prop_map(|(instance, message)| Op::Start { instance, message })
                .boxed(),
        ),
        (
            6,
            addressed()
                .prop_map(|(to, message)| Op::Send { to, message })
                .boxed(),
        ),
        (
            3,
            (who(), message(), span())
                .prop_map(|(to, message, delay)| Op::SendLater { to, message, delay })
                .boxed(),
        ),
        (
            2,
            addressed()
                .prop_map(|(to, message)| Op::SendToLife { to, message })
                .boxed(),
        ),
        (
            1,
            (who(), message(), message())
                .prop_map(|(to, start, message)| Op::SendToLifeOf { to, start, message })
                .boxed(),
        ),
        (
            1,
            addressed()
                .prop_map(|(to, message)| Op::SendTwice { to, message })
                .boxed(),
        ),
    ]
}

fn turns() -> Vec<(u32, BoxedStrategy<Op>)> {
    vec![
        (16, claim_turns().boxed()),
        (16, commit(parts()).boxed()),
        (
            2,
            (who(), parts())
                .prop_map(|(instance, parts)| Op::Create { instance, parts })
                .boxed(),
        ),
        (
            2,
            ago().prop_map(|commit| Op::RepeatCommit { commit }).boxed(),
        ),
        (
            1,
            ago().prop_map(|turn| Op::CommitTwoTurns { turn }).boxed(),
        ),
        (
            3,
            (members(), ago(), parts(), members())
                .prop_map(|(before, turn, parts, after)| Op::Batch {
                    before,
                    turn,
                    parts,
                    after,
                })
                .boxed(),
        ),
        (
            2,
            (ago(), 0..4_usize, parts())
                .prop_map(|(turn, polls, parts)| Op::CommitDroppedAndRepeated {
                    turn,
                    polls,
                    parts,
                })
                .boxed(),
        ),
    ]
}

fn claim_turns() -> impl Strategy<Value = Op> {
    let turns_max = one_of(vec![
        (3, Just(1).boxed()),
        (2, Just(10).boxed()),
        (1, Just(2).boxed()),
    ]);
    let messages_max = one_of(vec![(3, Just(100).boxed()), (1, (1..=2_usize).boxed())]);
    let bytes_max = one_of(vec![(4, Just(10_000).boxed()), (1, (1..=60_usize).boxed())]);
    (turns_max, messages_max, bytes_max, lease()).prop_map(
        |(turns_max, messages_max, bytes_max, lease)| Op::ClaimTurns {
            turns_max,
            messages_max,
            bytes_max,
            lease,
        },
    )
}

fn claim_activities() -> impl Strategy<Value = Op> {
    let activities_max = one_of(vec![(2, Just(10).boxed()), (1, (1..=2_usize).boxed())]);
    (queue(), activities_max, lease()).prop_map(|(queues, activities_max, lease)| {
        Op::ClaimActivities {
            queues,
            activities_max,
            lease,
        }
    })
}

fn ends_of_activities() -> Vec<(u32, BoxedStrategy<Op>)> {
    let finish =
        (ago(), message()).prop_map(|(activity, message)| Op::Finish { activity, message });
    vec![
        (4, finish.boxed()),
        (
            2,
            ago()
                .prop_map(|activity| Op::FinishSilently { activity })
                .boxed(),
        ),
        (
            1,
            ago()
                .prop_map(|outcome| Op::RepeatOutcome { outcome })
                .boxed(),
        ),
    ]
}

fn leases_of_activities() -> Vec<(u32, BoxedStrategy<Op>)> {
    let renewal = (ago(), span()).prop_map(|(activity, by)| Op::RenewActivity { activity, by });
    let release = (ago(), span(), any::<bool>()).prop_map(|(activity, delay, count_attempt)| {
        Op::ReleaseActivity {
            activity,
            delay,
            count_attempt,
        }
    });
    vec![(2, renewal.boxed()), (2, release.boxed())]
}

fn leases_of_turns() -> Vec<(u32, BoxedStrategy<Op>)> {
    let renewal = (ago(), span()).prop_map(|(turn, by)| Op::RenewTurn { turn, by });
    let release =
        (ago(), span(), any::<bool>()).prop_map(|(turn, delay, count_attempt)| Op::ReleaseTurn {
            turn,
            delay,
            count_attempt,
        });
    vec![
        (2, renewal.boxed()),
        (3, release.boxed()),
        (1, span().prop_map(|by| Op::RenewAll { by }).boxed()),
        (
            1,
            who()
                .prop_map(|instance| Op::RenewUnknown { instance })
                .boxed(),
        ),
        (
            1,
            who()
                .prop_map(|instance| Op::ReleaseUnknown { instance })
                .boxed(),
        ),
    ]
}

fn looks() -> Vec<(u32, BoxedStrategy<Op>)> {
    let after = one_of(vec![
        (1, Just(None).boxed()),
        (1, who().prop_map(Some).boxed()),
    ]);
    vec![
        (6, span().prop_map(|by| Op::Advance { by }).boxed()),
        (2, read_history().boxed()),
        (1, Just(Op::Reopen).boxed()),
        (
            1,
            who().prop_map(|instance| Op::Delete { instance }).boxed(),
        ),
        (
            1,
            who()
                .prop_map(|instance| Op::ForceDelete { instance })
                .boxed(),
        ),
        (
            1,
            (who(), 0..4_u64)
                .prop_map(|(instance, keep_last)| Op::Prune {
                    instance,
                    keep_last,
                })
                .boxed(),
        ),
        (
            1,
            (after, any::<bool>(), 1..4_usize)
                .prop_map(|(after, running_only, instances_max)| Op::ListInstances {
                    after,
                    running_only,
                    instances_max,
                })
                .boxed(),
        ),
        (1, Just(Op::Maintain).boxed()),
        (
            1,
            queue()
                .prop_map(|queues| Op::WaitForWork { queues })
                .boxed(),
        ),
        (
            1,
            who()
                .prop_map(|instance| Op::WaitForEnd { instance })
                .boxed(),
        ),
    ]
}

fn read_history() -> impl Strategy<Value = Op> {
    (who(), 1..3_u64, 1..3_u64, 1..30_usize).prop_map(
        |(instance, execution, from_event_id, bytes_max)| Op::ReadHistory {
            instance,
            execution,
            from_event_id,
            bytes_max,
        },
    )
}

fn parts() -> impl Strategy<Value = Parts> {
    vec(part(), 0..=PARTS_MAX).prop_map(Parts)
}

fn part() -> BoxedStrategy<Part> {
    one_of(vec![
        (
            24,
            (1..4_u64)
                .prop_map(|events| Part::Record { events })
                .boxed(),
        ),
        (
            20,
            queue().prop_map(|queue| Part::Schedule { queue }).boxed(),
        ),
        (
            12,
            lease().prop_map(|lease| Part::Reserve { lease }).boxed(),
        ),
        (
            1,
            ago()
                .prop_map(|activity| Part::ScheduleAgain { activity })
                .boxed(),
        ),
        (
            8,
            ago()
                .prop_map(|activity| Part::CancelOne { activity })
                .boxed(),
        ),
        (
            4,
            back()
                .prop_map(|executions_ago| Part::CancelAll { executions_ago })
                .boxed(),
        ),
        (
            8,
            (0..2_usize)
                .prop_map(|messages| Part::ConsumeOnly { messages })
                .boxed(),
        ),
        (
            4,
            message()
                .prop_map(|message| Part::Withdraw { message })
                .boxed(),
        ),
        (
            16,
            (who(), message(), span())
                .prop_map(|(to, message, delay)| Part::Tell { to, message, delay })
                .boxed(),
        ),
        (
            8,
            (message(), 1..4_u64, span())
                .prop_map(|(message, execution, delay)| Part::TellExecution {
                    message,
                    execution,
                    delay,
                })
                .boxed(),
        ),
        (
            8,
            (who(), message())
                .prop_map(|(instance, message)| Part::StartChild { instance, message })
                .boxed(),
        ),
        (
            4,
            back()
                .prop_map(|executions_ago| Part::Purge { executions_ago })
                .boxed(),
        ),
        (12, Just(Part::ContinueAsNew).boxed()),
        (4, Just(Part::Complete).boxed()),
        (4, Just(Part::Fail).boxed()),
        (8, lease().prop_map(|lease| Part::Keep { lease }).boxed()),
        (
            2,
            ago()
                .prop_map(|activity| Part::FinishFused { activity })
                .boxed(),
        ),
        (
            4,
            (0..40_usize)
                .prop_map(|core_state_bytes| Part::Describe { core_state_bytes })
                .boxed(),
        ),
        (1, Just(Part::DescribeTooMuch).boxed()),
        (1, Just(Part::RecordTooMuch).boxed()),
        (1, Just(Part::RecordElsewhere).boxed()),
    ])
}

fn members() -> impl Strategy<Value = Members> {
    let member = one_of(vec![
        (
            3,
            (who(), message(), span())
                .prop_map(|(to, message, delay)| Member::Send { to, message, delay })
                .boxed(),
        ),
        (
            1,
            (who(), message())
                .prop_map(|(instance, message)| Member::Start { instance, message })
                .boxed(),
        ),
        (
            2,
            (ago(), message())
                .prop_map(|(activity, message)| Member::Finish { activity, message })
                .boxed(),
        ),
    ]);
    vec(member, 0..=MEMBERS_MAX).prop_map(Members)
}

fn at() -> BoxedStrategy<At> {
    one_of(vec![
        (14, Just(At::Head).boxed()),
        (2, Just(At::ClaimedPosition).boxed()),
        (1, Just(At::WrongPosition).boxed()),
        (1, Just(At::UnknownLease).boxed()),
    ])
}

fn who() -> BoxedStrategy<Who> {
    one_of(vec![
        (3, Just(Who::A).boxed()),
        (1, Just(Who::B).boxed()),
        (1, Just(Who::Odd).boxed()),
    ])
}

fn queue() -> BoxedStrategy<Queue> {
    one_of(vec![
        (3, Just(Queue::Default).boxed()),
        (1, Just(Queue::Gpu).boxed()),
        (2, Just(Queue::Both).boxed()),
    ])
}

/// A delay, or the time by which something is moved.
fn span() -> BoxedStrategy<Span> {
    one_of(vec![
        (3, Just(Span::Zero).boxed()),
        (2, Just(Span::Tick).boxed()),
        (2, Just(Span::Second).boxed()),
        (2, Just(Span::Lease).boxed()),
        (1, Just(Span::Hour).boxed()),
    ])
}

/// How long something is leased: most of the time long enough to be committed.
fn lease() -> BoxedStrategy<Span> {
    one_of(vec![
        (14, Just(Span::Lease).boxed()),
        (1, Just(Span::Second).boxed()),
        (1, Just(Span::Tick).boxed()),
        (1, Just(Span::Hour).boxed()),
    ])
}

fn back() -> impl Strategy<Value = u64> {
    0..2_u64
}

fn message() -> impl Strategy<Value = u8> {
    0..MESSAGES
}

/// How long ago something was seen: most of the time it is the latest.
fn ago() -> BoxedStrategy<usize> {
    one_of(vec![(6, Just(0).boxed()), (1, (0..AGO_MAX).boxed())])
}
