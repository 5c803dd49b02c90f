//! What happens in a run: it can be played again from its beginning on a store in which a part of
//! it has happened.

use std::sync::atomic::Ordering;

use duroxide::limits::ATTEMPTS_BESIDE_OTHERS_MAX;
use duroxide::providers::{ClaimTurns, Provider as _, ProviderAdmin as _, QueueDepths, TaskQueue};
use duroxide::{EventKind, RewindOptions};

use crate::ledger::{Ledger, PATIENCE};
use crate::stage::{ATTEMPTS_MAX, Stage, TURN_LEASE};
use crate::support::until;

const INSTANCES: [(&str, &str); 13] = [
    ("slow", "Slow"),
    ("chain", "Chain"),
    ("fan-out", "FanOut"),
    ("timer", "Timer"),
    ("events", "Events"),
    ("parent", "Parent"),
    ("again", "Again"),
    ("retry", "Retry"),
    ("detach", "Detach"),
    ("open", "Open"),
    ("mended", "Mended"),
    // The one that listens is there before the one that tells.
    ("told", "Told"),
    ("tell", "Tell"),
];

const EVENTS: [(&str, &str); 5] = [
    ("events", "one"),
    ("again", "item-1"),
    ("again", "item-2"),
    ("again", "item-3"),
    ("events", "two"),
];

pub(crate) async fn play(stage: &Stage, ledger: &mut Ledger) {
    let client = stage.client();
    ledger.start(&client, "poisoned", "Chain").await;
    if !ledger.done.contains("worn out") {
        wear_out(stage).await;
        ledger.done.insert("worn out");
    }
    if !ledger.done.contains("restarted") {
        let first = stage.runtime().await;
        send(stage, ledger).await;
        let mut slow = stage.slow.subscribe();
        slow.wait_for(|began| *began > 0).await.unwrap();
        // An activity is under way, whose lease is given back.
        first.shutdown(Some(0)).await;
        ledger.done.insert("restarted");
    }
    let second = stage.runtime().await;
    send(stage, ledger).await;
    if !ledger.done.contains("cancelled") {
        cancel(stage).await;
        ledger.done.insert("cancelled");
    }
    if !ledger.done.contains("rewound") {
        rewind(stage).await;
        ledger.done.insert("rewound");
    }
    for (instance, _) in INSTANCES {
        ledger.end(&client, instance).await;
    }
    ledger.end(&client, "poisoned").await;
    ledger.end(&client, "detached").await;
    until("empty queues", async || {
        let depths = stage.line.store().metrics().await.unwrap().depths;
        (depths == QueueDepths::default()).then_some(())
    })
    .await;
    second.shutdown(None).await;
}

/// The starts and the events that have not been acknowledged.
async fn send(stage: &Stage, ledger: &mut Ledger) {
    let client = stage.client();
    for (instance, orchestration) in INSTANCES {
        ledger.start(&client, instance, orchestration).await;
    }
    for (instance, event) in EVENTS {
        ledger.raise(&client, instance, event).await;
    }
}

/// Claims the only instance's turn as often as it may be tried, and does nothing with it, as
/// processes do that it kills.
async fn wear_out(stage: &Stage) {
    let request = ClaimTurns {
        messages_max: 1,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, TURN_LEASE)
    };
    loop {
        // A failed claim may have counted.
        if let Ok(claimed) = stage.line.claim_turns(&request).await
            && claimed
                .items
                .iter()
                .any(|turn| turn.attempt >= ATTEMPTS_BESIDE_OTHERS_MAX + ATTEMPTS_MAX)
        {
            break;
        }
        stage.clock.advance(TURN_LEASE);
    }
    stage.clock.advance(TURN_LEASE);
}

/// Cancels the open instance once its child waits, so that there is always the same to cancel.
async fn cancel(stage: &Stage) {
    until("a child that waits", async || {
        // The test looks past the line: the process does not know of it.
        let store = stage.line.store();
        let parent = store.read("open").await.unwrap();
        let child = parent.iter().find_map(|event| match &event.kind {
            EventKind::SubOrchestrationScheduled { instance, .. } => Some(instance.clone()),
            _ => None,
        })?;
        let child = store.read(&child).await.unwrap();
        let mut kinds = child.iter().map(|event| &event.kind);
        kinds.find(|kind| matches!(kind, EventKind::ExternalSubscribed { .. }))?;
        Some(())
    })
    .await;
    let cancelled = stage.client().cancel_instance("open", "enough").await;
    cancelled.expect("the client tries again");
}

/// Mends what has failed and rewinds it, with its child, once: however often that is asked for.
async fn rewind(stage: &Stage) {
    let client = stage.client();
    let failed = client.wait_for_orchestration("mended", PATIENCE).await;
    failed.expect("it ends");
    stage.is_mended.store(true, Ordering::SeqCst);
    let ticket = RewindOptions::new().request_id("ticket");
    let rewound = client.rewind_with("mended", ticket).await;
    let execution = rewound.expect("the client tries again");
    let ended = client.wait_for_execution("mended", execution, PATIENCE);
    ended.await.expect("it ends again");
}
