//! What waiters know without asking the server.
//!
//! Answers of the server, local commits and the bells of other processes tell when a claim of a queue
//! can return something. An answer may be older than a commit that this process has made meanwhile, so
//! whoever asks notes first how much was known: what was raised since then is not forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::watchers::Watchers;
use duroxide_core::providers::{ProviderError, Queues, TaskQueue};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::bell::Bell;
use crate::error;
use crate::floor::{Floor, Floors};

/// Who has claimed within this time claims again soon.
const CLAIMS_AGAIN_MS: u64 = 20;

/// A time that does not come.
pub(crate) const NEVER_MS: i64 = i64::MAX;

/// A queue that claims are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Queue {
    Turns(Arc<str>),
    Activities(Arc<str>),
}

/// What the server said of its queues.
#[derive(Debug, Clone)]
pub(crate) struct Dues {
    /// The server's time.
    pub(crate) at_ms: i64,
    pub(crate) turns_ms: Vec<(Arc<str>, Option<i64>)>,
    pub(crate) activities_ms: Vec<(Arc<str>, Option<i64>)>,
    pub(crate) has_peers: bool,
}

/// How much was known at some moment, and how many claims there had been.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    raised: u64,
    turns: Claiming,
    activities: Claiming,
}

/// The claims of one kind so far.
#[derive(Debug, Clone, Copy, Default)]
struct Claiming {
    /// How many were begun.
    begun: u64,
    is_under_way: bool,
}

impl Claiming {
    fn begin(&mut self, is_begun: bool) {
        self.begun += u64::from(is_begun);
        self.is_under_way |= is_begun;
    }

    /// Whether one was under way at some time since then.
    fn has_been_since(self, then: Self) -> bool {
        then.is_under_way || self.begun != then.begun
    }
}

impl Since {
    /// Whether something was raised after that moment.
    pub(crate) fn is_later_than(self, other: Self) -> bool {
        self.raised > other.raised
    }
}

/// When a claim of some queues can return something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// That has to be asked of the server.
    Unknown,
    /// After this time; zero if it can already.
    In(Duration),
    /// Nothing is known to come.
    Never,
}

#[derive(Debug)]
pub(crate) struct Hub {
    clock: Arc<dyn Clock>,
    closed: watch::Sender<bool>,
    known: Mutex<Known>,
    work: Notify,
    /// Told when it is time to look for what others did.
    pub(crate) pulse: Notify,
    pub(crate) watchers: Arc<Watchers>,
    /// How many wait for work.
    waiting: AtomicUsize,
    floor: Mutex<Floor>,
    /// What others are to be told.
    bell: Mutex<Bell>,
    pub(crate) ring: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// Counts what was raised.
    raised: u64,
    turns_claiming: Claiming,
    activities_claiming: Claiming,
    /// Who takes on turns here, by queue.
    takers: HashMap<Arc<str>, Takers>,
    /// By how much the server's clock is ahead of this process's. It only serves to turn a time of the
    /// server's into a duration, at most a pulse later.
    ahead_ms: i64,
    /// Others' work is heard of at once.
    is_listening: bool,
    has_peers: bool,
    turns: HashMap<Arc<str>, Front>,
    activities: HashMap<Arc<str>, Front>,
}

/// Who takes on turns of one queue in this process.
#[derive(Debug, Default, Clone, Copy)]
struct Takers {
    /// How many wait for some.
    waiting: usize,
    /// When the last claim was begun, by this process's clock.
    claimed_at_ms: u64,
}

/// The front of one queue.
#[derive(Debug, Default, Clone, Copy)]
struct Front {
    /// `None` has to be asked.
    due_ms: Option<i64>,
    /// The count at which it was last raised.
    raised: u64,
    /// It is a commit of this process that makes something due, and not an answer of the server.
    is_ours: bool,
}

/// How old an answer of the server may be that says that something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// It has just come.
    Fresh,
    /// Another process, if there is one, may have claimed that something meanwhile.
    Any,
}

