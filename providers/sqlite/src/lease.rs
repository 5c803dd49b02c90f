//! Leases: how they are renewed, given back and cleared.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{ActivityLease, Lease, Release, Renew, Renewal, TurnLease};
use rusqlite::{ToSql, params};

use crate::clock::after;
use crate::codes::bounded;
use crate::error::{self, Applied};
use crate::hub::{Effect, Queue};
use crate::job::{Access, Member};
use crate::session::Session;
use crate::wakes::Wakes;

/// A lease to extend, and by how much.
#[derive(Debug)]
pub(crate) struct Extend {
    pub(crate) renew: Renew,
    pub(crate) by: Duration,
}

impl Member for Extend {
    type Answer = Renewal;
    const OPERATION: &'static str = "renew";
    const ACCESS: Access = Access::Lease;

    fn bytes(&self) -> usize {
        self.renew.details.as_ref().map_or(0, Bytes::len)
    }

    fn apply(&self, session: &mut Session) -> Applied<Renewal> {
        let until_ms = after(session.now_ms, self.by);
        let is_renewed = match &self.renew.lease {
            Lease::Turn(lease) => renew_turn(session, lease, until_ms)? > 0,
            Lease::Activity(lease) => {
                renew_activity(session, lease, until_ms, self.renew.details.as_ref())?
            }
        };
        Ok(if is_renewed {
            Renewal::Renewed
        } else {
            Renewal::Lost
        })
    }
}

fn renew_turn(session: &mut Session, lease: &TurnLease, until_ms: u64) -> rusqlite::Result<usize> {
    let claim_order = session.next_claim_order();
    // Where nothing wakes it there is nothing to claim, so `claim_at` stays NULL as `max` makes it.
    session.sql.execute(
        "UPDATE instance SET hold_until = max(hold_until, ?4), claim_at = max(claim_at, ?4),
             claim_order = ?5
         WHERE id = ?1 AND lease_token = ?2 AND hold_until > ?3",
        params![
            lease.instance.as_str(),
            lease.token.0,
            session.now_ms,
            until_ms,
            claim_order
        ],
    )
}

/// What renews the lease of an activity, with more to set and to answer.
macro_rules! renewal {
    ($more:literal, $answer:literal) => {
        concat!(
            "UPDATE activity SET claim_at = max(claim_at, ?7)",
            $more,
            " WHERE ino = (SELECT ino FROM instance WHERE id = ?1 AND incarnation = ?2)
                 AND execution = ?3 AND activity_id = ?4 AND lease_token = ?5 AND claim_at > ?6",
            $answer
        )
    };
}

/// Renews the lease of an activity, and keeps the details that come with it, if any do (DET-01). That there
/// are some is known by the activity's row. Answers whether the lease was held.
fn renew_activity(
    session: &mut Session,
    lease: &ActivityLease,
    until_ms: u64,
    details: Option<&Bytes>,
) -> rusqlite::Result<bool> {
    let key = &lease.key;
    let params: [&dyn ToSql; 7] = [
        &key.instance.as_str(),
        &key.incarnation.0,
        &bounded(key.execution),
        &bounded(key.activity_id),
        &lease.token.0,
        &session.now_ms,
        &until_ms,
    ];
    let is_renewed = match details {
        None => session.sql.execute(renewal!("", ""), params)? > 0,
        Some(details) => {
            let renewal = renewal!(", has_details = 1", " RETURNING id");
            let id: Option<i64> = session.sql.first(renewal, params, |row| row.get(0))?;
            if let Some(id) = id {
                keep_details(session, id, details)?;
            }
            id.is_some()
        }
    };
    if is_renewed && session.is_shared {
        note_time(session, lease)?;
    }
    Ok(is_renewed)
}

fn keep_details(session: &Session, id: i64, details: &Bytes) -> rusqlite::Result<()> {
    session.sql.execute(
        "INSERT INTO details (id, details) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET details = excluded.details",
        params![id, &details[..]],
    )?;
    Ok(())
}

/// Lets others know at which time an activity's lease was renewed, by its instance, which has a
/// place in no order while it has no message: who takes over may have a clock that was set back.
fn note_time(session: &mut Session, lease: &ActivityLease) -> rusqlite::Result<()> {
    let claim_order = session.next_claim_order();
    session.sql.execute(
        "UPDATE instance SET claim_order = ?3
         WHERE id = ?1 AND incarnation = ?2 AND claim_at IS NULL",
        params![
            lease.key.instance.as_str(),
            lease.key.incarnation.0,
            claim_order
        ],
    )?;
    Ok(())
}

impl Member for Release {
    type Answer = ();
    const OPERATION: &'static str = "release";
    const ACCESS: Access = Access::Lease;

    fn bytes(&self) -> usize {
        self.details.as_ref().map_or(0, Bytes::len)
    }

