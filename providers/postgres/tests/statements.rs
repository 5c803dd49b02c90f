//! What is asked of the server, how often, and what that costs where much is stored.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Commit, DeleteMode, Lease, Provider, ProviderAdmin, Release,
    ReleasedAttempts, TaskQueue,
};
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::runtime::{OrchestrationStatus, Runtime};
use duroxide_core::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use duroxide_postgres::PostgresProvider;

use tokio::sync::Mutex;

use operations::{
    LEASE, activity, apply, claim_activity, claim_turn, commit_of, end_of, id, outcome, send,
    start, turns,
};
use support_opening::plans::{assert_read_little, explained};
use support_opening::{Place, Role, execute, log};

/// How many instances sleep, and how many messages wait, in a store that is full.
const MANY: i64 = 100_000;

/// Whoever fills a store keeps the server busy, and is no neighbour for one who measures.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn greet(ctx: OrchestrationContext, name: String) -> Result<String, String> {
    ctx.schedule_activity("Hello", name).into_activity().await
}

async fn hello(_ctx: ActivityContext, name: String) -> Result<String, String> {
    Ok(format!("Hello, {name}!"))
}

async fn runtime_on(provider: &Arc<PostgresProvider>) -> Arc<Runtime> {
    // A runtime would have the log of all tests go to the console otherwise.
    log::capture();
    let activities = ActivityRegistry::builder().register("Hello", hello).build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Greet", greet)
        .build();
    let store = Arc::clone(provider) as Arc<dyn Provider>;
    Runtime::start_with_store(store, Arc::new(activities), orchestrations).await
}

async fn run_hello(client: &Client, instance: &str) {
    client
        .start_orchestration(instance, "Greet", "Rust")
        .await
        .unwrap();
    let status = client
        .wait_for_orchestration(instance, Duration::from_secs(30))
        .await
        .unwrap();
    assert!(
        matches!(&status, OrchestrationStatus::Completed { output } if output == "Hello, Rust!"),
        "{status:?}"
    );
}

/// What one orchestration may cost, in statements. Four commits, a look at the head and two claims are
/// needed.
const STATEMENTS_MAX: u64 = 8;

/// From the start to the answer, with what the runtime asks meanwhile.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn an_orchestration_with_an_activity_takes_few_statements() {
    let _alone = ALONE.lock().await;
    log::capture();
    let place = Place::new().await;
    let provider = Arc::new(place.open().await);
    let runtime = runtime_on(&provider).await;
    let client = Client::new(Arc::clone(&provider) as Arc<dyn Provider>);
    // The first one is also the first of its connections.
    run_hello(&client, "first").await;
    let mut costs = Vec::new();
    let said = log::said().len();
    for number in 0..20 {
        let before = provider.statements();
        run_hello(&client, &number.to_string()).await;
        costs.push(provider.statements() - before);
    }
    let said = log::said().split_off(said);
    let asked = |function: &str| {
        let call = format!("{}.{function}(", place.schema).replace('.', "\\\".");
        let is_call = |line: &&str| line.contains("db.statement=") && line.contains(&call);
        said.lines().filter(is_call).count()
    };
    let asked = ["commit_v1", "claim_v1", "heads_v1", "poll_v1"].map(|it| (it, asked(it)));
    costs.sort_unstable();
    // The median: a look that is due by the clock may fall into any of them.
    let median = costs[costs.len() / 2];
    assert!(median <= STATEMENTS_MAX, "{costs:?}, by function {asked:?}");
    // The start, the first turn, the outcome of the activity and the last turn.
    assert!(asked[0].1 <= 20 * 4, "{asked:?}");
    runtime.shutdown(None).await;
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_runtime_with_nothing_to_do_asks_once_a_second_at_most() {
    let _alone = ALONE.lock().await;
    let place = Place::new().await;
    let provider = Arc::new(place.open().await);
    let runtime = runtime_on(&provider).await;
    let client = Client::new(Arc::clone(&provider) as Arc<dyn Provider>);
    run_hello(&client, "first").await;
    SystemClock.sleep(Duration::from_secs(1)).await;
    let before = provider.statements();
    SystemClock.sleep(Duration::from_secs(5)).await;
    let asked = provider.statements() - before;
    assert!(asked <= 5, "{asked} statements in 5 s");
    runtime.shutdown(None).await;
    provider.close().await;
}

