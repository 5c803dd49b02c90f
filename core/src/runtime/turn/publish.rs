//! Committing a turn, and what follows from it.

use std::sync::Arc;

use super::draft::Draft;
use super::occasion::Occasion;
use super::process::Work;
use super::scope::Scope;
use crate::message::Output;
use crate::providers::{
    ActivityLease, ClaimedActivity, Commit, CommitId, Committed, Envelope, HeadUpdate,
    InstanceHead, ProviderError, Reservation, TurnCommit, TurnCommitted, check,
};
use crate::replay::{Engine, TraceLevel, TraceLine};
use crate::runtime::node::Node;
use crate::runtime::reserved::Reserved;
use crate::runtime::slots::Slot;
use crate::runtime::warm::{OnItsWay, Warm};

/// Commits a turn. Only when the store has acknowledged it do its effects begin: reserved
/// activities start, the first of them on the spare slot if there is one, lines are logged, the
/// engine is kept.
///
/// The work and the commit are in boxes until then: every turn in flight waits here.
pub(super) async fn publish(
    node: &Arc<Node>,
    turn: &Occasion,
    mut work: Box<Work>,
    spare: &mut Option<Slot>,
) -> Result<(), ProviderError> {
    let (mut reserved, slots) = reserve(node, turn, &mut work.draft, spare.as_ref());
    let commit_id = node.entropy.commit_id();
    let commit = Box::new(Commit::Turn(into_commit(node, commit_id, turn, &mut work)));
    // The store may show the commit to a claim before this turn hears of it.
    let on_its_way = work
        .alive
        .as_ref()
        .map(|_| OnItsWay::new(&node.warm, turn.head.instance.clone(), commit_id));
    let committed = match node.commit_reservations(&commit).await {
        Ok(Committed::Turn(committed)) => committed,
        Ok(Committed::Activity { .. } | Committed::Sent) => TurnCommitted::default(),
        Err(uncommitted) => {
            if !uncommitted.may_have_happened {
                // Nothing was changed, so that there is nothing to give back.
                reserved.take();
            }
            return Err(uncommitted.error);
        }
    };

    tell(node, turn, &work.draft, &committed);
    // Before its activities begin: the first of them may end at once, and look for it.
    let gone = work
        .alive
        .take()
        .and_then(|alive| warm_after(turn, &commit, alive))
        .map(|warm| node.warm.lock().keep(warm));
    drop(on_its_way);
    for (activity, slot) in reserved.take().into_iter().zip(slots) {
        // Without a slot of its own it gets the spare one.
        if let Some(slot) = slot.or_else(|| spare.take()) {
            node.start_activity(activity, slot);
        }
    }
    drop((commit, work));
    // Last, since it runs the code of other instances, which may hang.
    drop(gone);
    Ok(())
}

/// Tells whom it concerns what a turn brought about: the log, the metrics, and the activities that are
/// of no use any more.
fn tell(node: &Node, turn: &Occasion, draft: &Draft, committed: &TurnCommitted) {
    for (scope, line) in &draft.traces {
        emit(scope, line);
    }
    match &draft.ended {
        Some(Output::Completed(_)) => node.metrics.orchestration_completed(),
        Some(Output::Failed(details)) => node.metrics.orchestration_failed(details),
        None => {}
    }
    for lease in &committed.cancelled {
        node.leases.cancel(lease.token);
    }
    if committed.messages_dropped > 0 {
        tracing::warn!(
            target: "duroxide::runtime",
            instance_id = %turn.head.instance,
            count = committed.messages_dropped,
            "messages were dropped: the instances that this one sent them to do not exist, or have ended"
        );
    }
}

/// An engine with what it stands at now that its turn is committed; `None` if its instance has ended.
fn warm_after(
    turn: &Occasion,
    commit: &Commit,
    (engine, bytes_before): (Engine, usize),
) -> Option<Box<Warm>> {
    let Commit::Turn(commit) = commit else {
        return None;
    };
    let head = head_after(&turn.head, commit)?;
    let last = commit.executions.last();
    let chunk = last.and_then(|update| update.chunk.as_ref());
    Some(Box::new(Warm {
        engine,
        head,
        history_bytes: bytes_before + chunk.map_or(0, |chunk| chunk.body.len()),
    }))
}

