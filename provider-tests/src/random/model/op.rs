//! The vocabulary of sequences.
//!
//! An operation names what it acts on by how long ago the run saw it: `turn: 0` is the turn claimed
//! last, `turn: 1` the one before, and so on around. Where nothing was seen yet the operation does
//! nothing. So every sequence has a meaning, whatever was cut out of it.

use super::part::{At, Known, Members, Parts};
use super::words::{Attempts, Line, Queue, Shown, Span, Topics, Who};

spoken! {
    /// One operation on a store.
    pub enum Op {
        /// A client starts an instance; this message is the start.
        Start {
            /// Which instance.
            instance: Who,
            /// In which queue.
            queue: Queue,
            /// Which of the few messages.
            message: u8,
        },
        /// A client starts an instance, in the place of one that has ended; this message is the start.
        StartInPlace {
            /// Which instance.
            instance: Who,
            /// In which queue.
            queue: Queue,
            /// Which of the few messages.
            message: u8,
        },
        /// A client sends an event.
        Send {
            /// To which instance, there or not.
            to: Who,
            /// Which of the few messages.
            message: u8,
        },
        /// A client sends an event with a delay.
        SendLater {
            /// To which instance, there or not.
            to: Who,
            /// Which of the few messages.
            message: u8,
            /// How long it stays invisible.
            delay: Span,
        },
        /// A client sends on a channel that is drawn, with a delay.
        SendOn {
            /// To which instance, there or not.
            to: Who,
            /// On which channel.
            line: Line,
            /// Which of the few messages.
            message: u8,
            /// How long it stays invisible.
            delay: Span,
        },
        /// A client sends several messages on one channel at once.
        SendSeveral {
            /// To which instance, there or not.
            to: Who,
            /// On which channel.
            line: Line,
            /// The first of the few messages; the others are those after it.
            first: u8,
            /// How many.
            times: u8,
        },
        /// A client sends to the life that the instance has now.
        SendToLife {
            /// To which instance, there or not.
            to: Who,
            /// Which of the few messages.
            message: u8,
        },
        /// A client sends to a life that a start with this message would have begun.
        SendToLifeOf {
            /// To which instance, there or not.
            to: Who,
            /// Which of the few messages began that life.
            start: u8,
            /// Which of the few messages.
            message: u8,
        },
        /// One call sends the same message twice.
        SendTwice {
            /// To which instance, there or not.
            to: Who,
            /// Which of the few messages.
            message: u8,
        },
        /// Claims turns.
        ClaimTurns {
            /// From which queues.
            queues: Queue,
            /// How many at most.
            turns_max: usize,
            /// How many messages of each at most.
            messages_max: usize,
            /// How many bytes of messages of each.
            bytes_max: usize,
            /// How many bytes of messages of all of them.
            total_bytes_max: usize,
            /// For how long.
            lease: Span,
        },
        /// Claims the turn of one instance by its name.
        ClaimNamed {
            /// Which instance, there or not.
            instance: Who,
            /// For how long.
            lease: Span,
        },
        /// Claims activities.
        ClaimActivities {
            /// From which queues.
            queues: Queue,
            /// How many at most.
            activities_max: usize,
            /// How many bytes of bodies of all of them.
            total_bytes_max: usize,
            /// For how long.
            lease: Span,
        },
        /// Commits a turn.
        Commit {
            /// Which of the claimed turns.
            turn: usize,
            /// Behind which fence.
            at: At,
            /// What it does; without any part, it consumes what was claimed.
            parts: Parts,
        },
        /// Commits a turn without a lease, behind the fence `Unleased`.
        CommitUnleased {
            /// Of which claimed turn it is the instance.
            turn: usize,
            /// From where.
            known: Known,
            /// What it does; without any part, it consumes what was claimed.
            parts: Parts,
        },
        /// Creates an instance by a turn, behind the fence `Absent`.
        Create {
            /// Which instance, there or not.
            instance: Who,
            /// In which queue.
            queue: Queue,
            /// What the turn does.
            parts: Parts,
        },
        /// Repeats a commit of a turn as it was.
        RepeatCommit {
            /// Which of the commits.
            commit: usize,
        },
        /// One call commits two turns of one instance.
        CommitTwoTurns {
            /// Which of the claimed turns.
            turn: usize,
        },
        /// One call commits a turn after the first and before the second group of others.
        Batch {
            /// What comes before the turn.
            before: Members,
            /// Which of the claimed turns.
            turn: usize,
            /// What the turn does.
            parts: Parts,
            /// What comes after the turn.
            after: Members,
        },
        /// Commits a turn, drops the call after some polls, and repeats it.
        CommitDroppedAndRepeated {
            /// Which of the claimed turns.
            turn: usize,
            /// After how many polls.
            polls: usize,
            /// What the turn does.
            parts: Parts,
        },
        /// Reports the outcome of an activity.
        Finish {
            /// Which of the leased activities.
            activity: usize,
            /// Which of the few messages.
            message: u8,
        },
        /// Reports an outcome that nobody wants to hear of.
        FinishSilently {
            /// Which of the leased activities.
            activity: usize,
        },
        /// Repeats an outcome as it was.
        RepeatOutcome {
            /// Which of the outcomes.
            outcome: usize,
        },
        /// Renews the lease of a turn.
        RenewTurn {
            /// Which of the claimed turns.
            turn: usize,
            /// For how long from now.
            by: Span,
        },
        /// Renews the lease of an activity.
        RenewActivity {
            /// Which of the leased activities.
            activity: usize,
            /// For how long from now.
            by: Span,
            /// Which details it brings, if any.
            details: Option<u8>,
        },
        /// One call renews every lease that was ever seen.
        RenewAll {
            /// For how long from now.
            by: Span,
        },
        /// Renews a lease of this instance that nobody was given.
        RenewUnknown {
            /// Which instance, there or not.
            instance: Who,
        },
        /// Releases the lease of a turn.
        ReleaseTurn {
            /// Which of the claimed turns.
            turn: usize,
            /// How long nobody shall claim it.
            delay: Span,
            /// What becomes of its attempts.
            attempts: Attempts,
            /// Which note it brings, if any.
            note: Option<u8>,
        },
        /// Releases the lease of an activity.
        ReleaseActivity {
            /// Which of the leased activities.
            activity: usize,
            /// How long nobody shall claim it.
            delay: Span,
            /// What becomes of its attempts.
            attempts: Attempts,
            /// Which details it brings, if any.
            details: Option<u8>,
        },
        /// Releases a lease of this instance that nobody was given.
        ReleaseUnknown {
            /// Which instance, there or not.
            instance: Who,
        },
        /// Reads a page of a history.
        ReadHistory {
            /// Which instance, there or not.
            instance: Who,
            /// Which execution.
            execution: u64,
            /// From which event on.
            from_event_id: u64,
            /// How many bytes at most.
            bytes_max: usize,
        },
        /// Reads mail of the life that the instance has now.
        ReadMail {
            /// Which instance, there or not.
            instance: Who,
            /// Of which topics.
            topics: Topics,
            /// How many messages of each at most.
            per_topic_max: usize,
            /// Whether it goes on where the latest read of the same topics stopped.
            goes_on: bool,
        },
        /// Looks whether a value is another one than it was, without waiting.
        WaitForValue {
            /// Of which instance, there or not.
            instance: Who,
            /// Which value.
            value: Shown,
            /// Which of the commits wrote the one that is known; `None` knows none.
            known: Option<usize>,
        },
        /// Reads values, in an order that is drawn.
        ReadValues {
            /// Of which instance, there or not.
            instance: Who,
            /// The first one.
            first: Shown,
            /// The second one, if it is another one.
            second: Shown,
        },
        /// Lets time pass.
        Advance {
            /// How much.
            by: Span,
        },
        /// Drops the handle and opens another, as after a crash; then everything becomes due. Only
        /// where something is left after a crash.
        Reopen,
        /// Deletes an ended instance.
        Delete {
            /// Which instance, there or not.
            instance: Who,
        },
        /// Deletes an instance, ended or not.
        ForceDelete {
            /// Which instance, there or not.
            instance: Who,
        },
        /// Prunes the executions of an instance.
        Prune {
            /// Which instance, there or not.
            instance: Who,
            /// How many are kept.
            keep_last: u64,
        },
        /// Lists instances.
        ListInstances {
            /// Only those that run.
            running_only: bool,
            /// Only the children of this one.
            parent: Option<Who>,
            /// Only those with a label.
            labelled: bool,
            /// In which order.
            newest_first: bool,
            /// How many in a page.
            instances_max: usize,
        },
        /// Does what the store needs from time to time.
        Maintain,
        /// Looks for work without waiting.
        WaitForWork {
            /// In which queues, of turns and of activities.
            queues: Queue,
        },
        /// Looks for an instance that ended, without waiting.
        WaitForEnd {
            /// Which instance, there or not.
            instance: Who,
        },
    }
}
