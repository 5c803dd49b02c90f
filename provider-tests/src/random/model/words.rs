//! The few things that sequences speak of.

use std::time::Duration;

use duroxide_core::providers::{
    Channel, InstanceId, Labels, ReleasedAttempts, TaskQueue, Topic, ValueKey,
};

use crate::support::{LEASE, SECOND, id};

/// The keys of values.
const KEYS: [&str; 2] = ["value", "value/1:{\"é\"}'%_"];

/// The smallest step of a virtual clock.
pub(super) const TICK: Duration = Duration::from_millis(1);

spoken! {
    /// An instance.
    #[derive(Copy)]
    pub enum Who {
        /// One with a plain name.
        A,
        /// Another one with a plain name.
        B,
        /// One whose name begins with that of the first and holds what might be mistaken for syntax.
        Odd,
    }

    /// Queues of turns, and queues of activities.
    #[derive(Copy)]
    pub enum Queue {
        /// The default one.
        Default,
        /// Another one.
        Gpu,
        /// A claim serves both; what is new goes to the default one.
        Both,
    }

    /// A time.
    #[derive(Copy)]
    pub enum Span {
        /// None.
        Zero,
        /// A millisecond.
        Tick,
        /// A second.
        Second,
        /// A lease of half a minute.
        Lease,
        /// An hour.
        Hour,
    }

    /// What a message is sent on.
    #[derive(Copy)]
    pub enum Line {
        /// What manages the instance.
        Control,
        /// What answers its decisions.
        System,
        /// Mail of a topic.
        Mail,
        /// Mail of another topic.
        OtherMail,
    }

    /// Topics of mail.
    #[derive(Copy)]
    pub enum Topics {
        /// None.
        None,
        /// One of the two.
        One,
        /// Both.
        Both,
    }

    /// A value of an instance.
    #[derive(Copy)]
    pub enum Shown {
        /// One of the two.
        One,
        /// The other one.
        Other,
    }

    /// What a release does with the count of attempts.
    #[derive(Copy)]
    pub enum Attempts {
        /// Its own attempt counts.
        Keep,
        /// Its own attempt does not count.
        TakeBack,
        /// None counts.
        Reset,
    }
}

impl Who {
    /// All of them.
    pub(super) const ALL: [&'static str; 3] = ["a", "b", "a/1:{\"é\"}'%_"];

    /// Its id.
    pub(super) fn name(self) -> &'static str {
        let [a, b, odd] = Self::ALL;
        match self {
            Self::A => a,
            Self::B => b,
            Self::Odd => odd,
        }
    }

    /// Its id.
    pub(super) fn id(self) -> InstanceId {
        id(self.name())
    }
}

impl Queue {
    /// The name of the queue that something new goes to.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default | Self::Both => TaskQueue::DEFAULT,
            Self::Gpu => "gpu",
        }
    }

    /// The queues that a claim serves.
    pub(super) fn all(self) -> Vec<TaskQueue> {
        let names: &[&str] = match self {
            Self::Default => &[TaskQueue::DEFAULT],
            Self::Gpu => &["gpu"],
            Self::Both => &[TaskQueue::DEFAULT, "gpu"],
        };
        names.iter().map(|name| TaskQueue((*name).into())).collect()
    }
}

impl Line {
    /// The channel that it stands for.
    pub(super) fn channel(self) -> Channel {
        let [one, other] = Topics::NAMES.map(Topic::from);
        match self {
            Self::Control => Channel::Control,
            Self::System => Channel::System,
            Self::Mail => Channel::Topic(one),
            Self::OtherMail => Channel::Topic(other),
        }
    }
}

impl Topics {
    /// The names of both; one begins with the other.
    pub(super) const NAMES: [&'static str; 2] = ["topic", "topic/1:{\"é\"}'%_"];

    /// Their names.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::One => &Self::NAMES[..1],
            Self::Both => &Self::NAMES,
        }
    }
}

impl Shown {
    /// Its key.
    pub(super) fn key(self) -> ValueKey {
        let [one, other] = KEYS;
        ValueKey::from(match self {
            Self::One => one,
            Self::Other => other,
        })
    }
}

impl Span {
    /// How long it is.
    pub(super) fn duration(self) -> Duration {
        match self {
            Self::Zero => Duration::ZERO,
            Self::Tick => TICK,
            Self::Second => SECOND,
            Self::Lease => LEASE,
            Self::Hour => Duration::from_hours(1),
        }
    }
}

impl Attempts {
    /// How a release says it.
    pub(super) fn released(self) -> ReleasedAttempts {
        match self {
            Self::Keep => ReleasedAttempts::Keep,
            Self::TakeBack => ReleasedAttempts::TakeBack,
            Self::Reset => ReleasedAttempts::Reset,
        }
    }
}

/// The labels of some of the instances.
pub(super) fn labels() -> Labels {
    Labels::from([
        ("label/'%".to_owned(), "é\0".to_owned()),
        ("other".to_owned(), String::new()),
    ])
}
