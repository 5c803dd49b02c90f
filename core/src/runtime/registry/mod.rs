//! The registries: which name and version stands for which code.

#[expect(clippy::module_inception, reason = "the file of the type Registry")]
mod registry;

mod activities;
mod builder;
mod orchestrations;
mod policy;

pub use activities::{ActivityRegistry, ActivityRegistryBuilder};
pub use builder::RegistryBuilder;
pub use orchestrations::{OrchestrationRegistry, OrchestrationRegistryBuilder};
pub use policy::VersionPolicy;
pub use registry::Registry;
