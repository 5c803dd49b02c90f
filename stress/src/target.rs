//! The backends that are measured.

use std::fmt;
use std::sync::Arc;

use duroxide_provider_tests::Fixture;

use crate::deployment::store_folder;
use crate::failure::Failure;
use crate::report::{BackendInfo, Guarantees};

/// A backend that is measured.
#[derive(Clone)]
pub struct Target {
    pub(crate) name: String,
    pub(crate) fixture: Arc<dyn Fixture>,
    guarantees: Option<Guarantees>,
}

impl Target {
    /// A backend by its fixture, under a name for reports, which must hold no password.
    #[must_use]
    pub fn new(name: &str, fixture: Arc<dyn Fixture>) -> Self {
        Self {
            name: name.to_owned(),
            fixture,
            guarantees: None,
        }
    }

    /// Shows what the backend's certificate says beside its figures: the JSON that the conformance suite wrote of it.
    /// A text that is none is passed over.
    #[must_use]
    pub fn certified(mut self, certificate: &str) -> Self {
        self.guarantees = Guarantees::of_certificate(certificate);
        self
    }

    /// What the backend says of itself, in an empty store of it. One that cannot be had says nothing.
    pub(crate) async fn look(&self) -> Result<BackendInfo, Failure> {
        let folder = store_folder()?;
        let store = self.fixture.open_to_measure(folder.path()).await;
        let store = store.ok().map(|it| it.provider);
        let about = store.as_ref().map(|it| it.about());
        let durability = store.as_ref().map(|it| it.capabilities().durability);
        if let Some(store) = store {
            store.close().await;
            let removed = self.fixture.remove_from(folder.path()).await;
            removed.map_err(Failure::Unavailable)?;
        }
        Ok(BackendInfo {
            name: self.name.clone(),
            provider: about
                .as_ref()
                .map(|it| format!("{} {}", it.name, it.version)),
            backend: about.map(|it| it.backend),
            durability: durability.map(|it| format!("{it:?}")),
            guarantees: self.guarantees.clone(),
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
