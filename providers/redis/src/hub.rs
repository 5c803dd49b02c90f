//! What waiters know without asking the server.
//!
//! Each answer of the server says at which number it was given; numbers grow with every item that is put
//! into a queue. So it is known which of two answers is the later one, in whatever order they come, and
//! what an answer cannot know yet is not forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::watchers::Watchers;
use duroxide_core::providers::{ProviderError, Queues, TaskQueue};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::error;

/// Who has claimed within this time claims again soon.
const CLAIMS_AGAIN: Duration = Duration::from_millis(20);

/// How many arrivals of a queue are told apart; of more, the earliest time counts for all.
const ARRIVALS_MAX: usize = 64;

/// How late an answer may come behind one that was given after it. The server is asked each second, so that
/// one that is later than this is not late but from a server whose numbers have begun again.
const LATE_MAX: Duration = Duration::from_secs(5);

/// When a queue's next item is due, as a script says it: by the server's clock, -1 for never.
pub(crate) type Due = (Arc<str>, i64);

/// What became claimable, by queue, at a number of the server's.
#[derive(Debug, Clone, Default)]
pub(crate) struct News {
    pub(crate) sequence: u64,
    pub(crate) turns: Vec<(Arc<str>, u64)>,
    pub(crate) activities: Vec<(Arc<str>, u64)>,
}

/// When the next items of some queues are due, at a number of the server's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dues {
    pub(crate) at_ms: u64,
    pub(crate) sequence: u64,
    pub(crate) turns: Vec<Due>,
    pub(crate) activities: Vec<Due>,
}

/// When a claim of some queues can return something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// That has to be asked of the server.
    Unknown,
    /// After this time; zero if it can already.
    In(Duration),
    /// Nothing is known to come.
    Never,
}

/// How old an answer of the server may be that says that something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// It has just come.
    Fresh,
    /// Another process, if there is one, may have claimed that something meanwhile.
    Any,
}

/// Who caused what is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    This,
    Another,
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
    has_peers: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    /// By how much the server's clock is ahead of this process's.
    ahead_ms: i64,
    /// Others' work is heard of at once.
    is_listening: bool,
    turns: HashMap<Arc<str>, Front>,
    activities: HashMap<Arc<str>, Front>,
    /// Who takes on turns here, by queue.
    takers: HashMap<Arc<str>, Takers>,
}

/// Who takes on turns of one queue in this process.
#[derive(Debug, Default, Clone, Copy)]
struct Takers {
    waiting: usize,
    /// When the last claim was begun, by the machine's clock.
    claimed_at: Option<Duration>,
}

/// The front of one queue.
#[derive(Debug, Default, Clone)]
struct Front {
    /// What the server said last, and at which number. `None` has to be asked.
    said: Option<(i64, u64)>,
    /// When it said that, by the machine's clock.
    said_at: Duration,
    /// What was put there since: the time and the number, and whether this process did.
    arrivals: Vec<(u64, u64, By)>,
}

impl Front {
    fn learn(&mut self, due_ms: i64, sequence: u64, at: Duration) {
        let is_outdated = self.said.is_some_and(|(_, before)| sequence < before);
        if is_outdated && at.saturating_sub(self.said_at) < LATE_MAX {
            return;
        }
        if is_outdated {
            // The server's numbers have begun again: it was emptied, or another one that lags behind has
            // taken its place unnoticed.
            self.arrivals.clear();
        }
        self.said = Some((due_ms, sequence));
        self.said_at = at;
        self.arrivals.retain(|(_, number, _)| *number > sequence);
    }

    fn arrive(&mut self, at_ms: u64, sequence: u64, by: By) {
        if self.said.is_some_and(|(_, said)| sequence <= said) {
            return;
        }
        let is_covered = |(at, number, _): &(u64, u64, By)| *at >= at_ms && *number <= sequence;
        self.arrivals.retain(|arrival| !is_covered(arrival));
        self.arrivals.push((at_ms, sequence, by));
        if self.arrivals.len() > ARRIVALS_MAX {
            let first = self.arrivals.iter().map(|(at, ..)| *at).min();
            let last = self.arrivals.iter().map(|(_, number, _)| *number).max();
            let merged = first
                .zip(last)
                .map(|(at, number)| (at, number, By::Another));
            self.arrivals = merged.into_iter().collect();
        }
    }

