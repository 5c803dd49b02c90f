//! A server whose clock was set back, as far as its store can tell.

use std::time::Duration;

use duroxide_core::providers::Provider as _;
use duroxide_redis::RedisProvider;

use super::store::sleep;
use crate::operations::{apply_all, start};
use crate::private_server::PrivateServer;

/// The time, the last number, the form, by how much the time runs ahead, and the number of partitions.
type Clock = (f64, f64, u64, f64, usize);

const AHEAD_MS: f64 = 1_000.0;

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn time_never_goes_back_and_is_caught_up_with() {
    let server = PrivateServer::start(&[]).await;
    let provider = RedisProvider::new(&server.url(), None).await.unwrap();
    apply_all(&provider, vec![start("a")]).await;
    let mut connection = server.connection().await;
    let read = async || {
        let stored: Vec<u8> = server.command("GET {duroxide:0}:clock").await;
        rmp_serde::from_slice::<Clock>(&stored).unwrap()
    };
    let mut clock = read().await;
    clock.0 += AHEAD_MS;
    let mut set = redis::cmd("SET");
    let written = rmp_serde::to_vec(&clock).unwrap();
    set.arg("{duroxide:0}:clock").arg(written);
    let () = set.query_async(&mut connection).await.unwrap();

    apply_all(&provider, vec![start("b")]).await;
    let mut before = read().await;
    assert!(before.0 >= clock.0 && before.3 > 0.0, "{before:?}");
    let first = before;
    for round in 0..50 {
        sleep(Duration::from_millis(10)).await;
        apply_all(&provider, vec![start(&format!("c{round}"))]).await;
        let now = read().await;
        assert!(now.0 >= before.0, "{before:?}, then {now:?}");
        assert!(now.3 <= before.3, "{before:?}, then {now:?}");
        before = now;
    }
    // It runs a tenth slower than the server's clock meanwhile.
    let (passed, caught_up) = (before.0 - first.0, first.3 - before.3);
    assert!(passed > 400.0, "{first:?}, then {before:?}");
    assert!(caught_up >= passed / 20.0, "{first:?}, then {before:?}");
    provider.close().await;
}
