//! Messages on their way to an inbox.

use std::time::Duration;

use duroxide_core::providers::{
    Channel, Envelope, InstanceId, Message, NewInstance, Position, ProviderError, Recipient, check,
};
use rusqlite::params;

use crate::channel::Code;
use crate::clock::after;
use crate::codes;
use crate::error::{self, Applied};
use crate::hub::Effect;
use crate::removal::{self, Extent};
use crate::session::Session;
use crate::target::Target;
use crate::topic;

/// A client's message: it hears of an instance that is there already, or is not (STA-01, STA-02,
/// STA-04, STA-08, IDM-03), that has ended (STA-06), or whose inbox is full (LIM-03).
pub(crate) fn send_from_client(session: &mut Session, envelope: &Envelope) -> Applied<()> {
    let id = envelope.recipient.instance();
    check::envelope_limits(&session.limits, id, envelope)?;
    let message = &envelope.message;
    match (&envelope.recipient, Target::find(session, id)?) {
        (Recipient::NewInstance(newborn), Some(target)) => {
            // The start that created it has done its work, however often it comes.
            if target.incarnation != message.id.incarnation() {
                if !newborn.replaces_ended() || !target.is_over(session.now_ms) {
                    return Err(error::already_exists(id).into());
                }
                removal::remove(session, target.ino, Extent::Slice)?;
                begin(session, newborn, envelope)?;
            }
        }
        (Recipient::NewInstance(newborn), None) => begin(session, newborn, envelope)?,
        (Recipient::Instance { incarnation, .. }, Some(target)) if target.is_of(*incarnation) => {
            check_room(session, &target, id, message)?;
            store(session, target, envelope.delay, message)?;
        }
        (Recipient::Instance { .. }, _) => return Err(error::not_found("commit", id).into()),
    }
    Ok(())
}

/// A turn's message. A start for an instance that there is goes to its inbox (STA-03). Answers whether
/// the message was dropped, since nobody is there to read it (MSG-05, STA-06).
pub(crate) fn send_from_turn(session: &mut Session, envelope: &Envelope) -> rusqlite::Result<bool> {
    let message = &envelope.message;
    match (
        &envelope.recipient,
        Target::find(session, envelope.recipient.instance())?,
    ) {
        (Recipient::NewInstance(_), Some(target)) => {
            // The start that created it has done its work, however often it comes.
            if target.incarnation != message.id.incarnation() {
                // It must be answered now, whether the instance is suspended or not.
                let message = Message {
                    channel: Channel::Control,
                    ..message.clone()
                };
                store(session, target, Duration::ZERO, &message)?;
            }
        }
        (Recipient::NewInstance(newborn), None) => begin(session, newborn, envelope)?,
        (Recipient::Instance { incarnation, .. }, Some(target))
            if target.is_of(*incarnation) && !target.is_deaf_to(message) =>
        {
            store(session, target, envelope.delay, message)?;
        }
        (Recipient::Instance { .. }, _) => return Ok(true),
    }
    Ok(false)
}

/// Checks that an instance takes a client's message, which one that it has is.
fn check_room(
    session: &Session,
    target: &Target,
    id: &InstanceId,
    message: &Message,
) -> Applied<()> {
    match refusal_of(session, target, id, message)? {
        Some(refusal) if !is_stored(session, target, message)? => Err(refusal.into()),
        Some(_) | None => Ok(()),
    }
}

/// Why the instance takes no further message of this channel, if it takes none (STA-06, LIM-03).
fn refusal_of(
    session: &Session,
    target: &Target,
    id: &InstanceId,
    message: &Message,
) -> rusqlite::Result<Option<ProviderError>> {
    if target.is_deaf_to(message) {
        return Ok(Some(error::ended(id)));
    }
    let limits = &session.limits;
    let standing = &target.standing;
    Ok(match &message.channel {
        Channel::System => None,
        Channel::Control => {
            let max = limits.control_messages_max;
            (standing.control_count >= max).then(|| error::control_full(id, max))
        }
        Channel::Topic(topic) => {
            let max = limits.topic_messages_max;
            // A topic has no more than all of them together, which costs no look.
            if standing.mail_count >= max && topic::count(session, target.ino, topic)? >= max {
                return Ok(Some(error::mailbox_full(id, "topic_messages_max", max)));
            }
            let max = limits.mail_messages_max;
            (standing.mail_count >= max).then(|| error::mailbox_full(id, "mail_messages_max", max))
        }
    })
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
    mut target: Target,
    delay: Duration,
    message: &Message,
) -> rusqlite::Result<()> {
    let due_at_ms = after(session.now_ms, delay);
    let before = target.standing;
    if !insert(session, &mut target, due_at_ms, message)? {
        return Ok(());
    }
    target.receive(&message.channel, due_at_ms);
    target.write(session, before)
}

