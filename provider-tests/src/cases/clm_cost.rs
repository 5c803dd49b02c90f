//! What a claim costs beside much that has nothing to do: a ratio, in which the machine cancels out.

use std::time::Duration;

use duroxide_core::providers::{ClaimActivities, ClaimTurns, Commit, Envelope, TaskQueue};

use crate::support::proportion::{FEW, LATER, MANY, timed};
use crate::support::{Cx, LEASE};

const ACTIVITIES_OF_A_TURN: u64 = 1_000;

/// A claim takes as long beside 20,000 instances that sleep and as many activities of another queue
/// as beside a hundred of each.
pub(crate) async fn a_claim_looks_at_no_sleeper(cx: &Cx) {
    let (few, many) = (cx.twin().await, cx.twin().await);
    fill(&few, FEW).await;
    fill(&many, MANY).await;

    let what = "instances that sleep and activities of another queue a claim";
    cx.takes_as_long((&few, &many), what, claim).await;
}

/// Fills a store with instances that sleep, with activities that nobody here can run, and with one
/// instance that works.
async fn fill(cx: &Cx, count: u64) {
    let mut sleepers = (0..count).map(|number| {
        let start = cx.start_of(&format!("sleeper {number}"));
        Commit::Send(Envelope {
            delay: LATER,
            ..start
        })
    });
    let batch_max = cx.batch_max();
    loop {
        let batch: Vec<_> = sleepers.by_ref().take(batch_max).collect();
        if batch.is_empty() {
            break;
        }
        for answer in cx.batch(batch).await {
            answer.expect("a start is stored");
        }
        cx.forget_calls();
    }
    for turn in 0..count.div_ceil(ACTIVITIES_OF_A_TURN) {
        let activities = ACTIVITIES_OF_A_TURN.min(count);
        let creation = cx.creation(&format!("waits {turn}")).append(activities);
        let creation = (1..=activities).fold(creation, |creation, activity_id| {
            creation.activity_in("elsewhere", activity_id)
        });
        cx.apply(creation).await;
        cx.forget_calls();
    }
    cx.running("works").await;
}

/// Claims a turn and an activity, and makes both anew. Answers how long each claim took.
async fn claim(cx: &Cx) -> [Duration; 2] {
    cx.poke("works").await;
    cx.settle().await;
    let claim_turns = ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, LEASE)
    };
    let (claimed, turn_took) = timed(cx.provider().claim_turns(&claim_turns)).await;
    let turn = claimed.expect("a claim of turns succeeds").items.remove(0);
    assert_eq!(&*turn.head.instance, "works");
    let activity_id = turn.head.position.next_event_id;
    cx.apply(cx.turn(&turn).append(1).activity(activity_id))
        .await;

    cx.settle().await;
    let claim_activities = ClaimActivities::new(vec![TaskQueue::default()], 1, LEASE);
    let (claimed, activity_took) = timed(cx.provider().claim_activities(&claim_activities)).await;
    let claimed = claimed.expect("a claim of activities succeeds");
    let work = claimed.items.first().expect("the activity is claimable");
    cx.try_finish(&work.lease, None)
        .await
        .expect("the lease is held");
    [turn_took, activity_took]
}
