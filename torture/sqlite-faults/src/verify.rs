//! Comparing what is in a store with what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use duroxide_core::providers::{Incarnation, InstanceId, MessageId, Provider};
use duroxide_sqlite::Synchronous;
use rusqlite::{Connection, OpenFlags};

use crate::Failure;
use crate::found::{Found, Instance, LATER};
use crate::ledger::{Counted, Key, Ledger, Origin, Presence, Sent, TurnTry};
use crate::store::Bay;

/// What is to be expected of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) ledger: &'a Ledger,
    /// The position of the log at which power was lost, or the process died.
    pub(crate) position: usize,
    /// Counts of attempts that were written before this position are there.
    pub(crate) counts_from: usize,
}

/// Opens the store that is mounted, and compares everything in it.
pub(crate) async fn verify(bay: &Bay, expected: Expected<'_>) -> Result<(), Failure> {
    let opened = bay.open(Synchronous::Full).await?;
    opened.clock.advance(LATER);
    let compared = match Found::read(&opened.provider).await {
        Ok(found) => Comparison::new(expected, &found).run(),
        Err(failure) => Err(failure),
    };
    opened.provider.close().await;
    compared?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(bay.database(), flags)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(format!("integrity_check: {verdict}").into())
    }
}

struct Comparison<'a> {
    expected: Expected<'a>,
    found: &'a Found,
    /// The tries of turns that are in histories.
    turns: BTreeMap<&'a Key, &'a TurnTry>,
    consumed: BTreeSet<MessageId>,
}

impl<'a> Comparison<'a> {
    fn new(expected: Expected<'a>, found: &'a Found) -> Self {
        Self {
            expected,
            found,
            turns: BTreeMap::new(),
            consumed: BTreeSet::new(),
        }
    }

    fn run(mut self) -> Result<(), Failure> {
        for (id, instance) in &self.found.instances {
            self.compare_history(id, instance)?;
        }
        self.compare_turns()?;
        for (id, sent) in &self.expected.ledger.sent {
            self.compare_message(*id, sent)?;
        }
        for id in self.found.inbox.keys().chain(&self.consumed) {
            if !self.expected.ledger.sent.contains_key(id) {
                return Err(format!("message {id} was never sent").into());
            }
        }
        self.compare_activities()?;
        self.compare_counts()
    }

    /// The events are those of one try each, and the head is that of the last one.
    fn compare_history(&mut self, id: &InstanceId, instance: &Instance) -> Result<(), Failure> {
        let mut last = None;
        for (number, chunk) in (1..).zip(&instance.history) {
            let key = (id.clone(), number);
            let entry = self.expected.ledger.turns.get_key_value(&key);
            let (key, tries) = entry.ok_or_else(|| format!("{id} has an unknown turn {number}"))?;
            let is_it = |one: &&TurnTry| one.body == chunk.body;
            if chunk.first_event_id != number || chunk.event_count != 1 {
                return Err(format!("{id} has a gap before event {number}").into());
            }
            let found = tries.iter().find(is_it);
            let found = found.ok_or_else(|| format!("{id}/{number} has unknown bytes"))?;
            for message in &found.consumed {
                if !self.consumed.insert(*message) {
                    return Err(format!("message {message} was consumed twice").into());
                }
            }
            self.turns.insert(key, found);
            last = Some(found);
        }
        let head = &instance.head;
        let next = u64::try_from(instance.history.len())? + 1;
        let is_that_of_last = head.position.next_event_id == next
            && head.commit_id == last.map(|last| last.commit_id)
            && last.is_none_or(|last| last.core_state == head.core_state);
        if is_that_of_last {
            Ok(())
        } else {
            Err(format!("the head of {id} is not that of its history: {head:?}").into())
        }
    }

    fn compare_turns(&self) -> Result<(), Failure> {
        for (key, tries) in &self.expected.ledger.turns {
            let found = self.turns.get(key).map(|found| found.commit_id);
            for one in tries {
                let is_there = found == Some(one.commit_id);
                let presence = one.answer.at(self.expected.position);
                require(presence, is_there, || format!("turn {}/{}", key.0, key.1))?;
            }
        }
        Ok(())
    }

