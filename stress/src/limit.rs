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
/// What part of the operations must end in time for a rate to be followed.
const FOLLOWED: f64 = 0.97;
const RATE_MAX: f64 = 1e6;

/// A rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) rate: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) is_followed: bool,
}

/// Searches for the knee: the highest rate at which 99 of 100 operations end within a bound.
pub(crate) struct Search<'a> {
    pub(crate) experiment: Experiment<'a>,
    pub(crate) p99_max: Duration,
}

impl Search<'_> {
    /// All rates that were tried, in the order in which they were.
    pub(crate) async fn run(&self) -> Result<Vec<Tried>, Failure> {
        let mut tried = Vec::new();
        let (mut low, mut rate) = (0.0, FIRST_RATE);
        let high = loop {
            if !self.attempt(rate, &mut tried).await? {
                break rate;
            }
            (low, rate) = (rate, rate * 2.0);
            if rate > RATE_MAX || self.experiment.interrupt.is_wanted() {
                return Ok(tried);
            }
        };
        let mut high = high;
        for _ in 0..HALVINGS {
            if self.experiment.interrupt.is_wanted() {
                break;
            }
            let middle = f64::midpoint(low, high);
            if self.attempt(middle, &mut tried).await? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(tried)
    }

    /// Tries a rate on an empty store, and answers whether it was followed.
    async fn attempt(&self, rate: f64, tried: &mut Vec<Tried>) -> Result<bool, Failure> {
        let shape = Shape::Open { per_second: rate };
        let measured = match self.experiment.run(shape).await {
            Ok(figures) if figures.wrong.is_empty() => Some(figures.measured),
            Ok(_) => None,
            // It was so far behind that the loop was given up.
            Err(Failure::Behind) => None,
            Err(other) => return Err(other),
        };
        let one = self.tried(rate, measured.as_ref());
        let is_followed = one.is_followed;
        tried.push(one);
        Ok(is_followed)
    }

    fn tried(&self, rate: f64, measured: Option<&Measured>) -> Tried {
        let bound_ms = self.p99_max.as_secs_f64() * 1_000.0;
        let (per_second, p50_ms, p99_ms) = measured.map_or((0.0, 0.0, f64::MAX), |it| {
            (it.per_second, it.latency_ms.p50, it.latency_ms.p99)
        });
        Tried {
            rate,
            per_second,
            p50_ms,
            p99_ms,
            is_followed: p99_ms <= bound_ms && per_second >= FOLLOWED * rate,
        }
    }
}

/// The highest rate that was followed.
pub(crate) fn knee(tried: &[Tried]) -> Option<&Tried> {
    let followed = tried.iter().filter(|it| it.is_followed);
    followed.max_by(|a, b| a.rate.total_cmp(&b.rate))
}
