//! Registering orchestrations.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::builder::RegistryBuilder;
use super::policy::VersionPolicy;
use super::registry::Registry;
use crate::OrchestrationContext;
use crate::runtime::handler::{FnOrchestration, OrchestrationHandler, typed_orchestration};

/// What programs look for in the text of the mistake.
const DUPLICATE: &str = "duplicate orchestration registration";

/// The registered orchestrations.
pub type OrchestrationRegistry = Registry<dyn OrchestrationHandler>;

/// The registry of orchestrations while it is filled.
pub type OrchestrationRegistryBuilder = RegistryBuilder<dyn OrchestrationHandler>;

impl OrchestrationRegistryBuilder {
    /// Registers version 1.0.0 of an orchestration.
    pub fn register<F, Fut>(self, name: impl Into<String>, f: F) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.add_first(&name.into(), Arc::new(FnOrchestration(f)), DUPLICATE)
    }

    /// Registers version 1.0.0 of an orchestration whose input and output are encoded as JSON.
    pub fn register_typed<In, Out, F, Fut>(self, name: impl Into<String>, f: F) -> Self
    where
        In: DeserializeOwned + Send + 'static,
        Out: Serialize + Send + 'static,
        F: Fn(OrchestrationContext, In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out, String>> + Send + 'static,
    {
        let name = name.into();
        self.add_first(&name, typed_orchestration(name.clone(), f), DUPLICATE)
    }

    /// Registers the next version of an orchestration.
    ///
    /// # Panics
    /// If a higher version of it is registered already: versions come in ascending order.
    #[track_caller]
    pub fn register_versioned<F, Fut>(
        self,
        name: impl Into<String>,
        version: impl AsRef<str>,
        f: F,
    ) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.add_next(
            &name.into(),
            version.as_ref(),
            Arc::new(FnOrchestration(f)),
            DUPLICATE,
        )
    }

    /// Registers the next version of an orchestration whose input and output are encoded as JSON.
    ///
    /// # Panics
    /// As [`register_versioned`](Self::register_versioned).
    #[track_caller]
    pub fn register_versioned_typed<In, Out, F, Fut>(
        self,
        name: impl Into<String>,
        version: impl AsRef<str>,
        f: F,
    ) -> Self
    where
        In: DeserializeOwned + Send + 'static,
        Out: Serialize + Send + 'static,
        F: Fn(OrchestrationContext, In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out, String>> + Send + 'static,
    {
        let name = name.into();
        self.add_next(
            &name,
            version.as_ref(),
            typed_orchestration(name.clone(), f),
            DUPLICATE,
        )
    }

    /// Adds all that another registry has; what both have is a mistake.
    pub fn merge(self, other: OrchestrationRegistry) -> Self {
        self.merge_registry(other, "duplicate orchestration in merge")
    }

    /// Registers version 1.0.0 of each of these orchestrations.
    pub fn register_all<F, Fut>(self, items: Vec<(&str, F)>) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.register_all_handlers(items, |builder, name, f| builder.register(name, f))
    }

    /// Decides which version the name stands for when none is asked for.
    pub fn set_policy(self, name: impl Into<String>, policy: VersionPolicy) -> Self {
        self.put_policy(name.into(), policy)
    }
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::*;

    async fn noop(_: OrchestrationContext, input: String) -> Result<String, String> {
        Ok(input)
    }

    fn three_versions() -> OrchestrationRegistry {
        OrchestrationRegistry::builder()
            .register("B", noop)
            .register("A", noop)
            .register_versioned("A", "1.1.0", noop)
            .register_versioned("A", "2.0.0", noop)
            .build()
    }

    #[test]
    fn names_and_versions_are_listed_in_order() {
        let registry = three_versions();
        assert_eq!(registry.list_names(), ["A", "B"]);
        assert_eq!(registry.count(), 2);
        assert!(registry.has("A") && !registry.has("C"));
        let versions = [
            Version::new(1, 0, 0),
            Version::new(1, 1, 0),
            Version::new(2, 0, 0),
        ];
        assert_eq!(registry.list_versions("A"), versions);
        assert!(registry.list_versions("C").is_empty());
        assert_eq!(
            format!("{registry:?}"),
            r#"{"A": ["1.0.0", "1.1.0", "2.0.0"], "B": ["1.0.0"]}"#
        );
    }

    #[test]
    fn the_policy_decides_and_is_shared_between_clones() {
        let registry = three_versions();
        let clone = registry.clone();
        assert_eq!(registry.resolve_version("A"), Some(Version::new(2, 0, 0)));
        clone.set_version_policy("A", VersionPolicy::Exact(Version::new(1, 1, 0)));
        assert_eq!(registry.resolve_version("A"), Some(Version::new(1, 1, 0)));
        clone.set_version_policy("A", VersionPolicy::Exact(Version::new(9, 0, 0)));
        assert!(registry.resolve_handler("A").is_none());
        assert!(
            registry
                .resolve_handler_exact("A", &Version::new(1, 0, 0))
                .is_some()
        );
        assert!(
            registry
                .resolve_handler_exact("A", &Version::new(9, 0, 0))
                .is_none()
        );
        assert!(registry.resolve_version("C").is_none());
    }

    #[test]
    fn a_builder_from_a_registry_has_its_entries_and_its_policies_apart() {
        let registry = three_versions();
        registry.set_version_policy("A", VersionPolicy::Exact(Version::new(1, 0, 0)));
        let grown = OrchestrationRegistry::builder_from(&registry)
            .register("C", noop)
            .build();
        assert_eq!(grown.list_names(), ["A", "B", "C"]);
        grown.set_version_policy("A", VersionPolicy::Latest);
        assert_eq!(registry.resolve_version("A"), Some(Version::new(1, 0, 0)));
        assert_eq!(grown.resolve_version("A"), Some(Version::new(2, 0, 0)));
    }

    #[test]
    fn mistakes_are_reported_together() {
        let error = OrchestrationRegistry::builder()
            .register("A", noop)
            .register("A", noop)
            .register_versioned("A", "1.0.0", noop)
            .register_versioned("B", "one", noop)
            .merge(three_versions())
            .build_result()
            .unwrap_err();
        assert_eq!(
            error.matches("A@1.0.0 is registered twice").count(),
            3,
            "{error}"
        );
        let of_kind = |kind: &str| error.matches(&format!("{kind}: A@")).count();
        assert_eq!(
            of_kind("duplicate orchestration registration"),
            2,
            "{error}"
        );
        assert_eq!(of_kind("duplicate orchestration in merge"), 1, "{error}");
        assert!(error.contains("B@one has no semantic version"), "{error}");
    }

    #[test]
    #[should_panic(expected = "duplicate orchestration registration: A@1.0.0 is registered twice")]
    fn build_panics_with_the_mistakes() {
        drop(
            OrchestrationRegistry::builder()
                .register("A", noop)
                .register("A", noop)
                .build(),
        );
    }

    #[test]
    #[should_panic(
        expected = "non-monotonic orchestration version: A@1.5.0 is not greater than A@2.0.0"
    )]
    fn a_version_below_the_latest_panics() {
        let builder = OrchestrationRegistry::builder().register_versioned("A", "2.0.0", noop);
        drop(builder.register_versioned("A", "1.5.0", noop));
    }

    #[test]
    fn merging_adds_entries_and_policies_that_are_missing() {
        let other = OrchestrationRegistry::builder()
            .register("C", noop)
            .register_versioned_typed::<u64, u64, _, _>("C", "2.0.0", |_, n| async move { Ok(n) })
            .register_typed("D", |_, n: u64| async move { Ok(n) })
            .register_all(vec![("E", noop), ("F", noop)])
            .set_policy("C", VersionPolicy::Exact(Version::new(1, 0, 0)))
            .build();
        let merged = OrchestrationRegistry::builder_from(&three_versions())
            .merge(other)
            .build();
        assert_eq!(merged.list_names(), ["A", "B", "C", "D", "E", "F"]);
        assert_eq!(merged.resolve_version("C"), Some(Version::new(1, 0, 0)));
    }
}
