//! Messages on their way to an inbox.

use std::time::Duration;

use duroxide_core::providers::{
    Envelope, Incarnation, InstanceId, InstanceStatus, Message, Position, Recipient, check,
};
use rusqlite::{Row, params};

use crate::clock::after;
use crate::codes;
use crate::error::{self, Applied};
use crate::hub::Effect;
use crate::session::Session;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is in the inbox, or was there already, or has started the instance before.
    Stored,
    /// It would have started an instance that there is already; nothing was changed.
    Exists,
    /// There is no such instance, or none in that life; nothing was changed.
    Absent,
    /// As many messages as are allowed wait for the instance; nothing was changed.
    Full { max: usize },
}

/// Where a message is put.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) ino: i64,
    incarnation: Incarnation,
    /// Before this time nobody may claim the instance.
    hold_until_ms: u64,
    /// When it may be claimed as things stand, `None` without messages.
    claim_at_ms: Option<u64>,
    /// How many messages wait for it, visible or not.
    inbox_count: usize,
}

impl Target {
    /// Reads the columns `ino, incarnation, hold_until, claim_at, inbox_count`, from this one on.
    pub(crate) fn of_row(row: &Row<'_>, column: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            ino: row.get(column)?,
            incarnation: Incarnation(row.get(column + 1)?),
            hold_until_ms: row.get(column + 2)?,
            claim_at_ms: row.get(column + 3)?,
            inbox_count: row.get(column + 4)?,
        })
    }

    fn find(session: &Session, instance: &InstanceId) -> rusqlite::Result<Option<Self>> {
        session.sql.first(
            "SELECT ino, incarnation, hold_until, claim_at, inbox_count
             FROM instance WHERE id = ?1",
            [instance.as_str()],
            |row| Self::of_row(row, 0),
        )
    }
}

/// A client's message: it hears of an instance that is there already, or is not (STA-01, STA-02,
/// STA-04, IDM-03), and of an inbox that is full (LIM-03).
pub(crate) fn send_from_client(session: &mut Session, envelope: &Envelope) -> Applied<()> {
    let id = envelope.recipient.instance();
    check::envelope_limits(&session.limits, id, envelope)?;
    match deliver(session, envelope, Some(session.limits.inbox_messages_max))? {
        Delivery::Stored => Ok(()),
        Delivery::Exists => Err(error::already_exists(id).into()),
        Delivery::Absent => Err(error::not_found("commit", id).into()),
        Delivery::Full { max } => Err(error::inbox_full(id, max).into()),
    }
}

/// A turn's message. A start for an instance that there is goes to its inbox (STA-03).
pub(crate) fn send_from_turn(
    session: &mut Session,
    envelope: &Envelope,
) -> rusqlite::Result<Delivery> {
    let delivery = deliver(session, envelope, None)?;
    if delivery != Delivery::Exists {
        return Ok(delivery);
    }
    if let Some(target) = Target::find(session, envelope.recipient.instance())? {
        store(session, &target, envelope.delay, &envelope.message)?;
    }
    Ok(Delivery::Stored)
}

/// Delivers to an inbox of at most so many messages, or to any.
fn deliver(
    session: &mut Session,
    envelope: &Envelope,
    inbox_messages_max: Option<usize>,
) -> rusqlite::Result<Delivery> {
    let message = &envelope.message;
    let target = Target::find(session, envelope.recipient.instance())?;
    let target = match (&envelope.recipient, target) {
        (Recipient::NewInstance { .. }, Some(target)) => {
            // The start that created it has done its work, however often it comes.
            let is_repeated = target.incarnation == message.id.incarnation();
            return Ok(if is_repeated {
                Delivery::Stored
            } else {
                Delivery::Exists
            });
        }
        (
            Recipient::NewInstance {
                instance,
                orchestration,
                core_state,
            },
            None,
        ) => {
            let incarnation = message.id.incarnation();
            create(session, instance, incarnation, orchestration, core_state)?
        }
        (Recipient::Instance { incarnation, .. }, Some(target))
            if incarnation.is_none_or(|life| life == target.incarnation) =>
        {
            if let Some(max) = inbox_messages_max
                && target.inbox_count >= max
                && !is_stored(session, &target, message)?
            {
                return Ok(Delivery::Full { max });
            }
            target
        }
        (Recipient::Instance { .. }, _) => return Ok(Delivery::Absent),
    };
    store(session, &target, envelope.delay, message)?;
    Ok(Delivery::Stored)
}

fn is_stored(session: &Session, target: &Target, message: &Message) -> rusqlite::Result<bool> {
    let found = session.sql.first(
        "SELECT 1 FROM inbox WHERE ino = ?1 AND message_id = ?2",
        params![target.ino, message.id.0],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Puts a message into an inbox, unless it is there, and lets the instance be claimed for it.
pub(crate) fn store(
    session: &mut Session,
    target: &Target,
    delay: Duration,
    message: &Message,
) -> rusqlite::Result<()> {
    let visible_at_ms = after(session.now_ms, delay);
    let stored = session.sql.execute(
        "INSERT INTO inbox (ino, message_id, execution, visible_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (ino, message_id) DO NOTHING",
        params![
            target.ino,
            message.id.0,
            message.execution,
            visible_at_ms,
            &message.body[..]
        ],
    )?;
    let claim_at_ms = visible_at_ms.max(target.hold_until_ms);
    let is_sooner = target
        .claim_at_ms
        .is_none_or(|known_ms| claim_at_ms < known_ms);
    if stored == 0 {
        return Ok(());
    }
    // Where the time stays, the place stays: a busy sender must not send its receiver back.
    if is_sooner {
        let claim_order = session.next_claim_order();
        session.sql.execute(
            "UPDATE instance SET inbox_count = inbox_count + 1, claim_at = ?2, claim_order = ?3
             WHERE ino = ?1",
            params![target.ino, claim_at_ms, claim_order],
        )?;
        session.note_turn_due(claim_at_ms);
    } else {
        session.sql.execute(
            "UPDATE instance SET inbox_count = inbox_count + 1 WHERE ino = ?1",
            [target.ino],
        )?;
    }
    Ok(())
}

/// Creates an instance that has not run a turn (STA-01, STA-05).
pub(crate) fn create(
    session: &mut Session,
    instance: &InstanceId,
    incarnation: Incarnation,
    orchestration: &str,
    core_state: &[u8],
) -> rusqlite::Result<Target> {
    let now_ms = session.now_ms;
    let ino = session.sql.one(
        "INSERT INTO instance (id, claim_order, hold_until, incarnation, status, execution,
             next_event_id, created_at, updated_at, orchestration, core_state)
         VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?2, ?2, ?7, ?8) RETURNING ino",
        params![
            instance.as_str(),
            now_ms,
            incarnation.0,
            codes::of_instance_status(InstanceStatus::Pending),
            Position::START.execution,
            Position::START.next_event_id,
            orchestration,
            core_state,
        ],
        |row| row.get(0),
    )?;
    session.note(Effect::HeadChanged(instance.clone()));
    Ok(Target {
        ino,
        incarnation,
        hold_until_ms: now_ms,
        claim_at_ms: None,
        inbox_count: 0,
    })
}
