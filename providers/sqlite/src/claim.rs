//! Claims: the front of a ready index, and no look at anything else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::share::{ByteBudget, share_out};
use duroxide_core::providers::{
    ActivityKey, ActivityLease, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Incarnation,
    InstanceHead, InstanceId, TaskQueue, Turn, TurnLease,
};
use rusqlite::{Params, Row, params};

use crate::clock::after;
use crate::codes::row_limit;
use crate::error::Applied;
use crate::front;
use crate::head::{self, HEAD_COLUMNS, head_columns};
use crate::hub::Queue;
use crate::inbox;
use crate::job::{Access, Member};
use crate::session::Session;
use crate::wakes::Wakes;

/// The columns that [`Candidate::of_row`] reads, in its order.
macro_rules! candidate_columns {
    () => {
        concat!(
            head_columns!(),
            ", ino, attempts, control_at, system_at, mail_at"
        )
    };
}

/// Each reads the front of an index and nothing else (CLM-05). Where a claim names one queue alone, its
/// instances are read with their places.
const TURN_CANDIDATES: &str = concat!(
    "SELECT ",
    candidate_columns!(),
    " FROM instance WHERE queue = ?1 AND claim_at <= ?2 ORDER BY claim_at, claim_order LIMIT ?3"
);
const TURN_PLACES: &str = "SELECT claim_at, claim_order, ino FROM instance
     WHERE queue = ?1 AND claim_at <= ?2 ORDER BY claim_at, claim_order LIMIT ?3";
const TURN_CANDIDATE: &str = concat!(
    "SELECT ",
    candidate_columns!(),
    " FROM instance WHERE ino = ?1"
);
/// The same of one that is named, with who holds it and until when.
const TURN_NAMED: &str = concat!(
    "SELECT ",
    candidate_columns!(),
    ", hold_until, lease_token IS NOT NULL FROM instance WHERE id = ?1"
);
const ACTIVITY_PLACES: &str = "SELECT claim_at, id FROM activity
     WHERE queue = ?1 AND claim_at <= ?2 ORDER BY claim_at, id LIMIT ?3";
/// How long a body is, is known without reading it.
const ACTIVITY_CANDIDATE: &str =
    "SELECT instance.id, instance.incarnation, activity.execution, activity_id,
         activity.attempts + 1, body,
         CASE WHEN has_details THEN (SELECT details FROM details WHERE id = activity.id) END
     FROM activity LEFT JOIN instance ON instance.ino = activity.ino
     WHERE activity.id = ?1 AND length(body) <= ?2";
const LEASE_ACTIVITY: &str =
    "UPDATE activity SET lease_token = ?2, claim_at = ?3, attempts = ?4 WHERE id = ?1";

impl Member for ClaimTurns {
    type Answer = Claimed<Turn>;
    const OPERATION: &'static str = "claim_turns";
    const ACCESS: Access = Access::Lease;
    const NEEDS_LISTENER: bool = true;

    fn peek(&self, session: &mut Session) -> rusqlite::Result<Option<Self::Answer>> {
        if self.only.is_some() {
            return Ok(None);
        }
        let due_ms = front::note_first_of(session, &turns(self))?;
        Ok(nothing_before(session, due_ms))
    }

    fn apply(&self, session: &mut Session) -> Applied<Self::Answer> {
        if let Some(only) = &self.only {
            return Ok(claim_named(session, self, only)?);
        }
        let queues = turns(self);
        let candidates = candidates(session, &queues, self.turns_max)?;
        let mut items = Vec::with_capacity(candidates.len());
        let mut budget = ByteBudget::new(self.total_bytes_max);
        for candidate in candidates {
            let at_its_end = |_: Wakes, until_ms| Some(until_ms);
            match claim_turn(session, self, candidate, (&mut budget, at_its_end))? {
                Some(turn) => items.push(turn),
                None => break,
            }
        }
        let due_ms = front::note_first_of(session, &queues)?;
        Ok(claimed(session, items, due_ms))
    }
}

/// An instance that may be claimed.
struct Candidate {
    head: InstanceHead,
    ino: i64,
    attempts: u32,
    wakes: Wakes,
}

impl Candidate {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            head: head::of_row(row)?,
            ino: row.get(HEAD_COLUMNS)?,
            attempts: row.get(HEAD_COLUMNS + 1)?,
            wakes: Wakes::of_row(row, HEAD_COLUMNS + 2)?,
        })
    }
}

