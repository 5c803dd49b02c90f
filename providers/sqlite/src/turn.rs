//! One turn: everything is checked first, so that a refusal leaves no trace.

use duroxide_core::providers::{
    CommitId, ExecutionStatus, ExecutionUpdate, Fence, Incarnation, InstanceId, LeaseAfterCommit,
    LeaseToken, Position, ProviderError, TurnCommit, TurnCommitted, check,
};
use rusqlite::params;

use crate::activity::{self, Held, Owner};
use crate::clock::after;
use crate::codes::{self, bounded};
use crate::error::{self, Applied};
use crate::head;
use crate::hub::Effect;
use crate::message::{self, Delivery};
use crate::session::Session;

/// What is stored of the instance before the turn.
struct Stored {
    ino: i64,
    incarnation: Incarnation,
    position: Position,
    commit_id: Option<CommitId>,
    lease: Option<LeaseToken>,
    hold_until_ms: u64,
    /// Its current execution has a row that says it is running.
    has_running_row: bool,
}

impl Stored {
    fn find(session: &Session, instance: &InstanceId) -> rusqlite::Result<Option<Self>> {
        session.sql.first(
            "SELECT ino, incarnation, execution, next_event_id, commit_id, lease_token, hold_until,
                 status
             FROM instance WHERE id = ?1",
            [instance.as_str()],
            |row| {
                let status = codes::instance_status(row.get(7)?);
                let status = status.map_err(|error| head::unreadable(7, error))?;
                Ok(Self {
                    ino: row.get(0)?,
                    incarnation: Incarnation(row.get(1)?),
                    position: Position {
                        execution: row.get(2)?,
                        next_event_id: row.get(3)?,
                    },
                    commit_id: row.get::<_, Option<_>>(4)?.map(CommitId),
                    lease: row.get::<_, Option<_>>(5)?.map(LeaseToken),
                    hold_until_ms: row.get(6)?,
                    has_running_row: status == ExecutionStatus::Running.of_instance(),
                })
            },
        )
    }
}

/// What a turn is applied to.
struct Basis {
    position: Position,
    /// `None` for an instance that the turn creates.
    stored: Option<Stored>,
    completed: Vec<Held>,
}

/// Applies a turn whole or not at all (COM-01).
pub(crate) fn commit(session: &mut Session, turn: &TurnCommit) -> Applied<TurnCommitted> {
    let stored = Stored::find(session, &turn.instance)?;
    if stored
        .as_ref()
        .is_some_and(|it| it.commit_id == Some(turn.commit_id))
    {
        return Ok(TurnCommitted {
            repeated: true,
            ..TurnCommitted::default()
        });
    }
    let basis = check(session, turn, stored)?;
    Ok(apply(session, turn, &basis)?)
}

fn check(session: &Session, turn: &TurnCommit, stored: Option<Stored>) -> Applied<Basis> {
    let position = check_fence(session.now_ms, turn, stored.as_ref())?;
    let completed = turn
        .completed
        .iter()
        .map(|lease| Held::find(session, lease))
        .collect::<Applied<_>>()?;
    check::turn_limits(&session.limits, turn)?;
    check::executions(&session.limits, turn, position)?;
    if let Some(stored) = &stored {
        activity::check_keys(session, turn, stored.ino)?;
    }
    Ok(Basis {
        position,
        stored,
        completed,
    })
}

fn check_fence(
    now_ms: u64,
    turn: &TurnCommit,
    stored: Option<&Stored>,
) -> Result<Position, ProviderError> {
    let id = &turn.instance;
    match turn.fence {
        Fence::Absent { .. } if stored.is_none() => Ok(Position::START),
        Fence::Absent { .. } => Err(error::already_exists(id)),
        Fence::At { lease, position } => {
            let held = stored.filter(|it| it.lease == Some(lease) && now_ms < it.hold_until_ms);
            match held {
                None => Err(error::turn_lease_lost("commit", id)),
                Some(held) if held.position != position => Err(error::position_conflict(id)),
                Some(_) => Ok(position),
            }
        }
        Fence::Unleased {
            incarnation,
            position,
        } => {
            let free =
                stored.filter(|it| it.incarnation == incarnation && it.hold_until_ms <= now_ms);
            match free {
                None => Err(error::turn_lease_lost("commit", id)),
                Some(free) if free.position != position => Err(error::position_conflict(id)),
                Some(_) => Ok(position),
            }
        }
    }
}