/// The head as a commit leaves it.
fn head_after(head: &InstanceHead, commit: &TurnCommit) -> Option<InstanceHead> {
    if commit.executions.is_empty() {
        return Some(InstanceHead {
            commit_id: Some(commit.commit_id),
            core_state: commit.head.core_state.clone(),
            suspended: commit.suspended.unwrap_or(head.suspended),
            ..head.clone()
        });
    }
    let before = check::Before {
        incarnation: head.incarnation,
        queue: head.queue.clone(),
        parent: head.parent.clone(),
        suspended: head.suspended,
        created_at_ms: head.created_at_ms,
    };
    check::head_after(commit, before, head.created_at_ms)
}

/// Gives as many new activities to this node as it has slots for, of those queues that it serves; they
/// are born leased. Answers them with their slots: none for the one that gets the spare slot, which
/// is the first that may have it.
fn reserve(
    node: &Arc<Node>,
    turn: &Occasion,
    draft: &mut Draft,
    mut spare: Option<&Slot>,
) -> (Reserved, Vec<Option<Slot>>) {
    let mut reserved = Vec::new();
    let mut slots = Vec::new();
    for activity in &mut draft.activities {
        let Some(pool) = node.activity_slots.of_queue(&activity.queue) else {
            continue;
        };
        if spare.take_if(|slot| slot.is_of(pool)).is_some() {
            slots.push(None);
        } else if let Some(slot) = pool.try_take() {
            slots.push(Some(slot));
        } else {
            continue;
        }
        let token = node.entropy.lease_token();
        let lease = node.options.worker_lock_timeout;
        activity.reservation = Some(Reservation { token, lease });
        let key = activity.key(&turn.head.instance, turn.head.incarnation);
        let claimed = ClaimedActivity {
            lease: ActivityLease { key, token },
            queue: activity.queue.clone(),
            attempt: 1,
            body: activity.body.clone(),
            details: None,
        };
        reserved.push(claimed);
    }
    (Reserved::new(&node.leases, reserved), slots)
}

/// A turn's work as a commit. What is to be told once it is made stays with the work.
fn into_commit(node: &Node, commit_id: CommitId, turn: &Occasion, work: &mut Work) -> TurnCommit {
    let Work { draft, scope, .. } = work;
    // What is sent to an instance that this turn starts is to find it, whatever was asked for first.
    let starts_first = |it: &Envelope| it.recipient.created().is_none();
    draft.messages.sort_by_key(starts_first);
    let has_ended = draft.ended.is_some();
    let expire_after = scope
        .core_state
        .expire_after()
        .or(node.options.expire_after);
    let expire_after = expire_after.filter(|_| has_ended);
    let head = HeadUpdate {
        orchestration: scope.orchestration.clone(),
        version: (!scope.version.is_empty()).then(|| scope.version.clone()),
        core_state: scope.encoded_core_state(),
    };
    TurnCommit {
        instance: turn.head.instance.clone(),
        commit_id,
        fence: turn.fence.clone(),
        head,
        executions: std::mem::take(&mut draft.executions),
        awaited: std::mem::take(&mut draft.awaited),
        suspended: draft.suspended,
        expire_after,
        values: draft.values.take(),
        consumed: std::mem::take(&mut draft.consumed),
        purge_through: draft.purge_through,
        activities: std::mem::take(&mut draft.activities),
        cancelled: std::mem::take(&mut draft.cancelled),
        completed: std::mem::take(&mut draft.completed),
        messages: std::mem::take(&mut draft.messages),
    }
}

/// Logs an orchestration's line. The macros take the level as a constant, hence the repetition.
fn emit(scope: &Scope, line: &TraceLine) {
    macro_rules! log {
        ($macro:ident) => {
            tracing::$macro!(
                target: "duroxide::orchestration",
                instance_id = %scope.instance,
                execution_id = scope.execution,
                orchestration_name = scope.orchestration,
                orchestration_version = scope.version,
                "{}", line.message
            )
        };
    }
    match line.level {
        TraceLevel::Debug => log!(debug),
        TraceLevel::Info => log!(info),
        TraceLevel::Warn => log!(warn),
        TraceLevel::Error => log!(error),
    }
}
