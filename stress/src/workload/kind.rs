//! The workloads that can be chosen.

use std::sync::Arc;

use super::backlog::Backlog;
use super::chain::Chain;
use super::continue_as_new::ContinueAsNew;
use super::events::Events;
use super::fan_out::FanOut;
use super::finished::Finished;
use super::hello::Hello;
use super::idle::Idle;
use super::large_payload::LargePayload;
use super::mailbox::Mailbox;
use super::mixed::Mixed;
use super::parallel::Parallel;
use super::timers::Timers;
use super::tree::Tree;
use super::{Scale, Workload};

/// A workload that can be chosen.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// How many operations are under way by default.
    pub(crate) in_flight: usize,
    pub(crate) sizes: Sizes,
    /// Whether an operation may outlast the run: then all that were begun are measured, to the end of the last one.
    pub(crate) is_long: bool,
    /// Whether a store has to be filled first, for minutes: then it is measured when it is named, or when a size is.
    pub(crate) is_filled: bool,
    /// Whether its inputs may be so long as is said.
    pub(crate) has_payload: bool,
    make: fn(Scale) -> Arc<dyn Workload>,
}

/// How much of a workload there is.
pub(crate) struct Sizes {
    /// Each of these is a run of its own; none where there is nothing to say.
    pub(crate) default: &'static [u64],
    /// What is counted.
    pub(crate) unit: &'static str,
}

const NO_SIZE: Sizes = Sizes {
    default: &[],
    unit: "",
};

impl Kind {
    /// A workload that has no size, and short operations.
    const fn new(
        name: &'static str,
        about: &'static str,
        in_flight: usize,
        make: fn(Scale) -> Arc<dyn Workload>,
    ) -> Self {
        Self {
            name,
            about,
            in_flight,
            sizes: NO_SIZE,
            is_long: false,
            is_filled: false,
            has_payload: false,
            make,
        }
    }

    const fn sized(self, default: &'static [u64], unit: &'static str) -> Self {
        Self {
            sizes: Sizes { default, unit },
            ..self
        }
    }

    const fn long(self) -> Self {
        Self {
            is_long: true,
            ..self
        }
    }

    const fn with_payload(self) -> Self {
        Self {
            has_payload: true,
            ..self
        }
    }

    const fn filled(self) -> Self {
        Self {
            is_filled: true,
            ..self
        }
    }

    /// Makes it.
    pub(crate) fn make(&self, scale: Scale) -> Arc<dyn Workload> {
        (self.make)(scale)
    }
}

/// All workloads.
pub(crate) const KINDS: &[Kind] = &[
    Kind::new("hello", "one activity", 200, |it| {
        Arc::new(Hello::new(it.payload_bytes))
    })
    .with_payload(),
    Kind::new("chain", "50 activities, one after another", 20, |_| {
        Arc::new(Chain::of(50))
    }),
    Kind::new("fan-out", "100 activities side by side", 10, |_| {
        Arc::new(FanOut)
    }),
    Kind::new(
        "parallel",
        "5 activities of 10 ms each, one after another",
        20,
        |_| Arc::new(Parallel),
    ),
    Kind::new(
        "timers",
        "3 timers of 20 ms, one after another",
        200,
        |_| Arc::new(Timers),
    ),
    Kind::new(
        "events",
        "3 events, each of which races a timer",
        100,
        |_| Arc::new(Events),
    ),
    Kind::new(
        "tree",
        "3 children with 3 children each, and an activity in every leaf",
        20,
        |_| Arc::new(Tree),
    ),
    Kind::new(
        "large-payload",
        "20 activities and 5 children, with 10, 50 and 100 KB each",
        5,
        |it| Arc::new(LargePayload::new(it.payload_bytes)),
    )
    .with_payload(),
    Kind::new(
        "continue-as-new",
        "5 executions with an activity each",
        50,
        |_| Arc::new(ContinueAsNew),
    ),
    Kind::new(
        "mixed",
        "hello, timers, events and a tree by turns",
        100,
        |_| Arc::new(Mixed::new()),
    ),
    Kind::new(
        "mailbox",
        "one instance that takes event after event",
        1,
        |it| Arc::new(Mailbox { events: it.size }),
    )
    .sized(&[100_000], "events")
    .long(),
    Kind::new(
        "long-history",
        "activities one after another, in one long execution",
        1,
        |it| Arc::new(Chain::of(it.size)),
    )
    .sized(&[5_000], "activities")
    .long(),
    Kind::new("backlog", "hello beside instances that sleep", 200, |it| {
        Arc::new(Backlog { sleeping: it.size })
    })
    .sized(&[100_000], "sleeping")
    .filled(),
    Kind::new(
        "million",
        "hello beside instances that have ended",
        200,
        |it| Arc::new(Finished { finished: it.size }),
    )
    .sized(&[0, 100_000, 1_000_000], "finished")
    .filled(),
    Kind::new(
        "idle",
        "one instance that waits: what a second costs",
        1,
        |_| Arc::new(Idle),
    )
    .long(),
];

/// The workload of this name.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