    /// The time of the next item, and whether it is certain to be there still.
    fn next(&self) -> Option<(i64, bool)> {
        let (said_ms, _) = self.said?;
        let arrivals = self.arrivals.iter();
        let arrived = arrivals.map(|(at, _, by)| (signed(*at), *by == By::This));
        let said = (said_ms >= 0).then_some((said_ms, false));
        // Of two at one time the certain one counts.
        let next = arrived
            .chain(said)
            .min_by_key(|(at, is_certain)| (*at, !is_certain));
        Some(next.unwrap_or((i64::MAX, true)))
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
            has_peers: AtomicBool::new(false),
        }
    }

    /// Takes in what the server said of its queues.
    pub(crate) fn learn(&self, dues: Dues) {
        let now = SystemClock.elapsed();
        {
            let mut known = self.known.lock();
            known.ahead_ms = signed(dues.at_ms) - self.now_ms();
            for (queue, due_ms) in dues.turns {
                let front = known.turns.entry(queue).or_default();
                front.learn(due_ms, dues.sequence, now);
            }
            for (queue, due_ms) in dues.activities {
                let front = known.activities.entry(queue).or_default();
                front.learn(due_ms, dues.sequence, now);
            }
        }
        self.work.notify_waiters();
    }

    /// Takes in what became claimable. Of a queue that nobody here has asked about nothing is kept.
    pub(crate) fn arrive(&self, news: &News, by: By) {
        if news.turns.is_empty() && news.activities.is_empty() {
            return;
        }
        {
            let mut known = self.known.lock();
            for (queue, at_ms) in &news.turns {
                if let Some(front) = known.turns.get_mut(queue) {
                    front.arrive(*at_ms, news.sequence, by);
                }
            }
            for (queue, at_ms) in &news.activities {
                if let Some(front) = known.activities.get_mut(queue) {
                    front.arrive(*at_ms, news.sequence, by);
                }
            }
        }
        self.work.notify_waiters();
    }

    /// Takes in that anything may have happened: all has to be asked.
    pub(crate) fn forget(&self) {
        {
            let mut known = self.known.lock();
            let Known {
                turns, activities, ..
            } = &mut *known;
            for front in turns.values_mut().chain(activities.values_mut()) {
                front.said = None;
                // What was told before may be lost with the server that said it.
                front.arrivals.clear();
            }
        }
        self.work.notify_waiters();
        self.watchers.wake_where(|_| true);
    }

    /// Takes in whether others' work is heard of. Once it is, whatever was missed is looked for.
    pub(crate) fn set_listening(&self, is_listening: bool) {
        self.known.lock().is_listening = is_listening;
        self.forget();
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.known.lock().is_listening
    }

    pub(crate) fn set_peers(&self, has_peers: bool) {
        self.has_peers.store(has_peers, Ordering::Relaxed);
    }

    /// When a claim of one of these queues can return something, as far as is known.
    pub(crate) fn next(&self, queues: &Queues, age: Age) -> Next {
        let now_ms = self.now_ms();
        let may_be_taken = age == Age::Any && self.has_peers.load(Ordering::Relaxed);
        let mut known = self.known.lock();
        let server_ms = now_ms.saturating_add(known.ahead_ms);
        let Known {
            turns, activities, ..
        } = &mut *known;
        let mut first_ms = i64::MAX;
        // All are noted, so that the server is asked for them from now on.
        let turns = queues.turns.iter().map(|queue| note(turns, queue));
        let turns: Vec<_> = turns.collect();
        let activities = queues
            .activities
            .iter()
            .map(|queue| note(activities, queue));
        for next in turns.into_iter().chain(activities) {
            match next {
                None => return Next::Unknown,
                Some((at_ms, false)) if at_ms <= server_ms && may_be_taken => return Next::Unknown,
                Some((at_ms, _)) => first_ms = first_ms.min(at_ms),
            }
        }
        if first_ms == i64::MAX {
            return Next::Never;
        }
        let wait_ms = u64::try_from(first_ms - server_ms).unwrap_or(0);
        Next::In(Duration::from_millis(wait_ms))
    }

    /// The queues of turns and of activities that somebody here has asked about.
    pub(crate) fn queues(&self) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let known = self.known.lock();
        let turns = known.turns.keys().cloned().collect();
        (turns, known.activities.keys().cloned().collect())
    }

    /// Is notified when more is known.
    pub(crate) fn work(&self) -> &Notify {
        &self.work
    }

    /// Counts somebody who waits for work, until the answer is dropped.
    pub(crate) fn wait(&self, queues: &Queues) -> Waits<'_> {
        let turns: Vec<Arc<str>> = queues.turns.iter().map(|it| Arc::clone(&it.0)).collect();
        let mut known = self.known.lock();
        for queue in &turns {
            known.takers.entry(Arc::clone(queue)).or_default().waiting += 1;
        }
        drop(known);
        Waits { hub: self, turns }
    }

    /// Notes that turns of these queues are claimed.
    pub(crate) fn claim(&self, queues: &[TaskQueue]) {
        let now = SystemClock.elapsed();
        let mut known = self.known.lock();
        for queue in queues {
            let takers = known.takers.entry(Arc::clone(&queue.0)).or_default();
            takers.claimed_at = Some(now);
        }
    }

    /// The queues of which somebody here takes on turns: waits for them, or has just claimed some. Others
    /// are not told of these: all would ask, and one would find it.
    pub(crate) fn taken_queues(&self) -> Vec<Arc<str>> {
        let now = SystemClock.elapsed();
        let known = self.known.lock();
        let takers = known.takers.iter().filter(|(_, takers)| {
            let claimed_at = takers.claimed_at;
            takers.waiting > 0 || claimed_at.is_some_and(|at| now.saturating_sub(at) < CLAIMS_AGAIN)
        });
        takers.map(|(queue, _)| Arc::clone(queue)).collect()
    }

    /// Ends all waiting.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Waits until everything is closed.
    pub(crate) async fn closed(&self) {
        // It fails only once the hub is gone, which its borrower excludes.
        let mut closed = self.closed.subscribe();
        closed.wait_for(|closed| *closed).await.ok();
    }

    pub(crate) fn check_open(&self, operation: &'static str) -> Result<(), ProviderError> {
        if *self.closed.borrow() {
            Err(error::closed(operation))
        } else {
            Ok(())
        }
    }

    fn now_ms(&self) -> i64 {
        signed(self.clock.now_ms())
    }
}

