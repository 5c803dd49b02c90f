//! Suspects as a dispatcher brings them, by a clock that moves when nothing else does.

#![expect(
    clippy::future_not_send,
    reason = "they stay on the thread of their test"
)]

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;

use super::*;
use crate::activity::ActivityContext;
use crate::clock::{Clock as _, ManualClock};
use crate::message::ActivityBody;
use crate::providers::{ActivityLease, ClaimedActivity, Lease, TaskQueue};
use crate::runtime::RuntimeOptions;
use crate::runtime::committer;
use crate::runtime::node::NodeParts;
use crate::runtime::observability::CapturedLogs;
use crate::runtime::one_activity::{self, OneActivity};
use crate::runtime::registry::{ActivityRegistry, OrchestrationRegistry};
use crate::runtime::served_queues::ServedQueues;
use crate::runtime::slots::Slot;
use crate::runtime::suspect::Work;

const TICK: Duration = Duration::from_millis(100);
const SLOTS: usize = 2_048;

/// A node, and the suspects that its store has for it.
struct Bench {
    clock: ManualClock,
    store: Arc<OneActivity>,
    node: Arc<Node>,
    isolation: Isolation,
    /// What can be claimed, by when.
    waiting: BTreeMap<(Duration, u64), Suspicion>,
    ran: Arc<AtomicUsize>,
}

impl Bench {
    fn new() -> Self {
        let clock = ManualClock::at_ms(1_700_000_000_000);
        let store = Arc::new(OneActivity::default());
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = Arc::clone(&ran);
        let activities = ActivityRegistry::builder()
            .register("Work", move |_: ActivityContext, _: String| {
                runs.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<Result<String, String>>()
            })
            .build();
        let options = RuntimeOptions {
            clock: Arc::new(clock.clone()),
            worker_concurrency: SLOTS,
            ..RuntimeOptions::default()
        };
        let (node, _) = Node::new(NodeParts {
            store: Arc::<OneActivity>::clone(&store),
            activities: Arc::new(activities),
            orchestrations: OrchestrationRegistry::builder().build(),
            queues: ServedQueues::of(&options).unwrap(),
            options,
            committer: committer::channel().0,
            user: Handle::current(),
            service: Handle::current(),
        });
        Self {
            clock,
            store,
            node,
            isolation: Isolation::default(),
            waiting: BTreeMap::new(),
            ran,
        }
    }

    fn wait_for(&mut self, number: u64, is_strict: bool) {
        let key = one_activity::key(&format!("i{number}"), 1);
        let item = Item::Activity(key);
        let suspicion = Suspicion { item, is_strict };
        self.waiting
            .insert((self.clock.elapsed(), number), suspicion);
    }

    /// Something else that this node is busy with.
    fn other_work(&self) -> Slot {
        self.node.activity_slots.try_take().unwrap()
    }

    /// What one claim brings.
    fn claim(&mut self) -> Vec<Suspect> {
        let mut suspects = Vec::new();
        while suspects.len() < CLAIM_ITEMS_MAX
            && let Some(first) = self.waiting.first_entry()
            && first.key().0 <= self.clock.elapsed()
            && let Some(slot) = self.node.activity_slots.try_take()
        {
            let suspicion = first.remove();
            let Item::Activity(key) = &suspicion.item else {
                panic!("there are no turns here")
            };
            let lease = ActivityLease {
                key: key.clone(),
                token: self.node.entropy.lease_token(),
            };
            let body = ActivityBody {
                name: "Work".to_owned(),
                input: String::new(),
                orchestration: "Order".to_owned(),
                version: "1.0.0".to_owned(),
                start_to_close_ms: None,
                heartbeat_ms: None,
            };
            let held = self.node.leases.hold(Lease::Activity(lease.clone()), 3);
            let work = Work::Activity(ClaimedActivity {
                lease,
                queue: TaskQueue::default(),
                attempt: 3,
                body: body.encode(),
                details: None,
            });
            suspects.push(Suspect {
                suspicion,
                work,
                held,
                slot,
            });
        }
        suspects
    }