/// Applies a turn that passed its checks, in the order of COM-08.
fn apply(
    session: &mut Session,
    turn: &TurnCommit,
    basis: &Basis,
) -> rusqlite::Result<TurnCommitted> {
    let owner = owner_of(session, turn, basis.stored.as_ref())?;
    let has_running_row = basis.stored.as_ref().is_some_and(|it| it.has_running_row);
    let end = write_executions(session, turn, owner.ino, basis.position, has_running_row)?;
    let removed = remove_messages(session, turn, owner.ino)?;
    for held in &basis.completed {
        held.remove(session)?;
    }
    let mut committed = TurnCommitted::default();
    for cancel in &turn.cancelled {
        activity::cancel(session, owner, *cancel, &mut committed.cancelled)?;
    }
    for activity in &turn.activities {
        activity::create(session, owner.ino, activity)?;
    }
    for envelope in &turn.messages {
        if message::send_from_turn(session, envelope)? == Delivery::Absent {
            committed.undelivered.push(envelope.message.id);
        }
    }
    let lease = match turn.fence {
        Fence::At { lease, .. } => Some(lease),
        Fence::Absent { .. } | Fence::Unleased { .. } => None,
    };
    let settlement = settle(session, turn.lease, owner.ino, lease)?;
    let standing = Standing { end, removed };
    write_head(session, turn, owner.ino, &standing, &settlement)?;
    committed.lease_kept = settlement.lease.is_some();
    Ok(committed)
}

/// The row that the turn belongs to, created if need be.
fn owner_of<'a>(
    session: &mut Session,
    turn: &'a TurnCommit,
    stored: Option<&Stored>,
) -> rusqlite::Result<Owner<'a>> {
    let instance = &turn.instance;
    let (ino, incarnation) = match (turn.fence, stored) {
        (_, Some(stored)) => (stored.ino, stored.incarnation),
        (Fence::Absent { incarnation }, None) => {
            let head = &turn.head;
            let created = message::create(
                session,
                instance,
                incarnation,
                &head.orchestration,
                &head.core_state,
            )?;
            (created.ino, incarnation)
        }
        // The fence was checked: there is a row.
        (Fence::At { .. } | Fence::Unleased { .. }, None) => {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
    };
    Ok(Owner {
        ino,
        instance,
        incarnation,
    })
}

/// Appends the history and writes the rows of executions that open or close. Answers where the
/// history ends.
fn write_executions(
    session: &Session,
    turn: &TurnCommit,
    ino: i64,
    start: Position,
    has_running_row: bool,
) -> rusqlite::Result<Position> {
    let mut end = start;
    let mut is_known_running = has_running_row;
    for update in &turn.executions {
        is_known_running &= update.execution == end.execution;
        end = check::end_of(update, end);
        if let Some(chunk) = &update.chunk {
            session.sql.execute(
                "INSERT INTO history (ino, execution, first_event_id, event_count, body)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    ino,
                    update.execution,
                    chunk.first_event_id,
                    chunk.event_count,
                    &chunk.body[..]
                ],
            )?;
        }
        if !(is_known_running && update.status == ExecutionStatus::Running) {
            write_execution(session, ino, update, end)?;
        }
    }
    Ok(end)
}

fn write_execution(
    session: &Session,
    ino: i64,
    update: &ExecutionUpdate,
    end: Position,
) -> rusqlite::Result<()> {
    let completed_at_ms = (update.status != ExecutionStatus::Running).then_some(session.now_ms);
    // The output of one that ends the instance is in the head.
    let output = match update.status {
        ExecutionStatus::ContinuedAsNew => update.output.as_deref(),
        ExecutionStatus::Running | ExecutionStatus::Completed | ExecutionStatus::Failed => None,
    };
    session.sql.execute(
        "INSERT INTO execution (ino, execution, status, started_at, completed_at, event_count,
             output)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (ino, execution) DO UPDATE SET status = excluded.status,
             completed_at = excluded.completed_at, event_count = excluded.event_count,
             output = excluded.output",
        params![
            ino,
            update.execution,
            codes::of_execution_status(update.status),
            session.now_ms,
            completed_at_ms,
            end.next_event_id - 1,
            output,
        ],
    )?;
    Ok(())
}