    /// A message is in its inbox or in a history, and only if what carried it is there.
    fn compare_message(&self, id: MessageId, sent: &Sent) -> Result<(), Failure> {
        let waits = self.found.inbox.get(&id);
        let is_there = waits.is_some() || self.consumed.contains(&id);
        let what = || format!("message {id} of {:?} to {}", sent.origin, sent.recipient);
        if waits.is_some() && self.consumed.contains(&id) {
            return Err(format!("{} was consumed and still waits", what()).into());
        }
        if let Some((recipient, body)) = waits
            && (*recipient != sent.recipient || *body != sent.body)
        {
            return Err(format!("{} is not what was sent", what()).into());
        }
        let presence = match &sent.origin {
            Origin::Turn { key, commit_id } => {
                let carrier = self.turns.get(key).map(|turn| turn.commit_id);
                let recipient_exists = self.found.instances.contains_key(&sent.recipient);
                if carrier == Some(*commit_id) && recipient_exists {
                    Presence::Present
                } else {
                    Presence::Absent
                }
            }
            Origin::Client { .. } | Origin::Activity(_) => sent.answer.at(self.expected.position),
        };
        require(presence, is_there, what)?;
        self.compare_carrier(id, sent, is_there)
    }

    /// What a message did besides arriving was done if it arrived, and only then.
    fn compare_carrier(&self, id: MessageId, sent: &Sent, is_there: bool) -> Result<(), Failure> {
        let is_done = match &sent.origin {
            Origin::Client { starts: true } => {
                let instance = self.found.instances.get(&sent.recipient);
                instance.is_some_and(|found| found.head.incarnation == Incarnation(id.0))
            }
            // Whether another try ended the activity is looked at from the activity's side.
            Origin::Activity(key) if is_there => {
                self.turns.contains_key(key) && !self.found.activities.contains_key(key)
            }
            Origin::Client { starts: false } | Origin::Turn { .. } | Origin::Activity(_) => {
                is_there
            }
        };
        if is_done == is_there {
            Ok(())
        } else {
            Err(format!("message {id} of {:?} is half done", sent.origin).into())
        }
    }

    /// An activity that a turn scheduled is there, or one outcome of it is.
    fn compare_activities(&self) -> Result<(), Failure> {
        let mut outcomes: BTreeMap<&Key, usize> = BTreeMap::new();
        for (id, sent) in &self.expected.ledger.sent {
            if let Origin::Activity(key) = &sent.origin
                && (self.found.inbox.contains_key(id) || self.consumed.contains(id))
            {
                *outcomes.entry(key).or_default() += 1;
            }
        }
        for (key, turn) in &self.turns {
            let what = format!("activity {}/{}", key.0, key.1);
            let waiting = self.found.activities.get(*key);
            let outcome_count = outcomes.get(*key).copied().unwrap_or(0);
            let scheduled = usize::from(turn.activity.is_some());
            if usize::from(waiting.is_some()) + outcome_count != scheduled {
                return Err(format!("{what} was lost or done twice").into());
            }
            if waiting.is_some_and(|found| Some(&found.body) != turn.activity.as_ref()) {
                return Err(format!("{what} is not what was scheduled").into());
            }
        }
        let stranger = |key: &&Key| !self.turns.contains_key(*key);
        match self.found.activities.keys().find(stranger) {
            Some((id, number)) => Err(format!("activity {id}/{number} has no turn").into()),
            None => Ok(()),
        }
    }

    /// Each count of attempts is one that there was, and none from before `counts_from`.
    fn compare_counts(&self) -> Result<(), Failure> {
        for (id, instance) in &self.found.instances {
            let key = (id.clone(), instance.head.position.next_event_id);
            if let Some(attempts) = instance.attempts {
                self.compare_count(&Counted::Turn(key), attempts)?;
            }
        }
        for (key, activity) in &self.found.activities {
            self.compare_count(&Counted::Activity(key.clone()), activity.attempts)?;
        }
        Ok(())
    }

    fn compare_count(&self, counted: &Counted, attempts: u32) -> Result<(), Failure> {
        let counts = self.expected.ledger.counts.get(counted);
        let counts = counts.map_or(&[][..], Vec::as_slice);
        let from = self.expected.counts_from;
        let certain = counts.iter().rposition(|count| count.at <= from);
        let (before, possible) = match certain {
            Some(index) => (counts[index].attempts, &counts[index + 1..]),
            None => (0, counts),
        };
        let is_possible = possible.iter().any(|count| count.attempts == attempts);
        if attempts == before || is_possible {
            Ok(())
        } else {
            let expected = format!("{before}, or one of {possible:?}");
            Err(format!("{counted:?} has {attempts} attempts, not {expected}").into())
        }
    }
}

fn require(presence: Presence, is_there: bool, what: impl Fn() -> String) -> Result<(), Failure> {
    match presence {
        Presence::Present if !is_there => {
            Err(format!("{} was acknowledged and is lost", what()).into())
        }
        Presence::Absent if is_there => Err(format!(
            "{} is there, though it was refused or nothing sent it",
            what()
        )
        .into()),
        Presence::Present | Presence::Absent | Presence::Either => Ok(()),
    }
}
