//! What is tested.

use std::fmt;
use std::sync::Arc;

use duroxide_core::providers::{Durability, Provider};

use crate::case::Profile;
use crate::ending::Endings;
use crate::fixture::Fixture;

/// The provider under test, and the one it is compared with.
#[derive(Clone)]
pub struct Subject {
    pub(crate) fixture: Arc<dyn Fixture>,
    pub(crate) reference: Option<Arc<dyn Fixture>>,
    /// What the cases did to the provider's processes.
    pub(crate) endings: Endings,
}

impl Subject {
    /// A subject without a reference: the cases of [`Profile::Random`] are skipped, not passed.
    #[must_use]
    pub fn new(fixture: impl Fixture) -> Self {
        Self {
            fixture: Arc::new(fixture),
            reference: None,
            endings: Endings::default(),
        }
    }

    /// Compares the provider with this one, which is known to keep the contract: the in-memory
    /// provider, on a clock that stands still until it is moved.
    #[must_use]
    pub fn with_reference(mut self, reference: impl Fixture) -> Self {
        self.reference = Some(Arc::new(reference));
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("mode", &self.fixture.mode())
            .field("has_reference", &self.reference.is_some())
            .finish_non_exhaustive()
    }
}

/// Whether a provider offers what the cases of a profile need, as its capabilities say.
pub(crate) fn offers(provider: &dyn Provider, profile: Profile) -> bool {
    let capabilities = provider.capabilities();
    match profile {
        Profile::Required | Profile::Management | Profile::EndToEnd | Profile::Random => true,
        Profile::Durable => capabilities.durability > Durability::Volatile,
        Profile::MultiHandle => capabilities.multi_process,
    }
}
