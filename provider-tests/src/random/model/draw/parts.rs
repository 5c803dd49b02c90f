//! Drawing what commits are put together from.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};

use super::words::{
    Weighted, ago, back, home, lease, line, message, one_of, queue, shown, span, topics, weighted,
    who,
};
use crate::random::model::part::{At, Known, Member, Members, Part, Parts};

/// More parts than most turns have.
const PARTS_MAX: usize = 5;
/// More members than it takes for one to disturb another.
const MEMBERS_MAX: usize = 2;

pub(super) fn parts() -> impl Strategy<Value = Parts> {
    vec(part(), 0..=PARTS_MAX).prop_map(Parts)
}

pub(super) fn part() -> BoxedStrategy<Part> {
    let mut all = vec![
        weighted(24, (1..4_u64).prop_map(|events| Part::Record { events })),
        weighted(20, queue().prop_map(|queue| Part::Schedule { queue })),
        weighted(12, lease().prop_map(|lease| Part::Reserve { lease })),
        weighted(
            1,
            ago().prop_map(|activity| Part::ScheduleAgain { activity }),
        ),
        weighted(8, ago().prop_map(|activity| Part::CancelOne { activity })),
        weighted(
            4,
            back().prop_map(|executions_ago| Part::CancelAll { executions_ago }),
        ),
        weighted(
            8,
            (0..2_usize).prop_map(|messages| Part::ConsumeOnly { messages }),
        ),
        weighted(4, message().prop_map(|message| Part::Withdraw { message })),
        weighted(
            16,
            (who(), message(), span()).prop_map(|(to, message, delay)| Part::Tell {
                to,
                message,
                delay,
            }),
        ),
        weighted(
            8,
            (who(), line(), message(), span()).prop_map(|(to, line, message, delay)| {
                Part::TellOn {
                    to,
                    line,
                    message,
                    delay,
                }
            }),
        ),
        weighted(12, topics().prop_map(|topics| Part::Await { topics })),
        weighted(
            4,
            any::<bool>().prop_map(|suspended| Part::Suspend { suspended }),
        ),
        weighted(
            8,
            (message(), 1..4_u64, span()).prop_map(|(message, execution, delay)| {
                Part::TellExecution {
                    message,
                    execution,
                    delay,
                }
            }),
        ),
        weighted(
            8,
            (who(), home(), message()).prop_map(|(instance, queue, message)| Part::StartChild {
                instance,
                queue,
                message,
            }),
        ),
        weighted(
            4,
            back().prop_map(|executions_ago| Part::Purge { executions_ago }),
        ),
        weighted(12, Just(Part::ContinueAsNew)),
        weighted(1, Just(Part::OpenNext)),
        weighted(4, Just(Part::Complete)),
        weighted(4, Just(Part::Fail)),
        weighted(2, ago().prop_map(|activity| Part::FinishFused { activity })),
        weighted(
            4,
            (0..40_usize).prop_map(|core_state_bytes| Part::Describe { core_state_bytes }),
        ),
        weighted(1, Just(Part::DescribeTooMuch)),
        weighted(1, Just(Part::RecordTooMuch)),
        weighted(1, Just(Part::RecordElsewhere)),
    ];
    all.extend(what_is_kept());
    one_of(all)
}

/// What becomes of values, and of the instance in the end.
fn what_is_kept() -> Vec<Weighted<Part>> {
    vec![
        weighted(4, span().prop_map(|after| Part::Expire { after })),
        weighted(8, set_value()),
        weighted(3, shown().prop_map(|value| Part::RemoveValue { value })),
        weighted(1, shown().prop_map(|value| Part::SetValueTwice { value })),
        weighted(1, shown().prop_map(|value| Part::SetValueTooLong { value })),
    ]
}

/// A value is set, more often for as long as its instance is there than not.
pub(super) fn set_value() -> impl Strategy<Value = Part> {
    let expires_after = one_of(vec![
        weighted(3, Just(None)),
        weighted(2, span().prop_map(Some)),
    ]);
    (shown(), expires_after).prop_map(|(value, expires_after)| Part::SetValue {
        value,
        expires_after,
    })
}

pub(super) fn members() -> impl Strategy<Value = Members> {
    let member = one_of(vec![
        weighted(
            3,
            (who(), message(), span()).prop_map(|(to, message, delay)| Member::Send {
                to,
                message,
                delay,
            }),
        ),
        weighted(
            1,
            (who(), home(), message()).prop_map(|(instance, queue, message)| Member::Start {
                instance,
                queue,
                message,
            }),
        ),
        weighted(
            1,
            (who(), home(), message()).prop_map(|(instance, queue, message)| {
                Member::StartInPlace {
                    instance,
                    queue,
                    message,
                }
            }),
        ),
        weighted(
            2,
            (ago(), message()).prop_map(|(activity, message)| Member::Finish { activity, message }),
        ),
    ]);
    vec(member, 0..=MEMBERS_MAX).prop_map(Members)
}

pub(super) fn at() -> BoxedStrategy<At> {
    one_of(vec![
        weighted(14, Just(At::Head)),
        weighted(2, Just(At::ClaimedPosition)),
        weighted(1, Just(At::WrongPosition)),
        weighted(1, Just(At::UnknownLease)),
    ])
}

pub(super) fn known() -> BoxedStrategy<Known> {
    one_of(vec![
        weighted(14, Just(Known::Now)),
        weighted(2, Just(Known::Claimed)),
        weighted(1, Just(Known::WrongPosition)),
        weighted(1, Just(Known::AnotherLife)),
    ])
}
