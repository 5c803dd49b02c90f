//! Leading code through a copy of the history of another instance.
//!
//! Code makes ids of other instances from its own one, which is another than it was when the history was
//! written. So the copy says in these places what the code says now, and is led through by the usual rules
//! ever after.

use std::collections::BTreeMap;

use super::engine::{End, Engine};
use super::failure::Failure;
use super::input::{Input, Moment};
use super::state::State;
use super::token::Decision;
use crate::event::{Entry, EventKind};

/// What a copy has to say otherwise, by its events.
#[derive(Debug, Default)]
pub(super) struct Adapted {
    /// Where another instance has another name than in the history.
    renamed: BTreeMap<u64, EventKind>,
    /// What the code asks for now in place of an activity or a child.
    asked: BTreeMap<u64, EventKind>,
}

impl Adapted {
    /// Has the copy say this. What is begun anew is begun as the code asks for it now; what has an outcome
    /// was asked for as it is recorded.
    fn apply(&mut self, copy: &mut [Entry], is_begun_anew: impl Fn(u64) -> bool) {
        for entry in copy {
            let renamed = self.renamed.remove(&entry.event_id);
            let asked = self.asked.remove(&entry.event_id);
            if let Some(kind) = asked.filter(|_| is_begun_anew(entry.event_id)).or(renamed) {
                entry.kind = kind;
            }
        }
    }
}

impl Engine {
    /// Has a copy of another instance's history say what the code does now, and answers an engine that was led
    /// through that, as [`rewind`](Self::rewind) does. What is kept answers some of what is open at its end.
    ///
    /// The code is led twice: how long a history is, which it may ask, follows from what is stored, and so the
    /// engine that goes on has to see the same as one that replays it later.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub(crate) fn of_copy(
        fresh: impl Fn() -> Self,
        copy: &mut [Entry],
        within_step: Option<Moment>,
        kept: &[Input],
    ) -> Result<Self, Failure> {
        let mut first = fresh();
        let mut adapted = first.lead_through_copy(copy.to_vec(), within_step)?;
        let mut open = first.open_operations();
        drop(first);
        for answered in kept.iter().filter_map(|input| input.source_event_id) {
            open.remove(&answered);
        }
        adapted.apply(copy, |event_id| open.contains(&event_id));
        let mut engine = fresh();
        engine.rewind(copy.to_vec(), within_step)?;
        Ok(engine)
    }

    /// Takes the steps of a history that is a copy of another instance's, up to where it is cut; otherwise
    /// as [`rewind`](Self::rewind).
    fn lead_through_copy(
        &mut self,
        copy: Vec<Entry>,
        within_step: Option<Moment>,
    ) -> Result<Adapted, Failure> {
        self.journal.state().adapted = Some(Box::default());
        let led = self.rewind(copy, within_step);
        let adapted = self.journal.state().adapted.take();
        led.map(|()| adapted.map(|it| *it).unwrap_or_default())
    }

    /// The values that the code has set.
    pub(crate) fn values(&self) -> BTreeMap<String, String> {
        match self.end() {
            // The next execution has them.
            Some(End::ContinuedAsNew { values, .. }) => values.clone(),
            None | Some(End::Completed { .. } | End::Failed { .. }) => {
                self.journal.state().values.to_map()
            }
        }
    }
}

impl State {
    /// Has a decision that a copy records be for the instances that the code names now, and keeps what the
    /// copy has to say otherwise.
    pub(super) fn adapt(&mut self, event_id: u64, decision: &Decision, recorded: &mut EventKind) {
        if self.adapted.is_none() {
            return;
        }
        let own_child = self.identity.child_instance(event_id);
        let asked = match decision {
            Decision::Activity { .. } | Decision::Child { .. } => {
                Some(self.live(event_id, decision))
            }
            Decision::Detached { .. }
            | Decision::Raise { .. }
            | Decision::Timer { .. }
            | Decision::Wait { .. }
            | Decision::TryWait { .. }
            | Decision::SetValue { .. }
            | Decision::Guid
            | Decision::UtcNow => None,
        };
        let Some(adapted) = &mut self.adapted else {
            return;
        };
        match (&mut *recorded, decision) {
            (EventKind::SubOrchestrationScheduled { instance, .. }, Decision::Child { .. }) => {
                // Also if the child has an outcome: whatever is begun anew later, or given up, is a child of
                // this instance.
                *instance = own_child;
                adapted.renamed.insert(event_id, recorded.clone());
            }
            (
                EventKind::OrchestrationChained { instance, .. },
                Decision::Detached { instance: own, .. },
            )
            | (
                EventKind::ExternalEventRaised { instance, .. },
                Decision::Raise { instance: own, .. },
            ) if instance != own => {
                instance.clone_from(own);
                adapted.renamed.insert(event_id, recorded.clone());
            }
            _ => {}
        }
        if let Some(asked) = asked {
            adapted.asked.insert(event_id, asked);
        }
    }
}
