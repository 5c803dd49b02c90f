//! Activities: their creation, their outcome and their cancellation.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{
    ActivityCancel, ActivityKey, ActivityLease, ActivityOutcome, Committed, Incarnation,
    InstanceId, LeaseToken, NewActivity, TurnCommit, check,
};
use rusqlite::params;

use crate::clock::after;
use crate::codes::bounded;
use crate::error::{self, Applied};
use crate::hub::{Effect, Queue, UNKNOWN_MS};
use crate::message;
use crate::session::Session;
use crate::target::{Target, target_columns};

/// An activity whose lease is held.
#[derive(Debug)]
pub(crate) struct Held {
    id: i64,
    /// Its instance.
    target: Target,
}

impl Held {
    /// Finds the activity, or refuses if its lease is not held (ACT-04, FEN-04).
    pub(crate) fn find(session: &Session, lease: &ActivityLease) -> Applied<Self> {
        let key = &lease.key;
        let held = session.sql.first(
            concat!(
                "SELECT activity.id, ",
                target_columns!(),
                " FROM instance JOIN activity ON activity.ino = instance.ino
             WHERE instance.id = ?1 AND instance.incarnation = ?2 AND activity.execution = ?3
                 AND activity.activity_id = ?4 AND activity.lease_token = ?5
                 AND activity.claim_at > ?6"
            ),
            params![
                key.instance.as_str(),
                key.incarnation.0,
                bounded(key.execution),
                bounded(key.activity_id),
                lease.token.0,
                session.now_ms,
            ],
            |row| {
                Ok(Self {
                    id: row.get(0)?,
                    target: Target::of_row(row, 1)?,
                })
            },
        )?;
        held.ok_or_else(|| error::activity_lease_lost("commit", key).into())
    }

    pub(crate) fn remove(&self, session: &Session) -> rusqlite::Result<()> {
        let sql = "DELETE FROM activity WHERE id = ?1";
        session.sql.execute(sql, [self.id]).map(|_| ())
    }
}

/// Ends an activity and sends its message (ACT-03). Nothing is dropped here: an activity is removed
/// together with its instance.
pub(crate) fn finish(session: &mut Session, outcome: &ActivityOutcome) -> Applied<Committed> {
    let held = Held::find(session, &outcome.lease)?;
    if let Some(message) = &outcome.message {
        let instance = &outcome.lease.key.instance;
        check::message_limits(&session.limits, instance, message)?;
    }
    held.remove(session)?;
    if let Some(message) = &outcome.message {
        message::store(session, held.target, Duration::ZERO, message)?;
    }
    Ok(Committed::Activity {
        messages_dropped: 0,
    })
}

/// Refuses a turn that gives a new activity the key of one that it removes (ACT-01). The key of one
/// that stays is refused by the table itself.
pub(crate) fn check_keys(session: &Session, turn: &TurnCommit, ino: i64) -> Applied<()> {
    for new in turn.activities.iter().filter(|new| removes(turn, new)) {
        let is_there = session.sql.first(
            "SELECT 1 FROM activity WHERE ino = ?1 AND execution = ?2 AND activity_id = ?3",
            params![ino, new.execution, new.activity_id],
            |_| Ok(()),
        )?;
        if is_there.is_some() {
            return Err(error::activity_key_taken(&turn.instance).into());
        }
    }
    Ok(())
}

/// Whether a turn removes an activity with the key of this one, if there is any.
fn removes(turn: &TurnCommit, new: &NewActivity) -> bool {
    let is_cancelled = turn.cancelled.iter().any(|cancel| match cancel {
        ActivityCancel::One {
            execution,
            activity_id,
        } => (*execution, *activity_id) == (new.execution, new.activity_id),
        ActivityCancel::AllOfExecution(execution) => *execution == new.execution,
    });
    is_cancelled
        || turn.completed.iter().any(|lease| {
            (lease.key.execution, lease.key.activity_id) == (new.execution, new.activity_id)
        })
}

/// Creates an activity, claimable at once or born leased (ACT-01, ACT-02).
pub(crate) fn create(
    session: &mut Session,
    ino: i64,
    activity: &NewActivity,
) -> rusqlite::Result<()> {
    let now_ms = session.now_ms;
    let (token, claim_at_ms, attempts) = match activity.reservation {
        Some(it) => (Some(it.token.0), after(now_ms, it.lease), 1),
        None => (None, now_ms, 0),
    };
    session.sql.execute(
        "INSERT INTO activity (ino, execution, activity_id, queue, claim_at, lease_token, attempts,
             body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            ino,
            activity.execution,
            activity.activity_id,
            &*activity.queue.0,
            claim_at_ms,
            token,
            attempts,
            &activity.body[..],
        ],
    )?;
    let queue = Queue::Activities(Arc::clone(&activity.queue.0));
    session.note(Effect::DueBy(queue, claim_at_ms));
    Ok(())
}

/// Whose activities are cancelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) ino: i64,
    pub(crate) instance: &'a InstanceId,
    pub(crate) incarnation: Incarnation,
}

/// Removes activities and names those that were leased (CAN-01, CAN-02).
pub(crate) fn cancel(
    session: &mut Session,
    owner: Owner<'_>,
    cancel: ActivityCancel,
    leased: &mut Vec<ActivityLease>,
) -> rusqlite::Result<()> {
    let (execution, first_id, last_id) = match cancel {
        ActivityCancel::One {
            execution,
            activity_id,
        } => (execution, activity_id, activity_id),
        ActivityCancel::AllOfExecution(execution) => (execution, 0, u64::MAX),
    };
    let removed = session.sql.all(
        "DELETE FROM activity
         WHERE ino = ?1 AND execution = ?2 AND activity_id BETWEEN ?3 AND ?4
         RETURNING activity_id, claim_at, lease_token, queue",
        params![
            owner.ino,
            bounded(execution),
            bounded(first_id),
            bounded(last_id)
        ],
        |row| {
            let token = row.get::<_, Option<_>>(2)?.map(LeaseToken);
            let queue: String = row.get(3)?;
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, token, queue))
        },
    )?;
    for (activity_id, claim_at_ms, token, queue) in removed {
        if claim_at_ms <= session.now_ms {
            // It may have been all there was to claim.
            let queue = Queue::Activities(queue.into());
            session.note(Effect::NothingBefore(queue, UNKNOWN_MS));
        } else if let Some(token) = token {
            let key = ActivityKey {
                instance: owner.instance.clone(),
                incarnation: owner.incarnation,
                execution,
                activity_id,
            };
            leased.push(ActivityLease { key, token });
        }
    }
    Ok(())
}
