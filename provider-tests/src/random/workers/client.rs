//! A client: it starts instances, sends them messages, mail and control messages, looks at them,
//! deletes them.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{Channel, Envelope, InstanceHead};

use super::caller::Patience;
use super::hand::Hand;
use super::mail::read_some;
use super::{ACTIONS, DELAY_MS_MAX, EVENT, NAP_MS_MAX};
use crate::support::{later, to};

/// Lives a client's life of so many actions.
pub(super) async fn client(mut hand: Hand) {
    // Somebody must begin, or all others would find nothing.
    start(&mut hand).await;
    let mut seen = Vec::new();
    for number in 0..ACTIONS {
        match hand.rng.u8(..100) {
            0..20 => start(&mut hand).await,
            20..40 => send_events(&mut hand, number, None).await,
            40..62 => {
                let topic = hand.any_topic();
                send_events(&mut hand, number, Some(topic)).await;
            }
            62..72 => send_later(&mut hand).await,
            72..82 => send_control(&mut hand).await,
            82..93 => look(&mut hand, &mut seen).await,
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

/// Sends an event with a number, by which its sender is known, and sometimes others right behind it.
async fn send_events(hand: &mut Hand, number: u32, topic: Option<&str>) {
    let instance = hand.any_instance();
    loop {
        let mut message = match topic {
            Some(topic) => hand.store.cx.mail(topic),
            None => hand.store.cx.message(),
        };
        message.body = Bytes::from(format!("{EVENT}{number} of {}", hand.store.name));
        insist(hand, &to(instance, message)).await;
        if hand.chance(60) {
            break;
        }
    }
}

/// Sends a message or mail that is due later.
async fn send_later(hand: &mut Hand) {
    let delay = Duration::from_millis(hand.rng.u64(1..=DELAY_MS_MAX));
    let topic = hand.any_topic();
    let mut message = if hand.rng.bool() {
        hand.store.cx.message()
    } else {
        hand.store.cx.mail(topic)
    };
    message.body = Bytes::from(format!("timer of {}", hand.store.name));
    let instance = hand.any_instance();
    insist(hand, &later(instance, message, delay)).await;
}

async fn send_control(hand: &mut Hand) {
    let control = hand.store.cx.control();
    let instance = hand.any_instance();
    insist(hand, &to(instance, control)).await;
}

/// Sends, and if no answer comes, sends again or gives up. Some send again though there was an answer.
async fn insist(hand: &mut Hand, envelope: &Envelope) {
    let patience = hand.any_patience();
    let answer = hand.store.send(patience, envelope).await;
    let again_percent = if answer.is_none() { 70 } else { 6 };
    if hand.chance(again_percent) {
        hand.store.send(Patience::Endless, envelope).await;
    }
}

/// Looks at an instance, or at the mail of a life that it once had, or sends mail to that.
async fn look(hand: &mut Hand, seen: &mut Vec<InstanceHead>) {
    let instance = hand.any_instance();
    match hand.rng.u8(..6) {
        0..3 => seen.extend(hand.store.read_head(instance).await),
        3 => hand.store.read_history(instance).await,
        choice => {
            let Some(head) = hand.rng.choice(&*seen).cloned() else {
                return;
            };
            if choice == 4 {
                read_some(hand, &head).await;
            } else {
                let mut envelope = hand.store.cx.to_life(&head.instance, head.incarnation);
                envelope.message.channel = Channel::Topic(hand.any_topic().into());
                insist(hand, &envelope).await;
            }
        }
    }
}

async fn delete(hand: &mut Hand) {
    let instance = hand.any_instance();
    hand.store.delete(instance).await;
}
