//! The highest rate that a backend follows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::failure::Failure;
use crate::load::Shape;
use crate::recorder::Measured;

/// With how many operations a second the search begins.
const FIRST_RATE: f64 = 50.0;
/// How many rates are tried between one that is followed and one that is not.
const HALVINGS: u32 = 4;
const RATE_MAX: f64 = 1e6;

/// A rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) rate: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) is_followed: bool,
    /// What is wrong, whatever the rate.
    pub(crate) wrong: Vec<String>,
}

/// Searches for the knee: the highest rate at which 99 of 100 operations end within a bound.
pub(crate) struct Search<'a> {
    pub(crate) experiment: Experiment<'a>,
    pub(crate) p99_max: Duration,
}

impl Search<'_> {
    /// All rates that were tried, in the order in which they were. One at which something is wrong is the last.
    pub(crate) async fn run(&self) -> Result<Vec<Tried>, Failure> {
        let mut tried = Vec::new();
        let (mut low, mut high) = (0.0, None);
        let mut halvings = 0;
        let mut rate = FIRST_RATE;
        while rate <= RATE_MAX && halvings <= HALVINGS {
            let Some(one) = self.attempt(rate).await? else {
                break;
            };
            let (is_followed, is_wrong) = (one.is_followed, !one.wrong.is_empty());
            tried.push(one);
            if is_wrong {
                break;
            }
            if is_followed {
                low = rate;
            } else {
                high = Some(rate);
            }
            // It is doubled until one is not followed, and halved between the two from then on.
            rate = high.map_or(rate * 2.0, |high| f64::midpoint(low, high));
            halvings += u32::from(high.is_some());
        }
        Ok(tried)
    }

    /// Tries a rate on an empty store; nothing if it was interrupted, since a short attempt says nothing.
    async fn attempt(&self, rate: f64) -> Result<Option<Tried>, Failure> {
        let shape = Shape::Open { per_second: rate };
        let (measured, wrong) = match self.experiment.run(shape).await {
            Ok(figures) => (Some(figures.measured), figures.wrong),
            // It was so far behind that the loop was given up.
            Err(Failure::Behind) => (None, Vec::new()),
            Err(other) => return Err(other),
        };
        let is_interrupted = self.experiment.interrupt.is_wanted();
        Ok((!is_interrupted).then(|| self.tried(rate, measured.as_ref(), wrong)))
    }

    fn tried(&self, rate: f64, measured: Option<&Measured>, wrong: Vec<String>) -> Tried {
        let bound_ms = self.p99_max.as_secs_f64() * 1_000.0;
        let (per_second, p50_ms, p99_ms) = measured.map_or((0.0, 0.0, f64::MAX), |it| {
            (it.per_second, it.latency_ms.p50, it.latency_ms.p99)
        });
        Tried {
            rate,
            per_second,
            p50_ms,
            p99_ms,
            is_followed: p99_ms <= bound_ms && wrong.is_empty(),
            wrong,
        }
    }
}

/// The highest rate that was followed.
pub(crate) fn knee(tried: &[Tried]) -> Option<&Tried> {
    let followed = tried.iter().filter(|it| it.is_followed);
    followed.max_by(|a, b| a.rate.total_cmp(&b.rate))
}
