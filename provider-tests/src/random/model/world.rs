//! One store, and what a run has seen of it.

use std::collections::HashMap;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityKey, ActivityLease, ActivityOutcome, Channel, InstanceId, Lease, LeaseToken, MailMark,
    Message, MessageId, Provider, Topic, Turn, TurnCommit, TurnLease,
};
use uuid::Uuid;

use super::words::Who;
use crate::support::Cx;

/// Where the ids of the few messages begin: beyond those that a store's [`Cx`] gives out.
const FIRST_MESSAGE: u128 = 1 << 64;

/// One store, and what a run has seen of it. Two worlds that did the same have seen the same, but for
/// the tokens.
pub(super) struct World {
    pub(super) cx: Cx,
    /// The claimed turns, oldest first.
    pub(super) turns: Vec<Turn>,
    /// The leased activities, oldest first.
    pub(super) activities: Vec<ActivityLease>,
    /// The scheduled activities, oldest first, by execution and id.
    pub(super) scheduled: Vec<(u64, u64)>,
    /// The commits of turns, oldest first, each with the number of its flaws.
    pub(super) commits: Vec<(TurnCommit, usize)>,
    /// The outcomes, oldest first.
    pub(super) outcomes: Vec<ActivityOutcome>,
    /// How far the mail of each topic of each instance was read.
    pub(super) marks: HashMap<(InstanceId, Topic), MailMark>,
    /// How many leases were seen before each one.
    ordinals: HashMap<LeaseToken, usize>,
    /// Counts what was made, for ids and bodies that do not come twice.
    serial: u64,
}

impl World {
    pub(super) fn new(cx: Cx) -> Self {
        Self {
            cx,
            turns: Vec::new(),
            activities: Vec::new(),
            scheduled: Vec::new(),
            commits: Vec::new(),
            outcomes: Vec::new(),
            marks: HashMap::new(),
            ordinals: HashMap::new(),
            serial: 0,
        }
    }

    /// Kills the process, and opens the store that it leaves.
    pub(super) async fn crash(self) -> Self {
        Self {
            cx: self.cx.crash().await,
            ..self
        }
    }

    pub(super) fn provider(&self) -> &dyn Provider {
        self.cx.provider()
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn unknown_token(&self) -> LeaseToken {
        LeaseToken(self.cx.unique())
    }

    pub(super) fn turn(&self, ago: usize) -> Option<Turn> {
        nth_latest(&self.turns, ago).cloned()
    }

    pub(super) fn activity(&self, ago: usize) -> Option<ActivityLease> {
        nth_latest(&self.activities, ago).cloned()
    }

    /// A message of the few ids there are, with a body that tells it from others of its id.
    pub(super) fn message(&mut self, number: u8, execution: Option<u64>) -> Message {
        let serial = self.next_serial();
        Message {
            id: message_id(number),
            channel: Channel::System,
            execution,
            body: Bytes::from(format!("message {number} made as {serial}")),
        }
    }

    /// Remembers a lease that was handed out; false if its token was seen before (LEA-02).
    pub(super) fn remember(&mut self, token: LeaseToken) -> bool {
        let ordinal = self.ordinals.len();
        self.ordinals.insert(token, ordinal).is_none()
    }

    /// How many leases were seen before this one.
    pub(super) fn ordinal(&self, token: LeaseToken) -> Option<usize> {
        self.ordinals.get(&token).copied()
    }

    /// The outcome of a leased activity, remembered to be repeated.
    pub(super) fn outcome(&mut self, ago: usize, message: Option<u8>) -> Option<ActivityOutcome> {
        let lease = self.activity(ago)?;
        let execution = lease.key.execution;
        let outcome = ActivityOutcome {
            message: message.map(|number| self.message(number, Some(execution))),
            lease,
        };
        self.outcomes.push(outcome.clone());
        Some(outcome)
    }

    pub(super) fn turn_lease(&self, ago: usize) -> Option<Lease> {
        self.turn(ago).map(|turn| Lease::Turn(turn.lease))
    }

    pub(super) fn activity_lease(&self, ago: usize) -> Option<Lease> {
        self.activity(ago).map(Lease::Activity)
    }

    /// Every lease that was handed out.
    pub(super) fn all_leases(&self) -> Vec<Lease> {
        let turns = self.turns.iter().map(|it| Lease::Turn(it.lease.clone()));
        let activities = self.activities.iter().cloned().map(Lease::Activity);
        turns.chain(activities).collect()
    }

    /// Leases of this instance and of an activity of it that nobody was given.
    pub(super) fn unknown_leases(&self, instance: Who) -> [Lease; 2] {
        let key = ActivityKey {
            instance: instance.id(),
            incarnation: message_id(0).incarnation(),
            execution: 1,
            activity_id: 1,
        };
        [
            Lease::Turn(TurnLease {
                instance: instance.id(),
                token: self.unknown_token(),
            }),
            Lease::Activity(ActivityLease {
                key,
                token: self.unknown_token(),
            }),
        ]
    }
}

/// The element that came so many before the last one, around again beyond the first.
pub(super) fn nth_latest<T>(list: &[T], ago: usize) -> Option<&T> {
    let ago = ago.checked_rem(list.len())?;
    list.iter().rev().nth(ago)
}

/// One of the few ids of messages.
pub(super) fn message_id(number: u8) -> MessageId {
    MessageId(Uuid::from_u128(FIRST_MESSAGE + u128::from(number)))
}
