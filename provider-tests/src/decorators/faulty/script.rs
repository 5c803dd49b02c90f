//! The faults to come, and the calls so far.

use std::collections::BTreeMap;

use super::{Effect, Fault, Operation};

#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<Fault>,
    calls: BTreeMap<Operation, u64>,
    injected: u64,
}

impl Script {
    pub(super) fn set(&mut self, faults: Vec<Fault>) {
        self.faults = faults;
    }

    /// Counts a call, and answers what happens to it: the first fault that fits.
    pub(super) fn begin(&mut self, operation: Operation) -> Option<Effect> {
        let calls = self.calls.entry(operation).or_default();
        *calls += 1;
        let call = *calls;
        let mut faults = self.faults.iter();
        let fault = faults.find(|fault| fault.operation == operation && fault.when.is(call))?;
        self.injected += 1;
        Some(fault.effect)
    }

    pub(super) fn calls(&self, operation: Operation) -> u64 {
        self.calls.get(&operation).copied().unwrap_or_default()
    }

    pub(super) fn injected(&self) -> u64 {
        self.injected
    }
}
