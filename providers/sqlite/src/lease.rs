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
        // No trace is kept of a cancelled activity, so it is lost as well (CAN-03).
        Ok(if renewed > 0 {
            Renewal::Renewed
        } else {
            Renewal::Lost
        })
    }
}

fn renew_turn(session: &mut Session, lease: &TurnLease, until_ms: u64) -> rusqlite::Result<usize> {
    let claim_order = session.next_claim_order();
    // Without a message there is nothing to claim, so `claim_at` stays NULL as `max` makes it.
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
        let attempts_back = u8::from(!self.count_attempt);
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
    attempts_back: u8,
) -> Applied<()> {
    let claim_order = session.next_claim_order();
    let claim_at_ms: Option<Option<u64>> = session.sql.first(
        "UPDATE instance SET lease_token = NULL, hold_until = ?4, claim_order = ?5,
             attempts = max(0, attempts - ?6),
             claim_at = max(?4, (SELECT min(visible_at) FROM inbox WHERE ino = instance.ino))
         WHERE id = ?1 AND lease_token = ?2 AND hold_until > ?3
         RETURNING claim_at",
        params![
            lease.instance.as_str(),
            lease.token.0,
            session.now_ms,
            free_from_ms,
            claim_order,
            attempts_back,
        ],
        |row| row.get(0),
    )?;
    match claim_at_ms {
        Some(claim_at_ms) => {
            claim_at_ms
                .into_iter()
                .for_each(|ms| session.note_turn_due(ms));
            Ok(())
        }
        None => Err(error::turn_lease_lost("release", &lease.instance).into()),
    }
}

fn release_activity(
    session: &mut Session,
    lease: &ActivityLease,
    free_from_ms: u64,
    attempts_back: u8,
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
    session.sql.execute(
        "UPDATE instance SET lease_token = NULL, hold_until = 0,
             claim_at = (SELECT min(visible_at) FROM inbox WHERE ino = instance.ino)
         WHERE lease_token IS NOT NULL",
        [],
    )?;
    session.sql.execute(
        "UPDATE activity SET lease_token = NULL, claim_at = ?1 WHERE lease_token IS NOT NULL",
        [session.now_ms],
    )?;
    Ok(())
}