impl Hub {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            closed: watch::Sender::default(),
            known: Mutex::default(),
            work: Notify::new(),
            pulse: Notify::new(),
            watchers: Arc::default(),
            waiting: AtomicUsize::new(0),
            floor: Mutex::default(),
            bell: Mutex::default(),
            ring: Notify::new(),
        }
    }

    /// Notes that a claim is under way, until the answer is dropped. One connection makes all of them,
    /// so that there is one at a time.
    pub(crate) fn claim(&self, turns: Option<&[Arc<str>]>, activities: bool) -> Claims<'_> {
        let mut known = self.known.lock();
        known.turns_claiming.begin(turns.is_some());
        known.activities_claiming.begin(activities);
        let now_ms = SystemClock.now_ms();
        for queue in turns.unwrap_or_default() {
            let takers = known.takers.entry(Arc::clone(queue)).or_default();
            takers.claimed_at_ms = now_ms;
        }
        drop(known);
        Claims(self)
    }

    /// Notes how much is known, before the server is asked.
    pub(crate) fn since(&self) -> Since {
        let known = self.known.lock();
        Since {
            raised: known.raised,
            turns: known.turns_claiming,
            activities: known.activities_claiming,
        }
    }

    /// Takes in what the server said to somebody who asked.
    pub(crate) fn learn(&self, dues: &Dues, since: Since) {
        self.take_in(dues, since, false);
    }

    /// Takes in what the server said to a claim. There is one claim at a time, so that it knows what
    /// became of all those before.
    pub(crate) fn learn_from_claim(&self, dues: &Dues, since: Since) {
        self.take_in(dues, since, true);
    }

    fn take_in(&self, dues: &Dues, since: Since, is_of_claim: bool) {
        let now_ms = self.now_ms();
        let mut is_sooner = false;
        {
            let mut known = self.known.lock();
            known.ahead_ms = dues.at_ms - now_ms;
            known.has_peers = dues.has_peers;
            // A claim may have taken what was due when the server looked.
            let is_overtaken = |now: Claiming, then| !is_of_claim && now.has_been_since(then);
            let turns = Answer {
                at_ms: dues.at_ms,
                since,
                is_overtaken: is_overtaken(known.turns_claiming, since.turns),
            };
            let activities = Answer {
                is_overtaken: is_overtaken(known.activities_claiming, since.activities),
                ..turns
            };
            for (queue, due_ms) in &dues.turns_ms {
                let front = known.turns.entry(Arc::clone(queue)).or_default();
                is_sooner |= front.learn(*due_ms, turns);
            }
            for (queue, due_ms) in &dues.activities_ms {
                let front = known.activities.entry(Arc::clone(queue)).or_default();
                is_sooner |= front.learn(*due_ms, activities);
            }
        }
        if is_sooner {
            self.work.notify_waiters();
        }
    }

    /// From where on the next claim reads the indexes.
    pub(crate) fn floors(&self, turn_queues: &[Arc<str>], queues: &[Arc<str>]) -> Floors {
        let now_ms = self.clock.now_ms();
        self.floor.lock().get(turn_queues, queues, now_ms)
    }

    /// Takes in what a claim has seen of the indexes.
    pub(crate) fn set_floors(&self, dues: &Dues, is_whole: bool) {
        self.floor.lock().set(dues, is_whole, self.clock.now_ms());
    }

    /// Takes in that something of this queue becomes claimable at this time of the server's. If a
    /// claim was under way at the same time, it may be claimed already: it has to be asked.
    pub(crate) fn raise(&self, queue: &Queue, due_ms: i64, since: Since) {
        {
            let mut known = self.known.lock();
            known.raised += 1;
            let raised = known.raised;
            let is_doubtful = match queue {
                Queue::Turns(_) => known.turns_claiming.has_been_since(since.turns),
                Queue::Activities(_) => known.activities_claiming.has_been_since(since.activities),
            };
            let front = match queue {
                Queue::Turns(name) => known.turns.get_mut(name),
                Queue::Activities(name) => known.activities.get_mut(name),
            };
            // A queue that nobody here has asked about is not known, and has to be asked.
            if let Some(front) = front {
                front.raise(due_ms, raised, is_doubtful);
            }
        }
        self.work.notify_waiters();
    }

    /// Takes in that something may have become claimable: it has to be asked.
    pub(crate) fn forget(&self, turns: bool, activities: bool) {
        {
            let mut known = self.known.lock();
            known.raised += 1;
            let unknown = Front {
                due_ms: None,
                raised: known.raised,
                is_ours: false,
            };
            if turns {
                known.turns.values_mut().for_each(|it| *it = unknown);
            }
            if activities {
                known.activities.values_mut().for_each(|it| *it = unknown);
            }
        }
        self.work.notify_waiters();
    }

    /// Takes in whether others' work is heard of. Once it is, whatever was missed is looked for.
    pub(crate) fn set_listening(&self, is_listening: bool) {
        self.known.lock().is_listening = is_listening;
        self.forget(true, true);
        self.watchers.wake_where(|_| true);
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.known.lock().is_listening
    }

    /// When a claim of one of these queues can return something, as far as is known.
    pub(crate) fn due(&self, queues: &Queues, age: Age) -> Due {
        let now_ms = self.now_ms();
        let mut known = self.known.lock();
        let server_ms = now_ms.saturating_add(known.ahead_ms);
        let may_be_taken = known.has_peers && age == Age::Any;
        let mut first_ms = NEVER_MS;
        // All are noted, so that the server is asked for them from now on.
        let note = |fronts: &mut HashMap<Arc<str>, Front>, queue: &TaskQueue| {
            *fronts.entry(Arc::clone(&queue.0)).or_default()
        };
        let turns = queues.turns.iter().map(|it| note(&mut known.turns, it));
        let mut fronts: Vec<Front> = turns.collect();
        let activities = queues.activities.iter();
        fronts.extend(activities.map(|it| note(&mut known.activities, it)));
        for front in fronts {
            match front.due_ms {
                None => return Due::Unknown,
                Some(due_ms) if due_ms <= server_ms && may_be_taken && !front.is_ours => {
                    return Due::Unknown;
                }
                Some(due_ms) => first_ms = first_ms.min(due_ms),
            }
        }
        if first_ms == NEVER_MS {
            return Due::Never;
        }
        let wait_ms = first_ms - server_ms;
        Due::In(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)))
    }

    /// The queues of turns that somebody here has asked about.
    pub(crate) fn turn_queues(&self) -> Vec<Arc<str>> {
        self.known.lock().turns.keys().cloned().collect()
    }

    /// The queues of activities that somebody here has asked about.
    pub(crate) fn queues(&self) -> Vec<Arc<str>> {
        self.known.lock().activities.keys().cloned().collect()
    }

    /// Is notified when something becomes claimable sooner than was known.
    pub(crate) fn work(&self) -> &Notify {
        &self.work
    }

    /// Counts somebody who waits for work, until the answer is dropped.
    pub(crate) fn wait(&self, queues: &Queues) -> Waits<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let turns: Vec<Arc<str>> = queues.turns.iter().map(|it| Arc::clone(&it.0)).collect();
        let mut known = self.known.lock();
        for queue in &turns {
            known.takers.entry(Arc::clone(queue)).or_default().waiting += 1;
        }
        drop(known);
        Waits { hub: self, turns }
    }

    /// Whether somebody here takes on turns of this queue: waits for them, or has just claimed some.
    /// Others are not told of these then: all would ask, and one would find it.
    pub(crate) fn takes_turns(&self, queue: &str) -> bool {
        let takers = self.known.lock().takers.get(queue).copied();
        takers.is_some_and(|takers| {
            takers.waiting > 0
                || SystemClock.now_ms().abs_diff(takers.claimed_at_ms) < CLAIMS_AGAIN_MS
        })
    }

    /// Whether anybody waits for anything.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0 || !self.watchers.is_empty()
    }

    /// Has other processes told, if there are any.
    pub(crate) fn tell(&self, has_peers: bool, news: Bell) {
        self.known.lock().has_peers = has_peers;
        if has_peers && !news.is_silent() {
            self.bell.lock().merge(news);
            self.ring.notify_one();
        }
    }

    /// Has other processes told, if there were any when that was last seen.
    pub(crate) fn tell_all(&self, news: Bell) {
        let has_peers = self.known.lock().has_peers;
        self.tell(has_peers, news);
    }

    /// What others are to be told by now.
    pub(crate) fn take_bell(&self) -> Bell {
        std::mem::take(&mut self.bell.lock())
    }

    /// Ends all waiting.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Waits until everything is closed.
    pub(crate) async fn closed(&self) {
        // It fails only once the hub is gone, which its borrower excludes.
        self.closed
            .subscribe()
            .wait_for(|closed| *closed)
            .await
            .ok();
    }

    pub(crate) fn check_open(&self, operation: &'static str) -> Result<(), ProviderError> {
        if *self.closed.borrow() {
            Err(error::closed(operation))
        } else {
            Ok(())
        }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.now_ms()).unwrap_or(i64::MAX)
    }
}

