//! A connection becomes a black hole: it stays open, and nothing comes through.

use std::time::Duration;

use duroxide_core::providers::{Commit, Committed, ErrorKind, Provider};
use duroxide_postgres::{Listen, Migrations};
use duroxide_provider_tests::network::{Boundary, Direction, Fault, Place};

use super::store::{Store, now_ms};
use crate::operations::{
    apply, apply_all, claim_all, commit, commit_of, envelope, id, start, turns,
};

const STALLED: &str = "stalled";
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(500);
/// The time from which on the client gives up: the server's own limit and five seconds of grace. Up
/// to a minute later, if the machine is busy.
const GIVEN_UP_MS: std::ops::Range<u64> = 5_000..65_000;

/// Stalls the first message of a commit in this direction, and checks that it ends by itself, can be
/// repeated, and is there once even if it comes through late.
async fn stall(direction: Direction) {
    let store = Store::shared().await;
    let whole = store.open("whole", store.options()).await;
    let proxy = store.proxy().await;
    let options = store
        .options()
        .listen(Listen::Never)
        .migrations(Migrations::Verify)
        .write_connections(1)
        .statement_timeout(Some(STATEMENT_TIMEOUT));
    let stalled = store.open_through(&proxy, STALLED, options).await;
    assert!(stalled.read_head(&id("nobody")).await.unwrap().is_none());
    apply_all(&*stalled, vec![start("a"), start("b")]).await;
    let turn = claim_all(&*whole, &["a", "b"]).await.remove(0);
    let mut turn = commit_of(&turn, Vec::new());
    turn.messages = vec![envelope("b")];
    let turn = Commit::Turn(turn);

    proxy.reset();
    let fault = Fault::stall(Boundary {
        direction,
        message: 1,
        place: Place::Before,
    });
    proxy.arm(fault);
    let since_ms = now_ms();
    let first = commit(&*stalled, turn.clone()).await;
    let took_ms = now_ms() - since_ms;
    assert_eq!(proxy.fired(), [fault]);
    assert_eq!(first.unwrap_err().kind(), ErrorKind::CommitUnknown);
    assert!(GIVEN_UP_MS.contains(&took_ms), "{took_ms} ms");

    // The server has it if only the answer was held up.
    let has_happened = direction == Direction::ToClient;
    let committed = commit(&*stalled, turn).await.unwrap();
    let Committed::Turn(committed) = committed else {
        panic!("{committed:?}");
    };
    assert_eq!(committed.repeated, has_happened);
    proxy.heal();
    stalled.close().await;
    store.until_connections(STALLED, 0).await;
    let stored = "SELECT count(*) FROM history";
    assert_eq!(store.number(stored).await, 1);
    let stored = "SELECT count(*) FROM inbox JOIN instance USING (ino) WHERE id = 'b'";
    assert_eq!(store.number(stored).await, 2);
    whole.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_commit_that_does_not_come_through_is_given_up_and_repeated() {
    stall(Direction::ToServer).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_commit_whose_answer_does_not_come_through_is_given_up_and_repeated() {
    stall(Direction::ToClient).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_claim_that_does_not_come_through_is_made_again() {
    let store = Store::shared().await;
    let proxy = store.proxy().await;
    let options = store
        .options()
        .listen(Listen::Never)
        .statement_timeout(Some(STATEMENT_TIMEOUT));
    let stalled = store.open_through(&proxy, STALLED, options).await;
    assert!(
        stalled
            .claim_turns(&turns(1))
            .await
            .unwrap()
            .items
            .is_empty()
    );
    apply(&*stalled, start("a")).await;
    proxy.reset();
    let fault = Fault::stall(Boundary {
        direction: Direction::ToServer,
        message: 1,
        place: Place::Before,
    });
    proxy.arm(fault);
    let since_ms = now_ms();
    let claimed = stalled.claim_turns(&turns(1)).await.unwrap();
    let took_ms = now_ms() - since_ms;
    assert_eq!(proxy.fired(), [fault]);
    assert_eq!(claimed.items.len(), 1);
    assert!(GIVEN_UP_MS.contains(&took_ms), "{took_ms} ms");
    proxy.heal();
    stalled.close().await;
    store.until_connections(STALLED, 0).await;
}
