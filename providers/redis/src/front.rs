//! What is known of the front of one queue.

use std::time::Duration;

use crate::hub::By;

/// How many arrivals of a queue are told apart; of more, the earliest time counts for all.
const ARRIVALS_MAX: usize = 64;

/// How late an answer may come behind one that was given after it. The server is asked each second, so that
/// one that is later than this is not late but from a server whose numbers have begun again.
pub(crate) const LATE_MAX: Duration = Duration::from_secs(5);

/// The front of one queue.
#[derive(Debug, Default, Clone)]
pub(crate) struct Front {
    /// What the server said last, and at which number. `None` has to be asked.
    pub(crate) said: Option<(i64, u64)>,
    /// When it said that, by the machine's clock.
    said_at: Duration,
    /// What was put there since: the time and the number, and whether this process did.
    arrivals: Vec<(u64, u64, By)>,
}

impl Front {
    /// Takes in that anything may have happened.
    pub(crate) fn forget(&mut self) {
        self.said = None;
        // What was told before may be lost with the server that said it.
        self.arrivals.clear();
    }

    pub(crate) fn learn(&mut self, due_ms: i64, sequence: u64, at: Duration) {
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

    pub(crate) fn arrive(&mut self, at_ms: u64, sequence: u64, by: By) {
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
    pub(crate) fn next(&self) -> Option<(i64, bool)> {
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

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