    fn apply(&self, session: &mut Session) -> Applied<()> {
        let free_from_ms = after(session.now_ms, self.delay);
        let attempts_back = self.attempts.taken_back();
        match &self.lease {
            Lease::Turn(lease) => {
                let ino = release_turn(session, lease, free_from_ms, attempts_back)?;
                if let Some(note) = &self.details {
                    leave_note(session, ino, note)?;
                }
                Ok(())
            }
            Lease::Activity(lease) => {
                let has_details = self.details.is_some();
                let id =
                    release_activity(session, lease, free_from_ms, (attempts_back, has_details))?;
                if let Some(details) = &self.details {
                    keep_details(session, id, details)?;
                }
                Ok(())
            }
        }
    }
}

/// Leaves a note on an instance, until the commit after the last one (NOT-01).
fn leave_note(session: &Session, ino: i64, note: &Bytes) -> rusqlite::Result<()> {
    session.sql.execute(
        "INSERT INTO note (ino, commit_id, note)
         SELECT ino, commit_id, ?2 FROM instance WHERE ino = ?1
         ON CONFLICT (ino) DO UPDATE SET commit_id = excluded.commit_id, note = excluded.note",
        params![ino, &note[..]],
    )?;
    Ok(())
}

fn release_turn(
    session: &mut Session,
    lease: &TurnLease,
    free_from_ms: u64,
    attempts_back: u32,
) -> Applied<i64> {
    let held = session.sql.first(
        "SELECT ino, control_at, system_at, mail_at, queue FROM instance
         WHERE id = ?1 AND lease_token = ?2 AND hold_until > ?3",
        params![lease.instance.as_str(), lease.token.0, session.now_ms],
        |row| Ok((row.get::<_, i64>(0)?, Wakes::of_row(row, 1)?, row.get(4)?)),
    )?;
    let Some((ino, wakes, queue)) = held else {
        return Err(error::turn_lease_lost("release", &lease.instance).into());
    };
    // What was due before goes behind what has waited longer to be claimed.
    let claim_at_ms = wakes.claimable_from_ms(free_from_ms);
    let claim_at_ms = claim_at_ms.map(|ms| ms.max(session.now_ms));
    let claim_order = session.next_claim_order();
    session.sql.execute(
        "UPDATE instance SET lease_token = NULL, hold_until = ?2, claim_at = ?3, claim_order = ?4,
             attempts = max(0, attempts - ?5)
         WHERE ino = ?1",
        params![ino, free_from_ms, claim_at_ms, claim_order, attempts_back],
    )?;
    claim_at_ms
        .into_iter()
        .for_each(|ms| session.note_turn_due(&queue, ms));
    Ok(ino)
}

fn release_activity(
    session: &mut Session,
    lease: &ActivityLease,
    free_from_ms: u64,
    (attempts_back, has_details): (u32, bool),
) -> Applied<i64> {
    let key = &lease.key;
    let released: Option<(String, i64)> = session.sql.first(
        "UPDATE activity
         SET lease_token = NULL, claim_at = ?7, attempts = max(0, attempts - ?8),
             has_details = max(has_details, ?9)
         WHERE ino = (SELECT ino FROM instance WHERE id = ?1 AND incarnation = ?2)
             AND execution = ?3 AND activity_id = ?4 AND lease_token = ?5 AND claim_at > ?6
         RETURNING queue, id",
        params![
            key.instance.as_str(),
            key.incarnation.0,
            bounded(key.execution),
            bounded(key.activity_id),
            lease.token.0,
            session.now_ms,
            free_from_ms,
            attempts_back,
            has_details,
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match released {
        Some((queue, id)) => {
            let queue = Queue::Activities(Arc::from(queue));
            session.note(Effect::DueBy(queue, free_from_ms));
            Ok(id)
        }
        None => Err(error::activity_lease_lost("release", key).into()),
    }
}

/// Ends all leases, for a provider that is alone: whoever held them is gone (LEA-10). The attempts
/// stay (ATT-04), and so do the delays of releases.
pub(crate) fn clear(session: &mut Session) -> rusqlite::Result<()> {
    session.enter();
    let leased: Vec<(i64, Wakes)> = session.sql.all(
        "SELECT ino, control_at, system_at, mail_at FROM instance WHERE lease_token IS NOT NULL",
        [],
        |row| Ok((row.get(0)?, Wakes::of_row(row, 1)?)),
    )?;
    for (ino, wakes) in leased {
        session.sql.execute(
            "UPDATE instance SET lease_token = NULL, hold_until = 0, claim_at = ?2 WHERE ino = ?1",
            params![ino, wakes.claimable_from_ms(0)],
        )?;
    }
    session.sql.execute(
        "UPDATE activity SET lease_token = NULL, claim_at = ?1 WHERE lease_token IS NOT NULL",
        [session.now_ms],
    )?;
    Ok(())
}
