//! How often, and after which pauses, an activity is tried again.

use std::time::Duration;

/// What a policy without attempts is told.
pub(super) const NO_ATTEMPTS: &str =
    "max_attempts must be at least 1: a retry policy has to try once";

/// How an activity is retried.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// How often it is tried, at least once. With 0 there is no attempt, and an error that says so.
    pub max_attempts: u32,
    /// How long to wait before each further attempt.
    pub backoff: BackoffStrategy,
    /// How long one attempt may take, from when it starts on a worker. One that takes longer is
    /// cancelled, fails with `timeout: activity timed out`, and is retried like any that fails.
    pub timeout: Option<Duration>,
    /// Whether it is, which is the default. Without it, `timeout` counts from when the attempt is
    /// scheduled, so that the time it waits for a worker counts as well, and a timeout is not
    /// retried.
    pub retry_timeouts: bool,
    /// How long all of it may take: all attempts, the pauses between them, and the time that they
    /// wait for a worker. Beyond that the attempt is cancelled, and the error begins with
    /// `timeout: activity timed out`.
    pub schedule_to_close: Option<Duration>,
    /// The queue of activities that its attempts go to; without one that of the instance.
    pub queue: Option<String>,
}

/// The pause before the next attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum BackoffStrategy {
    /// None.
    None,
    /// Always the same.
    Fixed {
        /// How long.
        delay: Duration,
    },
    /// Longer by the same amount each time.
    Linear {
        /// The first pause, and the amount.
        base: Duration,
        /// The longest pause.
        max: Duration,
    },
    /// Longer by the same factor each time.
    Exponential {
        /// The first pause.
        base: Duration,
        /// The factor.
        multiplier: f64,
        /// The longest pause.
        max: Duration,
    },
}

impl BackoffStrategy {
    /// The pause after this attempt, counted from 1.
    #[must_use]
    pub fn delay_for_attempt(&self, attempt: u32) -> Duration {
        match *self {
            Self::None => Duration::ZERO,
            Self::Fixed { delay } => delay,
            Self::Linear { base, max } => base.saturating_mul(attempt).min(max),
            // Its factor may be more than a number holds, and no times infinity is not a number.
            Self::Exponential { base, .. } if base.is_zero() => Duration::ZERO,
            Self::Exponential {
                base,
                multiplier,
                max,
            } => {
                let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
                let seconds = base.as_secs_f64() * multiplier.powi(exponent);
                // Beyond what a duration can hold, the longest pause is meant.
                Duration::try_from_secs_f64(seconds).unwrap_or(max).min(max)
            }
        }
    }
}

impl Default for BackoffStrategy {
    fn default() -> Self {
        Self::Exponential {
            base: Duration::from_millis(100),
            multiplier: 2.0,
            max: Duration::from_secs(30),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new(3)
    }
}

impl RetryPolicy {
    /// So many attempts, with the default pauses.
    ///
    /// # Panics
    /// If there are none. A literal with none fails the call that it is given to instead.
    #[must_use]
    pub fn new(max_attempts: u32) -> Self {
        assert!(max_attempts > 0, "{NO_ATTEMPTS}");
        Self {
            max_attempts,
            backoff: BackoffStrategy::default(),
            timeout: None,
            retry_timeouts: true,
            schedule_to_close: None,
            queue: None,
        }
    }

    /// The same for the runtimes that serve this queue of activities.
    #[must_use]
    pub fn with_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// The same with a limit to each attempt, from when it starts.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// An older name of [`with_timeout`](Self::with_timeout).
    #[doc(hidden)]
    #[must_use]
    pub fn with_total_timeout(self, timeout: Duration) -> Self {
        self.with_timeout(timeout)
    }

    /// The same with or without retries of attempts that took too long; see
    /// [`retry_timeouts`](Self::retry_timeouts).
    #[must_use]
    pub fn with_retry_timeouts(mut self, retry_timeouts: bool) -> Self {
        self.retry_timeouts = retry_timeouts;
        self
    }

    /// The same with a limit to all attempts and pauses together.
    #[must_use]
    pub fn with_schedule_to_close(mut self, timeout: Duration) -> Self {
        self.schedule_to_close = Some(timeout);
        self
    }

    /// The same with other pauses.
    #[must_use]
    pub fn with_backoff(mut self, backoff: BackoffStrategy) -> Self {
        self.backoff = backoff;
        self
    }

    /// The pause after this attempt, counted from 1.
    #[must_use]
    pub fn delay_for_attempt(&self, attempt: u32) -> Duration {
        self.backoff.delay_for_attempt(attempt)
    }

    /// What this policy meant to an execution that began before timeouts were retried.
    pub(super) fn under_first_rules(mut self) -> Self {
        self.retry_timeouts = false;
        self.max_attempts = self.max_attempts.max(1);
        self
    }

    /// The pause that such an execution makes after this attempt: nothing times infinity, which is
    /// not a number, was the longest.
    pub(super) fn delay_under_first_rules(&self, attempt: u32) -> Duration {
        if let BackoffStrategy::Exponential {
            base,
            multiplier,
            max,
        } = self.backoff
        {
            let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
            if base.is_zero() && !multiplier.powi(exponent).is_finite() {
                return max;
            }
        }
        self.delay_for_attempt(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_strategy_grows_as_it_says_and_stops_at_its_maximum() {
        let pauses = |backoff: BackoffStrategy| {
            let policy = RetryPolicy::new(5).with_backoff(backoff);
            [1, 2, 3, 4].map(|attempt| policy.delay_for_attempt(attempt).as_millis())
        };
        let max = 3 * SECOND;
        assert_eq!(pauses(BackoffStrategy::None), [0; 4]);
        assert_eq!(pauses(BackoffStrategy::Fixed { delay: SECOND }), [1000; 4]);
        assert_eq!(
            pauses(BackoffStrategy::Linear { base: SECOND, max }),
            [1000, 2000, 3000, 3000]
        );
        assert_eq!(
            pauses(BackoffStrategy::Exponential {
                base: SECOND,
                multiplier: 2.0,
                max
            }),
            [1000, 2000, 3000, 3000]
        );
        let policy = RetryPolicy::new(1);
        assert_eq!(policy.delay_for_attempt(u32::MAX), Duration::from_secs(30));
        let nothing = BackoffStrategy::Exponential {
            base: Duration::ZERO,
            multiplier: 2.0,
            max,
        };
        assert_eq!(nothing.delay_for_attempt(1_026), Duration::ZERO);
    }

    #[test]
    fn a_pause_of_nothing_stays_nothing_however_often_it_grows() {
        let backoff = BackoffStrategy::Exponential {
            base: Duration::ZERO,
            multiplier: 2.0,
            max: SECOND,
        };
        for attempt in [1, 1_024, 1_026, u32::MAX] {
            assert_eq!(backoff.delay_for_attempt(attempt), Duration::ZERO);
        }
    }

    #[test]
    #[should_panic(expected = "max_attempts must be at least 1")]
    fn no_attempts_are_refused() {
        drop(RetryPolicy::new(0));
    }
}
