//! The connection breaks at every place of a claim, and of an opening.

use std::time::Duration;

use duroxide_core::providers::{ClaimTurns, Commit, ErrorKind, Provider, Turn};
use duroxide_provider_tests::network::{Boundary, Direction, Fault, Place};
use duroxide_redis::RedisProvider;

use super::proxies::{open_through, proxy, url};
use super::store::{Look, now_ms, open, options};
use crate::operations::{apply, claim_all, commit_of, id, start, turn_queue, turns};
use crate::private_server::PrivateServer;

const LEASE: Duration = Duration::from_millis(150);
/// How long after the end of its lease an item may stay away.
const LATE_MS: u64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn what_a_lost_claim_has_leased_comes_back() {
    let server = PrivateServer::start(&[]).await;
    let whole = open(&server.url()).await;
    let through = proxy(&server).await;
    let cut = open_through(&through, options()).await;
    // Everything is connected and known, so that nothing but the claim is counted.
    assert!(cut.claim_turns(&one()).await.unwrap().items.is_empty());
    apply(&*whole, start("first")).await;
    through.reset();
    let claimed = cut.claim_turns(&one()).await.unwrap().items.remove(0);
    let counts = through.counts();
    finish(&*whole, &claimed).await;

    let (mut lost, mut again) = (0, 0);
    for (number, at) in counts.boundaries().into_iter().enumerate() {
        let name = format!("instance {number}");
        apply(&*whole, start(&name)).await;
        through.reset();
        through.arm(Fault::cut(at));
        let answer = cut.claim_turns(&one()).await;
        through.settled().await;
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
        again += u32::from(turn.attempt == 2);
        // The other holder of a lease, if there was one, is fenced off: this one is good.
        finish(&*whole, &turn).await;
    }
    assert!(lost > 2 && again > 0, "{lost} {again} of {counts:?}");
    for (instance, stored) in Look::at(&server).await.everything().await {
        assert_eq!(stored.messages, 0, "{instance}");
    }
    cut.close().await;
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_store_can_be_opened_after_an_opening_that_was_cut_off() {
    let server = PrivateServer::start(&[]).await;
    let through = proxy(&server).await;
    let mut failed = 0;
    for direction in Direction::ALL {
        for message in 1.. {
            let mut is_over = false;
            // What is torn counts as not sent; so two places are enough.
            for place in [Place::Middle, Place::After] {
                let at = Boundary {
                    direction,
                    message,
                    place,
                };
                through.reset();
                through.arm(Fault::cut(at));
                let opened = RedisProvider::new(&url(&through), Some(options())).await;
                is_over = through.fired().is_empty();
                match opened {
                    Ok(provider) => provider.close().await,
                    Err(error) => {
                        failed += 1;
                        assert_eq!(error.kind(), ErrorKind::Unavailable, "{at:?}: {error:?}");
                    }
                }
                through.reset();
            }
            if is_over {
                break;
            }
            assert!(message < 100, "an opening has no end");
        }
    }
    assert!(failed > 10, "{failed}");
    let provider = open_through(&through, options()).await;
    apply(&*provider, start("a")).await;
    claim_all(&*provider, &["a"]).await;
    provider.close().await;
}
