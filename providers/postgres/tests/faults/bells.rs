//! The connection that hears of others' work breaks.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{Commit, Provider, Until, Watch};
use duroxide_postgres::{Listen, PostgresProvider};
use duroxide_provider_tests::network::{Boundary, Direction, Fault, Place, Proxy};

use super::store::{Store, now_ms, sleep};
use crate::operations::{apply, claim_all, end_of, id, start, turn_queue};

const LONG: Duration = Duration::from_secs(60);
/// Who asks as seldom as this, and has heard by then, has not found it by asking.
const SELDOM: Duration = Duration::from_secs(600);
/// How long it takes to hear or to find something at the most, whatever the machine does beside it;
/// less than whoever waits would wait in vain.
const SOON: Duration = Duration::from_secs(30);

struct Scene {
    store: Store,
    proxy: Proxy,
    hearing: Arc<PostgresProvider>,
    other: Arc<PostgresProvider>,
}

impl Scene {
    /// Two handles, of which one hears of the other's work through a proxy, and has no other way to
    /// know of it in time.
    async fn new() -> Self {
        Self::asking_at_least_every(SELDOM).await
    }

    async fn asking_at_least_every(interval: Duration) -> Self {
        let store = Store::shared().await;
        let proxy = store.proxy().await;
        let through = Listen::Url(store.through(&proxy, "listener"));
        let options = store.options().listen(through);
        let options = options.poll_interval_max(interval);
        let hearing = store.open("hearing", options).await;
        let other = store.open("other", store.options()).await;
        // Each knows that there is the other.
        while store.number("SELECT count(*) FROM node").await < 2 {
            sleep(Duration::from_millis(5)).await;
        }
        let scene = Self {
            store,
            proxy,
            hearing,
            other,
        };
        assert!(scene.hears_of("warm").await < SOON);
        scene
    }

    /// How long it takes until the hearing one has heard of a start by the other.
    async fn hears_of(&self, instance: &str) -> Duration {
        let queues = turn_queue();
        let waiting = self.hearing.wait_for_work(&queues, LONG);
        let starting = async {
            // It waits by then.
            sleep(Duration::from_millis(50)).await;
            apply(&*self.other, start(instance)).await;
            now_ms()
        };
        let (waited, started_ms) = tokio::join!(waiting, starting);
        let took = Duration::from_millis(now_ms() - started_ms);
        waited.unwrap();
        claim_all(&*self.hearing, &[instance]).await;
        took
    }

    async fn until_listening(&self) {
        self.store.until_connections("listener", 1).await;
    }

    async fn close(self) {
        self.hearing.close().await;
        self.other.close().await;
        self.store.until_connections("listener", 0).await;
    }
}

fn next_bell(proxy: &Proxy, place: Place) -> Boundary {
    proxy.reset();
    Boundary {
        direction: Direction::ToClient,
        message: 1,
        place,
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_bell_that_is_cut_off_wakes_all_the_same() {
    let scene = Scene::new().await;
    for (number, place) in Place::ALL.into_iter().enumerate() {
        let fault = Fault::cut(next_bell(&scene.proxy, place));
        scene.proxy.arm(fault);
        let took = scene.hears_of(&format!("cut {number}")).await;
        assert!(took < SOON, "{place:?}: {took:?}");
        assert_eq!(scene.proxy.fired(), [fault]);
        scene.until_listening().await;
        sleep(Duration::from_millis(100)).await;
        let took = scene.hears_of(&format!("heard {number}")).await;
        assert!(took < SOON, "{place:?}: {took:?}");
    }
    scene.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_bell_in_a_black_hole_is_made_up_for_by_looking() {
    let scene = Scene::asking_at_least_every(Duration::from_secs(1)).await;
    let fault = Fault::stall(next_bell(&scene.proxy, Place::Before));
    scene.proxy.arm(fault);
    let took = scene.hears_of("stalled").await;
    assert_eq!(scene.proxy.fired(), [fault]);
    assert!(took < SOON, "{took:?}");
    scene.proxy.heal();
    scene.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn what_happened_while_nobody_listened_is_looked_for_once() {
    let scene = Scene::new().await;
    apply(&*scene.other, start("watched")).await;
    let turn = claim_all(&*scene.other, &["watched"]).await.remove(0);
    let end = end_of(&turn);
    let watched = [Watch {
        instance: id("watched"),
        until: Until::Terminal,
    }];
    let queues = turn_queue();
    let changing = async {
        sleep(Duration::from_millis(50)).await;
        let fault = Fault::cut(next_bell(&scene.proxy, Place::Before));
        scene.proxy.arm(fault);
        apply(&*scene.other, Commit::Turn(end)).await;
    };
    let (changed, idle, ()) = tokio::join!(
        scene.hearing.wait_for_change(&watched, LONG),
        // Somebody for whom nothing has happened stays asleep.
        scene.hearing.wait_for_work(&queues, Duration::from_secs(3)),
        changing,
    );
    assert_eq!(changed.unwrap().len(), 1);
    idle.unwrap();
    scene.until_listening().await;
    // Nobody asks again and again once others' work is heard of.
    let before = scene.hearing.statements();
    let waited = scene.hearing.wait_for_work(&queues, Duration::from_secs(1));
    waited.await.unwrap();
    let asked = scene.hearing.statements() - before;
    assert!(asked <= 3, "{asked} statements in a quiet second");
    scene.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn others_work_is_asked_for_while_it_cannot_be_heard_of() {
    let mut scene = Scene::asking_at_least_every(Duration::from_millis(200)).await;
    // Another proxy takes the place of this one, and the way that the listener knows is closed.
    scene.proxy = scene.store.proxy().await;
    scene.store.until_connections("listener", 0).await;
    // It has asked in vain for a while, so that its pauses are as long as they get.
    let waited = Duration::from_secs(2);
    let queues = turn_queue();
    scene.hearing.wait_for_work(&queues, waited).await.unwrap();
    for number in 0..5 {
        let took = scene.hears_of(&format!("asked {number}")).await;
        assert!(took < SOON, "{took:?}");
    }
    scene.close().await;
}