/// The instances that a claim takes, in the order in which they became claimable (CLM-06, CLM-12).
fn candidates(
    session: &Session,
    queues: &BTreeSet<Queue>,
    turns_max: usize,
) -> rusqlite::Result<Vec<Candidate>> {
    let sql = &session.sql;
    let now_ms = session.now_ms;
    let mut each = queues.iter();
    if let (Some(only), None) = (each.next(), each.next()) {
        return sql.all(
            TURN_CANDIDATES,
            params_of(only, now_ms, turns_max),
            Candidate::of_row,
        );
    }
    let places = |row: &Row<'_>| {
        let place: (u64, i64) = (row.get(0)?, row.get(1)?);
        Ok((place, row.get::<_, i64>(2)?))
    };
    let mut fronts = Vec::with_capacity(queues.len());
    for queue in queues {
        fronts.push(sql.all(TURN_PLACES, params_of(queue, now_ms, turns_max), places)?);
    }
    let chosen = share_out(fronts, turns_max).into_iter();
    let read = |ino| sql.one(TURN_CANDIDATE, [ino], Candidate::of_row);
    chosen.map(read).collect()
}

/// What reads the front of a queue at this time.
fn params_of(queue: &Queue, now_ms: u64, items_max: usize) -> impl Params + '_ {
    (queue.name(), now_ms, row_limit(items_max))
}

/// Leases this instance if nobody holds it, whatever its queue is and whether there is anything to do
/// (CLM-14).
fn claim_named(
    session: &mut Session,
    request: &ClaimTurns,
    only: &InstanceId,
) -> rusqlite::Result<Claimed<Turn>> {
    let found = session.sql.first(TURN_NAMED, [only.as_str()], |row| {
        let is_leased: bool = row.get(HEAD_COLUMNS + 6)?;
        let hold_until_ms: u64 = row.get(HEAD_COLUMNS + 5)?;
        Ok((Candidate::of_row(row)?, is_leased.then_some(hold_until_ms)))
    })?;
    let mut claimed = Claimed::default();
    if let Some((candidate, leased_until_ms)) = found
        && leased_until_ms.is_none_or(|until_ms| until_ms <= session.now_ms)
        && request.turns_max > 0
    {
        let queue = Arc::clone(&candidate.head.queue.0);
        // It may have nothing to do, and is claimable after the lease only if it has.
        let claim_at = |wakes: Wakes, until_ms: u64| {
            let wakes_at_ms = wakes.claimable_from_ms(until_ms);
            wakes_at_ms.map(|ms| ms.max(until_ms))
        };
        let wakes = candidate.wakes;
        // One item is claimed however large it is (CLM-13).
        let mut budget = ByteBudget::new(request.total_bytes_max);
        let turn = claim_turn(session, request, candidate, (&mut budget, claim_at))?;
        // A release may have held it back for longer than it is leased now.
        let until_ms = lease_end(session, request.lease);
        if let Some(claim_at_ms) = claim_at(wakes, until_ms) {
            session.note_turn_due(&queue, claim_at_ms);
        }
        claimed.items.extend(turn);
    }
    Ok(claimed)
}

/// Until when a claim leases. A lease of no time at all would be claimed again by the same claim.
fn lease_end(session: &Session, lease: Duration) -> u64 {
    after(session.now_ms, lease).max(session.now_ms.saturating_add(1))
}

/// Leases an instance, unless its messages are more than the claim may still hold (CLM-13). After the lease
/// it is claimable from the time on that follows from what wakes it and from the end of the lease.
fn claim_turn(
    session: &mut Session,
    request: &ClaimTurns,
    candidate: Candidate,
    (budget, claim_at): (&mut ByteBudget, impl FnOnce(Wakes, u64) -> Option<u64>),
) -> rusqlite::Result<Option<Turn>> {
    let Candidate {
        head,
        ino,
        attempts,
        wakes,
    } = candidate;
    let messages = inbox::due(session, request, ino, wakes)?;
    if !budget.take(messages.iter().map(|it| it.message.body.len()).sum()) {
        return Ok(None);
    }
    let token = Entropy.lease_token();
    let claim_order = session.next_claim_order();
    let until_ms = lease_end(session, request.lease);
    session.sql.execute(
        "UPDATE instance SET lease_token = ?2, hold_until = ?3, claim_at = ?6, claim_order = ?4,
             attempts = ?5
         WHERE ino = ?1",
        params![
            ino,
            token.0,
            until_ms,
            claim_order,
            attempts.saturating_add(1),
            claim_at(wakes, until_ms)
        ],
    )?;
    Ok(Some(Turn {
        lease: TurnLease {
            instance: head.instance.clone(),
            token,
        },
        head,
        attempt: attempts.saturating_add(1),
        messages,
        has_mail: wakes.mail_ms.is_some_and(|ms| ms <= session.now_ms),
    }))
}

impl Member for ClaimActivities {
    type Answer = Claimed<ClaimedActivity>;
    const OPERATION: &'static str = "claim_activities";
    const ACCESS: Access = Access::Lease;
    const NEEDS_LISTENER: bool = true;

