//! A connection is cut at every boundary, and both sides see just what they should.

use duroxide_provider_tests::network::{
    Boundary, Counts, Direction, Fault, Place, Proxy, Resp, Upstream,
};
use tokio::time::timeout;

use super::conversation::{COMMANDS, Counter, LIMIT, operation};

#[tokio::test]
async fn a_dry_run_counts_the_messages_of_both_directions() {
    let server = Counter::start().await;
    let proxy = Proxy::start(server.upstream(), || Resp).await.unwrap();
    assert_eq!(operation(proxy.address()).await, (COMMANDS, 0));
    let expected = Counts {
        to_server: COMMANDS,
        to_client: COMMANDS,
    };
    assert_eq!(proxy.counts(), expected);
    assert_eq!(operation(proxy.address()).await, (COMMANDS, 0));
    assert_eq!(
        proxy.counts().to_server,
        2 * COMMANDS,
        "over all connections"
    );
    proxy.reset();
    assert_eq!(proxy.counts(), Counts::default());
    assert!(proxy.problems().is_empty() && proxy.fired().is_empty());
}

/// The commands that the server gets, and the whole replies that the client gets.
fn expected(at: Boundary) -> (u64, u64) {
    let before = at.message - 1;
    match (at.direction, at.place) {
        (Direction::ToServer, Place::Before | Place::Middle) => (before, before),
        (Direction::ToServer, Place::After)
        | (Direction::ToClient, Place::Before | Place::Middle) => (at.message, before),
        (Direction::ToClient, Place::After) => (at.message, at.message),
    }
}

#[tokio::test]
async fn every_boundary_of_one_operation_can_be_cut() {
    let server = Counter::start().await;
    let proxy = Proxy::start(server.upstream(), || Resp).await.unwrap();
    operation(proxy.address()).await;
    let boundaries = proxy.counts().boundaries();
    assert_eq!(boundaries.len(), 18, "3 messages, 2 directions, 3 places");
    server.take_seen();
    for at in boundaries {
        proxy.reset();
        proxy.arm(Fault::cut(at));
        let (replies, torn) = timeout(LIMIT, operation(proxy.address())).await.unwrap();
        timeout(LIMIT, proxy.settled()).await.unwrap();
        assert_eq!(proxy.fired(), [Fault::cut(at)]);
        assert_eq!((server.take_seen(), replies), expected(at), "{at:?}");
        let is_torn_reply = at.direction == Direction::ToClient && at.place == Place::Middle;
        assert_eq!(torn > 0, is_torn_reply, "{at:?}");
    }
}

#[tokio::test]
async fn a_cut_hits_one_connection_and_only_once() {
    let server = Counter::start().await;
    let proxy = Proxy::start(server.upstream(), || Resp).await.unwrap();
    let at = Boundary {
        direction: Direction::ToServer,
        message: 1,
        place: Place::Before,
    };
    proxy.arm(Fault::cut(at));
    assert_eq!(operation(proxy.address()).await, (0, 0));
    assert_eq!(operation(proxy.address()).await, (COMMANDS, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn the_server_may_be_behind_a_unix_socket() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let seen = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(super::conversation::count(stream, Arc::clone(&seen)));
        }
    });
    let proxy = Proxy::start(Upstream::Unix(path), || Resp).await.unwrap();
    let at = Boundary {
        direction: Direction::ToClient,
        message: 2,
        place: Place::Before,
    };
    proxy.arm(Fault::cut(at));
    assert_eq!(operation(proxy.address()).await, (1, 0));
    timeout(LIMIT, proxy.settled()).await.unwrap();
}
