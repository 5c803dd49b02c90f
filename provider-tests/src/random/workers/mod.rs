//! Eight workers act on a few instances, and then the invariants of the contract are checked.
//!
//! What each worker does is drawn from a seed, and so is the order in which they go on
//! ([`Scheduler`]). Every call and its answer is in a [`Log`]; [`invariants`] are checked from it
//! and from what the store holds in the end.

mod activity_worker;
mod caller;
mod client;
mod draft;
mod drain;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an invariant names the calls that it is about"
)]
mod facts;
mod hand;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an invariant names the calls that it is about"
)]
mod invariants;
mod log;
mod mail;
mod report;
mod scheduler;
mod turn_worker;

use std::time::Duration;

use duroxide_core::providers::Durability;
use fastrand::Rng;

use self::activity_worker::activity_worker;
use self::caller::Caller;
use self::client::client;
use self::drain::drain;
use self::hand::Hand;
use self::log::{Call, Log};
use self::report::Run;
use self::scheduler::{Scheduler, Work};
use self::turn_worker::turn_worker;
use crate::support::Cx;

/// For how long the workers lease.
const LEASE: Duration = Duration::from_secs(1);
/// The instances that all workers act on: few, so that they get into each other's way.
const INSTANCES: [&str; 4] = ["a", "b", "c", "d"];
/// The topics of all mail.
const TOPICS: [&str; 2] = ["t", "u"];
/// How much each worker does in its life.
const ACTIONS: u32 = 24;
/// The longest time that a worker usually sleeps.
const NAP_MS_MAX: u64 = 80;
/// The longest delay of a message.
const DELAY_MS_MAX: u64 = 1_500;
/// With what the body of a numbered event begins.
const EVENT: &str = "event ";
/// How many runs a case makes, if nobody says so.
const ROUNDS: u32 = 6;
/// How many polls a life lasts at most that ends with a crash.
const POLLS_MAX: usize = 500;
/// How many lives a run with crashes has.
const LIVES: u32 = 3;

/// Workers that live to the end.
pub(crate) async fn invariants_hold(cx: &Cx) {
    for run in runs(cx, "random::workers::invariants_hold") {
        let cx = cx.twin().await;
        let log = Log::default();
        let mut rng = Rng::with_seed(run.seed);
        work(&cx, &log, &mut rng, usize::MAX).await;
        finish(&cx, &log, run).await;
    }
}

/// All workers die wherever they are, calls half-way, several times; a store that survives its
/// process is opened again.
pub(crate) async fn invariants_hold_with_crashes(cx: &Cx) {
    for run in runs(cx, "random::workers::invariants_hold_with_crashes") {
        let mut cx = cx.twin().await;
        let log = Log::default();
        let mut rng = Rng::with_seed(run.seed);
        for _ in 0..LIVES {
            let polls_max = rng.usize(..POLLS_MAX);
            work(&cx, &log, &mut rng, polls_max).await;
            if cx.provider().capabilities().durability > Durability::Volatile {
                cx = cx.crash().await;
                log.mark(cx.clock().now_ms(), Call::Reopened);
            }
        }
        finish(&cx, &log, run).await;
    }
}

/// The runs of a case: each has a seed of its own, so that it can be repeated alone.
fn runs(cx: &Cx, case: &'static str) -> impl Iterator<Item = Run> + use<> {
    let rounds = cx.options().rounds.unwrap_or(ROUNDS);
    let first = cx.options().seed.0;
    (0..u64::from(rounds)).map(move |round| Run {
        case,
        seed: first.wrapping_add(round),
    })
}

/// Lets three clients, three turn workers and two activity workers live, for so many polls at most.
async fn work(cx: &Cx, log: &Log, rng: &mut Rng, polls_max: usize) {
    let scheduler = Scheduler::new(cx, rng.u64(..));
    let second = if cx.provider().capabilities().multi_process {
        cx.connect().await
    } else {
        cx.clone()
    };
    let mut hand = |cx: &Cx, name: &str| {
        let store = Caller::new(name, cx.clone(), log.clone());
        Hand::new(store, rng.fork(), scheduler.sleep())
    };
    let workers: Vec<Work> = vec![
        Box::pin(client(hand(cx, "client 1"))),
        Box::pin(client(hand(&second, "client 2"))),
        Box::pin(client(hand(cx, "client 3"))),
        Box::pin(turn_worker(hand(cx, "turn worker 1"))),
        Box::pin(turn_worker(hand(&second, "turn worker 2"))),
        Box::pin(turn_worker(hand(cx, "turn worker 3"))),
        Box::pin(activity_worker(hand(cx, "activity worker 1"))),
        Box::pin(activity_worker(hand(&second, "activity worker 2"))),
    ];
    scheduler.run(workers, polls_max).await;
}

/// Processes what is left, and checks the whole run.
async fn finish(cx: &Cx, log: &Log, run: Run) {
    let store = Caller::new("drain", cx.clone(), log.clone());
    let contents = drain(&store, log).await;
    let entries = log.entries();
    if let Err(violation) = invariants::check(&entries, &contents) {
        panic!("{}", run.describe(&violation, &entries));
    }
}
