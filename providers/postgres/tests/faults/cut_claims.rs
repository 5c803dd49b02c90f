//! The connection breaks at every place of a claim.

use std::time::Duration;

use duroxide_core::providers::{ClaimTurns, Commit, ErrorKind, Provider, Turn};
use duroxide_postgres::{Listen, Migrations};
use duroxide_provider_tests::network::Fault;

use super::store::{Store, now_ms};
use crate::operations::{apply, commit_of, id, start, turn_queue, turns};

const CUT: &str = "cut";
const LEASE: Duration = Duration::from_millis(150);
/// How long after the end of its lease an item may stay away.
const LATE_MS: u64 = 60_000;

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn what_a_lost_claim_has_leased_comes_back() {
    let store = Store::shared().await;
    let whole = store.open("whole", store.options()).await;
    let proxy = store.proxy().await;
    let options = store
        .options()
        .listen(Listen::Never)
        .migrations(Migrations::Verify);
    let cut = store.open_through(&proxy, CUT, options).await;
    // Everything is connected and known, so that nothing but the claim is counted.
    assert!(cut.read_head(&id("nobody")).await.unwrap().is_none());
    apply(&*whole, start("first")).await;
    assert_eq!(cut.claim_turns(&one()).await.unwrap().items.len(), 1);
    let claimed = claim_in_the_end(&*cut).await;
    finish(&*whole, &claimed).await;
    apply(&*whole, start("second")).await;
    proxy.reset();
    let claimed = cut.claim_turns(&one()).await.unwrap().items.remove(0);
    let counts = proxy.counts();
    finish(&*whole, &claimed).await;

    let mut lost = 0;
    for (number, at) in counts.boundaries().into_iter().enumerate() {
        let name = format!("instance {number}");
        apply(&*whole, start(&name)).await;
        proxy.reset();
        let fault = Fault::cut(at);
        proxy.arm(fault);
        let answer = cut.claim_turns(&one()).await;
        proxy.settled().await;
        assert_eq!(proxy.fired(), [fault]);
        let turn = match answer {
            Ok(mut claimed) if !claimed.items.is_empty() => claimed.items.remove(0),
            answer => {
                lost += 1;
                if let Err(error) = answer {
                    assert_eq!(error.kind(), ErrorKind::Unavailable);
                }
                claim_in_the_end(&*cut).await
            }
        };
        assert_eq!(turn.head.instance, id(&name));
        assert_eq!(turn.messages.len(), 1, "{at:?}");
        assert!(turn.attempt <= 2, "{at:?}: {}", turn.attempt);
        // The other holder of a lease, if there was one, is fenced off: this one is good.
        finish(&*whole, &turn).await;
    }
    assert!(lost > 2, "{lost} of {counts:?}");
    assert_eq!(store.number("SELECT count(*) FROM inbox").await, 0);
    cut.close().await;
    store.until_connections(CUT, 0).await;
    whole.close().await;
}

/// A claim of one turn.
fn one() -> ClaimTurns {
    ClaimTurns {
        lease: LEASE,
        ..turns(1)
    }
}

/// Waits as a node does, and claims.
async fn claim_in_the_end(provider: &dyn Provider) -> Turn {
    let since_ms = now_ms();
    let lease_ms = u64::try_from(LEASE.as_millis()).unwrap();
    loop {
        let claimed = provider.claim_turns(&one()).await;
        if let Some(turn) = claimed.into_iter().flat_map(|it| it.items).next() {
            return turn;
        }
        let waited_ms = now_ms() - since_ms;
        assert!(waited_ms < lease_ms + LATE_MS, "nothing for {waited_ms} ms");
        let max_wait = Duration::from_secs(5);
        provider.wait_for_work(&turn_queue(), max_wait).await.ok();
    }
}

/// Ends a turn, by a connection that nobody cuts.
async fn finish(whole: &dyn Provider, turn: &Turn) {
    apply(whole, Commit::Turn(commit_of(turn, Vec::new()))).await;
}
