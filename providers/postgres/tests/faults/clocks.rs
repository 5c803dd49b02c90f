//! Nodes whose clocks are wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use duroxide_core::clock::{Clock, Sleep, SystemClock};
use duroxide_core::providers::Provider as _;
use duroxide_core::runtime::Runtime;
use duroxide_core::{Client, OrchestrationStatus};
use duroxide_postgres::PostgresProvider;
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
/// By how much a timer may be late, on a busy machine too: half of what the clocks are off by.
const LATE_MS: u64 = 60_000;
const TIMED: usize = 40;
const SLOW: usize = 10;

/// A node and a client by a clock that is off.
struct OffNode {
    provider: Arc<PostgresProvider>,
    runtime: Arc<Runtime>,
    client: Client,
}

impl OffNode {
    async fn new(store: &Store, code: &Code, name: &str, by_ms: i64) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Off { by_ms });
        let options = store.options().clock(Arc::clone(&clock));
        let provider = store.open(name, options).await;
        let runtime = code.node(shared(&provider), Arc::clone(&clock)).await;
        let client = Client::with_clock(shared(&provider), clock);
        Self {
            provider,
            runtime,
            client,
        }
    }

    async fn stop(self) {
        self.runtime.shutdown(None).await;
        self.provider.close().await;
    }
}

/// Starts an instance by one client and waits for its end by another, which must be a good one.
async fn run(starting: Client, waiting: Client, orchestration: &str, instance: String) -> String {
    let started = starting.start_orchestration(&instance, orchestration, "");
    started.await.unwrap();
    let patience = Duration::from_secs(120);
    let status = waiting.wait_for_orchestration(&instance, patience).await;
    let history = starting.read_execution_history(&instance, 1).await;
    check_history(&history.unwrap()).unwrap();
    let status = status.unwrap();
    let OrchestrationStatus::Completed { output } = status else {
        panic!("{status:?}");
    };
    output
}

/// Checks what a timed instance says of its timer.
fn check_timer(output: &str) {
    let took_ms: u64 = output.parse().unwrap();
    let timer_ms = u64::try_from(TIMER.as_millis()).unwrap();
    assert!(took_ms >= timer_ms, "a timer fired after {took_ms} ms");
    assert!(
        took_ms < timer_ms + LATE_MS,
        "a timer fired after {took_ms} ms"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn two_nodes_whose_clocks_are_off_do_everything_once_and_in_time() {
    let store = Store::shared().await;
    let code = Code::default();
    let early = OffNode::new(&store, &code, "early", -TWO_MINUTES_MS).await;
    let late = OffNode::new(&store, &code, "late", TWO_MINUTES_MS).await;
    let clients = Clients::start(&shared(&early.provider), 6);
    sleep(Duration::from_secs(2)).await;
    let asked = clients.stop().await;
    verify(&store, &shared(&late.provider), &asked).await;
    println!("{} instances", asked.len());

    let mut runs = JoinSet::new();
    let both = [&early, &late].map(|node| node.client.clone());
    for number in 0..TIMED + SLOW {
        let starting = both[number % 2].clone();
        let waiting = both[(number / 2) % 2].clone();
        let orchestration = if number < TIMED { "Timed" } else { "Slow" };
        let instance = format!("{orchestration} {number}");
        runs.spawn(async move {
            let output = run(starting, waiting, orchestration, instance).await;
            (orchestration, output)
        });
    }
    for (orchestration, output) in runs.join_all().await {
        if orchestration == "Timed" {
            check_timer(&output);
        }
    }
    // A lease that is renewed in time is not lost, and nothing is begun by two nodes.
    assert_eq!(code.slow_runs.load(Ordering::Relaxed), SLOW as u64);
    early.stop().await;
    late.stop().await;
}

/// One node, whose mistakes nobody else makes up for.
async fn alone(by_ms: i64) {
    let store = Store::shared().await;
    let node = OffNode::new(&store, &Code::default(), "alone", by_ms).await;
    let before = node.provider.statements();
    let mut runs = JoinSet::new();
    for number in 0..4 {
        let client = node.client.clone();
        runs.spawn(run(client.clone(), client, "Timed", number.to_string()));
    }
    for output in runs.join_all().await {
        check_timer(&output);
    }
    // It waits for the timers, and does not ask all the time.
    let statements = node.provider.statements() - before;
    assert!(statements < 150, "{statements} statements");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn timers_fire_in_time_by_a_clock_that_is_behind() {
    alone(-TWO_MINUTES_MS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn timers_fire_in_time_by_a_clock_that_is_ahead() {
    alone(TWO_MINUTES_MS).await;
}
