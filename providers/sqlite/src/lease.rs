//! Leases: how they are renewed, given back and cleared.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{ActivityLease, Lease, Release, Renewal, TurnLease};
use rusqlite::params;

use crate::clock::after;
use crate::codes::bounded;
use crate::error::{self, Applied};
use crate::hub::{Effect, Queue};
use crate::job::{Access, Member};
use crate::session::Session;
use crate::wakes::Wakes;

/// A lease to extend.
#[derive(Debug)]
pub(crate) struct Renew {
    pub(crate) lease: Lease,
    pub(crate) extend_by: Duration,
}

impl Member for Renew {
    type Answer = Renewal;
    const OPERATION: &'static str = "renew";
    const ACCESS: Access = Access::Lease;

    fn apply(&self, session: &mut Session) -> Applied<Renewal> {
        let until_ms = after(session.now_ms, self.extend_by);
        let renewed = match &self.lease {
            Lease::Turn(lease) => renew_turn(session, lease, until_ms)?,
            Lease::Activity(lease) => renew_activity(session, lease, until_ms)?,
        };
        Ok(if renewed > 0 {
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

fn renew_activity(
    session: &mut Session,
    lease: &ActivityLease,
    until_ms: u64,
) -> rusqlite::Result<usize> {
    let renewed = session.sql.execute(
        "UPDATE activity SET claim_at = max(claim_at, ?7)
         WHERE ino = (SELECT ino FROM instance WHERE id = ?1 AND incarnation = ?2)
             AND execution = ?3 AND activity_id = ?4 AND lease_token = ?5 AND claim_at > ?6",
        params![
            lease.key.instance.as_str(),
            lease.key.incarnation.0,
            bounded(lease.key.execution),
            bounded(lease.key.activity_id),
            lease.token.0,
            session.now_ms,
            until_ms,
        ],
    )?;
    if renewed > 0 && session.is_shared {
        note_time(session, lease)?;
    }
    Ok(renewed)
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

    fn apply(&self, session: &mut Session) -> Applied<()> {
        let free_from_ms = after(session.now_ms, self.delay);
        let attempts_back = self.attempts.taken_back();
        match &self.lease {
            Lease::Turn(lease) => release_turn(session, lease, free_from_ms, attempts_back),
            Lease::Activity(lease) => release_activity(session, lease, free_from_ms, attempts_back),
        }
    }
}

fn release_turn(
    session: &mut Session,
    lease: &TurnLease,
    free_from_ms: u64,
    attempts_back: u32,
) -> Applied<()> {
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
    Ok(())
}

fn release_activity(
    session: &mut Session,
    lease: &ActivityLease,
    free_from_ms: u64,
    attempts_back: u32,
) -> Applied<()> {
    let key = &lease.key;
    let queue: Option<String> = session.sql.first(
        "UPDATE activity
         SET lease_token = NULL, claim_at = ?7, attempts = max(0, attempts - ?8)
         WHERE ino = (SELECT ino FROM instance WHERE id = ?1 AND incarnation = ?2)
             AND execution = ?3 AND activity_id = ?4 AND lease_token = ?5 AND claim_at > ?6
         RETURNING queue",
        params![
            key.instance.as_str(),
            key.incarnation.0,
            bounded(key.execution),
            bounded(key.activity_id),
            lease.token.0,
            session.now_ms,
            free_from_ms,
            attempts_back,
        ],
        |row| row.get(0),
    )?;
    match queue {
        Some(queue) => {
            let queue = Queue::Activities(Arc::from(queue));
            session.note(Effect::DueBy(queue, free_from_ms));
            Ok(())
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
