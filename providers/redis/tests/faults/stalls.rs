//! A connection becomes a black hole: it stays open, and nothing comes through.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Commit, Committed, ErrorKind, Provider as _};
use duroxide_provider_tests::network::{Direction, Fault};

use super::proxies::{next, open_through, proxy};
use super::store::{Look, open, options, sleep};
use crate::operations::{
    apply, apply_all, claim_all, commit, commit_of, envelope, id, start, turns,
};
use crate::private_server::PrivateServer;

const ANSWER_TIMEOUT: Duration = Duration::from_millis(400);
/// When it is given up, at the latest, on a busy machine.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// How often a commit is stalled, until it was that and not a sign of life that happened to be next.
const TRIES: usize = 10;

/// Stalls a commit in this direction, and checks that it ends by itself, can be repeated, and is there
/// once even if it comes through late.
async fn stall(direction: Direction) {
    let server = PrivateServer::start(&[]).await;
    let whole = open(&server.url()).await;
    let through = proxy(&server).await;
    let stalled = open_through(&through, options().answer_timeout(ANSWER_TIMEOUT)).await;
    let mut look = Look::at(&server).await;
    let mut has_stalled = false;
    for number in 0..TRIES {
        let (a, b) = (format!("a {number}"), format!("b {number}"));
        apply_all(&*whole, vec![start(&a), start(&b)]).await;
        let turn = claim_all(&*whole, &[&a, &b]).await.remove(0);
        let mut turn = commit_of(&turn, Vec::new());
        turn.messages = vec![envelope(&b)];
        let turn = Commit::Turn(turn);
        let begun = SystemClock.elapsed();
        let fault = Fault::stall(next(&through, direction));
        through.arm(fault);
        let first = commit(&*stalled, turn.clone()).await;
        let took = SystemClock.elapsed() - begun;
        through.until_fired().await;
        if let Err(error) = first {
            has_stalled = true;
            assert_eq!(error.kind(), ErrorKind::CommitUnknown, "{error:?}");
            assert!((ANSWER_TIMEOUT..GIVEN_UP).contains(&took), "{took:?}");
            // The server has it if only the answer was held up.
            let has_happened = direction == Direction::ToClient;
            let committed = commit(&*stalled, turn).await.unwrap();
            let Committed::Turn(committed) = committed else {
                panic!("{committed:?}");
            };
            assert_eq!(committed.repeated, has_happened);
        }
        // What was held up comes through, to nobody who waits for it.
        through.heal();
        sleep(Duration::from_millis(200)).await;
        let stored = look.everything().await;
        assert_eq!(stored[&a].history.len(), 1);
        assert_eq!(stored[&b].messages, 2);
        if has_stalled {
            break;
        }
    }
    assert!(has_stalled, "a commit was never what was stalled");
    stalled.close().await;
    whole.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_commit_that_does_not_come_through_is_given_up_and_repeated() {
    stall(Direction::ToServer).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_commit_whose_answer_does_not_come_through_is_given_up_and_repeated() {
    stall(Direction::ToClient).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_claim_that_does_not_come_through_is_given_up() {
    let server = PrivateServer::start(&[]).await;
    let through = proxy(&server).await;
    let stalled = open_through(&through, options().answer_timeout(ANSWER_TIMEOUT)).await;
    apply(&*stalled, start("a")).await;
    assert!(stalled.read_head(&id("nobody")).await.unwrap().is_none());
    let fault = Fault::stall(next(&through, Direction::ToServer));
    through.arm(fault);
    let begun = SystemClock.elapsed();
    let mut claimed = stalled.claim_turns(&turns(1)).await;
    let took = SystemClock.elapsed() - begun;
    assert!(took < GIVEN_UP, "{took:?}");
    if let Err(error) = &claimed {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.message().contains("`answer_timeout`"), "{error:?}");
        claimed = stalled.claim_turns(&turns(1)).await;
    }
    assert_eq!(claimed.unwrap().items.len(), 1);
    through.heal();
    stalled.close().await;
}
