//! The calls that a store is at work on, for whoever moves its time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use parking_lot::Mutex;

/// The calls that have begun and not ended, with the real time at which each began. Calls that wait for
/// time to pass, or for work, are not among them.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<Calls>>);

#[derive(Debug, Default)]
struct Calls {
    next: u64,
    begun: BTreeMap<u64, Duration>,
}

/// A call, until this is dropped.
#[derive(Debug)]
pub(crate) struct Call {
    number: u64,
    all: UnderWay,
}

impl UnderWay {
    /// A call begins.
    pub(crate) fn begin(&self) -> Call {
        let mut calls = self.0.lock();
        calls.next += 1;
        let number = calls.next;
        calls.begun.insert(number, SystemClock.elapsed());
        Call {
            number,
            all: self.clone(),
        }
    }

    /// For how long the oldest call has been under way, in real time.
    pub(crate) fn longest(&self) -> Option<Duration> {
        let first = self.0.lock().begun.values().next().copied();
        first.map(|begun| SystemClock.elapsed().saturating_sub(begun))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.all.0.lock().begun.remove(&self.number);
    }
}
