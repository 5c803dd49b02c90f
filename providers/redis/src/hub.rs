//! What waiters know without asking the server.
//!
//! Each answer of the server says at which number it was given; numbers grow with every item that is put
//! into a queue. So it is known which of two answers is the later one, in whatever order they come, and
//! what an answer cannot know yet is not forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::watchers::Watchers;
use duroxide_core::providers::{ProviderError, Queues, TaskQueue};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::error;
use crate::front::signed;
use crate::known::Known;

/// Who has claimed within this time claims again soon.
const CLAIMS_AGAIN: Duration = Duration::from_millis(20);

/// When a queue's next item is due, as a script says it: by the server's clock, -1 for never.
pub(crate) type Due = (Arc<str>, i64);

/// What became claimable, by queue, at a time and a number of the server's.
#[derive(Debug, Clone, Default)]
pub(crate) struct News {
    pub(crate) at_ms: u64,
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

/// When a claim of some queues can return something; what calls for more haste is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    state: Mutex<State>,
    work: Notify,
    /// Told when it is time to look for what others did.
    pub(crate) pulse: Notify,
    pub(crate) watchers: Arc<Watchers>,
}

#[derive(Debug, Default)]
struct State {
    /// What is known of each partition.
    parts: Vec<Known>,
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

impl Hub {
    pub(crate) fn new(clock: Arc<dyn Clock>, partitions: usize) -> Self {
        let mut state = State::default();
        state.parts.resize_with(partitions, Known::default);
        Self {
            clock,
            closed: watch::Sender::default(),
            state: Mutex::new(state),
            work: Notify::new(),
            pulse: Notify::new(),
            watchers: Arc::default(),
        }
    }

    /// Does something with what is known of a partition.
    fn with<A>(&self, part: usize, work: impl FnOnce(&mut Known) -> A) -> Option<A> {
        self.state.lock().parts.get_mut(part).map(work)
    }

    /// Takes in what the server said of a partition's queues.
    pub(crate) fn learn(&self, part: usize, dues: Dues) {
        let now_ms = self.now_ms();
        self.with(part, |known| known.learn(dues, now_ms));
        self.work.notify_waiters();
    }

    /// Takes in what became claimable. Of a queue that nobody here has asked about nothing is kept.
    pub(crate) fn arrive(&self, part: usize, news: &News, by: By) {
        if news.turns.is_empty() && news.activities.is_empty() {
            return;
        }
        let now_ms = self.now_ms();
        self.with(part, |known| known.arrive(news, by, now_ms));
        self.work.notify_waiters();
    }

    /// Takes in that anything may have happened in a partition: all has to be asked.
    pub(crate) fn forget(&self, part: usize) {
        self.with(part, Known::forget);
        self.work.notify_waiters();
        self.watchers.wake_where(|_| true);
    }

    /// Takes in whether others' work is heard of. Once it is, whatever was missed is looked for.
    pub(crate) fn set_listening(&self, part: usize, is_listening: bool) {
        self.with(part, |known| known.is_listening = is_listening);
        self.forget(part);
    }

    pub(crate) fn is_listening(&self, part: usize) -> bool {
        self.with(part, |known| known.is_listening).unwrap_or(false)
    }

    /// Whether others' work is heard of at once, wherever it is.
    pub(crate) fn hears_all(&self) -> bool {
        let state = self.state.lock();
        state.parts.iter().all(|known| known.is_listening)
    }

    pub(crate) fn set_peers(&self, part: usize, has_peers: bool) {
        self.with(part, |known| known.has_peers = has_peers);
    }

    /// When a claim of one of these queues can return something, as far as is known.
    pub(crate) fn next(&self, queues: &Queues, age: Age) -> Next {
        let now_ms = self.now_ms();
        let mut state = self.state.lock();
        let each = state.parts.iter_mut();
        let each = each.map(|known| known.next(queues, age, now_ms));
        // All are looked at, so that each knows which queues it is asked about.
        let each: Vec<Next> = each.collect();
        let now = Next::In(Duration::ZERO);
        if each.contains(&now) {
            return now;
        }
        each.into_iter().min().unwrap_or(Next::Never)
    }

    /// The partitions that have to be asked before it is known whether something can be claimed: what is known
    /// of them may be out of date, or says that something is due.
    pub(crate) fn to_ask(&self, queues: &Queues) -> Vec<usize> {
        let now_ms = self.now_ms();
        let mut state = self.state.lock();
        let each = state.parts.iter_mut().enumerate();
        let is_asked = |known: &mut Known| {
            let next = known.next(queues, Age::Any, now_ms);
            !known.is_listening || next <= Next::In(Duration::ZERO)
        };
        each.filter_map(|(part, known)| is_asked(known).then_some(part))
            .collect()
    }

    /// The queues of turns and of activities that somebody here has asked about.
    pub(crate) fn queues(&self, part: usize) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        self.with(part, |known| known.queues()).unwrap_or_default()
    }

    /// Is notified when more is known.
    pub(crate) fn work(&self) -> &Notify {
        &self.work
    }

    /// Counts somebody who waits for work, until the answer is dropped.
    pub(crate) fn wait(&self, queues: &Queues) -> Waits<'_> {
        let turns: Vec<Arc<str>> = queues.turns.iter().map(|it| Arc::clone(&it.0)).collect();
        let mut state = self.state.lock();
        for queue in &turns {
            state.takers.entry(Arc::clone(queue)).or_default().waiting += 1;
        }
        drop(state);
        Waits { hub: self, turns }
    }

    /// Notes that turns of these queues are claimed.
    pub(crate) fn claim(&self, queues: &[TaskQueue]) {
        let now = SystemClock.elapsed();
        let mut state = self.state.lock();
        for queue in queues {
            let takers = state.takers.entry(Arc::clone(&queue.0)).or_default();
            takers.claimed_at = Some(now);
        }
    }

    /// The queues of which somebody here takes on turns: waits for them, or has just claimed some. Others
    /// are not told of these: all would ask, and one would find it.
    pub(crate) fn taken_queues(&self) -> Vec<Arc<str>> {
        let now = SystemClock.elapsed();
        let state = self.state.lock();
        let takers = state.takers.iter().filter(|(_, takers)| {
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

/// Somebody who waits for work.
#[derive(Debug)]
pub(crate) struct Waits<'a> {
    hub: &'a Hub,
    turns: Vec<Arc<str>>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.state.lock();
        for queue in &self.turns {
            if let Some(takers) = state.takers.get_mut(queue) {
                takers.waiting -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lost_server_told_is_forgotten() {
        let hub = Hub::new(SystemClock::shared(), 2);
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
        hub.learn(0, answer(70));
        hub.learn(1, answer(5_000));
        let news = News {
            at_ms: SystemClock.now_ms(),
            sequence: 5_001,
            turns: vec![("orders".into(), 1)],
            activities: Vec::new(),
        };
        hub.arrive(1, &news, By::This);
        assert_eq!(hub.next(&queues, Age::Any), Next::In(Duration::ZERO));
        hub.forget(1);
        assert_eq!(hub.next(&queues, Age::Any), Next::Unknown);
        hub.learn(1, answer(40));
        assert_eq!(hub.next(&queues, Age::Any), Next::Never);
    }
}
