//! The operations of a call, and what came of each.

use std::collections::HashMap;
use std::sync::Arc;

use duroxide_core::providers::{
    ActivityKey, ActivityLease, Commit, Committed, Incarnation, LeaseToken, Limits, ProviderError,
    TaskQueue, TurnCommit, TurnCommitted,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};
use uuid::Uuid;

use crate::codes::{self, index};
use crate::commit::Answer;
use crate::error;

/// What the function says of a turn, an outcome or an envelope.
mod code {
    pub(super) const DONE: i16 = 0;
    pub(super) const REPEATED: i16 = 1;
    pub(super) const ALREADY_EXISTS: i16 = 2;
    pub(super) const LEASE_LOST: i16 = 3;
    pub(super) const POSITION_CONFLICT: i16 = 4;
    pub(super) const ACTIVITY_LOST: i16 = 5;
    pub(super) const NOT_VALID: i16 = 6;
    pub(super) const ABSENT: i16 = 7;
    pub(super) const TOPIC_FULL: i16 = 8;
    pub(super) const NOTHING_TO_DO: i16 = 9;
    pub(super) const MAIL_FULL: i16 = 10;
    pub(super) const CONTROL_FULL: i16 = 11;
    pub(super) const ENDED: i16 = 12;
    pub(super) const VALUES_FULL: i16 = 13;
    pub(super) const VALUES_LONG: i16 = 14;
    pub(super) const NOT_ENDED: i16 = 15;
}

/// What a call has done, for those who wait.
pub(crate) struct Effects {
    pub(crate) at_ms: i64,
    /// When turns of which queues become claimable.
    pub(crate) turns_due: Vec<(Arc<str>, i64)>,
    pub(crate) has_peers: bool,
}

/// One operation of a call.
pub(crate) struct Member {
    /// What is wrong with it, whatever the store says.
    wrong: Option<ProviderError>,
    code: i16,
    turn: TurnCommitted,
    pub(crate) incarnation: Uuid,
    pub(crate) created_ms: i64,
    /// Whether the instance was suspended before the turn.
    pub(crate) suspended: bool,
    /// The queue of the instance's turns.
    pub(crate) queue: TaskQueue,
    /// Whether the instance is somebody's child, which the answer does not name.
    pub(crate) has_parent: bool,
    /// The first of the activities that the turn completes whose lease is not held.
    lost: Option<usize>,
}

/// The operations of a call, and what came of each.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) all: Vec<Member>,
    /// Which member the turn, the outcome or the client's envelope at a place is.
    turns: HashMap<i32, usize>,
    outcomes: HashMap<i32, usize>,
    sends: HashMap<i32, usize>,
}

impl Members {
    pub(crate) fn push(&mut self, operation: &Commit, place: i32, wrong: Option<ProviderError>) {
        let member = self.all.len();
        match operation {
            Commit::Turn(_) => {
                self.turns.insert(place, member);
            }
            Commit::Activity(_) => {
                self.outcomes.insert(place, member);
            }
            Commit::Send(_) if wrong.is_none() => {
                self.sends.insert(place, member);
            }
            // It was not sent.
            Commit::Send(_) => {}
        }
        self.all.push(Member {
            wrong,
            code: code::NOT_VALID,
            turn: TurnCommitted::default(),
            incarnation: Uuid::nil(),
            created_ms: 0,
            suspended: false,
            queue: TaskQueue::default(),
            has_parent: false,
            lost: None,
        });
    }

    fn at(&mut self, places: Places, place: i32) -> Result<&mut Member, Error> {
        let places = match places {
            Places::Turns => &self.turns,
            Places::Outcomes => &self.outcomes,
            Places::Sends => &self.sends,
        };
        let member = places.get(&place).and_then(|it| self.all.get_mut(*it));
        member.ok_or_else(|| Error::Decode(format!("there is no member {place}").into()))
    }

    /// Takes in what the function answered.
    pub(crate) fn take_in(
        &mut self,
        rows: &[PgRow],
        operations: &[&Commit],
    ) -> Result<Effects, Error> {
        let mut effects = Err(Error::RowNotFound);
        for row in rows {
            let kind: i16 = row.try_get("kind")?;
            let place: i32 = row.try_get("place")?;
            let code: i16 = row.try_get("code")?;
            match kind {
                0 => {
                    effects = Ok(Effects {
                        at_ms: row.try_get("at_ms")?,
                        turns_due: turns_due(row)?,
                        has_peers: row.try_get("has_peers")?,
                    });
                }
                1 => {
                    let member = self.at(Places::Turns, place)?;
                    member.code = code;
                    member.turn.repeated = code == code::REPEATED;
                    member.incarnation = row.try_get("incarnation")?;
                    member.created_ms = row.try_get("created_ms")?;
                    member.suspended = row.try_get("suspended")?;
                    member.queue = TaskQueue::from(row.try_get::<&str, _>("queue")?);
                    member.has_parent = row.try_get("has_parent")?;
                    member.lost = index(row.try_get::<i64, _>("activity_id")?);
                }
                2 => self.at(Places::Outcomes, place)?.code = code,
                3 => self.at(Places::Sends, place)?.code = code,
                4 => {
                    let turn = self.turns.get(&place).and_then(|it| operations.get(*it));
                    let Some(Commit::Turn(turn)) = turn else {
                        return Err(Error::Decode("a cancellation of no turn".into()));
                    };
                    self.at(Places::Turns, place)?.take_cancelled(row, turn)?;
                }
                _ => self.at(Places::Turns, place)?.turn.messages_dropped += 1,
            }
        }
        // A cancelled activity is named with the life of its instance, which comes in its turn's row.
        for member in &mut self.all {
            let incarnation = Incarnation(member.incarnation);
            for lease in &mut member.turn.cancelled {
                lease.key.incarnation = incarnation;
            }
        }
        effects
    }

