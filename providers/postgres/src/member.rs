//! The operations of a call, and what came of each.

use std::collections::HashMap;

use duroxide_core::providers::{
    ActivityKey, ActivityLease, Commit, Committed, Incarnation, LeaseToken, MessageId,
    ProviderError, TurnCommit, TurnCommitted,
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
    pub(super) const INBOX_FULL: i16 = 8;
    pub(super) const NOTHING_TO_DO: i16 = 9;
}

/// What a call has done, for those who wait.
pub(crate) struct Effects {
    pub(crate) at_ms: i64,
    pub(crate) turn_due_ms: Option<i64>,
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
        senders: &[(i32, MessageId)],
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
                        turn_due_ms: row.try_get("turn_due")?,
                        has_peers: row.try_get("has_peers")?,
                    });
                }
                1 => {
                    let member = self.at(Places::Turns, place)?;
                    member.code = code;
                    member.turn.repeated = code == code::REPEATED;
                    member.turn.lease_kept = row.try_get("lease_kept")?;
                    member.incarnation = row.try_get("incarnation")?;
                    member.created_ms = row.try_get("created_ms")?;
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
                _ => {
                    let sender = index(i64::from(place)).and_then(|it| senders.get(it));
                    let (turn, message) = *sender.ok_or(Error::RowNotFound)?;
                    let member = self.at(Places::Turns, turn)?;
                    member.turn.undelivered.push(message);
                }
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

    pub(crate) fn answers(self, operations: &[&Commit], inbox_messages_max: usize) -> Vec<Answer> {
        let each = self.all.into_iter().zip(operations);
        each.map(|(member, operation)| member.answer(operation, inbox_messages_max))
            .collect()
    }
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

    fn answer(self, operation: &Commit, inbox_messages_max: usize) -> Answer {
        let instance = operation.instance();
        match self.code {
            code::DONE | code::REPEATED | code::NOTHING_TO_DO => Ok(match operation {
                Commit::Turn(_) => Committed::Turn(self.turn),
                // An activity is removed together with its instance, so that it has one.
                Commit::Activity(_) => Committed::Activity { undelivered: None },
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
            code::INBOX_FULL => Err(error::inbox_full(instance, inbox_messages_max)),
            unknown => Err(self.wrong.unwrap_or_else(|| {
                ProviderError::permanent("commit", "the database answered with an unknown code")
                    .with_context("code", unknown)
            })),
        }
    }
}
