//! Registering activities.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::builder::RegistryBuilder;
use super::registry::Registry;
use crate::activity::ActivityContext;
use crate::runtime::handler::{ActivityHandler, FnActivity, typed_activity};

/// What programs look for in the text of the mistake.
const DUPLICATE: &str = "duplicate activity registration";

/// The registered activities. They have one version, 1.0.0.
pub type ActivityRegistry = Registry<dyn ActivityHandler>;

/// The registry of activities while it is filled.
pub type ActivityRegistryBuilder = RegistryBuilder<dyn ActivityHandler>;

impl ActivityRegistryBuilder {
    /// Begins a registry with all that another one has.
    pub fn from_registry(registry: &ActivityRegistry) -> Self {
        Registry::builder_from(registry)
    }

    /// Registers an activity.
    pub fn register<F, Fut>(self, name: impl Into<String>, f: F) -> Self
    where
        F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.add_first(&name.into(), Arc::new(FnActivity(f)), DUPLICATE)
    }

    /// Registers an activity whose input and output are encoded as JSON.
    pub fn register_typed<In, Out, F, Fut>(self, name: impl Into<String>, f: F) -> Self
    where
        In: DeserializeOwned + Send + 'static,
        Out: Serialize + Send + 'static,
        F: Fn(ActivityContext, In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out, String>> + Send + 'static,
    {
        let name = name.into();
        self.add_first(&name, typed_activity(name.clone(), f), DUPLICATE)
    }

    /// Adds all that another registry has; what both have is a mistake.
    pub fn merge(self, other: ActivityRegistry) -> Self {
        self.merge_registry(other, "duplicate activity in merge")
    }

    /// Registers each of these activities.
    pub fn register_all<F, Fut>(self, items: Vec<(&str, F)>) -> Self
    where
        F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.register_all_handlers(items, |builder, name, f| builder.register(name, f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo(_: ActivityContext, input: String) -> Result<String, String> {
        Ok(input)
    }

    #[tokio::test]
    async fn activities_are_registered_resolved_and_run() {
        let first = ActivityRegistry::builder()
            .register("Echo", echo)
            .register_typed("Double", |_, n: u64| async move { Ok(n * 2) })
            .build();
        let second = ActivityRegistry::builder()
            .register_all(vec![("Other", echo)])
            .build();
        let registry = ActivityRegistryBuilder::from_registry(&first)
            .merge(second)
            .build();
        assert_eq!(registry.list_names(), ["Double", "Echo", "Other"]);
        let (version, double) = registry.resolve_handler("Double").unwrap();
        assert_eq!(version.to_string(), "1.0.0");
        let context = ActivityContext::for_test("Double");
        assert_eq!(
            double.invoke(context, "4".to_owned()).await,
            Ok("8".to_owned())
        );
    }

    #[test]
    fn what_two_registries_have_is_named_on_merging() {
        let registry = ActivityRegistry::builder().register("Echo", echo).build();
        let merged = ActivityRegistryBuilder::from_registry(&registry).merge(registry);
        let error = merged.build_result().unwrap_err();
        assert!(
            error.contains("duplicate activity in merge: Echo@1.0.0 is registered twice"),
            "{error}"
        );
    }

    #[test]
    fn an_activity_is_registered_once() {
        let builder = ActivityRegistry::builder().register("Echo", echo);
        let twice = builder.register_typed("Echo", |_, n: u64| async move { Ok(n) });
        let error = twice.build_result().unwrap_err();
        let expected = "duplicate activity registration: Echo@1.0.0 is registered twice";
        assert!(error.contains(expected), "{error}");
    }
}