/// A database may be set up to be stricter with others; what is meant here are single rows and their
/// locks, and whoever comes second just waits.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn stricter_isolation_of_the_database_refuses_nothing() {
    let _alone = ALONE.lock().await;
    log::capture();
    let place = Place::new().await;
    let role = Role::new(&place.url).await;
    let make = format!(
        "CREATE SCHEMA {} AUTHORIZATION {role};
         ALTER ROLE {role} SET default_transaction_isolation = 'serializable'",
        place.quoted(),
        role = role.name
    );
    execute(&place.url, &make).await;
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let opened = PostgresProvider::new(&role.url, Some(place.options())).await;
        let provider = Arc::new(opened.unwrap());
        let runtime = runtime_on(&provider).await;
        nodes.push((provider, runtime));
    }
    let client = Client::new(Arc::clone(&nodes[0].0) as Arc<dyn Provider>);
    let said = log::said().len();
    let instances: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    for instance in &instances {
        let started = client.start_orchestration(instance, "Greet", "Rust");
        started.await.unwrap();
    }
    for instance in &instances {
        let ended = client.wait_for_orchestration(instance, Duration::from_secs(30));
        let status = ended.await.unwrap();
        let is_done = matches!(status, OrchestrationStatus::Completed { .. });
        assert!(is_done, "{status:?}");
    }
    let said = log::said().split_off(said);
    let conflict = said.lines().find(|line| line.contains("40001"));
    assert_eq!(conflict, None, "a transaction was refused for another one");
    for (provider, runtime) in nodes {
        runtime.shutdown(None).await;
        provider.close().await;
    }
}

/// Fills a store, by the server itself: instances that sleep until tomorrow, with a timer each; one
/// whose turn is leased until tomorrow, with messages that wait; and activities that wait till then.
async fn fill(place: &Place) {
    let sql = format!(
        "BEGIN;
         SET LOCAL search_path = {schema};
         CREATE TEMPORARY TABLE made ON COMMIT DROP AS
             SELECT n, now_ms() + 86400000 AS tomorrow FROM generate_series(0, {MANY}) n;
         INSERT INTO instance (id, incarnation, status, execution, next_event_id, created_ms,
                 updated_ms, queue, orchestration, core_state)
             SELECT 'sleeper-' || n, gen_random_uuid(), 1, 1, 2, now_ms(), now_ms(), '{queue}',
                 'Sleep', ''
             FROM made ORDER BY n;
         INSERT INTO ready (ino, queue, claim_at, claim_order, hold_until, lease_token)
             SELECT i.ino, i.queue, m.tomorrow, nextval('claim_order'),
                 CASE WHEN m.n = 0 THEN m.tomorrow ELSE 0 END,
                 CASE WHEN m.n = 0 THEN gen_random_uuid() END
             FROM made m JOIN instance i ON i.id = 'sleeper-' || m.n;
         INSERT INTO inbox (ino, message_id, channel, visible_at, body)
             SELECT i.ino, gen_random_uuid(), 's', m.tomorrow, 'wake'
             FROM made m JOIN instance i ON i.id = 'sleeper-' || m.n WHERE m.n > 0;
         INSERT INTO inbox (ino, message_id, channel, visible_at, body)
             SELECT i.ino, gen_random_uuid(), 's', now_ms() + m.n, 'message'
             FROM made m, instance i WHERE i.id = 'sleeper-0' AND m.n > 0;
         INSERT INTO activity (ino, execution, activity_id, queue, claim_at, attempts, body)
             SELECT i.ino, 1, m.n, '{queue}', m.tomorrow, 0, 'activity'
             FROM made m JOIN instance i ON i.id = 'sleeper-' || m.n WHERE m.n > 0;
         COMMIT;",
        schema = place.quoted(),
        queue = TaskQueue::DEFAULT,
    );
    execute(&place.url, &sql).await;
}

/// Has the server look at what it has, now, and not by itself while something is measured.
async fn tidy(place: &Place) {
    let tidy = "VACUUM (ANALYZE) {s}.instance, {s}.ready, {s}.inbox, {s}.activity";
    execute(&place.url, &tidy.replace("{s}", &place.quoted())).await;
}

/// Does for three instances whatever is done for a turn and an activity.
async fn work(provider: &PostgresProvider, prefix: &str) {
    for instance in ["a", "b", "c"].map(|name| format!("{prefix}-{name}")) {
        apply(provider, start(&instance)).await;
        apply(provider, send(&instance)).await;
    }
    let of_two_queues = ClaimTurns {
        queues: vec![TaskQueue::default(), TaskQueue("other".into())],
        ..turns(9)
    };
    let claimed = provider.claim_turns(&of_two_queues).await.unwrap().items;
    assert_eq!(claimed.len(), 3);
    let commits = claimed.iter().map(|turn| {
        let activities = (1..=2).map(activity).collect();
        Commit::Turn(commit_of(turn, activities))
    });
    let answers = provider.commit(commits.collect()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let wanted = ClaimActivities::new(
        vec![TaskQueue::default(), TaskQueue("other".into())],
        6,
        LEASE,
    );
    let claimed = provider.claim_activities(&wanted).await.unwrap().items;
    assert_eq!(claimed.len(), 6);
    let lease = Lease::Activity(claimed[0].lease.clone());
    provider
        .renew(&[lease.clone().into()], LEASE * 2)
        .await
        .remove(0)
        .unwrap();
    let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep);
    provider.release(vec![release]).await.remove(0).unwrap();
    apply(provider, outcome(&claimed[5])).await;
    let turn = claim_turn(provider).await;
    apply(provider, Commit::Turn(end_of(&turn))).await;
    let nothing = provider.claim_turns(&turns(9)).await.unwrap();
    assert!(nothing.items.is_empty());
}

