//! Work of which it is written down what was acknowledged, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Commit, Committed, ErrorKind, Provider, ProviderError, Queues,
    TaskQueue, Turn,
};
use duroxide_redis::RedisProvider;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::store::{Stored, sleep};
use crate::operations::{activities, activity, commit, commit_of, end_of, outcome, start, turns};

/// How many activities an instance has, one after another.
const STEPS: u64 = 2;
const LEASE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);
/// How long somebody waits for work at a time.
const WAIT: Duration = Duration::from_secs(5);
/// How many instances there may be that have not ended.
const OPEN_MAX: u64 = 30;

/// Something that a store has acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    instance: String,
    /// The number of the event that a turn wrote, and what; a start has written none.
    chunk: Option<(u64, Vec<u8>)>,
    at: Duration,
}

/// Work on a store, and what has been acknowledged of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    acknowledged: Mutex<Vec<Acknowledged>>,
    errors: Mutex<BTreeMap<String, u64>>,
    must_stop: AtomicBool,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Those who work.
pub(crate) struct Work {
    pub(crate) ledger: Arc<Ledger>,
    tasks: JoinSet<()>,
}

impl Work {
    /// Clients who start instances, and nodes who run them.
    pub(crate) fn start(provider: &Arc<RedisProvider>, clients: usize, nodes: usize) -> Self {
        let mut work = Self {
            ledger: Arc::default(),
            tasks: JoinSet::new(),
        };
        for number in 0..clients {
            let (provider, ledger) = (Arc::clone(provider), Arc::clone(&work.ledger));
            work.tasks.spawn(start_instances(provider, ledger, number));
        }
        work.help(provider, nodes);
        work
    }

    /// Adds nodes, perhaps on another provider.
    pub(crate) fn help(&mut self, provider: &Arc<RedisProvider>, nodes: usize) {
        for _ in 0..nodes {
            let (provider, ledger) = (Arc::clone(provider), Arc::clone(&self.ledger));
            self.tasks.spawn(run_instances(provider, ledger));
        }
    }

    /// How many instances have been seen to end.
    pub(crate) fn ended(&self) -> u64 {
        self.ledger.ended.load(Ordering::Relaxed)
    }

    /// Waits until so many more instances have ended.
    pub(crate) async fn until_more_end(&self, count: u64, patience: Duration) {
        let (before, begun) = (self.ended(), SystemClock.elapsed());
        while self.ended() < before + count {
            let waited = SystemClock.elapsed() - begun;
            let errors = self.ledger.errors();
            assert!(
                waited < patience,
                "{} of {count}: {errors:?}",
                self.ended() - before
            );
            sleep(PAUSE).await;
        }
    }

    /// Has all leave off where they are.
    pub(crate) async fn stop(self) -> Arc<Ledger> {
        self.ledger.must_stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        self.ledger
    }
}

impl Ledger {
    fn must_stop(&self) -> bool {
        self.must_stop.load(Ordering::Relaxed)
    }

    fn acknowledge(&self, instance: &str, chunk: Option<(u64, Vec<u8>)>) {
        self.acknowledged.lock().push(Acknowledged {
            instance: instance.to_owned(),
            chunk,
            at: SystemClock.elapsed(),
        });
    }

    /// How many instances somebody has asked for.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// The instances of which something was acknowledged.
    pub(crate) fn instances(&self) -> BTreeSet<String> {
        let acknowledged = self.acknowledged.lock();
        acknowledged.iter().map(|it| it.instance.clone()).collect()
    }

    /// Which kinds of errors there were.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.errors.lock().keys().cloned().collect()
    }

    /// Checks that what was acknowledged before this time is there.
    pub(crate) fn check(&self, stored: &BTreeMap<String, Stored>, before: Duration) {
        let acknowledged = self.acknowledged.lock();
        let old = acknowledged.iter().filter(|it| it.at < before);
        let mut checked = 0;
        for Acknowledged {
            instance, chunk, ..
        } in old
        {
            let found = stored.get(instance);
            let found = found.unwrap_or_else(|| panic!("{instance} is gone"));
            if let Some((first, body)) = chunk {
                let mut chunks = found.history.iter();
                let is_there = chunks.any(|it| it.first == *first && it.body == *body);
                assert!(is_there, "event {first} of {instance}: {found:?}");
            }
            checked += 1;
        }
        assert!(checked > 0, "nothing was acknowledged");
    }

    /// Repeats an operation as long as it is not known what became of it; `None` if that never was.
    async fn settle(
        &self,
        provider: &dyn Provider,
        operation: Commit,
    ) -> Option<Result<Committed, ProviderError>> {
        loop {
            match commit(provider, operation.clone()).await {
                Err(error) if error.is_retryable() => {
                    self.note(&error);
                    if self.must_stop() {
                        return None;
                    }
                    sleep(PAUSE).await;
                }
                answer => return Some(answer),
            }
        }
    }

    /// Only what the fault itself explains may go wrong.
    fn note(&self, error: &ProviderError) {
        let kind = error.kind();
        let is_explained = matches!(kind, ErrorKind::Unavailable | ErrorKind::CommitUnknown);
        assert!(is_explained, "{error:?}");
        *self.errors.lock().entry(format!("{kind:?}")).or_default() += 1;
    }
}

