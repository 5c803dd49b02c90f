//! One turn: everything is checked first, so that a refusal leaves no trace.

use std::sync::Arc;

use duroxide_core::providers::{
    CommitId, ExecutionStatus, ExecutionUpdate, Fence, Incarnation, InstanceHead, InstanceId,
    InstanceStatus, LeaseToken, NewInstance, Position, ProviderError, TaskQueue, Topic, TurnCommit,
    TurnCommitted, check,
};
use rusqlite::params;

use crate::activity::{self, Held, Owner};
use crate::awaited;
use crate::clock::TIME_MAX_MS;
use crate::codes;
use crate::error::{self, Applied};
use crate::head;
use crate::hub::{Effect, UNKNOWN_MS};
use crate::inbox::{self, Content, Counts};
use crate::message;
use crate::session::Session;
use crate::target::Target;
use crate::value;

/// What is stored of the instance before the turn.
struct Stored {
    ino: i64,
    incarnation: Incarnation,
    queue: Arc<str>,
    position: Position,
    commit_id: Option<CommitId>,
    lease: Option<LeaseToken>,
    hold_until_ms: u64,
    status: InstanceStatus,
    suspended: bool,
    awaited: Vec<Topic>,
    counts: Counts,
    created_at_ms: u64,
    has_parent: bool,
    /// Whether there may be system messages.
    has_system: bool,
}

impl Stored {
    fn find(session: &Session, instance: &InstanceId) -> rusqlite::Result<Option<Self>> {
        session.sql.first(
            "SELECT ino, incarnation, execution, next_event_id, commit_id, lease_token, hold_until,
                 status, suspended, awaited, control_count, mail_count, system_at IS NOT NULL, queue,
                 created_at, parent_incarnation IS NOT NULL
             FROM instance WHERE id = ?1",
            [instance.as_str()],
            |row| {
                let status = codes::instance_status(row.get(7)?);
                let suspended = row.get(8)?;
                Ok(Self {
                    ino: row.get(0)?,
                    incarnation: Incarnation(row.get(1)?),
                    queue: row.get(13)?,
                    position: Position {
                        execution: row.get(2)?,
                        next_event_id: row.get(3)?,
                    },
                    commit_id: row.get::<_, Option<_>>(4)?.map(CommitId),
                    lease: row.get::<_, Option<_>>(5)?.map(LeaseToken),
                    hold_until_ms: row.get(6)?,
                    status: status.map_err(|error| head::unreadable(7, error))?,
                    suspended,
                    awaited: awaited::of_row(row, 9)?,
                    counts: Counts {
                        control: row.get(10)?,
                        mail: row.get(11)?,
                    },
                    created_at_ms: row.get(14)?,
                    has_parent: row.get(15)?,
                    // Nobody keeps the time of a suspended instance's.
                    has_system: suspended || row.get(12)?,
                })
            },
        )
    }

