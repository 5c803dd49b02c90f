//! A client: it starts instances, sends them events now and later, looks at them, deletes them.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::Envelope;

use super::caller::Patience;
use super::hand::Hand;
use super::{ACTIONS, DELAY_MS_MAX, EVENT, NAP_MS_MAX};
use crate::support::{later, to};

/// Lives a client's life of so many actions.
pub(super) async fn client(mut hand: Hand) {
    // Somebody must begin, or all others would find nothing.
    start(&mut hand).await;
    for number in 0..ACTIONS {
        match hand.rng.u8(..100) {
            0..20 => start(&mut hand).await,
            20..65 => send_event(&mut hand, number).await,
            65..80 => send_later(&mut hand).await,
            80..92 => look(&mut hand).await,
            _ => delete(&mut hand).await,
        }
        hand.nap(NAP_MS_MAX).await;
    }
}

/// Starts an instance, and does not repeat it: after a deletion in between, the repeat would begin a
/// second life of the same incarnation (STA-05), and lives could not be told apart in the log.
async fn start(hand: &mut Hand) {
    let instance = hand.any_instance();
    let start = hand.store.cx.start_of(instance);
    let patience = hand.any_patience();
    hand.store.send(patience, &start).await;
}

/// Sends an event with a number, by which its place among this sender's events is known.
async fn send_event(hand: &mut Hand, number: u32) {
    let mut message = hand.store.cx.message();
    message.body = Bytes::from(format!("{EVENT}{number} of {}", hand.store.name));
    let instance = hand.any_instance();
    insist(hand, &to(instance, message)).await;
}

async fn send_later(hand: &mut Hand) {
    let delay = Duration::from_millis(hand.rng.u64(1..=DELAY_MS_MAX));
    let mut message = hand.store.cx.message();
    message.body = Bytes::from(format!("timer of {}", hand.store.name));
    let instance = hand.any_instance();
    insist(hand, &later(instance, message, delay)).await;
}

/// Sends, and if no answer comes, sends again or gives up.
async fn insist(hand: &mut Hand, envelope: &Envelope) {
    let patience = hand.any_patience();
    let answer = hand.store.send(patience, envelope).await;
    if answer.is_none() && hand.chance(70) {
        hand.store.send(Patience::Endless, envelope).await;
    }
}

async fn look(hand: &mut Hand) {
    let instance = hand.any_instance();
    if hand.rng.bool() {
        hand.store.read_head(instance).await;
    } else {
        hand.store.read_history(instance).await;
    }
}

async fn delete(hand: &mut Hand) {
    let instance = hand.any_instance();
    if hand.store.cx.provider().admin().is_some() {
        hand.store.delete(instance).await;
    }
}
