//! Nodes whose clocks are wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use duroxide_core::clock::{Clock, Sleep, SystemClock};
use duroxide_core::providers::Provider as _;
use duroxide_core::{Client, OrchestrationStatus};
use tokio::task::JoinSet;

use super::clients::Clients;
use super::load::{Code, TIMER, shared};
use super::store::{Store, sleep};
use super::verify::{check_history, verify};

/// A clock that is off by this much.
#[derive(Debug)]
struct Off {
    by_ms: i64,
}

impl Clock for Off {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms().saturating_add_signed(self.by_ms)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        SystemClock.sleep(duration)
    }
}

const TWO_MINUTES_MS: i64 = 120_000;
/// By how much a timer may be late.
const LATE_MS: u64 = 1_000;
const TIMED: usize = 40;
const SLOW: usize = 10;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn leases_and_timers_are_as_long_as_they_should_be_by_clocks_that_are_off() {
    let store = Store::shared().await;
    let code = Code::default();
    let mut nodes = Vec::new();
    for (name, by_ms) in [("early", -TWO_MINUTES_MS), ("late", TWO_MINUTES_MS)] {
        let clock: Arc<dyn Clock> = Arc::new(Off { by_ms });
        let options = store.options().clock(Arc::clone(&clock));
        let provider = store.open(name, options).await;
        let runtime = code.node(shared(&provider), Arc::clone(&clock)).await;
        let client = Client::with_clock(shared(&provider), clock);
        nodes.push((provider, runtime, client));
    }
    let clients = Clients::start(&shared(&nodes[0].0), 6);
    sleep(Duration::from_secs(2)).await;
    let asked = clients.stop().await;
    verify(&store, &shared(&nodes[1].0), &asked).await;

    let mut waits = JoinSet::new();
    for number in 0..TIMED + SLOW {
        let client = nodes[number % 2].2.clone();
        let waiting = nodes[(number / 2) % 2].2.clone();
        let orchestration = if number < TIMED { "Timed" } else { "Slow" };
        waits.spawn(async move {
            let instance = format!("{orchestration} {number}");
            client
                .start_orchestration(&instance, orchestration, "")
                .await
                .unwrap();
            let patience = Duration::from_secs(20);
            let status = waiting.wait_for_orchestration(&instance, patience).await;
            let history = client.read_execution_history(&instance, 1).await.unwrap();
            check_history(&history).unwrap();
            (orchestration, status.unwrap())
        });
    }
    let timer_ms = u64::try_from(TIMER.as_millis()).unwrap();
    let mut longest_ms = 0;
    for (orchestration, status) in waits.join_all().await {
        let OrchestrationStatus::Completed { output } = status else {
            panic!("{status:?}");
        };
        if orchestration == "Timed" {
            let took_ms: u64 = output.parse().unwrap();
            assert!(took_ms >= timer_ms, "a timer fired after {took_ms} ms");
            assert!(
                took_ms < timer_ms + LATE_MS,
                "a timer fired after {took_ms} ms"
            );
            longest_ms = longest_ms.max(took_ms);
        }
    }
    println!(
        "{} instances, the latest timer took {longest_ms} ms",
        asked.len()
    );
    // A lease that is renewed in time is not lost, and nothing is begun by two nodes.
    assert_eq!(code.slow_runs.load(Ordering::Relaxed), SLOW as u64);
    for (provider, runtime, _) in nodes {
        runtime.shutdown(None).await;
        provider.close().await;
    }
}
