//! Drawing the few things that sequences speak of.

use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::strategy::Union;
use std::fmt::Debug;

use crate::random::model::words::{Attempts, Line, Queue, Shown, Span, Topics, Who};

/// So few that repeats are frequent.
const MESSAGES: u8 = 6;
/// How far back an operation reaches for what was seen.
const AGO_MAX: usize = 4;

/// Something that is drawn so many times as often as what has the weight 1.
pub(super) type Weighted<T> = (u32, BoxedStrategy<T>);

pub(super) fn weighted<T: Debug>(
    weight: u32,
    strategy: impl Strategy<Value = T> + 'static,
) -> Weighted<T> {
    (weight, strategy.boxed())
}

/// One of these, as often as its weight says; a failing one shrinks towards the first.
pub(super) fn one_of<T: Debug + 'static>(
    weighted: Vec<(u32, BoxedStrategy<T>)>,
) -> BoxedStrategy<T> {
    Union::new_weighted(weighted).boxed()
}

pub(super) fn who() -> BoxedStrategy<Who> {
    one_of(vec![
        weighted(3, Just(Who::A)),
        weighted(1, Just(Who::B)),
        weighted(1, Just(Who::Odd)),
    ])
}

pub(super) fn queue() -> BoxedStrategy<Queue> {
    one_of(vec![
        weighted(3, Just(Queue::Default)),
        weighted(1, Just(Queue::Gpu)),
        weighted(2, Just(Queue::Both)),
    ])
}

/// The queue of a new instance: mostly the one that most claims serve.
pub(super) fn home() -> BoxedStrategy<Queue> {
    one_of(vec![
        weighted(4, Just(Queue::Default)),
        weighted(1, Just(Queue::Gpu)),
    ])
}

/// The queues of turns that a claim serves: mostly all there are.
pub(super) fn homes() -> BoxedStrategy<Queue> {
    one_of(vec![
        weighted(6, Just(Queue::Both)),
        weighted(2, Just(Queue::Default)),
        weighted(1, Just(Queue::Gpu)),
    ])
}

/// A delay, or the time by which something is moved.
pub(super) fn span() -> BoxedStrategy<Span> {
    one_of(vec![
        weighted(3, Just(Span::Zero)),
        weighted(2, Just(Span::Tick)),
        weighted(2, Just(Span::Second)),
        weighted(2, Just(Span::Lease)),
        weighted(1, Just(Span::Hour)),
    ])
}

/// How long something is leased: most of the time long enough to be committed.
pub(super) fn lease() -> BoxedStrategy<Span> {
    one_of(vec![
        weighted(14, Just(Span::Lease)),
        weighted(1, Just(Span::Second)),
        weighted(1, Just(Span::Tick)),
        weighted(1, Just(Span::Hour)),
    ])
}

pub(super) fn line() -> BoxedStrategy<Line> {
    one_of(vec![
        weighted(4, Just(Line::Mail)),
        weighted(2, Just(Line::Control)),
        weighted(1, Just(Line::OtherMail)),
        weighted(1, Just(Line::System)),
    ])
}

pub(super) fn topics() -> BoxedStrategy<Topics> {
    one_of(vec![
        weighted(3, Just(Topics::One)),
        weighted(2, Just(Topics::Both)),
        weighted(1, Just(Topics::None)),
    ])
}

pub(super) fn shown() -> BoxedStrategy<Shown> {
    one_of(vec![
        weighted(3, Just(Shown::One)),
        weighted(1, Just(Shown::Other)),
    ])
}

pub(super) fn attempts() -> BoxedStrategy<Attempts> {
    one_of(vec![
        weighted(1, Just(Attempts::Keep)),
        weighted(1, Just(Attempts::TakeBack)),
        weighted(1, Just(Attempts::Reset)),
    ])
}

pub(super) fn back() -> impl Strategy<Value = u64> {
    0..2_u64
}

pub(super) fn message() -> impl Strategy<Value = u8> {
    0..MESSAGES
}

/// How long ago something was seen: most of the time it is the latest.
pub(super) fn ago() -> BoxedStrategy<usize> {
    one_of(vec![weighted(6, Just(0)), weighted(1, 0..AGO_MAX)])
}
