//! What is noted of each operation.

use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How many digits of a time are kept.
const DIGITS: u8 = 3;

/// Notes operations as they end, from any number of tasks.
///
/// The rate is of those that ended while it was measured. The times are of those that should have begun then, however
/// late they ended: an operation that hangs when the run ends would be in no figure otherwise (coordinated omission).
pub(crate) struct Recorder {
    warm_up: Duration,
    /// When no more are begun, if it is known when that is.
    end: Option<Duration>,
    noted: Mutex<Noted>,
}

struct Noted {
    times: Histogram<u64>,
    /// How many ended after the warm-up and before the end.
    ended: u64,
    /// How many ended in each second since the beginning, those of the warm-up too.
    by_second: Vec<u64>,
    /// When processes were killed, and when the last operation ended that was under way then.
    kills: Vec<(Duration, Duration)>,
}

/// What came of the operations that were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) operations: u64,
    pub(crate) per_second: f64,
    pub(crate) latency_ms: Latency,
    /// How many ended in each second since the beginning.
    pub(crate) by_second: Vec<u64>,
}

/// Times within which a part of the operations ended, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Recorder {
    /// Measures what ends between these times since the beginning.
    pub(crate) fn new(warm_up: Duration, end: Option<Duration>) -> Result<Self, Failure> {
        let times = Histogram::new_with_bounds(1, micros(LONGEST), DIGITS);
        let noted = Noted {
            times: times.map_err(|error| Failure::Unavailable(error.to_string()))?,
            ended: 0,
            by_second: Vec::new(),
            kills: Vec::new(),
        };
        Ok(Self {
            warm_up,
            end,
            noted: Mutex::new(noted),
        })
    }

    /// Notes that a process is killed so long after the beginning.
    pub(crate) fn note_kill(&self, at: Duration) {
        self.noted.lock().kills.push((at, at));
    }

    /// After each kill: how long it took until everything had ended that was under way then.
    pub(crate) fn recoveries(&self) -> Vec<Duration> {
        let noted = self.noted.lock();
        let kills = noted.kills.iter();
        kills.map(|(at, until)| until.saturating_sub(*at)).collect()
    }

    /// Notes an operation by when it began and when it ended, since the beginning.
    pub(crate) fn note(&self, from: Duration, ended: Duration) {
        let took = ended.saturating_sub(from);
        let mut noted = self.noted.lock();
        // They are in the order of time.
        for (at, until) in noted.kills.iter_mut().rev() {
            if *at < from {
                break;
            }
            if *at < ended {
                *until = ended.max(*until);
            }
        }
        let is_due_before_end = self.end.is_none_or(|end| from < end);
        if from >= self.warm_up && is_due_before_end {
            noted.times.saturating_record(micros(took).max(1));
        }
        if self.end.is_some_and(|end| ended > end) {
            return;
        }
        noted.ended += u64::from(ended >= self.warm_up);
        let second = usize::try_from(ended.as_secs()).unwrap_or(usize::MAX);
        if noted.by_second.len() <= second {
            noted.by_second.resize(second + 1, 0);
        }
        if let Some(count) = noted.by_second.get_mut(second) {
            *count += 1;
        }
    }

    /// What was measured until so long after the beginning.
    pub(crate) fn measured(&self, until: Duration) -> Measured {
        let noted = self.noted.lock();
        let times = &noted.times;
        let until = self.end.map_or(until, |end| until.min(end));
        let took = until.saturating_sub(self.warm_up);
        let seconds = took.as_secs_f64().max(f64::MIN_POSITIVE);
        let at = |quantile| millis(times.value_at_quantile(quantile));
        Measured {
            operations: noted.ended,
            per_second: noted.ended as f64 / seconds,
            latency_ms: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: millis(times.max()),
            },
            by_second: noted.by_second.clone(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_warm_up_and_the_drain_are_not_measured() {
        let recorder = Recorder::new(SECOND, Some(SECOND * 3)).unwrap();
        for (ended_ms, took_ms) in [
            (500, 400),
            (1_500, 600),
            (1_600, 10),
            (2_500, 20),
            (3_500, 900),
        ] {
            let [ended, took] = [ended_ms, took_ms].map(Duration::from_millis);
            recorder.note(ended.saturating_sub(took), ended);
        }
        let measured = recorder.measured(SECOND * 3);
        assert_eq!(measured.operations, 3);
        assert_eq!(measured.by_second, [1, 2, 1]);
        assert!((measured.per_second - 1.5).abs() < 1e-9);
        let latency = measured.latency_ms;
        assert!((latency.p50 - 20.0).abs() < 0.1, "{latency:?}");
        // Begun while it was measured, and ended behind that.
        assert!((latency.max - 900.0).abs() < 1.0, "{latency:?}");
        // One that was ended early has lasted less long.
        assert!((recorder.measured(SECOND * 2).per_second - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_kill_is_over_when_everything_has_ended_that_was_under_way() {
        let recorder = Recorder::new(Duration::ZERO, None).unwrap();
        recorder.note_kill(SECOND * 2);
        for (from, ended) in [(0, 1), (1, 3), (1, 7), (3, 20)] {
            recorder.note(SECOND * from, SECOND * ended);
        }
        assert_eq!(recorder.recoveries(), [SECOND * 5]);
    }
}
