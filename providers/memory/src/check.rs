//! The checks of a turn: all of them come first, so that nothing can fail once it is applied.

use std::collections::BTreeSet;

use duroxide_core::providers::{
    ErrorKind, ExecutionStatus, ExecutionUpdate, Fence, Incarnation, InstanceId, Limits, Position,
    ProviderError, TurnCommit,
};

use crate::state::{Instance, State};
use crate::turn::key_of;
use crate::{error, limits};

/// What the checks of a turn found.
pub(crate) enum Checked {
    /// It was applied before (IDM-01).
    Repeated,
    Applicable(Basis),
}

/// What a turn is applied to.
#[derive(Clone, Copy)]
pub(crate) struct Basis {
    pub(crate) incarnation: Incarnation,
    pub(crate) position: Position,
}

impl State {
    pub(crate) fn check_turn(
        &self,
        limits: &Limits,
        turn: &TurnCommit,
    ) -> Result<Checked, ProviderError> {
        let instance = self.instances.get(&turn.instance);
        if instance.is_some_and(|it| it.head.commit_id == Some(turn.commit_id)) {
            return Ok(Checked::Repeated);
        }
        let basis = self.check_fence(turn, instance)?;
        for lease in &turn.completed {
            if !self.activities.is_held(lease, self.now_ms) {
                return Err(error::activity_lease_lost("commit", &lease.key));
            }
        }
        limits::check_turn(limits, turn)?;
        check_executions(limits, turn, basis.position)?;
        self.check_activities(turn, basis.incarnation)?;
        Ok(Checked::Applicable(basis))
    }

    fn check_fence(
        &self,
        turn: &TurnCommit,
        instance: Option<&Instance>,
    ) -> Result<Basis, ProviderError> {
        let id = &turn.instance;
        match turn.fence {
            Fence::Absent { incarnation } => match instance {
                None => Ok(Basis {
                    incarnation,
                    position: Position::START,
                }),
                Some(_) => Err(error::already_exists(id)),
            },
            Fence::At { lease, position } => {
                let held = instance.filter(|it| it.hold.is_held_by(lease, self.now_ms));
                let head = match held {
                    Some(instance) => &instance.head,
                    None => return Err(error::turn_lease_lost("commit", id)),
                };
                if head.position != position {
                    return Err(position_conflict(id));
                }
                Ok(Basis {
                    incarnation: head.incarnation,
                    position,
                })
            }
        }
    }

    /// The id of an activity is that of an event, so it is never used twice.
    fn check_activities(
        &self,
        turn: &TurnCommit,
        incarnation: Incarnation,
    ) -> Result<(), ProviderError> {
        let mut seen = BTreeSet::new();
        for activity in &turn.activities {
            let key = key_of(&turn.instance, incarnation, activity);
            if self.activities.get(&key).is_some() || !seen.insert(key) {
                return Err(error::invalid(
                    "commit",
                    &turn.instance,
                    "a new activity has the id of another one; number them by their events",
                ));
            }
        }
        Ok(())
    }
}

/// Checks that the executions follow one another and each chunk its history (EXE-01, EXE-03,
/// HIS-05, HIS-06).
fn check_executions(
    limits: &Limits,
    turn: &TurnCommit,
    start: Position,
) -> Result<(), ProviderError> {
    let refuse = |message| Err(error::invalid("commit", &turn.instance, message));
    let mut end = start;
    for (index, update) in turn.executions.iter().enumerate() {
        let expected = if index == 0 {
            start.execution
        } else {
            end.execution.saturating_add(1)
        };
        if update.execution != expected {
            return refuse("the executions do not follow one another; list them without a gap");
        }
        let is_last = index + 1 == turn.executions.len();
        if !is_last && update.status != ExecutionStatus::ContinuedAsNew {
            return refuse("an execution is followed by another one; close it as continued first");
        }
        let first_event_id = start_of(update, end).next_event_id;
        if let Some(chunk) = &update.chunk {
            if chunk.first_event_id != first_event_id || chunk.event_count == 0 {
                return refuse("a chunk is empty or begins elsewhere than at its history's end");
            }
            let max = limits.history_events_max;
            if chunk.event_count > max.saturating_sub(first_event_id - 1) {
                let limit = "history_events_max";
                return Err(error::limit_exceeded(&turn.instance, limit, max));
            }
        }
        end = end_of(update, end);
    }
    Ok(())
}

/// Where the history of the execution ends before the update, `before` being the end so far.
fn start_of(update: &ExecutionUpdate, before: Position) -> Position {
    if update.execution == before.execution {
        return before;
    }
    Position {
        execution: update.execution,
        ..Position::START
    }
}

/// Where the history ends after the update.
pub(crate) fn end_of(update: &ExecutionUpdate, before: Position) -> Position {
    let start = start_of(update, before);
    Position {
        next_event_id: update
            .chunk
            .as_ref()
            .map_or(start.next_event_id, |chunk| chunk.next_event_id()),
        ..start
    }
}

fn position_conflict(instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::PositionConflict,
        "commit",
        "the history does not end where the turn started; reload the instance",
    )
    .with_context("instance", instance)
}
