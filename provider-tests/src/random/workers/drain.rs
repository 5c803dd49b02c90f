//! The end of a run: what is left is processed, and then looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use duroxide_core::providers::{
    DeleteMode, ErrorKind, HistoryChunk, InstanceHead, InstanceId, MailPage, QueueDepths,
    SystemMetrics, Turn,
};

use super::caller::{Caller, Patience};
use super::log::{Call, Log};
use super::mail::{self, consume_too};
use super::{DELAY_MS_MAX, INSTANCES};
use crate::support::{Cx, id, to};

/// More claims than a run can leave work for; a store that always has more is broken.
const CLAIMS_MAX: usize = 200;
/// More items than one claim of a drain finds.
const ITEMS_MAX: usize = 1_000;

/// Longer than every lease and delay of a run.
const EVERYTHING_IS_DUE: Duration = Duration::from_millis(2_000 + DELAY_MS_MAX);

/// What there was after all work was done.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) lives: BTreeMap<InstanceId, Life>,
    /// What was still queued, if the store counts it.
    pub(super) depths: Option<QueueDepths>,
    /// What was still there after all instances were deleted, if they can be.
    pub(super) leftovers: Option<(SystemMetrics, QueueDepths)>,
    /// Whether the work came to an end.
    pub(super) is_drained: bool,
}

/// The last life of an instance.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) head: InstanceHead,
    /// The histories of its executions, from the first one on.
    pub(super) histories: Vec<Vec<HistoryChunk>>,
}

/// How often is begun again since something came while it was looked at what is left.
const LATECOMERS_MAX: usize = 5;

/// Processes whatever is left, and returns what there is then.
pub(super) async fn drain(store: &Caller, log: &Log) -> Contents {
    let cx = &store.cx;
    cx.elapse(EVERYTHING_IS_DUE).await;
    log.mark(cx.clock().now_ms(), Call::Quiet);
    // What wakes an instance is seen before the first claim, which must find it.
    for instance in INSTANCES {
        read_all(store, instance).await;
    }
    let mut contents = look(store, log).await;
    // A send whose future was dropped with its handle may come as late as this (CXL-03). What is stuck
    // does not go away by looking again.
    for _ in 0..LATECOMERS_MAX {
        if !contents.is_drained || contents.depths.unwrap_or_default() == QueueDepths::default() {
            break;
        }
        contents = look(store, log).await;
    }
    contents.leftovers = Some(delete_all(cx).await);
    contents
}

/// Processes whatever is left, and looks at everything.
async fn look(store: &Caller, log: &Log) -> Contents {
    let cx = &store.cx;
    let mut contents = Contents {
        is_drained: process_all(store, log).await,
        ..Contents::default()
    };
    for instance in INSTANCES {
        if let Some(head) = store.read_head(instance).await {
            let mut histories = Vec::new();
            for execution in 1..=head.position.execution {
                histories.push(cx.history(instance, execution).await);
            }
            let life = Life { head, histories };
            contents.lives.insert(id(instance), life);
        }
    }
    contents.depths = Some(counts(cx).await.1);
    contents
}

/// Claims, commits and finishes until nothing is claimable, now or later; whether that happened.
async fn process_all(store: &Caller, log: &Log) -> bool {
    let (mut has_waited, mut was_woken) = (false, false);
    for _ in 0..CLAIMS_MAX {
        let turns = store
            .claim_turns(Patience::Endless, ITEMS_MAX, ITEMS_MAX)
            .await;
        let activities = store.claim_activities(Patience::Endless, ITEMS_MAX).await;
        let is_empty = turns.is_empty() && activities.is_empty();
        let is_woken = is_empty && wake(store).await;
        let is_done = is_empty && !is_woken;
        if is_done && has_waited && !is_queued(&store.cx).await {
            return true;
        }
        // What was woken and cannot be claimed may be held by a claim that came late.
        let may_be_held = is_woken && was_woken && log.has_unheard_claim();
        was_woken = is_woken;
        has_waited = is_done || may_be_held;
        if has_waited {
            // A send whose future was dropped may have come after all, with its delay (CXL-01).
            store.cx.elapse(EVERYTHING_IS_DUE).await;
        }
        for turn in &turns {
            process(store, turn).await;
        }
        for activity in &activities {
            let result = store.result_of(&activity.lease);
            store
                .finish(Patience::Endless, &activity.lease, &result)
                .await;
        }
    }
    false
}

/// Takes everything of a turn, the mail included, and resumes the instance.
async fn process(store: &Caller, turn: &Turn) {
    let request = mail::request(&turn.head, ITEMS_MAX);
    let page = store.read_mail(Patience::Endless, &request).await;
    let read = page.mail.iter().map(|mail| mail.message.id).collect();
    let mut commit = consume_too(store.cx.turn(turn), read);
    if turn.head.suspended {
        commit = commit.suspend(false);
    }
    store.commit_turn(Patience::Endless, &commit.build()).await;
}

/// Reads the head and all mail of an instance, if it is there.
async fn read_all(store: &Caller, instance: &str) -> Option<(InstanceHead, MailPage)> {
    let head = store.read_head(instance).await?;
    let request = mail::request(&head, ITEMS_MAX);
    let page = store.read_mail(Patience::Endless, &request).await;
    Some((head, page))
}

/// Sends a control message to each instance that is suspended or has mail, so that it is claimed;
/// whether there is one.
async fn wake(store: &Caller) -> bool {
    let mut has_woken = false;
    for instance in INSTANCES {
        if let Some((head, page)) = read_all(store, instance).await
            && (head.suspended || !page.mail.is_empty())
        {
            let control = to(instance, store.cx.control());
            store.send(Patience::Endless, &control).await;
            has_woken = true;
        }
    }
    has_woken
}

/// Whether the store counts something in its queues. It may have come after the claim, from a send
/// whose future was dropped with its handle, and is then found by the next one.
async fn is_queued(cx: &Cx) -> bool {
    counts(cx).await.1 != QueueDepths::default()
}

async fn counts(cx: &Cx) -> (SystemMetrics, QueueDepths) {
    let metrics = cx.admin().metrics().await;
    let metrics = metrics.expect("metrics can be read");
    (metrics.totals, metrics.depths)
}

/// Deletes every instance; what is counted then. A start may come late as well, and is deleted with the
/// next look; what a deletion leaves behind stays.
async fn delete_all(cx: &Cx) -> (SystemMetrics, QueueDepths) {
    let mut left = counts(cx).await;
    for _ in 0..LATECOMERS_MAX {
        for instance in INSTANCES {
            let instance = id(instance);
            let deleted = cx.admin().delete_instance(&instance, DeleteMode::Force);
            // It may not be there, and a deletion that a crash cut off may be carried out just before
            // this one (CXL-03). What is there and not deleted is still counted afterwards.
            let error = deleted.await.err();
            let error = error.filter(|it| it.kind() != ErrorKind::NotFound);
            assert!(error.is_none(), "an instance cannot be deleted: {error:?}");
        }
        left = counts(cx).await;
        if left == Default::default() {
            break;
        }
    }
    left
}
