//! A server whose clock was set back, as far as its store can tell.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::Provider as _;
use duroxide_redis::RedisProvider;
use futures_util::future::join_all;

use crate::operations::{apply_all, start};
use crate::private_server::PrivateServer;

/// The time, the last number, the form, by how much the time ran ahead, the number of partitions, and when by the
/// server's clock it was ahead by that.
type Clock = (f64, f64, u64, f64, usize, f64);

const AHEAD_MS: f64 = 10_000.0;

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
    let (first, began) = (before, SystemClock.elapsed());
    // However much goes on meanwhile, it runs a tenth slower than the server's clock.
    let mut count = 0;
    while SystemClock.elapsed() - began < Duration::from_secs(1) {
        let starts =
            (0..4).map(|other| apply_all(&provider, vec![start(&format!("{count}-{other}"))]));
        join_all(starts).await;
        count += 1;
        let now = read().await;
        assert!(now.0 >= before.0, "{before:?}, then {now:?}");
        before = now;
    }
    let took = (SystemClock.elapsed() - began).as_secs_f64() * 1_000.0;
    let passed = before.0 - first.0;
    assert!(passed > took * 0.8, "{passed} ms of {took}");
    assert!(passed < took * 0.97, "{passed} ms of {took}");
    provider.close().await;
}
