//! The kinds of orchestrations, and what is known of each beforehand.

pub(super) const CHAIN_STEPS: usize = 5;
pub(super) const WIDTH: usize = 8;
pub(super) const EXECUTIONS: u8 = 3;
pub(super) const RETRIES: u32 = 2;
/// Why an instance is cancelled.
pub(super) const REASON: &str = "enough";

/// A kind of orchestration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Activities one after another.
    Chain,
    /// Activities at once, joined.
    FanOut,
    /// An activity, a timer, an activity.
    Timer,
    /// Two events, with an activity between them.
    Events,
    /// Two children, each a chain.
    Children,
    /// An execution after another.
    Again,
    /// A step that fails, and one that makes up for it.
    Saga,
    /// A step that is tried again after a pause, and fails again.
    Retry,
    /// A child that waits, and a client that cancels both.
    Cancel,
}

impl Shape {
    pub(super) const ALL: [Self; 9] = [
        Self::Chain,
        Self::FanOut,
        Self::Timer,
        Self::Events,
        Self::Children,
        Self::Again,
        Self::Saga,
        Self::Retry,
        Self::Cancel,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chain => "Chain",
            Self::FanOut => "FanOut",
            Self::Timer => "Timer",
            Self::Events => "Events",
            Self::Children => "Children",
            Self::Again => "Again",
            Self::Saga => "Saga",
            Self::Retry => "Retry",
            Self::Cancel => "Cancel",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }

    /// The events it waits for, in order.
    pub(super) fn events(self) -> &'static [&'static str] {
        if self == Self::Events {
            &["first", "second"]
        } else {
            &[]
        }
    }

    pub(super) fn executions(self) -> u64 {
        if self == Self::Again {
            u64::from(EXECUTIONS)
        } else {
            1
        }
    }

    /// How many activities it schedules, in all its executions and without its children's.
    pub(super) fn activities(self) -> usize {
        match self {
            Self::Chain => CHAIN_STEPS,
            Self::FanOut => WIDTH,
            Self::Timer => 2,
            Self::Events => 1,
            Self::Children | Self::Cancel => 0,
            Self::Again => usize::from(EXECUTIONS),
            Self::Saga => 3,
            Self::Retry => RETRIES as usize,
        }
    }

    /// How many children it has. One that is cancelled may not have come to its own.
    pub(super) fn children(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Children => 2..=2,
            Self::Cancel => 0..=1,
            Self::Chain
            | Self::FanOut
            | Self::Timer
            | Self::Events
            | Self::Again
            | Self::Saga
            | Self::Retry => 0..=0,
        }
    }

    /// How it ends, in the words of [`end`](crate::worker::end).
    pub(super) fn end(self, instance: &str) -> String {
        let chain = steps(CHAIN_STEPS).join(" ");
        let output = match self {
            Self::Chain => chain,
            Self::FanOut => steps(WIDTH).join(" "),
            Self::Timer => "before after".to_owned(),
            Self::Events => format!(
                "{} between {}",
                datum(instance, "first"),
                datum(instance, "second")
            ),
            Self::Children => format!("{chain} | {chain}"),
            Self::Again => format!("execution {EXECUTIONS}"),
            Self::Saga => "undone".to_owned(),
            Self::Retry => "given up".to_owned(),
            Self::Cancel => return format!("failed: canceled: {REASON}"),
        };
        format!("completed: {output}")
    }
}

/// The data of an event that is raised for an instance.
pub(super) fn datum(instance: &str, event: &str) -> String {
    format!("{event}-of-{instance}")
}

pub(super) fn steps(count: usize) -> Vec<String> {
    (0..count).map(|step| format!("step-{step}")).collect()
}
