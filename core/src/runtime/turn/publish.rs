//! Committing a turn, and what follows from it.

use std::sync::Arc;

use super::draft::Draft;
use super::process::Work;
use crate::message::{CoreState, Output};
use crate::providers::{
    ActivityKey, ActivityLease, ClaimedActivity, Commit, Committed, Fence, HeadUpdate,
    LeaseAfterCommit, ProviderError, Reservation, Turn, TurnCommit, TurnCommitted, check,
};
use crate::replay::{Engine, TraceLevel, TraceLine};
use crate::runtime::node::{Node, Slot};
use crate::runtime::warm::{Standing, Warm};

/// Commits a turn. Only when the store has acknowledged it do its effects begin: reserved
/// activities start, lines are logged, the engine is kept.
pub(super) async fn publish(
    node: &Arc<Node>,
    turn: &Turn,
    work: Work,
) -> Result<(), ProviderError> {
    let Work {
        mut draft,
        scope,
        alive,
    } = work;
    let reserved = reserve(node, turn, &mut draft);
    let traces = std::mem::take(&mut draft.traces);
    let ended = draft.ended.take();
    let version = (!scope.version.is_empty()).then(|| scope.version.clone());
    let head = HeadUpdate {
        orchestration: scope.orchestration.clone(),
        version,
        core_state: CoreState {
            parent: scope.parent.clone(),
        }
        .encode(),
    };
    let commit = into_commit(node, turn, draft, head);
    let standing = standing_after(turn, &commit);
    let history_bytes = commit
        .executions
        .last()
        .and_then(|update| update.chunk.as_ref())
        .map_or(0, |chunk| chunk.body.len());

    let committed = match node.commit(Commit::Turn(commit)).await? {
        Committed::Turn(committed) => committed,
        Committed::Activity { .. } | Committed::Sent => TurnCommitted::default(),
    };

    for (scope, line) in &traces {
        emit(scope, line);
    }
    match &ended {
        Some(Output::Completed(_)) => node.metrics.orchestration_completed(),
        Some(Output::Failed(details)) => node.metrics.orchestration_failed(details),
        None => {}
    }
    for lease in &committed.cancelled {
        node.leases.cancel(lease.token);
    }
    for message in &committed.undelivered {
        tracing::warn!(
            target: "duroxide::runtime",
            instance_id = %turn.head.instance,
            %message,
            "a message was dropped: its instance does not exist"
        );
    }
    for (activity, slot) in reserved {
        node.start_activity(activity, slot);
    }
    if let Some((engine, bytes_before)) = alive {
        keep(node, turn, engine, standing, bytes_before + history_bytes);
    }
    Ok(())
}

fn keep(node: &Node, turn: &Turn, engine: Engine, standing: Standing, history_bytes: usize) {
    let warm = Warm {
        engine,
        standing,
        history_bytes,
    };
    let gone = node.warm.lock().keep(turn.head.instance.clone(), warm);
    drop(gone);
}

/// Gives as many new activities to this node as it has free slots; they are born leased.
fn reserve(node: &Arc<Node>, turn: &Turn, draft: &mut Draft) -> Vec<(ClaimedActivity, Slot)> {
    let mut reserved = Vec::new();
    for activity in &mut draft.activities {
        let Some(slot) = node.activity_slots.try_take() else {
            break;
        };
        let token = node.entropy.lease_token();
        let lease = node.options.worker_lock_timeout;
        activity.reservation = Some(Reservation { token, lease });
        let key = ActivityKey {
            instance: turn.head.instance.clone(),
            incarnation: turn.head.incarnation,
            execution: activity.execution,
            activity_id: activity.activity_id,
        };
        let claimed = ClaimedActivity {
            lease: ActivityLease { key, token },
            queue: activity.queue.clone(),
            attempt: 1,
            body: activity.body.clone(),
        };
        reserved.push((claimed, slot));
    }
    reserved
}

fn into_commit(node: &Node, turn: &Turn, draft: Draft, head: HeadUpdate) -> TurnCommit {
    TurnCommit {
        instance: turn.head.instance.clone(),
        commit_id: node.entropy.commit_id(),
        fence: Fence::At {
            lease: turn.lease.token,
            position: turn.head.position,
        },
        head,
        executions: draft.executions,
        consumed: draft.consumed,
        purge_through: draft.purge_through,
        activities: draft.activities,
        cancelled: draft.cancelled,
        completed: Vec::new(),
        messages: draft.messages,
        lease: LeaseAfterCommit::Release,
    }
}

/// Where the instance stands once this is committed.
fn standing_after(turn: &Turn, commit: &TurnCommit) -> Standing {
    let mut standing = Standing::of(&turn.head);
    standing.commit_id = Some(commit.commit_id);
    for update in &commit.executions {
        standing.position = check::end_of(update, standing.position);
    }
    standing
}

/// Logs an orchestration's line. The macros take the level as a constant, hence the repetition.
fn emit(scope: &super::draft::Scope, line: &TraceLine) {
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