    fn peek(&self, session: &mut Session) -> rusqlite::Result<Option<Self::Answer>> {
        let due_ms = front::note_first_of(session, &activities(self))?;
        Ok(nothing_before(session, due_ms))
    }

    fn apply(&self, session: &mut Session) -> Applied<Self::Answer> {
        let queues = activities(self);
        let mut fronts = Vec::with_capacity(queues.len());
        for queue in &queues {
            let front = params_of(queue, session.now_ms, self.activities_max);
            let of_queue = session.sql.all(ACTIVITY_PLACES, front, |row| {
                let place: (u64, i64) = (row.get(0)?, row.get(1)?);
                Ok((place, (place.1, queue.name())))
            });
            fronts.push(of_queue?);
        }
        let candidates = share_out(fronts, self.activities_max);
        let mut items = Vec::with_capacity(candidates.len());
        let mut budget = ByteBudget::new(self.total_bytes_max);
        for (id, queue) in candidates {
            match claim_activity(session, self, (id, queue), &mut budget)? {
                Some(activity) => items.push(activity),
                None => break,
            }
        }
        let due_ms = front::note_first_of(session, &queues)?;
        Ok(claimed(session, items, due_ms))
    }
}

/// Leases an activity, unless its body is more than the claim may still hold (CLM-13).
fn claim_activity(
    session: &Session,
    request: &ClaimActivities,
    (id, queue): (i64, &Arc<str>),
    budget: &mut ByteBudget,
) -> rusqlite::Result<Option<ClaimedActivity>> {
    let token = Entropy.lease_token();
    let claimed = session.sql.first(
        ACTIVITY_CANDIDATE,
        params![id, i64::try_from(budget.next_max()).unwrap_or(i64::MAX)],
        |row| {
            let key = ActivityKey {
                instance: head::instance_id(row, 0)?,
                incarnation: Incarnation(row.get(1)?),
                execution: row.get(2)?,
                activity_id: row.get(3)?,
            };
            Ok(ClaimedActivity {
                lease: ActivityLease { key, token },
                queue: TaskQueue(Arc::clone(queue)),
                attempt: row.get(4)?,
                body: head::bytes(row, 5)?,
                details: row.get::<_, Option<Vec<u8>>>(6)?.map(Bytes::from),
            })
        },
    )?;
    if let Some(activity) = &claimed {
        let until_ms = lease_end(session, request.lease);
        session.sql.execute(
            LEASE_ACTIVITY,
            params![id, token.0, until_ms, activity.attempt],
        )?;
        budget.take(activity.body.len());
    }
    Ok(claimed)
}

fn turns(claim: &ClaimTurns) -> BTreeSet<Queue> {
    let names = claim.queues.iter();
    names.map(|it| Queue::Turns(Arc::clone(&it.0))).collect()
}

fn activities(claim: &ClaimActivities) -> BTreeSet<Queue> {
    let names = claim.queues.iter();
    names
        .map(|it| Queue::Activities(Arc::clone(&it.0)))
        .collect()
}

/// The answer of a claim that finds nothing, if it would.
fn nothing_before<T>(session: &Session, due_ms: u64) -> Option<Claimed<T>> {
    (due_ms > session.now_ms).then(Claimed::default)
}

fn claimed<T>(session: &Session, items: Vec<T>, due_ms: u64) -> Claimed<T> {
    Claimed {
        items,
        more: due_ms <= session.now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn every_statement_of_a_claim_uses_its_index_and_sorts_nothing() {
        for (sql, index) in [
            (
                TURN_CANDIDATES,
                "SEARCH instance USING INDEX instance_ready (queue=? AND claim_at<?)",
            ),
            (
                TURN_PLACES,
                "SEARCH instance USING COVERING INDEX instance_ready (queue=? AND claim_at<?)",
            ),
            (TURN_CANDIDATE, "SEARCH instance USING INTEGER PRIMARY KEY"),
            (TURN_NAMED, "SEARCH instance USING INDEX instance_id (id=?)"),
            (
                ACTIVITY_PLACES,
                "SEARCH activity USING COVERING INDEX activity_ready (queue=? AND claim_at<?)",
            ),
        ] {
            let steps = plan::steps(sql);
            assert_eq!(steps.len(), 1, "{sql}: {steps:?}");
            assert!(steps[0].contains(index), "{sql}: {steps:?}");
        }
        let by_number = "USING INTEGER PRIMARY KEY (rowid=?)";
        for step in plan::steps(ACTIVITY_CANDIDATE) {
            let is_subquery = step.starts_with("CORRELATED SCALAR SUBQUERY");
            assert!(is_subquery || step.contains(by_number), "{step}");
        }
    }
}