    /// Creates the instance of a turn whose fence says that there is none (FEN-03).
    fn create(
        session: &mut Session,
        incarnation: Incarnation,
        newborn: &NewInstance,
    ) -> rusqlite::Result<Self> {
        let mut target = Target::fresh(incarnation, &newborn.queue, session.now_ms);
        message::create(session, newborn, &mut target)?;
        Ok(Self {
            ino: target.ino,
            incarnation,
            queue: target.queue,
            position: Position::START,
            commit_id: None,
            lease: None,
            hold_until_ms: session.now_ms,
            status: target.status,
            suspended: false,
            awaited: Vec::new(),
            counts: Counts::default(),
            created_at_ms: session.now_ms,
            has_parent: newborn.parent.is_some(),
            has_system: false,
        })
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
    Ok(apply(session, turn, basis)?)
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
    let status = stored.as_ref().map(|it| it.status);
    check::opening(turn, position, status.unwrap_or(InstanceStatus::Pending))?;
    value::check(session, turn, stored.as_ref().map(|it| it.ino))?;
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
    match &turn.fence {
        Fence::Absent { .. } if stored.is_none() => Ok(Position::START),
        Fence::Absent { .. } => Err(error::already_exists(id)),
        Fence::At { lease, position } => {
            let held = stored.filter(|it| it.lease == Some(*lease) && now_ms < it.hold_until_ms);
            match held {
                None => Err(error::turn_lease_lost("commit", id)),
                Some(held) if held.position != *position => Err(error::position_conflict(id)),
                Some(_) => Ok(*position),
            }
        }
        Fence::Unleased {
            incarnation,
            position,
            commit_id,
        } => {
            let free = stored.filter(|it| {
                it.incarnation == *incarnation && it.hold_until_ms <= now_ms && !it.suspended
            });
            match free {
                None => Err(error::turn_lease_lost("commit", id)),
                Some(free) if free.position != *position || free.commit_id != *commit_id => {
                    Err(error::position_conflict(id))
                }
                Some(_) => Ok(*position),
            }
        }
    }
}

/// Applies a turn that passed its checks, in the order of COM-08.
fn apply(
    session: &mut Session,
    turn: &TurnCommit,
    basis: Basis,
) -> rusqlite::Result<TurnCommitted> {
    let stored = match (basis.stored, turn.newborn()) {
        (Some(stored), _) => stored,
        (None, Some((newborn, incarnation))) => Stored::create(session, incarnation, &newborn)?,
        // The fence was checked: there is a row.
        (None, None) => return Err(rusqlite::Error::QueryReturnedNoRows),
    };
    if check::opens_ended(turn, basis.position) {
        keep_output(session, stored.ino, basis.position)?;
    }
    let has_running_row = stored.status == ExecutionStatus::Running.of_instance();
    let end = write_executions(session, turn, stored.ino, basis.position, has_running_row)?;
    let left = inbox::remove(session, turn, stored.ino, stored.counts)?;
    write_head(session, turn, &stored, end, left)?;
    value::write(session, turn, stored.ino)?;
    for held in &basis.completed {
        held.remove(session)?;
    }
    let owner = Owner {
        ino: stored.ino,
        instance: &turn.instance,
        incarnation: stored.incarnation,
    };
    let mut committed = TurnCommitted::default();
    for cancel in &turn.cancelled {
        activity::cancel(session, owner, *cancel, &mut committed.cancelled)?;
    }
    for activity in &turn.activities {
        activity::create(session, owner.ino, activity)?;
    }
    for envelope in &turn.messages {
        let is_dropped = message::send_from_turn(session, envelope)?;
        committed.messages_dropped += usize::from(is_dropped);
    }
    Ok(committed)
}

/// Has the execution that ended the instance keep its output, which is in the head only as long as it is
/// the current one (EXE-04).
fn keep_output(session: &Session, ino: i64, ended: Position) -> rusqlite::Result<()> {
    session.sql.execute(
        "UPDATE execution SET output = (SELECT output FROM instance WHERE ino = ?1)
         WHERE ino = ?1 AND execution = ?2",
        params![ino, ended.execution],
    )?;
    Ok(())
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

/// What a turn leaves of what wakes the instance, whose status is this afterwards: one that has ended, or
/// whose current execution has no event, awaits nothing, and one that has ended is not suspended
/// (MAI-05, SUS-02).
fn content_after<'a>(
    turn: &'a TurnCommit,
    stored: &'a Stored,
    status: InstanceStatus,
    end: Position,
    left: Counts,
) -> Content<'a> {
    let has_ended = status.is_terminal();
    let awaited = if turn.executions.is_empty() {
        &stored.awaited[..]
    } else if has_ended || end.next_event_id == Position::START.next_event_id {
        &[]
    } else {
        &turn.awaited[..]
    };
    Content {
        counts: left,
        has_system: stored.has_system,
        awaited,
        suspended: turn.suspended.unwrap_or(stored.suspended) && !has_ended,
    }
}

