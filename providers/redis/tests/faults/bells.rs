//! The connection that hears of others' work breaks.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Commit, Provider as _, Until, Watch};
use duroxide_provider_tests::network::{Direction, Fault, Proxy};
use duroxide_redis::RedisProvider;

use super::proxies::{next, open_through, proxy};
use super::store::{open, options, sleep};
use crate::operations::{apply, claim_all, end_of, id, start, turn_queue};
use crate::private_server::PrivateServer;

const LONG: Duration = Duration::from_secs(60);
/// How long it takes to hear of something, as a rule. Whoever asks does so once in a second.
const HEARD: Duration = Duration::from_millis(100);
/// How long it takes to hear or to find something at the most, whatever the machine does beside it;
/// less than whoever waits would wait in vain.
const SOON: Duration = Duration::from_secs(10);
/// How often something is tried, so that one slow moment of the machine decides nothing.
const TRIES: usize = 9;

struct Scene {
    server: PrivateServer,
    proxy: Proxy,
    hearing: Arc<RedisProvider>,
    other: Arc<RedisProvider>,
}

impl Scene {
    /// Two handles, of which one is connected through a proxy.
    async fn new(answer_timeout: Duration) -> Self {
        let server = PrivateServer::start(&[]).await;
        let proxy = proxy(&server).await;
        let options = options().answer_timeout(answer_timeout);
        let hearing = open_through(&proxy, options).await;
        let other = open(&server.url()).await;
        Self {
            server,
            proxy,
            hearing,
            other,
        }
    }

    /// How long it takes until the hearing one has heard of a start by the other.
    async fn hears_of(&self, instance: &str) -> Duration {
        let queues = turn_queue();
        let waiting = async {
            let waited = self.hearing.wait_for_work(&queues, LONG).await;
            waited.unwrap();
            SystemClock.elapsed()
        };
        let starting = async {
            // It waits by then.
            sleep(Duration::from_millis(30)).await;
            let at = SystemClock.elapsed();
            apply(&*self.other, start(instance)).await;
            at
        };
        let (heard_at, at) = tokio::join!(waiting, starting);
        claim_all(&*self.hearing, &[instance]).await;
        heard_at.saturating_sub(at)
    }

    /// How long it takes as a rule.
    async fn hears_within(&self, name: &str) -> Duration {
        let mut took = Vec::new();
        for number in 0..TRIES {
            took.push(self.hears_of(&format!("{name} {number}")).await);
        }
        took.sort();
        took[TRIES / 2]
    }

    async fn until_listening(&self, count: i64) {
        let begun = SystemClock.elapsed();
        loop {
            let subscribers: (String, i64) = self
                .server
                .command("PUBSUB NUMSUB {duroxide:0}:bell:0")
                .await;
            if subscribers.1 == count {
                return;
            }
            assert!(SystemClock.elapsed() - begun < SOON, "{subscribers:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn close(self) {
        self.hearing.close().await;
        self.other.close().await;
        self.until_listening(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn others_work_is_heard_of_at_once_and_again_after_the_connection_was_lost() {
    let scene = Scene::new(Duration::from_secs(2)).await;
    let took = scene.hears_within("first").await;
    assert!(took < HEARD, "{took:?}");
    let killed: i64 = scene.server.command("CLIENT KILL TYPE pubsub").await;
    assert_eq!(killed, 2);
    // It is found meanwhile, by asking.
    let took = scene.hears_of("deaf").await;
    assert!(took < SOON, "{took:?}");
    scene.until_listening(2).await;
    let took = scene.hears_within("again").await;
    assert!(took < HEARD, "{took:?}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn what_happened_while_nobody_listened_is_looked_for_once() {
    let scene = Scene::new(Duration::from_secs(2)).await;
    apply(&*scene.other, start("watched")).await;
    let turn = claim_all(&*scene.other, &["watched"]).await.remove(0);
    let watched = [Watch {
        instance: id("watched"),
        until: Until::Terminal,
    }];
    let changing = async {
        sleep(Duration::from_millis(50)).await;
        scene.server.command::<i64>("CLIENT KILL TYPE pubsub").await;
        apply(&*scene.other, Commit::Turn(end_of(&turn))).await;
        SystemClock.elapsed()
    };
    let waiting = async {
        let heads = scene.hearing.wait_for_change(&watched, LONG).await;
        (heads.unwrap(), SystemClock.elapsed())
    };
    let ((heads, changed_at), at) = tokio::join!(waiting, changing);
    assert_eq!(heads.len(), 1);
    assert!(changed_at.saturating_sub(at) < SOON);
    scene.until_listening(2).await;
    // Nobody asks again and again once others' work is heard of.
    let before = scene.hearing.commands_sent();
    let waited = scene
        .hearing
        .wait_for_work(&turn_queue(), Duration::from_secs(2))
        .await;
    waited.unwrap();
    let sent = scene.hearing.commands_sent() - before;
    assert!(sent <= 4, "{sent} commands in two quiet seconds");
    scene.close().await;
}

/// The connection stays open, and nothing comes through it any more.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_subscription_in_a_black_hole_is_given_up() {
    let scene = Scene::new(Duration::from_millis(300)).await;
    apply(&*scene.other, start("watched")).await;
    let turn = claim_all(&*scene.other, &["watched"]).await.remove(0);
    let watched = [Watch {
        instance: id("watched"),
        until: Until::Terminal,
    }];
    let changing = async {
        sleep(Duration::from_millis(50)).await;
        // The next thing that comes is the bell, or the answer to a sign of life.
        let fault = Fault::stall(next(&scene.proxy, Direction::ToClient));
        scene.proxy.arm(fault);
        apply(&*scene.other, Commit::Turn(end_of(&turn))).await;
        SystemClock.elapsed()
    };
    let waiting = async {
        let heads = scene.hearing.wait_for_change(&watched, LONG).await;
        (heads.unwrap(), SystemClock.elapsed())
    };
    let ((heads, changed_at), at) = tokio::join!(waiting, changing);
    assert_eq!(heads.len(), 1);
    let took = changed_at.saturating_sub(at);
    assert!(took < SOON, "{took:?}");
    scene.proxy.heal();
    scene.close().await;
}