/// How old an answer of the server is.
#[derive(Debug, Clone, Copy)]
struct Answer {
    at_ms: i64,
    since: Since,
    /// A claim was under way between the question and the answer.
    is_overtaken: bool,
}

impl Front {
    /// Takes in that something becomes claimable at this time, which a claim may have taken already.
    fn raise(&mut self, due_ms: i64, raised: u64, is_doubtful: bool) {
        self.raised = raised;
        self.due_ms = match self.due_ms {
            Some(known_ms) if !is_doubtful => {
                self.is_ours |= due_ms <= known_ms;
                Some(known_ms.min(due_ms))
            }
            // What is not known stays so: it may be due already.
            Some(_) | None => None,
        };
    }

    /// Answers whether the queue is due sooner than was known, or has to be asked about again.
    fn learn(&mut self, due_ms: Option<i64>, answer: Answer) -> bool {
        let due_ms = due_ms.unwrap_or(NEVER_MS);
        if answer.is_overtaken && due_ms <= answer.at_ms {
            return self.due_ms.take().is_some();
        }
        let is_of_today = self.raised <= answer.since.raised;
        match self.due_ms {
            // The answer may be older than what was raised or claimed meanwhile.
            Some(known_ms) if !is_of_today || answer.is_overtaken => {
                self.due_ms = Some(known_ms.min(due_ms));
                due_ms < known_ms
            }
            None if !is_of_today => false,
            before => {
                self.is_ours = false;
                self.due_ms = Some(due_ms);
                before.is_none_or(|before_ms| due_ms < before_ms)
            }
        }
    }
}