/// Writes what the turn says of its head, and ends its lease; without executions status, output and
/// position stay (HEA-02). From then on the instance may be claimed for what is left in its inbox, and
/// for what is sent to it, by this turn too (COM-04). One statement, since each would write the row
/// again.
fn write_head(
    session: &mut Session,
    turn: &TurnCommit,
    stored: &Stored,
    end: Position,
    left: Counts,
) -> rusqlite::Result<()> {
    let head = &turn.head;
    let last = turn.executions.last();
    let status = last.map_or(stored.status, |update| update.status.of_instance());
    let content = content_after(turn, stored, status, end, left);
    let wakes = inbox::wakes(session, stored.ino, content)?;
    // What was due before goes behind what has waited longer to be claimed.
    let now_ms = session.now_ms;
    let claim_at_ms = wakes.claimable_from_ms(now_ms).map(|ms| ms.max(now_ms));
    let claim_order = session.next_claim_order();
    session.sql.execute(
        "UPDATE instance SET orchestration = ?2, version = ?3, core_state = ?4, commit_id = ?5,
             updated_at = ?6, attempts = 0,
             lease_token = NULL, hold_until = ?6, claim_at = ?7, claim_order = ?8,
             output = CASE WHEN ?9 THEN ?10 ELSE output END,
             status = ?11, execution = ?12, next_event_id = ?13,
             awaited = ?14, suspended = ?15, control_count = ?16, mail_count = ?17,
             control_at = ?18, system_at = ?19, mail_at = ?20
         WHERE ino = ?1",
        params![
            stored.ino,
            head.orchestration,
            head.version,
            &head.core_state[..],
            turn.commit_id.0,
            now_ms,
            claim_at_ms,
            claim_order,
            last.is_some(),
            last.and_then(|update| update.output.as_deref()),
            codes::of_instance_status(status),
            end.execution,
            end.next_event_id,
            awaited::encode(content.awaited),
            content.suspended,
            left.control,
            left.mail,
            wakes.control_ms,
            wakes.system_ms,
            wakes.mail_ms,
        ],
    )?;
    write_expiry(session, turn, stored)?;
    if let Some(claim_at_ms) = claim_at_ms {
        session.note_turn_due(&stored.queue, claim_at_ms);
    }
    // Another process may have gone on before this one tells of its turn, so that a waiter there has to look.
    let is_told = !session.is_shared && session.watchers.has(&turn.instance);
    let head = is_told.then(|| head_after(turn, stored, now_ms)).flatten();
    session.note(Effect::HeadChanged(
        turn.instance.clone(),
        head.map(Box::new),
    ));
    Ok(())
}

/// The head as a turn has left it, for those who watch it; `None` where they have to read it.
fn head_after(turn: &TurnCommit, stored: &Stored, now_ms: u64) -> Option<InstanceHead> {
    if stored.has_parent {
        return None;
    }
    let before = check::Before {
        incarnation: stored.incarnation,
        queue: TaskQueue(Arc::clone(&stored.queue)),
        parent: None,
        suspended: stored.suspended,
        created_at_ms: stored.created_at_ms,
    };
    let head = check::head_after(turn, before, now_ms)?;
    Some(InstanceHead {
        expires_at_ms: head.expires_at_ms.map(|at_ms| at_ms.min(TIME_MAX_MS)),
        ..head
    })
}

/// Writes when the instance expires, where the turn changes that (EXP-01): it ends one that is to expire,
/// or goes on with one that had ended. No other turn pays for it.
fn write_expiry(session: &mut Session, turn: &TurnCommit, stored: &Stored) -> rusqlite::Result<()> {
    let has_executions = !turn.executions.is_empty();
    if stored.status.is_terminal() {
        // It may have taken the control that kept the instance (DEL-05), so that this may be the next to go.
        session.next_expiry_ms = UNKNOWN_MS;
    }
    let expires_at_ms = check::expires_at_ms(turn, None, session.now_ms).filter(|_| has_executions);
    let had_ended = stored.status.is_terminal() && has_executions;
    if expires_at_ms.is_none() && !had_ended {
        return Ok(());
    }
    let expires_at_ms = expires_at_ms.map(|at_ms| at_ms.min(TIME_MAX_MS));
    session.sql.execute(
        "UPDATE instance SET expires_at = ?2 WHERE ino = ?1",
        params![stored.ino, expires_at_ms],
    )?;
    if let Some(at_ms) = expires_at_ms {
        session.next_expiry_ms = session.next_expiry_ms.min(at_ms);
    }
    Ok(())
}
