//! The backends that are measured.

use std::fmt;
use std::sync::Arc;

use duroxide_provider_tests::Fixture;

use crate::console::mention;
use crate::deployment::store_folder;
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

    /// What the backend says of itself, in an empty store of it, and whether processes share a store. One that cannot
    /// be had says nothing.
    pub(crate) async fn look(&self) -> (BackendInfo, Option<bool>) {
        let opened = match store_folder() {
            Ok(folder) => {
                let store = self.fixture.open_to_measure(folder.path()).await;
                store.ok().map(|it| (it.provider, folder))
            }
            Err(_) => None,
        };
        let store = opened.as_ref().map(|(store, _)| store);
        let about = store.as_ref().map(|it| it.about());
        let durability = store.as_ref().map(|it| it.capabilities().durability);
        let is_shared = store.map(|it| it.capabilities().multi_process);
        if let Some((store, folder)) = &opened {
            store.close().await;
            if let Err(why) = self.fixture.remove_from(folder.path()).await {
                mention(&format!("{}: {why}\n", self.name));
            }
        }
        let info = BackendInfo {
            name: self.name.clone(),
            provider: about
                .as_ref()
                .map(|it| format!("{} {}", it.name, it.version)),
            backend: about.map(|it| it.backend),
            durability: durability.map(|it| format!("{it:?}")),
            guarantees: self.guarantees.clone(),
        };
        (info, is_shared)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