/// Everything that is done for a turn and an activity reads what it is about, by an index, and nothing
/// of what waits.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn what_waits_is_not_read() {
    let _alone = ALONE.lock().await;
    log::capture();
    let place = Place::new().await;
    place.open().await.close().await;
    fill(&place).await;
    tidy(&place).await;
    let url = explained(&place.url);
    let provider = PostgresProvider::new(&url, Some(place.options()))
        .await
        .unwrap();
    let before = log::said().len();
    work(&provider, "w").await;
    assert!(
        provider
            .read_head(&id("sleeper-7"))
            .await
            .unwrap()
            .is_some()
    );
    provider
        .delete_instance(&id("sleeper-7"), DeleteMode::Force)
        .await
        .unwrap();
    let plans = log::said().split_off(before);
    for index in [
        "ready_due",
        "activity_due",
        "inbox_visible",
        "inbox_pkey",
        "instance_id_key",
    ] {
        assert!(
            plans.contains(&format!(" using {index} ")),
            "{index}: {plans}"
        );
    }
    assert_read_little(&plans, 100);
    provider.close().await;
}

/// The server keeps a plan that it made while there was next to nothing, and would go by it when there is
/// much: connections have it plan anew.
#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_plan_of_a_small_store_is_good_for_a_full_one() {
    let _alone = ALONE.lock().await;
    log::capture();
    let place = Place::new().await;
    let first = place.open().await;
    work(&first, "first").await;
    first.close().await;
    for table in ["instance", "ready", "inbox", "activity"] {
        let sql = "ALTER TABLE {s}.{table} SET (autovacuum_enabled = off)";
        let sql = sql.replace("{s}", &place.quoted());
        execute(&place.url, &sql.replace("{table}", table)).await;
    }
    tidy(&place).await;
    let url = explained(&place.url);
    let options = place.options().plan_age_max(Duration::ZERO);
    let provider = PostgresProvider::new(&url, Some(options)).await.unwrap();
    work(&provider, "few").await;
    fill(&place).await;
    let before = log::said().len();
    work(&provider, "full").await;
    assert_read_little(&log::said().split_off(before), 100);
    provider.close().await;
}

/// What claims of turns and activities cost in microseconds, and one that finds neither.
#[derive(Default)]
struct Costs {
    turn: Vec<u128>,
    activity: Vec<u128>,
    nothing: Vec<u128>,
}

impl Costs {
    async fn measure(&mut self, provider: &PostgresProvider, instance: &str) {
        apply(provider, start(instance)).await;
        let began = now();
        let turn = claim_turn(provider).await;
        self.turn.push(began.elapsed().as_micros());
        let wanted = vec![activity(1)];
        apply(provider, Commit::Turn(commit_of(&turn, wanted))).await;
        let began = now();
        let claimed = claim_activity(provider).await;
        self.activity.push(began.elapsed().as_micros());
        let began = now();
        let nothing = provider.claim_turns(&turns(9)).await.unwrap();
        self.nothing.push(began.elapsed().as_micros());
        assert!(nothing.items.is_empty());
        apply(provider, outcome(&claimed)).await;
        let turn = claim_turn(provider).await;
        apply(provider, Commit::Turn(end_of(&turn))).await;
    }

    fn medians(mut self) -> [u128; 3] {
        let median = |of: &mut Vec<u128>| {
            of.sort_unstable();
            of[of.len() / 2]
        };
        [
            median(&mut self.turn),
            median(&mut self.activity),
            median(&mut self.nothing),
        ]
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is real time that is measured"
)]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_claim_costs_the_same_however_much_waits() {
    let _alone = ALONE.lock().await;
    let (place, empty) = (Place::new().await, Place::new().await);
    let (full, empty) = (place.open().await, empty.open().await);
    fill(&place).await;
    tidy(&place).await;
    let (mut of_full, mut of_empty) = (Costs::default(), Costs::default());
    for number in 0..300 {
        let instance = number.to_string();
        // In turns, so that what the machine does meanwhile happens to both.
        if number % 2 == 0 {
            of_full.measure(&full, &instance).await;
            of_empty.measure(&empty, &instance).await;
        } else {
            of_empty.measure(&empty, &instance).await;
            of_full.measure(&full, &instance).await;
        }
    }
    let (of_full, of_empty) = (of_full.medians(), of_empty.medians());
    for (full, empty) in of_full.iter().zip(of_empty) {
        assert!(
            *full <= empty * 2,
            "{of_full:?} µs with much, {of_empty:?} µs without"
        );
    }
    full.close().await;
    empty.close().await;
}
