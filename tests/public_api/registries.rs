//! Registries, builders and versions.

use std::sync::Arc;

use duroxide::runtime::VersionPolicy as RuntimeVersionPolicy;
use duroxide::runtime::registry::{ActivityRegistry, OrchestrationRegistry, VersionPolicy};
use duroxide::{
    ActivityContext, OrchestrationContext, OrchestrationHandler, OrchestrationRegistryBuilder,
};

use crate::support::Text;

async fn nothing(_ctx: OrchestrationContext, input: String) -> Text {
    std::future::ready(Ok(input)).await
}

async fn no_work(_ctx: ActivityContext, input: String) -> Text {
    std::future::ready(Ok(input)).await
}

fn two_versions() -> OrchestrationRegistryBuilder {
    OrchestrationRegistry::builder()
        .register("A", nothing)
        .register_versioned("A", "1.5.0", nothing)
        .register("B", nothing)
}

#[test]
fn a_registry_lists_and_resolves() {
    let registry: OrchestrationRegistry = two_versions().build();
    let mut names: Vec<String> = registry.list_names();
    names.sort();
    assert_eq!(names, ["A", "B"]);
    assert_eq!(registry.list_versions("A").len(), 2);
    assert!(registry.list_versions("C").is_empty());
    assert!(registry.has("A") && !registry.has("C"));
    assert_eq!(registry.count(), 2);
    assert_eq!(registry.resolve_version("A").unwrap().to_string(), "1.5.0");
    let (version, handler) = registry.resolve_handler("A").unwrap();
    let handler: Arc<dyn OrchestrationHandler> = handler;
    assert_eq!(
        (version.to_string(), Arc::strong_count(&handler) > 0),
        ("1.5.0".to_owned(), true)
    );
    assert!(registry.resolve_handler("C").is_none());
    assert!(
        registry
            .resolve_handler_exact("A", &"1.0.0".parse().unwrap())
            .is_some()
    );
    assert!(
        registry
            .resolve_handler_exact("A", &"9.0.0".parse().unwrap())
            .is_none()
    );
    assert_eq!(OrchestrationRegistry::default().count(), 0);
}

#[test]
fn policies_decide_which_version_new_instances_get() {
    let exact = || VersionPolicy::Exact("1.0.0".parse().unwrap());
    let registry = two_versions().set_policy("A", exact()).build();
    assert_eq!(registry.resolve_version("A").unwrap().to_string(), "1.0.0");
    let shared = registry.clone();
    shared.set_version_policy("A", RuntimeVersionPolicy::Latest);
    assert_eq!(registry.resolve_version("A").unwrap().to_string(), "1.5.0");
}

#[test]
fn builders_compose() {
    let library = OrchestrationRegistry::builder()
        .register("L", nothing)
        .build();
    let registry = OrchestrationRegistry::builder_from(&library)
        .merge(two_versions().build())
        .register_all(vec![("C", nothing), ("D", nothing)])
        .build();
    assert_eq!(registry.count(), 5);

    let library = ActivityRegistry::builder().register("L", no_work).build();
    let activities = ActivityRegistry::builder()
        .merge(library.clone())
        .register_all(vec![("M", no_work)])
        .register_typed("N", |_: ActivityContext, number: u32| async move {
            Ok::<u32, String>(number)
        })
        .build();
    assert_eq!(activities.count(), 3);
    assert_eq!(
        activities.resolve_version("L").unwrap().to_string(),
        "1.0.0"
    );
}

#[test]
fn activity_builders_begin_from_a_registry() {
    use duroxide::runtime::registry::ActivityRegistryBuilder;
    let library = ActivityRegistry::builder().register("L", no_work).build();
    let builder: ActivityRegistryBuilder = ActivityRegistryBuilder::from_registry(&library);
    assert!(
        builder
            .register("M", no_work)
            .build_result()
            .unwrap()
            .has("L")
    );
    assert_eq!(ActivityRegistry::builder_from(&library).build().count(), 1);
}

#[test]
fn a_name_that_is_registered_twice_is_an_error() {
    let twice = || {
        OrchestrationRegistry::builder()
            .register("A", nothing)
            .register("A", nothing)
    };
    let error: String = twice()
        .build_result()
        .map(|registry| registry.count())
        .unwrap_err();
    assert!(error.contains('A'), "{error}");
    let clash = OrchestrationRegistry::builder()
        .register("A", nothing)
        .merge_registry(twice_free(), "the library: ")
        .build_result()
        .map(|registry| registry.count())
        .unwrap_err();
    assert!(clash.contains("the library"), "{clash}");
}

fn twice_free() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("A", nothing)
        .build()
}

#[test]
fn build_panics_on_collected_errors() {
    let twice = OrchestrationRegistry::builder()
        .register("A", nothing)
        .register("A", nothing);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| twice.build())).is_err());
}

#[test]
#[should_panic(expected = "A")]
fn a_version_that_is_not_greater_is_refused_at_once() {
    drop(two_versions().register_versioned("A", "1.2.0", nothing));
}