/// Puts a message into an inbox; false if it is there already (MSG-02).
fn insert(
    session: &Session,
    target: &mut Target,
    due_at_ms: u64,
    message: &Message,
) -> rusqlite::Result<bool> {
    let Channel::Topic(topic) = &message.channel else {
        let inserted = session.sql.execute(
            "INSERT INTO inbox (ino, channel, message_id, execution, due_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (ino, message_id) DO NOTHING",
            params![
                target.ino,
                Code(&message.channel),
                message.id.0,
                message.execution,
                due_at_ms,
                &message.body[..]
            ],
        )?;
        return Ok(inserted > 0);
    };
    // The place of mail is never used again in its instance: a reader may go on from one that is gone.
    let inserted = session.sql.execute(
        "INSERT INTO inbox (seq, ino, channel, message_id, due_at, body)
         VALUES (max(?6, coalesce((SELECT max(seq) FROM inbox), 0)) + 1, ?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (ino, message_id) DO NOTHING",
        params![
            target.ino,
            topic.as_str(),
            message.id.0,
            due_at_ms,
            &message.body[..],
            target.standing.mail_seq,
        ],
    )?;
    if inserted > 0 {
        target.standing.mail_seq = session.sql.connection().last_insert_rowid();
        topic::add_one(session, target.ino, topic)?;
    }
    Ok(inserted > 0)
}

/// Creates the instance that a message starts, with that message (STA-01, STA-05).
fn begin(
    session: &mut Session,
    newborn: &NewInstance,
    envelope: &Envelope,
) -> rusqlite::Result<()> {
    let message = &envelope.message;
    let due_at_ms = after(session.now_ms, envelope.delay);
    let mut target = Target::fresh(message.id.incarnation(), &newborn.queue, session.now_ms);
    target.receive(&message.channel, due_at_ms);
    create(session, newborn, &mut target)?;
    let before = target.standing;
    insert(session, &mut target, due_at_ms, message)?;
    // Mail alone has changed it.
    target.write(session, before)?;
    target.note_due(session);
    Ok(())
}

/// Writes the row of an instance that has not run a turn, standing as it does.
pub(crate) fn create(
    session: &mut Session,
    newborn: &NewInstance,
    target: &mut Target,
) -> rusqlite::Result<()> {
    let standing = target.standing;
    let claim_order = standing.claim_at_ms.map(|_| session.next_claim_order());
    session.sql.execute(
        "INSERT INTO instance (id, claim_at, claim_order, hold_until, control_at, system_at,
             control_count, mail_count, incarnation, status, execution, next_event_id, created_at,
             updated_at, orchestration, core_state, queue, parent_id, parent_incarnation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?4, ?4, ?13, ?14, ?15, ?16, ?17)",
        params![
            newborn.instance.as_str(),
            standing.claim_at_ms,
            claim_order.unwrap_or_default(),
            session.now_ms,
            standing.wakes.control_ms,
            standing.wakes.system_ms,
            standing.control_count,
            standing.mail_count,
            target.incarnation.0,
            codes::of_instance_status(target.status),
            Position::START.execution,
            Position::START.next_event_id,
            newborn.orchestration,
            &*newborn.core_state,
            newborn.queue.as_str(),
            newborn
                .parent
                .as_ref()
                .map(|parent| parent.instance.as_str()),
            newborn.parent.as_ref().map(|parent| parent.incarnation.0),
        ],
    )?;
    target.ino = session.sql.connection().last_insert_rowid();
    for (key, value) in &newborn.labels {
        let sql = "INSERT INTO label (ino, key, value) VALUES (?1, ?2, ?3)";
        session.sql.execute(sql, params![target.ino, key, value])?;
    }
    session.note(Effect::HeadChanged(newborn.instance.clone(), None));
    Ok(())
}