/// Removes what was consumed and what nobody wants any more (COM-02, COM-03). Answers how many
/// messages that were.
fn remove_messages(session: &Session, turn: &TurnCommit, ino: i64) -> rusqlite::Result<usize> {
    let mut removed = 0;
    for message in &turn.consumed {
        removed += session.sql.execute(
            "DELETE FROM inbox WHERE ino = ?1 AND message_id = ?2",
            params![ino, message.0],
        )?;
    }
    if let Some(execution) = turn.purge_through {
        removed += session.sql.execute(
            "DELETE FROM inbox WHERE ino = ?1 AND execution <= ?2",
            params![ino, bounded(execution)],
        )?;
    }
    Ok(removed)
}

/// From when on an instance may be claimed, and who holds it meanwhile.
struct Settlement {
    lease: Option<LeaseToken>,
    hold_until_ms: u64,
    claim_at_ms: Option<u64>,
}

/// Ends the lease, or keeps it if that is asked for and no visible message is left, and works out
/// from what is left when the instance may be claimed (COM-04, LEA-09).
fn settle(
    session: &Session,
    wish: LeaseAfterCommit,
    ino: i64,
    lease: Option<LeaseToken>,
) -> rusqlite::Result<Settlement> {
    let now_ms = session.now_ms;
    let earliest_ms: Option<u64> = session.sql.first(
        "SELECT visible_at FROM inbox WHERE ino = ?1 ORDER BY visible_at LIMIT 1",
        [ino],
        |row| row.get(0),
    )?;
    let has_visible = earliest_ms.is_some_and(|ms| ms <= now_ms);
    let (lease, hold_until_ms) = match (wish, lease) {
        (LeaseAfterCommit::Keep(time), Some(lease)) if !has_visible => {
            (Some(lease), after(now_ms, time))
        }
        (LeaseAfterCommit::Keep(_) | LeaseAfterCommit::Release, _) => (None, now_ms),
    };
    Ok(Settlement {
        lease,
        hold_until_ms,
        claim_at_ms: earliest_ms.map(|ms| ms.max(hold_until_ms)),
    })
}

/// Where the history ends after a turn, and how many messages the turn has removed.
struct Standing {
    end: Position,
    removed: usize,
}

/// Writes what the turn says of its head; without executions status, output and position stay
/// (HEA-02). One statement, since each would write the row again.
fn write_head(
    session: &mut Session,
    turn: &TurnCommit,
    ino: i64,
    standing: &Standing,
    settlement: &Settlement,
) -> rusqlite::Result<()> {
    let head = &turn.head;
    let last = turn.executions.last();
    let claim_order = session.next_claim_order();
    session.sql.execute(
        "UPDATE instance SET orchestration = ?2, version = ?3, core_state = ?4, commit_id = ?5,
             updated_at = ?6, attempts = 0,
             lease_token = ?7, hold_until = ?8, claim_at = ?9, claim_order = ?10,
             output = CASE WHEN ?11 IS NULL THEN output ELSE ?12 END,
             status = coalesce(?11, status), execution = ?13, next_event_id = ?14,
             inbox_count = inbox_count - ?15
         WHERE ino = ?1",
        params![
            ino,
            head.orchestration,
            head.version,
            &head.core_state[..],
            turn.commit_id.0,
            session.now_ms,
            settlement.lease.map(|token| token.0),
            settlement.hold_until_ms,
            settlement.claim_at_ms,
            claim_order,
            last.map(|update| codes::of_instance_status(update.status.of_instance())),
            last.and_then(|update| update.output.as_deref()),
            standing.end.execution,
            standing.end.next_event_id,
            standing.removed,
        ],
    )?;
    if let Some(claim_at_ms) = settlement.claim_at_ms {
        session.note_turn_due(claim_at_ms);
    }
    session.note(Effect::HeadChanged(turn.instance.clone()));
    Ok(())
}