fn note(fronts: &mut HashMap<Arc<str>, Front>, queue: &TaskQueue) -> Option<(i64, bool)> {
    fronts.entry(Arc::clone(&queue.0)).or_default().next()
}

/// Somebody who waits for work.
#[derive(Debug)]
pub(crate) struct Waits<'a> {
    hub: &'a Hub,
    turns: Vec<Arc<str>>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
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
    use super::*;

    const T0: Duration = Duration::from_secs(100);

    #[test]
    fn numbers_that_have_begun_again_are_believed_after_a_while() {
        let mut front = Front::default();
        front.learn(-1, 1_000, T0);
        let soon = T0 + LATE_MAX / 2;
        front.learn(70, 3, soon);
        assert_eq!(front.next(), Some((i64::MAX, true)), "it may come late");
        front.learn(70, 3, T0 + LATE_MAX);
        assert_eq!(front.next(), Some((70, false)));
        front.arrive(60, 4, By::Another);
        assert_eq!(front.next(), Some((60, false)));
        // The same answer again and again keeps it.
        front.learn(-1, 5, T0 + LATE_MAX);
        front.learn(-1, 5, T0 + LATE_MAX + LATE_MAX / 2);
        front.learn(70, 3, T0 + LATE_MAX + LATE_MAX);
        assert_eq!(front.next(), Some((i64::MAX, true)));
    }

    #[test]
    fn what_a_lost_server_told_is_forgotten() {
        let hub = Hub::new(SystemClock::shared());
        let queues = Queues {
            turns: vec![TaskQueue("orders".into())],
            activities: Vec::new(),
        };
        let answer = |sequence| Dues {
            at_ms: SystemClock.now_ms(),
            sequence,
            turns: vec![("orders".into(), -1)],
            activities: Vec::new(),
        };
        hub.next(&queues, Age::Any);
        hub.learn(answer(5_000));
        let news = News {
            sequence: 5_001,
            turns: vec![("orders".into(), 1)],
            activities: Vec::new(),
        };
        hub.arrive(&news, By::This);
        assert_eq!(hub.next(&queues, Age::Any), Next::In(Duration::ZERO));
        hub.forget();
        assert_eq!(hub.next(&queues, Age::Any), Next::Unknown);
        hub.learn(answer(40));
        assert_eq!(hub.next(&queues, Age::Any), Next::Never);
    }

    #[test]
    fn a_later_answer_counts_in_whatever_order_they_come() {
        let mut front = Front::default();
        assert_eq!(front.next(), None);
        front.learn(-1, 10, T0);
        assert_eq!(front.next(), Some((i64::MAX, true)));
        front.learn(50, 9, T0);
        assert_eq!(front.next(), Some((i64::MAX, true)), "that was said before");
        front.arrive(70, 10, By::This);
        assert_eq!(
            front.next(),
            Some((i64::MAX, true)),
            "that was known already"
        );
        front.arrive(70, 12, By::This);
        front.learn(-1, 11, T0);
        assert_eq!(front.next(), Some((70, true)), "nobody could know yet");
        front.learn(90, 12, T0);
        assert_eq!(front.next(), Some((90, false)));
    }

    #[test]
    fn the_earliest_of_many_arrivals_is_not_forgotten() {
        let mut front = Front::default();
        front.learn(-1, 0, T0);
        for number in 1..=200 {
            front.arrive(1_000 + number, number, By::This);
            assert!(front.arrivals.len() <= ARRIVALS_MAX);
            assert_eq!(front.next().map(|(at, _)| at), Some(1_001));
        }
        front.learn(1_201, 200, T0);
        assert_eq!(front.next(), Some((1_201, false)));
    }
}
