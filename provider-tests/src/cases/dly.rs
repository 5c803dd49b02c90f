//! Delays.

use std::time::Duration;

use duroxide_core::providers::InstanceStatus;

use crate::support::{Cx, LEASE, SECOND, later};

/// A turn's timer counts from the commit, not from the claim.
pub(crate) async fn a_delay_counts_from_the_commit(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.elapse(LEASE / 2).await;
    let timer = cx.message();
    cx.apply(
        cx.turn(&turn)
            .append(1)
            .send(later("a", timer.clone(), SECOND * 5)),
    )
    .await;

    let rest = cx.elapse_most_of(SECOND * 5).await;
    cx.claim_nothing().await;
    cx.elapse(rest).await;

    assert_eq!(cx.claim_only("a").await.messages, [timer]);
}

/// A client's delayed message is as punctual.
pub(crate) async fn a_clients_delay_counts_from_the_send(cx: &Cx) {
    cx.running("a").await;
    cx.elapse(SECOND).await;
    let message = cx.poke_later("a", SECOND * 5).await;

    let rest = cx.elapse_most_of(SECOND * 5).await;
    cx.claim_nothing().await;
    cx.elapse(rest).await;

    assert_eq!(cx.claim_only("a").await.messages, [message]);
}

/// A delay is never shorter than was asked for: less than a millisecond is one, whoever sends.
pub(crate) async fn a_delay_is_rounded_up(cx: &Cx) {
    const HALF: Duration = Duration::from_micros(500);
    const MILLISECOND: Duration = Duration::from_millis(1);
    cx.running("a").await;
    for delay in [HALF, MILLISECOND + HALF, SECOND + HALF] {
        let turn = cx.poke_and_claim("a").await;
        let timer = cx.message();
        let sent = later("a", timer.clone(), delay);
        cx.apply(cx.turn(&turn).append(1).send(sent)).await;
        let message = cx.poke_later("a", delay).await;
        let mut start = cx.start_of(&format!("after {delay:?}"));
        start.delay = delay;
        cx.send(start).await;

        cx.elapse(delay - HALF).await;
        cx.claim_nothing().await;
        cx.elapse(MILLISECOND).await;

        let turns = cx.claim(3).await;
        assert_eq!(turns.len(), 2, "each of them as soon as its time has come");
        for turn in &turns {
            if &*turn.head.instance == "a" {
                assert_eq!(turn.messages, [timer.clone(), message.clone()]);
            }
            cx.apply(cx.turn(turn).append(1)).await;
        }
    }
}

/// What comes later than a timer but is visible earlier does not wait for it.
pub(crate) async fn a_delayed_message_holds_nothing_back(cx: &Cx) {
    cx.running("a").await;
    cx.poke_later("a", SECOND * 60).await;
    let soon = cx.poke_later("a", SECOND).await;
    let now = cx.poke("a").await;
    assert_eq!(
        cx.claim_only("a").await.messages,
        std::slice::from_ref(&now)
    );
    cx.elapse(LEASE).await;

    assert_eq!(cx.claim_only("a").await.messages, [now, soon]);
}

/// A delayed start creates the instance at once and lets it run later.
pub(crate) async fn a_delayed_start_waits(cx: &Cx) {
    let mut start = cx.start_of("a");
    start.delay = SECOND;
    let start = cx.send(start).await;

    assert_eq!(cx.head("a").await.status, InstanceStatus::Pending);
    cx.claim_nothing().await;
    cx.elapse(SECOND).await;

    assert_eq!(cx.claim_only("a").await.messages, [start]);
}

/// Delays beyond every calendar neither overflow nor fire.
pub(crate) async fn an_endless_delay_never_passes(cx: &Cx) {
    const TEN_THOUSAND_YEARS: Duration = Duration::from_secs(10_000 * 366 * 86_400);
    cx.running("a").await;
    cx.poke_later("a", TEN_THOUSAND_YEARS).await;
    cx.poke_later("a", Duration::MAX).await;

    cx.elapse(LEASE * 2).await;
    cx.claim_nothing().await;

    let now = cx.poke("a").await;
    assert_eq!(cx.claim_only("a").await.messages, [now]);
}

/// A thousand timers of one instance fire in their order, each when it is due.
pub(crate) async fn many_timers_fire_in_order(cx: &Cx) {
    const TIMERS: u32 = 1_000;
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let mut commit = cx.turn(&turn).append(1);
    let mut timers = Vec::new();
    for number in 0..TIMERS {
        // The order of sending is not that of firing; 7 and 1,000 have no common divisor.
        let seconds = number * 7 % TIMERS + 1;
        let timer = cx.message();
        timers.push((seconds, timer.clone()));
        commit = commit.send(later("a", timer, SECOND * seconds));
    }
    cx.apply(commit).await;
    timers.sort_by_key(|(seconds, _)| *seconds);
    let timers: Vec<_> = timers.into_iter().map(|(_, timer)| timer).collect();

    for tenth in timers.chunks(100) {
        cx.elapse(SECOND * 100).await;
        let turn = cx.claim_only("a").await;
        assert_eq!(turn.messages, tenth);
        cx.apply(cx.turn(&turn).append(1)).await;
    }
    cx.claim_nothing().await;
}
