//! The registry while it is filled.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use semver::Version;

use super::policy::VersionPolicy;
use super::registry::{Registry, Versions};
use crate::limits::NAME_BYTES_MAX;

/// A registry that is being filled. Mistakes are collected and reported together at the end.
#[must_use = "call `build` to get the registry"]
pub struct RegistryBuilder<H: ?Sized> {
    entries: BTreeMap<String, Versions<H>>,
    policies: BTreeMap<String, VersionPolicy>,
    errors: Vec<String>,
}

impl<H: ?Sized> RegistryBuilder<H> {
    pub(super) fn from_parts(
        entries: BTreeMap<String, Versions<H>>,
        policies: BTreeMap<String, VersionPolicy>,
    ) -> Self {
        Self {
            entries,
            policies,
            errors: Vec::new(),
        }
    }

    /// Ends the filling.
    ///
    /// # Panics
    /// If something was registered wrongly; the message names everything that was.
    /// [`build_result`](Self::build_result) answers an error instead.
    #[must_use]
    #[track_caller]
    pub fn build(self) -> Registry<H> {
        self.build_result()
            .unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// Ends the filling.
    ///
    /// # Errors
    /// A text that names everything that was registered wrongly.
    pub fn build_result(self) -> Result<Registry<H>, String> {
        if self.errors.is_empty() {
            Ok(Registry {
                entries: Arc::new(self.entries),
                policies: Arc::new(RwLock::new(self.policies)),
            })
        } else {
            Err(format!(
                "the registry cannot be built: {}",
                self.errors.join("; ")
            ))
        }
    }

    /// Adds all that another registry has. What both have is a mistake, reported after this prefix
    /// and a colon; where both have a policy, this one's stays.
    #[expect(clippy::needless_pass_by_value, reason = "programs pass it so")]
    pub fn merge_registry(mut self, other: Registry<H>, error_prefix: &str) -> Self {
        for (name, versions) in other.entries.iter() {
            for (version, handler) in versions {
                self.insert(name, version.clone(), Arc::clone(handler), error_prefix);
            }
        }
        for (name, policy) in other.policies.read().iter() {
            self.policies
                .entry(name.clone())
                .or_insert_with(|| policy.clone());
        }
        self
    }

    /// Registers one item after the other with this function.
    pub fn register_all_handlers<F>(
        self,
        items: Vec<(&str, F)>,
        register_fn: impl Fn(Self, &str, F) -> Self,
    ) -> Self {
        items.into_iter().fold(self, |builder, (name, item)| {
            register_fn(builder, name, item)
        })
    }

    /// Registers the first version of a name; `duplicate` is what to say of a second one.
    pub(super) fn add_first(mut self, name: &str, handler: Arc<H>, duplicate: &str) -> Self {
        self.insert(name, Version::new(1, 0, 0), handler, duplicate);
        self
    }

    /// Registers the next version of a name; panics if it is lower than the latest.
    #[track_caller]
    pub(super) fn add_next(
        mut self,
        name: &str,
        version: &str,
        handler: Arc<H>,
        duplicate: &str,
    ) -> Self {
        match Version::parse(version) {
            Ok(version) => {
                let versions = self.entries.get(name);
                let known = versions.is_some_and(|versions| versions.contains_key(&version));
                if let Some((latest, _)) = versions.and_then(BTreeMap::last_key_value) {
                    assert!(
                        known || version > *latest,
                        "non-monotonic orchestration version: {name}@{version} is not greater than \
                         {name}@{latest}, which is registered; register versions in ascending order"
                    );
                }
                self.insert(name, version, handler, duplicate);
            }
            Err(error) => self.errors.push(format!(
                "{name}@{version} has no semantic version ({error}); write one like 1.0.0"
            )),
        }
        self
    }

    pub(super) fn put_policy(mut self, name: String, policy: VersionPolicy) -> Self {
        self.policies.insert(name, policy);
        self
    }

    fn insert(&mut self, name: &str, version: Version, handler: Arc<H>, duplicate: &str) {
        if name.len() > NAME_BYTES_MAX {
            self.errors.push(format!(
                "a name has at most {NAME_BYTES_MAX} bytes, one has {}",
                name.len()
            ));
            return;
        }
        match self
            .entries
            .entry(name.to_owned())
            .or_default()
            .entry(version)
        {
            Entry::Vacant(place) => {
                place.insert(handler);
            }
            Entry::Occupied(place) => {
                let version = place.key();
                self.errors
                    .push(format!("{duplicate}: {name}@{version} is registered twice"));
            }
        }
    }
}

impl<H: ?Sized> Default for RegistryBuilder<H> {
    fn default() -> Self {
        Self::from_parts(BTreeMap::new(), BTreeMap::new())
    }
}

impl<H: ?Sized> fmt::Debug for RegistryBuilder<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder")
            .field("names", &self.entries.keys().collect::<Vec<_>>())
            .field("policies", &self.policies)
            .field("errors", &self.errors)
            .finish()
    }
}