    /// Does what a dispatcher does, until all that wait have been tried. Answers how long that took.
    async fn try_all(&mut self) -> Duration {
        let began_at = self.clock.elapsed();
        while !self.waiting.is_empty() {
            self.isolation.hold_is_over(&self.node).now_or_never();
            let suspects = self.claim();
            if suspects.is_empty() {
                self.clock.advance(TICK);
            } else {
                self.admit(suspects).await;
            }
            tokio::task::yield_now().await;
            let passed = self.clock.elapsed() - began_at;
            assert!(passed < Duration::from_hours(24), "{}", self.waiting.len());
        }
        self.clock.elapsed() - began_at
    }

    /// Lets the isolation have them. What it gives back waits for as long as it says.
    async fn admit(&mut self, suspects: Vec<Suspect>) {
        let strict: Vec<Item> = suspects
            .iter()
            .filter(|it| it.suspicion.is_strict)
            .map(|it| it.suspicion.item.clone())
            .collect();
        {
            let mut admitted = pin!(self.isolation.admit(&self.node, suspects));
            while !ends_now(admitted.as_mut()).await {
                self.clock.advance(TICK);
            }
        }
        for release in std::mem::take(&mut *self.store.released.lock()) {
            let item = Item::from(&release.lease);
            let Item::Activity(key) = &item else {
                panic!("there are no turns here")
            };
            let number = key
                .instance
                .as_str()
                .strip_prefix('i')
                .unwrap()
                .parse()
                .unwrap();
            let is_strict = strict.contains(&item);
            let at = self.clock.elapsed() + release.delay;
            self.waiting
                .insert((at, number), Suspicion { item, is_strict });
        }
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::SeqCst)
    }

    /// Waits until so many have begun.
    async fn all_run(&self, count: u64) {
        for _ in 0..100_000 {
            if self.ran() as u64 == count {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{} of {count} have run", self.ran());
    }

    /// Ends what was begun.
    async fn end(self) {
        self.node.abort_tasks().await;
    }
}

/// Whether it ends without time passing. The calls that it makes to the store are tasks of their own.
async fn ends_now(mut work: Pin<&mut impl Future<Output = ()>>) -> bool {
    for _ in 0..4 {
        if work.as_mut().now_or_never().is_some() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// How long a crowd takes on a node that is free or never is.
async fn time_of(crowd: u64, is_busy: bool) -> Duration {
    let mut bench = Bench::new();
    let other = is_busy.then(|| bench.other_work());
    for number in 0..crowd {
        bench.wait_for(number, false);
    }
    let time = bench.try_all().await;
    bench.all_run(crowd).await;
    drop(other);
    bench.end().await;
    time
}

/// Twice as many take one round more.
#[tokio::test]
async fn a_crowd_is_through_in_a_time_that_grows_with_its_logarithm() {
    for is_busy in [false, true] {
        let mut times = Vec::new();
        for crowd in [125, 250, 500, 1_000, 2_000] {
            times.push(time_of(crowd, is_busy).await);
        }
        let step_max = PUT_OFF_MAX + ISOLATION_MIN;
        for pair in times.windows(2) {
            assert!(pair[1] <= pair[0] + step_max, "{is_busy} {times:?}");
        }
        // On a busy node the first one waits for three drains, and for the pauses between them.
        assert!(times[2] < Duration::from_mins(5), "{is_busy} {times:?}");
    }
}

/// A last attempt, as a dispatcher lets it run; `meanwhile` says when it has seen enough.
async fn last_attempt(bench: &mut Bench, mut meanwhile: impl FnMut(&Bench, Duration) -> bool) {
    bench.wait_for(1, true);
    let suspects = bench.claim();
    let mut isolation = std::mem::take(&mut bench.isolation);
    {
        let mut admitted = pin!(isolation.admit(&bench.node, suspects));
        let began_at = bench.clock.elapsed();
        while !ends_now(admitted.as_mut()).await {
            if !meanwhile(bench, bench.clock.elapsed() - began_at) {
                break;
            }
            bench.clock.advance(TICK);
        }
    }
    bench.isolation = isolation;
}

/// It may wait for what this node must do.
#[tokio::test]
async fn a_last_attempt_that_does_not_end_idles_its_node_for_a_while_and_says_so() {
    let (logs, _capturing) = CapturedLogs::begin();
    let mut bench = Bench::new();
    let mut idled = Duration::ZERO;
    last_attempt(&mut bench, |bench, passed| {
        idled = passed;
        assert!(bench.node.activity_slots.are_withheld());
        let held_back = bench.node.health.report(0).held_back.unwrap();
        assert!(
            held_back.items[0].starts_with("activity i1"),
            "{held_back:?}"
        );
        assert_eq!(held_back.since_ms, 1_700_000_000_000);
        assert!(held_back.with_turns);
        true
    })
    .await;
    assert_eq!(idled, ISOLATION_STRICT_MAX - TICK);
    assert!(!bench.node.activity_slots.are_withheld());
    assert_eq!(bench.node.health.report(0).held_back, None);
    let lines = logs.take();
    let about = |what: &str| {
        let lines = lines.iter().filter(|line| line.contains(what));
        assert!(
            lines.clone().all(|line| line.contains("item=activity i1")),
            "{lines:?}"
        );
        lines.count()
    };
    assert_eq!(about("this node takes on nothing else"), 1);
    assert_eq!(about("this node still takes on nothing else"), 9);
    assert_eq!(about("goes on beside that"), 1);

    // The node works for a while, and then suspects run beside it, but for last attempts.
    bench.clock.advance(Duration::from_mins(1));
    bench.wait_for(2, true);
    let suspects = bench.claim();
    bench.admit(suspects).await;
    assert_eq!(bench.waiting.len(), 1);
    bench.waiting.clear();
    bench.wait_for(3, false);
    let suspects = bench.claim();
    bench.admit(suspects).await;
    bench.all_run(2).await;
    bench.end().await;
}

/// Whatever its code still does to the process, it does not count any more.
#[tokio::test]
async fn a_last_attempt_that_hangs_and_has_lost_its_lease_is_over() {
    let mut bench = Bench::new();
    bench.wait_for(1, true);
    let suspects = bench.claim();
    let token = suspects[0].work.lease().token();
    let Bench {
        isolation, node, ..
    } = &mut bench;
    {
        let mut admitted = pin!(isolation.admit(node, suspects));
        assert!(admitted.as_mut().now_or_never().is_none());
        node.leases.forget(token);
        assert!(admitted.as_mut().now_or_never().is_some());
    }
    assert!(bench.isolation.rounds[0].has_ended());
    bench.end().await;
}

/// A node that has idled for one last attempt does not idle for the next before it has worked.
#[tokio::test]
async fn a_busy_node_works_between_two_last_attempts() {
    let mut bench = Bench::new();
    last_attempt(&mut bench, |_, _| true).await;
    assert_eq!(bench.isolation.rounds[0].lasting(), 1);
    bench.node.abort_tasks().await;
    assert!(bench.isolation.rounds[0].has_ended());
    let other = bench.other_work();
    bench.wait_for(2, true);
    let suspects = bench.claim();
    let before = bench.clock.elapsed();
    bench.admit(suspects).await;
    assert_eq!(bench.clock.elapsed(), before, "nobody has waited for it");
    assert_eq!(bench.waiting.len(), 1);
    drop(other);
}

/// A node that has not drained for long is idle at last.
#[tokio::test]
async fn suspects_run_alone_again_as_soon_as_that_costs_nothing() {
    let mut bench = Bench::new();
    let other = bench.other_work();
    for number in 0..4 {
        bench.wait_for(number, false);
    }
    bench.try_all().await;
    assert!(bench.isolation.drains.is_hopeless());
    assert!(!bench.node.activity_slots.are_withheld());
    drop(other);
    bench.clock.advance(ISOLATION_MIN);
    bench.wait_for(5, false);
    let suspects = bench.claim();
    bench.admit(suspects).await;
    bench.all_run(5).await;
    assert!(bench.node.activity_slots.are_withheld());
    assert!(!bench.isolation.drains.is_hopeless());
    bench.end().await;
}
