//! What commits are put together from.

use std::fmt;

use super::words::{Line, Queue, Shown, Span, Topics, Who};

spoken! {
    /// A part of what a turn does.
    pub enum Part {
        /// Appends events to the history.
        Record {
            /// How many.
            events: u64,
        },
        /// Schedules an activity.
        Schedule {
            /// In which queue.
            queue: Queue,
        },
        /// Schedules an activity that is born leased.
        Reserve {
            /// For how long.
            lease: Span,
        },
        /// Schedules an activity under the key of an earlier one.
        ScheduleAgain {
            /// Which of the scheduled activities.
            activity: usize,
        },
        /// Cancels an activity, there or not.
        CancelOne {
            /// Which of the scheduled activities.
            activity: usize,
        },
        /// Cancels all activities of an execution.
        CancelAll {
            /// Which execution, counted back from the current one.
            executions_ago: u64,
        },
        /// Consumes only so many of the claimed messages.
        ConsumeOnly {
            /// How many.
            messages: usize,
        },
        /// Consumes a message that was not claimed, for example a delayed one.
        Withdraw {
            /// Which of the few messages.
            message: u8,
        },
        /// Sends a message.
        Tell {
            /// To which instance, there or not.
            to: Who,
            /// Which of the few messages.
            message: u8,
            /// How long it stays invisible.
            delay: Span,
        },
        /// Sends a message on a channel that is drawn.
        TellOn {
            /// To which instance, there or not.
            to: Who,
            /// On which channel.
            line: Line,
            /// Which of the few messages.
            message: u8,
            /// How long it stays invisible.
            delay: Span,
        },
        /// Awaits topics, which a turn without executions cannot say.
        Await {
            /// Which ones.
            topics: Topics,
        },
        /// Suspends or resumes the instance.
        Suspend {
            /// Which of the two.
            suspended: bool,
        },
        /// Has the instance expire, if the turn ends it.
        Expire {
            /// How long after the commit.
            after: Span,
        },
        /// Sets a value.
        SetValue {
            /// Which one.
            value: Shown,
            /// For how long; `None` is for as long as the instance.
            expires_after: Option<Span>,
        },
        /// Removes a value.
        RemoveValue {
            /// Which one.
            value: Shown,
        },
        /// Names a value twice.
        SetValueTwice {
            /// Which one.
            value: Shown,
        },
        /// Sets a value with more bytes than the limit.
        SetValueTooLong {
            /// Which one.
            value: Shown,
        },
        /// Sends a message that is addressed to an execution of the own instance.
        TellExecution {
            /// Which of the few messages.
            message: u8,
            /// Which execution.
            execution: u64,
            /// How long it stays invisible.
            delay: Span,
        },
        /// Starts an instance.
        StartChild {
            /// Which instance, there or not.
            instance: Who,
            /// In which queue.
            queue: Queue,
            /// Which of the few messages.
            message: u8,
        },
        /// Removes the messages to finished executions.
        Purge {
            /// Through which execution, counted back from the current one.
            executions_ago: u64,
        },
        /// Ends the execution and opens the next one.
        ContinueAsNew,
        /// Opens the next execution, which only an instance that has ended allows.
        OpenNext,
        /// Ends the instance with a result.
        Complete,
        /// Ends the instance with an error.
        Fail,
        /// Ends a leased activity with this commit.
        FinishFused {
            /// Which of the leased activities.
            activity: usize,
        },
        /// Describes the head anew.
        Describe {
            /// How many bytes of core's state.
            core_state_bytes: usize,
        },
        /// Describes the head with more bytes of core's state than the limit.
        DescribeTooMuch,
        /// Appends more events than an execution may have.
        RecordTooMuch,
        /// Appends a chunk that begins elsewhere than at the history's end.
        RecordElsewhere,
    }

    /// Another member of a batch with a turn.
    pub enum Member {
        /// A client's start.
        Start {
            /// Which instance.
            instance: Who,
            /// In which queue.
            queue: Queue,
            /// Which of the few messages.
            message: u8,
        },
        /// A client's start in the place of what has ended.
        StartInPlace {
            /// Which instance.
            instance: Who,
            /// In which queue.
            queue: Queue,
            /// Which of the few messages.
            message: u8,
        },
        /// A client's event.
        Send {
            /// To which instance, there or not.
            to: Who,
            /// Which of the few messages.
            message: u8,
            /// How long it stays invisible.
            delay: Span,
        },
        /// The outcome of an activity.
        Finish {
            /// Which of the leased activities.
            activity: usize,
            /// Which of the few messages.
            message: u8,
        },
    }

    /// The fence of a turn.
    pub enum At {
        /// The claimed lease, and the position as it is now.
        Head,
        /// The claimed lease, and the position as it was when the turn was claimed.
        ClaimedPosition,
        /// The claimed lease, and a position that was never there.
        WrongPosition,
        /// A lease that nobody was given.
        UnknownLease,
    }

    /// What is known of an instance by somebody who goes on without a lease.
    #[derive(Copy)]
    pub enum Known {
        /// How it stands now, or as it was claimed if it is gone.
        Now,
        /// How it stood when the turn was claimed.
        Claimed,
        /// A position that was never there.
        WrongPosition,
        /// A life that never was.
        AnotherLife,
    }
}

/// The parts of a turn, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Parts(pub Vec<Part>);

/// The members of a batch, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Members(pub Vec<Member>);

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts(vec!{:?})", self.0)
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Members(vec!{:?})", self.0)
    }
}
