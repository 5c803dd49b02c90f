//! Where messages go: an instance as far as its inbox is concerned.

use std::sync::Arc;

use duroxide_core::providers::{
    Channel, Incarnation, InstanceId, InstanceStatus, Message, TaskQueue, Topic,
};
use rusqlite::{Row, params};

use crate::awaited;
use crate::codes;
use crate::head::unreadable;
use crate::session::Session;
use crate::wakes::{Wakes, earlier};

/// The columns that [`Target::of_row`] reads, in its order.
macro_rules! target_columns {
    () => {
        "instance.ino, instance.incarnation, instance.status, instance.suspended, \
         instance.hold_until, instance.lease_token IS NOT NULL, instance.awaited, \
         instance.claim_at, instance.control_count, instance.mail_count, instance.mail_seq, \
         instance.control_at, instance.system_at, instance.mail_at, instance.queue"
    };
}
pub(crate) use target_columns;

/// An instance that messages are sent to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) ino: i64,
    pub(crate) incarnation: Incarnation,
    /// The queue of its turns.
    pub(crate) queue: Arc<str>,
    pub(crate) status: InstanceStatus,
    suspended: bool,
    /// Before this time nobody may claim the instance, but for control messages if it is not leased.
    hold_until_ms: u64,
    is_leased: bool,
    awaited: Vec<Topic>,
    pub(crate) standing: Standing,
}

/// What messages change of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// When it may be claimed as things stand, `None` while nothing wakes it.
    pub(crate) claim_at_ms: Option<u64>,
    pub(crate) control_count: usize,
    pub(crate) mail_count: usize,
    /// The `seq` of its latest mail, which may have left its inbox.
    pub(crate) mail_seq: i64,
    pub(crate) wakes: Wakes,
}

impl Target {
    /// An instance that is about to be created.
    pub(crate) fn fresh(incarnation: Incarnation, queue: &TaskQueue, now_ms: u64) -> Self {
        Self {
            ino: 0,
            incarnation,
            queue: Arc::clone(&queue.0),
            status: InstanceStatus::Pending,
            suspended: false,
            hold_until_ms: now_ms,
            is_leased: false,
            awaited: Vec::new(),
            standing: Standing::default(),
        }
    }

    pub(crate) fn of_row(row: &Row<'_>, column: usize) -> rusqlite::Result<Self> {
        let status = codes::instance_status(row.get(column + 2)?);
        Ok(Self {
            ino: row.get(column)?,
            incarnation: Incarnation(row.get(column + 1)?),
            queue: row.get(column + 14)?,
            status: status.map_err(|error| unreadable(column + 2, error))?,
            suspended: row.get(column + 3)?,
            hold_until_ms: row.get(column + 4)?,
            is_leased: row.get(column + 5)?,
            awaited: awaited::of_row(row, column + 6)?,
            standing: Standing {
                claim_at_ms: row.get(column + 7)?,
                control_count: row.get(column + 8)?,
                mail_count: row.get(column + 9)?,
                mail_seq: row.get(column + 10)?,
                wakes: Wakes::of_row(row, column + 11)?,
            },
        })
    }

    pub(crate) fn find(session: &Session, instance: &InstanceId) -> rusqlite::Result<Option<Self>> {
        session.sql.first(
            concat!("SELECT ", target_columns!(), " FROM instance WHERE id = ?1"),
            [instance.as_str()],
            |row| Self::of_row(row, 0),
        )
    }

    /// Whether it has ended, and no control message is due that may have it go on (DEL-05).
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        let control_ms = self.standing.wakes.control_ms;
        self.status.is_terminal() && control_ms.is_none_or(|at_ms| at_ms > now_ms)
    }

    /// Whether it is this life of the instance, or any if none is named.
    pub(crate) fn is_of(&self, incarnation: Option<Incarnation>) -> bool {
        incarnation.is_none_or(|life| life == self.incarnation)
    }

    /// Whether nobody will read this, since it is mail and the instance has ended (STA-06).
    pub(crate) fn is_deaf_to(&self, message: &Message) -> bool {
        message.channel.topic().is_some() && self.status.is_terminal()
    }

    /// Lets the instance stand as it does with one message more.
    pub(crate) fn receive(&mut self, channel: &Channel, due_at_ms: u64) {
        let standing = &mut self.standing;
        let wake_ms = match channel {
            Channel::Control => {
                standing.control_count += 1;
                Some(&mut standing.wakes.control_ms)
            }
            Channel::System => (!self.suspended).then_some(&mut standing.wakes.system_ms),
            Channel::Topic(topic) => {
                standing.mail_count += 1;
                let wakes = !self.suspended && self.awaited.contains(topic);
                wakes.then_some(&mut standing.wakes.mail_ms)
            }
        };
        let Some(wake_ms) = wake_ms else {
            return;
        };
        *wake_ms = earlier(*wake_ms, Some(due_at_ms));
        // A control message does not wait for the end of a release's delay (LEA-06).
        let is_held_back = self.is_leased || *channel != Channel::Control;
        let held_until_ms = if is_held_back { self.hold_until_ms } else { 0 };
        let claim_at_ms = due_at_ms.max(held_until_ms);
        standing.claim_at_ms = earlier(standing.claim_at_ms, Some(claim_at_ms));
    }

    /// Writes how the instance stands, if it stood otherwise before. Where the time of its claim stays,
    /// its place stays: a busy sender must not send its receiver back.
    pub(crate) fn write(&self, session: &mut Session, before: Standing) -> rusqlite::Result<()> {
        let now = self.standing;
        if now == before {
            return Ok(());
        }
        let wakes = now.wakes;
        if now.claim_at_ms == before.claim_at_ms {
            session.sql.execute(
                "UPDATE instance SET control_count = ?2, mail_count = ?3, mail_seq = ?4,
                     control_at = ?5, system_at = ?6, mail_at = ?7
                 WHERE ino = ?1",
                params![
                    self.ino,
                    now.control_count,
                    now.mail_count,
                    now.mail_seq,
                    wakes.control_ms,
                    wakes.system_ms,
                    wakes.mail_ms,
                ],
            )?;
            return Ok(());
        }
        let claim_order = session.next_claim_order();
        session.sql.execute(
            "UPDATE instance SET control_count = ?2, mail_count = ?3, mail_seq = ?4,
                 control_at = ?5, system_at = ?6, mail_at = ?7, claim_at = ?8, claim_order = ?9
             WHERE ino = ?1",
            params![
                self.ino,
                now.control_count,
                now.mail_count,
                now.mail_seq,
                wakes.control_ms,
                wakes.system_ms,
                wakes.mail_ms,
                now.claim_at_ms,
                claim_order,
            ],
        )?;
        self.note_due(session);
        Ok(())
    }

    /// Notes from when on the instance may be claimed.
    pub(crate) fn note_due(&self, session: &mut Session) {
        if let Some(claim_at_ms) = self.standing.claim_at_ms {
            session.note_turn_due(&self.queue, claim_at_ms);
        }
    }
}
