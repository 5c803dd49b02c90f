//! The code that the nodes run.

use std::future::Future;
use std::sync::Arc;

use duroxide_core::runtime::registry::{
    ActivityRegistry, ActivityRegistryBuilder, OrchestrationRegistryBuilder,
};
use duroxide_core::{ActivityContext, DurableOutput, OrchestrationContext, OrchestrationRegistry};

use super::Text;

/// Code to register. The activity `Echo` returns its input, `Fail` fails with it.
pub(crate) struct Code {
    activities: ActivityRegistryBuilder,
    orchestrations: OrchestrationRegistryBuilder,
}

/// Code that was registered; every node has the same.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) activities: Arc<ActivityRegistry>,
    pub(super) orchestrations: OrchestrationRegistry,
}

impl Code {
    /// The common activities.
    pub(crate) fn new() -> Self {
        Self {
            activities: ActivityRegistry::builder()
                .register("Echo", |_: ActivityContext, input| async move { Ok(input) })
                .register(
                    "Fail",
                    |_: ActivityContext, input| async move { Err(input) },
                ),
            orchestrations: OrchestrationRegistry::builder(),
        }
    }

    /// The common activities and one orchestration.
    pub(crate) fn of<F, Fut>(name: &str, orchestration: F) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Text> + Send + 'static,
    {
        Self::new().orchestration(name, orchestration)
    }

    /// Adds an orchestration, in version 1.0.0.
    pub(crate) fn orchestration<F, Fut>(mut self, name: &str, orchestration: F) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Text> + Send + 'static,
    {
        self.orchestrations = self.orchestrations.register(name, orchestration);
        self
    }

    /// Adds a later version of an orchestration.
    pub(crate) fn version<F, Fut>(mut self, name: &str, version: &str, orchestration: F) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Text> + Send + 'static,
    {
        let orchestrations = self.orchestrations;
        self.orchestrations = orchestrations.register_versioned(name, version, orchestration);
        self
    }

    /// Adds an activity.
    pub(crate) fn activity<F, Fut>(mut self, name: &str, activity: F) -> Self
    where
        F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Text> + Send + 'static,
    {
        self.activities = self.activities.register(name, activity);
        self
    }

    pub(super) fn register(self) -> Registered {
        Registered {
            activities: Arc::new(self.activities.build()),
            orchestrations: self.orchestrations.build(),
        }
    }
}

/// What an activity returned, of one of the outputs that a selection or a join hands out.
pub(crate) fn activity_output(output: DurableOutput) -> Text {
    if let DurableOutput::Activity(result) = output {
        return result;
    }
    Err(format!("{output:?} is not the output of an activity"))
}