async fn start_instances(provider: Arc<RedisProvider>, ledger: Arc<Ledger>, client: usize) {
    let mut number = 0;
    while !ledger.must_stop() {
        if ledger.begun() >= ledger.ended.load(Ordering::Relaxed) + OPEN_MAX {
            sleep(PAUSE).await;
            continue;
        }
        let instance = format!("{client}-{number}");
        number += 1;
        ledger.begun.fetch_add(1, Ordering::Relaxed);
        match ledger.settle(&*provider, start(&instance)).await {
            Some(Ok(_)) => ledger.acknowledge(&instance, None),
            // Repeated under the same id: the first attempt has reached its end.
            Some(Err(error)) if error.kind() == ErrorKind::AlreadyExists => {
                ledger.acknowledge(&instance, None);
            }
            Some(Err(error)) => panic!("{error:?}"),
            None => return,
        }
    }
}

async fn run_instances(provider: Arc<RedisProvider>, ledger: Arc<Ledger>) {
    let queues = Queues {
        turns: vec![TaskQueue::default()],
        activities: vec![TaskQueue::default()],
    };
    while !ledger.must_stop() {
        match work_once(&*provider, &ledger).await {
            Ok(0) => {
                let waited = tokio::select! {
                    waited = provider.wait_for_work(&queues, WAIT) => waited,
                    () = stopped(&ledger) => return,
                };
                if let Err(error) = waited {
                    ledger.note(&error);
                    sleep(PAUSE).await;
                }
            }
            Ok(_) => {}
            Err(error) => {
                ledger.note(&error);
                sleep(PAUSE).await;
            }
        }
    }
}

async fn stopped(ledger: &Ledger) {
    while !ledger.must_stop() {
        sleep(PAUSE).await;
    }
}

/// Runs what can be claimed; answers how much that was.
async fn work_once(provider: &dyn Provider, ledger: &Ledger) -> Result<usize, ProviderError> {
    let request = ClaimTurns {
        lease: LEASE,
        ..turns(4)
    };
    let turns = provider.claim_turns(&request).await?.items;
    let count = turns.len();
    for turn in turns {
        run_turn(provider, ledger, &turn).await;
    }
    let request = ClaimActivities {
        lease: LEASE,
        ..activities(4)
    };
    let activities = provider.claim_activities(&request).await?.items;
    for activity in &activities {
        let answer = ledger.settle(provider, outcome(activity)).await;
        if let Some(Err(error)) = answer {
            // It has ended before, by this commit or by that of the next holder of the lease.
            assert_eq!(error.kind(), ErrorKind::LeaseLost, "{error:?}");
        }
    }
    Ok(count + activities.len())
}

async fn run_turn(provider: &dyn Provider, ledger: &Ledger, turn: &Turn) {
    // Something happens once if each turn has one message: the start, then one outcome after another.
    assert_eq!(turn.messages.len(), 1, "{turn:?}");
    let event = turn.head.position.next_event_id;
    assert!(event <= STEPS + 1, "{turn:?}");
    let mut next = if event <= STEPS {
        commit_of(turn, vec![activity(event)])
    } else {
        end_of(turn)
    };
    let body = Entropy.commit_id().0.into_bytes().to_vec();
    if let Some(chunk) = next.executions[0].chunk.as_mut() {
        chunk.body = body.clone().into();
    }
    match ledger.settle(provider, Commit::Turn(next)).await {
        Some(Ok(_)) => {
            ledger.acknowledge(&turn.head.instance, Some((event, body)));
            ledger
                .ended
                .fetch_add(u64::from(event > STEPS), Ordering::Relaxed);
        }
        Some(Err(error)) => {
            // Its lease has ended meanwhile, and another one was faster.
            let kind = error.kind();
            let is_fenced = matches!(kind, ErrorKind::LeaseLost | ErrorKind::PositionConflict);
            assert!(is_fenced, "{error:?}");
        }
        None => {}
    }
}

/// Brings all that is there to its end.
pub(crate) async fn drain(provider: &Arc<RedisProvider>, patience: Duration) {
    let ledger = Ledger::default();
    let (begun, mut last) = (SystemClock.elapsed(), SystemClock.elapsed());
    // What somebody held when the fault came is free once its lease has ended.
    while SystemClock.elapsed() - last < LEASE + LEASE {
        assert!(SystemClock.elapsed() - begun < patience, "it does not end");
        match work_once(&**provider, &ledger).await {
            Ok(0) => sleep(PAUSE).await,
            Ok(_) => last = SystemClock.elapsed(),
            Err(error) => ledger.note(&error),
        }
    }
}

/// Checks that all instances have ended, each after as many steps as it has, and that nothing is left.
pub(crate) fn check_ended(stored: &BTreeMap<String, Stored>) {
    for (instance, stored) in stored {
        assert_eq!(stored.head.status, "C", "{instance}: {stored:?}");
        assert_eq!(
            stored.history.len() as u64,
            STEPS + 1,
            "{instance}: {stored:?}"
        );
        assert_eq!((stored.messages, stored.activities), (0, 0), "{instance}");
    }
}
