//! What is known of the queues of one partition.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Queues, TaskQueue};

use crate::front::{Front, signed};
use crate::hub::{Age, By, Dues, News, Next};

/// What is known of the queues of one partition.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// By how much the server's clock is ahead of this process's.
    ahead_ms: i64,
    /// Others' work is heard of at once.
    pub(crate) is_listening: bool,
    /// Others may claim what is there.
    pub(crate) has_peers: bool,
    turns: Fronts,
    activities: Fronts,
}

type Fronts = HashMap<Arc<str>, Front>;

impl Known {
    pub(crate) fn learn(&mut self, dues: Dues, now_ms: i64) {
        let now = SystemClock.elapsed();
        self.ahead_ms = signed(dues.at_ms) - now_ms;
        for (queue, due_ms) in dues.turns {
            let front = self.turns.entry(queue).or_default();
            front.learn(due_ms, dues.sequence, now);
        }
        for (queue, due_ms) in dues.activities {
            let front = self.activities.entry(queue).or_default();
            front.learn(due_ms, dues.sequence, now);
        }
    }

    pub(crate) fn arrive(&mut self, news: &News, by: By, now_ms: i64) {
        // What is claimable at the time of the server that is told is so here too, however late the time before was
        // told.
        self.ahead_ms = self.ahead_ms.max(signed(news.at_ms) - now_ms);
        for (queue, at_ms) in &news.turns {
            if let Some(front) = self.turns.get_mut(queue) {
                front.arrive(*at_ms, news.sequence, by);
            }
        }
        for (queue, at_ms) in &news.activities {
            if let Some(front) = self.activities.get_mut(queue) {
                front.arrive(*at_ms, news.sequence, by);
            }
        }
    }

    pub(crate) fn forget(&mut self) {
        let fronts = self.turns.values_mut().chain(self.activities.values_mut());
        fronts.for_each(Front::forget);
    }

    /// When a claim of one of these queues can return something.
    pub(crate) fn next(&mut self, queues: &Queues, age: Age, now_ms: i64) -> Next {
        let may_be_taken = age == Age::Any && self.has_peers;
        let server_ms = now_ms.saturating_add(self.ahead_ms);
        let Self {
            turns, activities, ..
        } = self;
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
        let turns = self.turns.keys().cloned().collect();
        (turns, self.activities.keys().cloned().collect())
    }
}

fn note(fronts: &mut Fronts, queue: &TaskQueue) -> Option<(i64, bool)> {
    fronts.entry(Arc::clone(&queue.0)).or_default().next()
}
