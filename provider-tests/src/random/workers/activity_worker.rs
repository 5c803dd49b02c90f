//! A worker of activities: mostly it finishes them, in time or late.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{ClaimedActivity, Lease, Release};

use super::caller::Patience;
use super::hand::Hand;
use super::{ACTIONS, NAP_MS_MAX};

/// Lives an activity worker's life of so many claims.
pub(super) async fn activity_worker(mut hand: Hand) {
    for _ in 0..ACTIONS {
        let patience = hand.any_patience();
        let activities_max = hand.rng.usize(1..=3);
        let activities = hand.store.claim_activities(patience, activities_max).await;
        for activity in &activities {
            if hand.rng.bool() {
                hand.nap(NAP_MS_MAX).await;
            }
            process(&mut hand, activity).await;
        }
        hand.nap(NAP_MS_MAX).await;
    }
}

async fn process(hand: &mut Hand, activity: &ClaimedActivity) {
    let lease = Lease::Activity(activity.lease.clone());
    match hand.rng.u8(..100) {
        0..50 => finish(hand, activity).await,
        50..62 => {
            hand.oversleep().await;
            // What it says now comes too late as well.
            let details = any_details(hand);
            if details.is_some() {
                hand.store.renew(&lease, details).await;
            }
            finish(hand, activity).await;
        }
        62..75 => {
            hand.nap(NAP_MS_MAX).await;
            let details = any_details(hand);
            hand.store.renew(&lease, details).await;
            hand.nap(NAP_MS_MAX).await;
            // One that was far and crashes leaves its details to the next one.
            if hand.chance(70) {
                finish(hand, activity).await;
            }
        }
        75..85 => {
            let delay = Duration::from_millis(hand.rng.u64(..=100));
            let attempts = hand.any_attempts();
            let release = Release::new(lease, delay, attempts);
            let release = release.with_details(any_details(hand));
            hand.store.release(&release).await;
        }
        85..92 => {
            // A second report, with another message, must be refused.
            finish(hand, activity).await;
            finish(hand, activity).await;
        }
        // The worker crashes and leaves its lease behind.
        _ => {}
    }
}

/// How far an activity is, in words that no other call has; or nothing.
fn any_details(hand: &mut Hand) -> Option<Bytes> {
    let text = format!("{} by {}", hand.store.cx.unique(), hand.store.name);
    hand.chance(60).then(|| Bytes::from(text))
}

/// Reports a result, and if no answer comes, reports it again or gives up.
async fn finish(hand: &mut Hand, activity: &ClaimedActivity) {
    let message = hand.store.result_of(&activity.lease);
    let patience = hand.any_patience();
    let answer = hand.store.finish(patience, &activity.lease, &message).await;
    if answer.is_none() && hand.chance(70) {
        hand.store
            .finish(Patience::Endless, &activity.lease, &message)
            .await;
    }
}