/// A claim under way.
#[derive(Debug)]
pub(crate) struct Claims<'a>(&'a Hub);

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        let mut known = self.0.known.lock();
        known.turns_claiming.is_under_way = false;
        known.activities_claiming.is_under_way = false;
    }
}

/// Somebody who waits for work.
#[derive(Debug)]
pub(crate) struct Waits<'a> {
    hub: &'a Hub,
    turns: Vec<Arc<str>>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.hub.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut known = self.hub.known.lock();
        for queue in &self.turns {
            if let Some(takers) = known.takers.get_mut(queue) {
                takers.waiting -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use duroxide_core::clock::ManualClock;

    use super::*;

    const SERVER_MS: i64 = 500_000;

    fn dues(turns_ms: Option<i64>) -> Dues {
        Dues {
            at_ms: SERVER_MS,
            turns_ms: vec![("orders".into(), turns_ms)],
            activities_ms: vec![("gpu".into(), None)],
            has_peers: false,
        }
    }

    fn turns() -> Queue {
        Queue::Turns("orders".into())
    }

    fn hub() -> (Hub, Queues) {
        // Its clock is far from the server's, which does not matter.
        let hub = Hub::new(Arc::new(ManualClock::at_ms(7)));
        let queues = Queues {
            turns: vec![TaskQueue("orders".into())],
            activities: vec![TaskQueue("gpu".into())],
        };
        (hub, queues)
    }

    #[test]
    fn a_time_of_the_server_becomes_a_duration() {
        let (hub, queues) = hub();
        assert_eq!(hub.due(&queues, Age::Any), Due::Unknown);
        assert_eq!(hub.queues(), ["gpu".into()]);
        hub.learn(&dues(Some(SERVER_MS + 300)), hub.since());
        assert_eq!(
            hub.due(&queues, Age::Any),
            Due::In(Duration::from_millis(300))
        );
        hub.learn(&dues(None), hub.since());
        assert_eq!(hub.due(&queues, Age::Any), Due::Never);
        hub.raise(&Queue::Activities("gpu".into()), SERVER_MS - 1, hub.since());
        assert_eq!(hub.due(&queues, Age::Any), Due::In(Duration::ZERO));
        hub.forget(true, false);
        assert_eq!(hub.due(&queues, Age::Any), Due::Unknown);
    }

    #[test]
    fn what_an_answer_says_is_due_may_be_taken_by_another_process() {
        let (hub, queues) = hub();
        let with_peers = |turns_ms| Dues {
            has_peers: true,
            ..dues(turns_ms)
        };
        hub.learn(&with_peers(Some(SERVER_MS)), hub.since());
        assert_eq!(hub.due(&queues, Age::Fresh), Due::In(Duration::ZERO));
        assert_eq!(hub.due(&queues, Age::Any), Due::Unknown);
        hub.learn(&with_peers(None), hub.since());
        hub.raise(&turns(), SERVER_MS, hub.since());
        assert_eq!(hub.due(&queues, Age::Any), Due::In(Duration::ZERO));
    }

    #[test]
    fn an_answer_that_a_claim_has_overtaken_does_not_say_what_is_due() {
        let (hub, queues) = hub();
        hub.learn(&dues(None), hub.since());
        hub.raise(&turns(), SERVER_MS, hub.since());
        let asked = hub.since();
        let before_claim = hub.since();
        let claim = hub.claim(Some(&[]), false);
        hub.learn_from_claim(&dues(Some(SERVER_MS + 300)), before_claim);
        drop(claim);
        let in_300 = Due::In(Duration::from_millis(300));
        assert_eq!(hub.due(&queues, Age::Any), in_300);
        // The server saw it before the claim took it, and its answer comes after that.
        hub.learn(&dues(Some(SERVER_MS)), asked);
        assert_eq!(hub.due(&queues, Age::Any), Due::Unknown);
        hub.learn(&dues(Some(SERVER_MS + 300)), hub.since());
        assert_eq!(hub.due(&queues, Age::Any), in_300);
        hub.learn(&dues(None), asked);
        assert_eq!(hub.due(&queues, Age::Any), in_300, "a lease ends then");
    }

    #[test]
    fn an_old_answer_does_not_hide_what_was_raised_since_it_was_asked_for() {
        let (hub, queues) = hub();
        hub.learn(&dues(None), hub.since());
        let since = hub.since();
        hub.raise(&turns(), SERVER_MS, hub.since());
        hub.learn(&dues(None), since);
        assert_eq!(hub.due(&queues, Age::Any), Due::In(Duration::ZERO));
        hub.learn(&dues(None), hub.since());
        let since = hub.since();
        drop(hub.claim(None, true));
        hub.raise(&turns(), SERVER_MS, since);
        assert_eq!(hub.due(&queues, Age::Any), Due::In(Duration::ZERO));
        drop(hub.claim(Some(&[]), false));
        hub.raise(&turns(), SERVER_MS, since);
        assert_eq!(hub.due(&queues, Age::Any), Due::Unknown);
        let since = hub.since();
        hub.forget(true, true);
        hub.learn(&dues(None), since);
        assert_eq!(hub.due(&queues, Age::Any), Due::Unknown);
        hub.learn(&dues(None), hub.since());
        assert_eq!(hub.due(&queues, Age::Any), Due::Never);
    }
}
