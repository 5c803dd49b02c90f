//! The registry that a runtime works with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use semver::Version;

use super::builder::RegistryBuilder;
use super::policy::VersionPolicy;

/// The handlers of one name, by version.
pub(super) type Versions<H> = BTreeMap<Version, Arc<H>>;

/// The registered handlers. Cheap to clone; clones share the handlers and the policies.
pub struct Registry<H: ?Sized> {
    pub(super) entries: Arc<BTreeMap<String, Versions<H>>>,
    pub(super) policies: Arc<RwLock<BTreeMap<String, VersionPolicy>>>,
}

impl<H: ?Sized> Registry<H> {
    /// Begins an empty registry.
    pub fn builder() -> RegistryBuilder<H> {
        RegistryBuilder::default()
    }

    /// Begins a registry with all that another one has.
    pub fn builder_from(registry: &Self) -> RegistryBuilder<H> {
        RegistryBuilder::from_parts(
            registry.entries.as_ref().clone(),
            registry.policies.read().clone(),
        )
    }

    /// The version and the handler that the name stands for by its policy.
    #[must_use]
    pub fn resolve_handler(&self, name: &str) -> Option<(Version, Arc<H>)> {
        let versions = self.entries.get(name)?;
        let (version, handler) = match self.policies.read().get(name) {
            None | Some(VersionPolicy::Latest) => versions.last_key_value()?,
            Some(VersionPolicy::Exact(version)) => versions.get_key_value(version)?,
        };
        Some((version.clone(), Arc::clone(handler)))
    }

    /// The version that the name stands for by its policy.
    #[must_use]
    pub fn resolve_version(&self, name: &str) -> Option<Version> {
        self.resolve_handler(name).map(|(version, _)| version)
    }

    /// The handler of exactly this version.
    #[must_use]
    pub fn resolve_handler_exact(&self, name: &str, version: &Version) -> Option<Arc<H>> {
        self.entries.get(name)?.get(version).cloned()
    }

    /// Decides what the name stands for from now on, here and in every clone. Executions that
    /// have begun keep their version.
    pub fn set_version_policy(&self, name: &str, policy: VersionPolicy) {
        self.policies.write().insert(name.to_owned(), policy);
    }

    /// The names, in order.
    #[must_use]
    pub fn list_names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The versions of a name, lowest first; none for an unknown name.
    #[must_use]
    pub fn list_versions(&self, name: &str) -> Vec<Version> {
        self.entries
            .get(name)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .cloned()
            .collect()
    }

    /// Whether the name is registered, in whatever version.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// How many names are registered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }
}

impl<H: ?Sized> Clone for Registry<H> {
    fn clone(&self) -> Self {
        Self {
            entries: Arc::clone(&self.entries),
            policies: Arc::clone(&self.policies),
        }
    }
}

impl<H: ?Sized> Default for Registry<H> {
    fn default() -> Self {
        Self {
            entries: Arc::default(),
            policies: Arc::default(),
        }
    }
}

impl<H: ?Sized> fmt::Debug for Registry<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.entries.iter().map(|(name, versions)| {
                let versions: Vec<String> = versions.keys().map(Version::to_string).collect();
                (name, versions)
            }))
            .finish()
    }
}