    pub(crate) fn answers(self, operations: &[&Commit], limits: &Limits) -> Vec<Answer> {
        let each = self.all.into_iter().zip(operations);
        each.map(|(member, operation)| member.answer(operation, limits))
            .collect()
    }
}

/// When turns of which queues become claimable, the earliest of each.
fn turns_due(row: &PgRow) -> Result<Vec<(Arc<str>, i64)>, Error> {
    let queues: Option<Vec<String>> = row.try_get("turn_queues")?;
    let dues_ms: Option<Vec<i64>> = row.try_get("turn_dues")?;
    let each = queues
        .into_iter()
        .flatten()
        .zip(dues_ms.into_iter().flatten());
    let mut first_ms: HashMap<String, i64> = HashMap::new();
    for (queue, due_ms) in each {
        let known_ms = first_ms.entry(queue).or_insert(due_ms);
        *known_ms = due_ms.min(*known_ms);
    }
    Ok(first_ms
        .into_iter()
        .map(|(queue, due_ms)| (Arc::from(queue), due_ms))
        .collect())
}

/// Which kind of members a place counts.
#[derive(Debug, Clone, Copy)]
enum Places {
    Turns,
    Outcomes,
    Sends,
}

impl Member {
    /// Whether the call applied it.
    pub(crate) fn is_done(&self) -> bool {
        self.code == code::DONE
    }

    fn take_cancelled(&mut self, row: &PgRow, turn: &TurnCommit) -> Result<(), Error> {
        let key = ActivityKey {
            instance: turn.instance.clone(),
            incarnation: Incarnation(self.incarnation),
            execution: codes::unsigned(row.try_get("execution")?)?,
            activity_id: codes::unsigned(row.try_get("activity_id")?)?,
        };
        let token = LeaseToken(row.try_get("token")?);
        self.turn.cancelled.push(ActivityLease { key, token });
        Ok(())
    }

    fn answer(self, operation: &Commit, limits: &Limits) -> Answer {
        let instance = operation.instance();
        match self.code {
            code::DONE | code::REPEATED | code::NOTHING_TO_DO => Ok(match operation {
                Commit::Turn(_) => Committed::Turn(self.turn),
                // An activity is removed together with its instance, so that it has one.
                Commit::Activity(_) => Committed::Activity {
                    messages_dropped: 0,
                },
                Commit::Send(_) => Committed::Sent,
            }),
            code::ALREADY_EXISTS => Err(error::already_exists(instance)),
            code::LEASE_LOST => Err(match operation {
                Commit::Activity(outcome) => {
                    error::activity_lease_lost("commit", &outcome.lease.key)
                }
                Commit::Turn(_) | Commit::Send(_) => error::turn_lease_lost("commit", instance),
            }),
            code::POSITION_CONFLICT => Err(error::position_conflict(instance)),
            code::ACTIVITY_LOST => {
                let completed = match operation {
                    Commit::Turn(turn) => self.lost.and_then(|it| turn.completed.get(it)),
                    Commit::Activity(_) | Commit::Send(_) => None,
                };
                Err(match completed {
                    Some(lease) => error::activity_lease_lost("commit", &lease.key),
                    None => error::turn_lease_lost("commit", instance),
                })
            }
            code::ABSENT => Err(error::not_found("commit", instance)),
            code::TOPIC_FULL => {
                let max = limits.topic_messages_max;
                Err(error::mailbox_full(instance, "topic_messages_max", max))
            }
            code::MAIL_FULL => {
                let max = limits.mail_messages_max;
                Err(error::mailbox_full(instance, "mail_messages_max", max))
            }
            code::CONTROL_FULL => Err(error::control_full(instance, limits.control_messages_max)),
            code::VALUES_FULL => {
                let max = limits.values_max;
                Err(error::limit_exceeded(instance, "values_max", max))
            }
            code::VALUES_LONG => {
                let max = limits.values_bytes_max;
                Err(error::limit_exceeded(instance, "values_bytes_max", max))
            }
            code::NOT_ENDED => Err(error::not_ended(instance)),
            code::ENDED => match operation {
                // The activity is removed, and nobody reads the mail that it sends (STA-06).
                Commit::Activity(_) => Ok(Committed::Activity {
                    messages_dropped: 1,
                }),
                Commit::Turn(_) | Commit::Send(_) => Err(error::ended(instance)),
            },
            unknown => Err(self.wrong.unwrap_or_else(|| {
                ProviderError::permanent("commit", "the database answered with an unknown code")
                    .with_context("code", unknown)
            })),
        }
    }
}
