//! What mail costs where a lot of it waits, and that none of it is left behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{
    Commit, ErrorKind, InstanceHead, Lease, Provider, Release, ReleasedAttempts,
};
use duroxide_postgres::PostgresProvider;

use operations::{
    apply, apply_all, claim_turn, commit, commit_of, end_of, id, mail, next_of, reading, send,
    start, turns,
};
use support_opening::plans::{assert_read_little, explained};
use support_opening::{Place, execute, log, value};

/// How many messages wait in each of two topics: one message more than the limit is refused.
const MANY: i64 = 100_000;

async fn head_of(provider: &PostgresProvider, instance: &str) -> InstanceHead {
    provider.read_head(&id(instance)).await.unwrap().unwrap()
}

/// Starts an instance and runs its first turn, after which it awaits nothing.
async fn run_first_turn(provider: &PostgresProvider, instance: &str) {
    apply(provider, start(instance)).await;
    let turn = claim_turn(provider).await;
    apply(provider, Commit::Turn(commit_of(&turn, Vec::new()))).await;
}

/// Fills two topics of an instance, one to its limit.
async fn fill(place: &Place, instance: &str) {
    let sql = format!(
        "BEGIN;
         SET LOCAL search_path = {schema};
         INSERT INTO inbox (ino, message_id, channel, visible_at, body)
             SELECT i.ino, gen_random_uuid(), convert_to(c.channel, 'UTF8'), now_ms() - {MANY} + n, 'mail'
             FROM instance i, unnest(ARRAY['tfull', 'tother']) c (channel),
                 generate_series(1, {MANY} - CASE WHEN c.channel = 'tfull' THEN 0 ELSE 10 END) n
             WHERE i.id = '{instance}';
         INSERT INTO topic (ino, channel, messages)
             SELECT ino, channel, count(*) FROM inbox WHERE channel >= 't' GROUP BY ino, channel;
         UPDATE ready r SET mail_count =
             (SELECT count(*) FROM inbox b WHERE b.ino = r.ino AND b.channel >= 't');
         COMMIT;",
        schema = place.quoted(),
    );
    execute(&place.url, &sql).await;
    let tidy = "VACUUM (ANALYZE) {s}.instance, {s}.ready, {s}.inbox, {s}.topic";
    execute(&place.url, &tidy.replace("{s}", &place.quoted())).await;
}

/// However much mail waits: nothing that is done to its instance reads what it does not return.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_backlog_is_not_read() {
    log::capture();
    let place = Place::new().await;
    let provider = place.open().await;
    run_first_turn(&provider, "a").await;
    provider.close().await;
    fill(&place, "a").await;
    let url = explained(&place.url);
    let provider = PostgresProvider::new(&url, Some(place.options()))
        .await
        .unwrap();
    let before = log::said().len();

    apply(&provider, Commit::Send(mail("a", "other"))).await;
    let refused = commit(&provider, Commit::Send(mail("a", "full"))).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::LimitExceeded);
    apply(&provider, send("a")).await;
    let turn = claim_turn(&provider).await;
    assert!(!turn.has_mail);
    let mut awaiting = commit_of(&turn, Vec::new());
    awaiting.awaited = vec!["other".into(), "full".into()];
    awaiting.purge_through = Some(1);
    apply(&provider, Commit::Turn(awaiting)).await;
    let turn = claim_turn(&provider).await;
    assert!(turn.has_mail && turn.messages.is_empty());
    let page = provider
        .read_mail(&reading(&turn.head, "full"))
        .await
        .unwrap();
    assert!(page.mail.len() == 10 && page.more);
    let release = Release::new(
        Lease::Turn(turn.lease),
        Duration::ZERO,
        ReleasedAttempts::Keep,
    );
    provider.release(vec![release]).await.remove(0).unwrap();
    let turn = claim_turn(&provider).await;
    let mut next = next_of(&turn);
    next.consumed
        .extend(page.mail.iter().map(|it| it.message.id));
    next.purge_through = Some(1);
    apply(&provider, Commit::Turn(next)).await;
    // There is room for as many again.
    let full = (0..10).map(|_| Commit::Send(mail("a", "full"))).collect();
    apply_all(&provider, full).await;
    let refused = commit(&provider, Commit::Send(mail("a", "full"))).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::LimitExceeded);
    apply(&provider, send("a")).await;
    let turn = claim_turn(&provider).await;
    let mut end = end_of(&turn);
    end.purge_through = Some(2);
    apply(&provider, Commit::Turn(end)).await;

    assert_read_little(&log::said().split_off(before), 100);
    provider.close().await;
}

/// Mail arrives while a turn begins to await its topic: the instance is claimable, whichever was first,
/// and what is counted is what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn mail_that_races_with_who_begins_to_await_it_wakes() {
    const ROUNDS: usize = 100;
    let place = Place::new().await;
    let (receiver, sender) = (place.open().await, Arc::new(place.open().await));
    run_first_turn(&receiver, "a").await;
    for round in 0..ROUNDS {
        apply(&receiver, send("a")).await;
        let turn = claim_turn(&receiver).await;
        let mut awaiting = commit_of(&turn, Vec::new());
        awaiting.awaited = vec!["t".into()];
        let sent = tokio::spawn({
            let sender = Arc::clone(&sender);
            async move { apply(&*sender, Commit::Send(mail("a", "t"))).await }
        });
        apply(&receiver, Commit::Turn(awaiting)).await;
        sent.await.unwrap();

        let mut claimed = receiver.claim_turns(&turns(9)).await.unwrap().items;
        assert_eq!(claimed.len(), 1, "round {round}");
        let turn = claimed.remove(0);
        assert!(turn.has_mail);
        let page = receiver.read_mail(&reading(&turn.head, "t")).await.unwrap();
        assert_eq!(page.mail.len(), 1);
        let mut consuming = commit_of(&turn, Vec::new());
        consuming.consumed = page.mail.iter().map(|it| it.message.id).collect();
        apply(&receiver, Commit::Turn(consuming)).await;
    }
    assert!(head_of(&receiver, "a").await.awaited.is_empty());
    let left = format!(
        "SELECT (SELECT count(*) FROM {s}.inbox) + (SELECT count(*) FROM {s}.topic)
             + (SELECT sum(mail_count) FROM {s}.ready)::bigint",
        s = place.quoted()
    );
    assert_eq!(value::<i64>(&place.url, &left).await, 0);
    receiver.close().await;
    sender.close().await;
}
