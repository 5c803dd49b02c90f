//! What sequences are drawn from.
//!
//! The weights follow what must come together for a store to be put to the test: instances, claims of
//! them, and commits that schedule something. Everything else comes now and then.

mod ops;
mod parts;
mod words;

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy};

use self::ops::{
    arrival, claim_activities, claim_turns, commit, commit_unleased, ends_of_activities,
    leases_of_activities, leases_of_turns, op, read_history, read_mail_of, read_values, several,
    start_in_place, wait_for_value,
};
use self::parts::{part, parts, set_value};
use self::words::{ago, back, one_of, queue, span, weighted, who};
use super::op::Op;
use super::part::{Part, Parts};
use super::words::{Line, Queue, Span, Who};

/// Long enough for an instance to live, end and live again.
const OPERATIONS_MAX: usize = 60;
/// A few more operations than that, since most episodes have several.
const EPISODES_MAX: usize = 40;

/// A sequence of operations. It begins with two instances: most operations need one.
pub(super) fn sequence() -> impl Strategy<Value = Vec<Op>> {
    let first = [(Who::A, 0), (Who::B, 1)].map(|(instance, message)| Op::Start {
        instance,
        queue: Queue::Default,
        message,
    });
    vec(episode(), 1..=EPISODES_MAX).prop_map(move |episodes| {
        let ops = first.iter().cloned().chain(episodes.into_iter().flatten());
        ops.take(OPERATIONS_MAX).collect()
    })
}

/// Operations that come to more if one follows the other.
fn episode() -> BoxedStrategy<Vec<Op>> {
    one_of(vec![
        weighted(5, op().prop_map(|op| vec![op])),
        weighted(4, one_turn()),
        weighted(2, unclaimed_turn()),
        weighted(2, Just(vec![Op::Advance { by: Span::Lease }])),
        weighted(1, held_turn()),
        weighted(2, held_activity()),
        weighted(2, one_activity()),
        weighted(1, finished_activity()),
        weighted(1, fused_activity()),
        weighted(1, end_of_life()),
        weighted(1, life_after_an_end()),
        weighted(1, read_mail()),
        weighted(1, shown_values()),
    ])
}

/// An instance ends, is claimed by its name and is opened again.
fn life_after_an_end() -> impl Strategy<Value = Vec<Op>> {
    let ending = one_of(vec![
        weighted(1, Just(Part::Complete)),
        weighted(1, Just(Part::Fail)),
    ]);
    let ending = commit(ending.prop_map(|end| Parts(vec![end])));
    let opening = commit(part().prop_map(|part| Parts(vec![Part::OpenNext, part])));
    (arrival(), who(), ending, opening).prop_map(|(arrival, instance, ending, opening)| {
        let lease = Span::Lease;
        let claim = Op::ClaimNamed { instance, lease };
        vec![arrival, claim.clone(), ending, claim, opening]
    })
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
fn unclaimed_turn() -> impl Strategy<Value = Vec<Op>> {
    let recording = || part().prop_map(|part| Parts(vec![Part::Record { events: 1 }, part]));
    let (first, second) = (commit(recording()), commit_unleased(recording()));
    let turns = (arrival(), claim_turns(), first, second);
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
        total_bytes_max: 10_000,
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

/// An activity that ends with the turn that its outcome brings, without a claim, while something
/// else may happen to the instance.
fn fused_activity() -> impl Strategy<Value = Vec<Op>> {
    let between = one_of(vec![
        weighted(2, Just(Vec::new())),
        weighted(1, arrival().prop_map(|arrival| vec![arrival])),
        weighted(
            1,
            (arrival(), claim_turns()).prop_map(|(arrival, claim)| vec![arrival, claim]),
        ),
        weighted(
            1,
            one_of(leases_of_turns()).prop_map(|of_lease| vec![of_lease]),
        ),
    ]);
    let ending = (ago(), part()).prop_map(|(activity, part)| {
        Parts(vec![
            Part::FinishFused { activity },
            Part::Record { events: 1 },
            part,
        ])
    });
    let next = one_of(vec![
        weighted(1, commit_unleased(parts())),
        weighted(1, Just(Op::RepeatCommit { commit: 0 })),
    ]);
    let turns = (commit_unleased(ending), next);
    (scheduled_activity(), between, turns).prop_map(|(mut ops, between, (ending, next))| {
        ops.extend(between);
        ops.extend([ending, next]);
        ops
    })
}

/// An activity that is ended or cancelled by the next turn.
fn one_activity() -> impl Strategy<Value = Vec<Op>> {
    let fused = ago().prop_map(|activity| Part::FinishFused { activity });
    let cancelled = back().prop_map(|executions_ago| Part::CancelAll { executions_ago });
    let ending = one_of(vec![
        weighted(2, fused),
        weighted(2, cancelled),
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

/// Mail of one topic comes, and is read twice.
fn read_mail() -> impl Strategy<Value = Vec<Op>> {
    who().prop_flat_map(|to| {
        (several(to, Line::Mail), read_mail_of(to), read_mail_of(to))
            .prop_map(|(send, first, second)| vec![send, first, second])
    })
}

/// A turn sets a value, and somebody looks for it.
fn shown_values() -> impl Strategy<Value = Vec<Op>> {
    let setting = (set_value(), part()).prop_map(|(set, part)| Parts(vec![set, part]));
    let looks = one_of(vec![
        weighted(1, read_values().boxed()),
        weighted(1, wait_for_value().boxed()),
    ]);
    (arrival(), claim_turns(), commit(setting), looks)
        .prop_map(|(arrival, claim, commit, look)| vec![arrival, claim, commit, look])
}

/// An instance ends, is looked at, and is deleted, replaced or swept once it has expired.
fn end_of_life() -> impl Strategy<Value = Vec<Op>> {
    let expiry = span().prop_map(|after| Part::Expire { after });
    let last = (vec(part(), 0..2), expiry).prop_map(|(mut parts, expiry)| {
        parts.extend([Part::Complete, expiry]);
        Parts(parts)
    });
    let looked_at = who().prop_map(|instance| Op::WaitForEnd { instance });
    let deleted = who().prop_map(|instance| vec![Op::Delete { instance }]);
    let swept = span().prop_map(|by| vec![Op::Advance { by }, Op::Maintain]);
    let gone = one_of(vec![
        weighted(1, deleted),
        weighted(1, start_in_place().prop_map(|start| vec![start])),
        weighted(1, swept),
    ]);
    (arrival(), claim_turns(), commit(last), looked_at, gone).prop_map(
        |(arrival, claim, commit, looked_at, gone)| {
            let mut ops = vec![arrival, claim, commit, looked_at];
            ops.extend(gone);
            ops
        },
    )
}
