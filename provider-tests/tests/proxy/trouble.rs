//! Connections that stall, that are late, that have no server or speak another protocol.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::ManualClock;
use duroxide_provider_tests::network::{
    Boundary, Direction, Fault, Place, Postgres, Proxy, Resp, Upstream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::conversation::{COMMANDS, Counter, LIMIT, operation};

fn second(direction: Direction, place: Place) -> Boundary {
    Boundary {
        direction,
        message: 2,
        place,
    }
}

/// Gives every other task its turns.
async fn let_the_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stalled_connection_stays_open_and_goes_on_when_it_is_healed() {
    let server = Counter::start().await;
    let proxy = Proxy::start(server.upstream(), || Resp).await.unwrap();
    for direction in Direction::ALL {
        for place in Place::ALL {
            proxy.reset();
            server.take_seen();
            proxy.arm(Fault::stall(second(direction, place)));
            let stalled = tokio::spawn(operation(proxy.address()));
            timeout(LIMIT, proxy.until_fired()).await.unwrap();
            let_the_others_run().await;
            assert!(!stalled.is_finished(), "{direction:?} {place:?}");
            let arrived = direction == Direction::ToClient || place == Place::After;
            if !arrived {
                assert_eq!(server.take_seen(), 1, "{direction:?} {place:?}");
            }
            // Only this connection is stalled.
            let other = timeout(LIMIT, operation(proxy.address())).await.unwrap();
            assert_eq!(other, (COMMANDS, 0));
            proxy.heal();
            let healed = timeout(LIMIT, stalled).await.unwrap().unwrap();
            assert_eq!(healed, (COMMANDS, 0), "{direction:?} {place:?}");
        }
    }
}

#[tokio::test]
async fn a_delayed_message_waits_by_the_clock_of_the_proxy() {
    let server = Counter::start().await;
    let clock = ManualClock::at_ms(0);
    let proxy = Proxy::start_with_clock(server.upstream(), || Resp, Arc::new(clock.clone()));
    let proxy = proxy.await.unwrap();
    let at = second(Direction::ToServer, Place::Middle);
    proxy.arm(Fault::delay(at, Duration::from_secs(60)));
    let delayed = tokio::spawn(operation(proxy.address()));
    timeout(LIMIT, proxy.until_fired()).await.unwrap();
    clock.advance(Duration::from_millis(59_999));
    let_the_others_run().await;
    assert!(!delayed.is_finished());
    assert_eq!(server.take_seen(), 1);
    clock.advance(Duration::from_millis(1));
    let replies = timeout(LIMIT, delayed).await.unwrap().unwrap();
    assert_eq!(replies, (COMMANDS, 0));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_problem() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let proxy = Proxy::start(Upstream::Tcp(address), || Resp).await.unwrap();
    assert_eq!(operation(proxy.address()).await, (0, 0));
    let problems = proxy.problems().join("\n");
    assert!(problems.contains("cannot be reached"), "{problems}");
}

#[tokio::test]
async fn another_protocol_is_a_problem_and_ends_the_connection() {
    let server = Counter::start().await;
    let proxy = Proxy::start(server.upstream(), Postgres::default);
    let proxy = proxy.await.unwrap();
    assert_eq!(operation(proxy.address()).await, (0, 0));
    assert_eq!(server.take_seen(), 0);
    let problems = proxy.problems().join("\n");
    assert!(problems.contains("PostgreSQL"), "{problems}");
}

/// Ends with the proxy: its port is closed, and so are the connections through it.
#[tokio::test]
async fn a_dropped_proxy_leaves_nothing_open() {
    let server = Counter::start().await;
    let proxy = Proxy::start(server.upstream(), || Resp).await.unwrap();
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, proxy.address().port()).into();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"*1\r\n").await.unwrap();
    let_the_others_run().await;
    drop(proxy);
    let end = timeout(LIMIT, stream.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}
