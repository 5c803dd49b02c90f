//! A mutant: the in-memory provider with one fault.

use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::Provider;
use duroxide_memory::{Defect, MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{Case, Fixture, Profile, Store, Subject, TestClock, Unavailable};

use super::rewrite::{Rewrite, Rewritten};
use super::shared::SharedStore;

const NOW_MS: u64 = 1_767_571_200_000;

/// A provider that breaks the contract.
pub(super) struct Mutant {
    /// Its name in the table of kills.
    pub(super) name: &'static str,
    /// Its number in [`FAULTS`](super::faults::FAULTS), if it is one of those that stores are
    /// known for.
    pub(super) fault: Option<u8>,
    /// The clauses that it breaks; a case of each of them must notice.
    pub(super) clauses: &'static [&'static str],
    /// The only case that is run, for a fault that shows in a race: others may notice or not.
    pub(super) case: Option<&'static str>,
    /// What it does.
    pub(super) what: &'static str,
    /// How it does it.
    pub(super) how: How,
}

type Clauses = &'static [&'static str];

impl Mutant {
    const fn new(name: &'static str, clauses: Clauses, what: &'static str, how: How) -> Self {
        Self {
            name,
            fault: None,
            clauses,
            case: None,
            what,
            how,
        }
    }

    /// One with faults inside the provider.
    pub(super) const fn inside(
        name: &'static str,
        clauses: Clauses,
        what: &'static str,
        defects: &'static [Defect],
    ) -> Self {
        Self::new(name, clauses, what, How::Inside(defects))
    }

    /// One that changes a request or an answer.
    pub(super) const fn outside(
        name: &'static str,
        clauses: Clauses,
        what: &'static str,
        rewrite: Rewrite,
    ) -> Self {
        Self::new(name, clauses, what, How::Outside(rewrite))
    }

    /// One whose handles share a store wrongly.
    pub(super) const fn shared(
        name: &'static str,
        clauses: Clauses,
        what: &'static str,
        sharing: Sharing,
    ) -> Self {
        Self::new(name, clauses, what, How::Shared(sharing))
    }

    /// The same one, known under this number.
    pub(super) const fn fault(mut self, fault: u8) -> Self {
        self.fault = Some(fault);
        self
    }

    /// The same one, shown by the case that makes it race.
    pub(super) const fn in_case(mut self, case: &'static str) -> Self {
        self.case = Some(case);
        self
    }

    /// The same one, sound until the store is opened again.
    pub(super) const fn after_reopening(mut self) -> Self {
        if let How::Outside(rewrite) = self.how {
            self.how = How::AfterReopening(rewrite);
        }
        self
    }
}

/// Where the fault is.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// Nowhere.
    Reference,
    /// Inside the provider.
    Inside(&'static [Defect]),
    /// At its boundary.
    Outside(Rewrite),
    /// At its boundary, for every handle but the first one.
    AfterReopening(Rewrite),
    /// In how handles share a store.
    Shared(Sharing),
}

/// What is wrong with how handles share a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Each handle works on a copy.
    Apart,
    /// A handle that was closed applies what it refuses.
    ClosedHandlesCommit,
    /// What a handle does is kept when it is closed or dropped, and not before.
    KeptAtTheEnd,
    /// What a claim does is kept with whatever comes next, or when the handle is dropped.
    ClaimsAreKeptLater,
}

/// What a case of this profile tests.
pub(super) fn subject_for(case: &Case, how: How) -> Subject {
    let is_shared = matches!(case.profile, Profile::Durable | Profile::MultiHandle);
    let reference = MutantFixture {
        how: How::Reference,
        is_shared: false,
    };
    Subject::new(MutantFixture { how, is_shared }).with_reference(reference)
}

/// Makes stores with a fault.
pub(super) struct MutantFixture {
    pub(super) how: How,
    /// Whether they are as if they were durable and worked on by several processes.
    pub(super) is_shared: bool,
}

#[async_trait]
impl Fixture for MutantFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let clock = ManualClock::at_ms(NOW_MS);
        let defects = match self.how {
            How::Inside(defects) => defects,
            How::Reference | How::Outside(_) | How::AfterReopening(_) | How::Shared(_) => &[],
        };
        let options = MemoryOptions::default()
            .clock(Arc::new(clock.clone()))
            .defects(defects);
        let provider = MemoryProvider::with_options(options);
        if self.is_shared {
            return Ok(Box::new(SharedStore::new(clock, provider, self.how)));
        }
        let provider: Arc<dyn Provider> = match self.how {
            How::Outside(rewrite) => Arc::new(Rewritten::new(Arc::new(provider), rewrite)),
            How::Reference | How::Inside(_) | How::AfterReopening(_) | How::Shared(_) => {
                Arc::new(provider)
            }
        };
        Ok(Box::new(OneHandle { clock, provider }))
    }
}

struct OneHandle {
    clock: ManualClock,
    provider: Arc<dyn Provider>,
}

#[async_trait]
impl Store for OneHandle {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::clone(&self.provider))
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}
