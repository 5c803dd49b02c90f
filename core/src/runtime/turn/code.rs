//! From an orchestration's name to its running code.

use std::sync::Arc;

use semver::Version;

use super::scope::Scope;
use crate::event::{ConfigErrorKind, ErrorDetails};
use crate::orchestration::OrchestrationContext;
use crate::replay::{Alarm, Engine, Identity, Journal, Root};
use crate::runtime::handler::OrchestrationHandler;
use crate::runtime::registry::OrchestrationRegistry;

/// An orchestration's code in one version.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) version: String,
    handler: Arc<dyn OrchestrationHandler>,
}

impl Code {
    /// Finds the code: in exactly this version, or in the one that the registry's policy says.
    ///
    /// # Errors
    /// What is to be recorded if the run fails for it.
    pub(super) fn find(
        registry: &OrchestrationRegistry,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self, ErrorDetails> {
        let unregistered = |kind, message: String| ErrorDetails::Configuration {
            kind,
            resource: name.to_owned(),
            message: Some(message),
        };
        let found = match version {
            None => registry.resolve_handler(name),
            Some(text) => Version::parse(text).ok().and_then(|version| {
                registry
                    .resolve_handler_exact(name, &version)
                    .map(|handler| (version, handler))
            }),
        };
        match (found, version) {
            (Some((version, handler)), _) => Ok(Self {
                version: version.to_string(),
                handler,
            }),
            (None, Some(version)) if registry.has(name) => Err(unregistered(
                ConfigErrorKind::MissingVersion {
                    requested_version: version.to_owned(),
                },
                format!("register version {version} of orchestration {name:?} on this runtime"),
            )),
            (None, _) => Err(unregistered(
                ConfigErrorKind::UnregisteredOrchestration,
                format!("register orchestration {name:?} on this runtime"),
            )),
        }
    }

    /// A new engine for this code, which has had no input yet. The alarm is for the instance's own
    /// run; one that is only looked at has none.
    pub(super) fn engine(
        &self,
        scope: &Scope,
        input: String,
        events_max: u64,
        alarm: Option<Alarm>,
    ) -> Engine {
        let identity = Identity {
            instance: scope.instance.as_str().to_owned(),
            incarnation: scope.incarnation.0,
            execution: scope.execution,
            orchestration: scope.orchestration.clone(),
            version: scope.version.clone(),
        };
        let journal = Journal::new(identity, events_max);
        if let Some(alarm) = alarm {
            journal.set_alarm(alarm);
        }
        let ctx = OrchestrationContext::on(&journal);
        let handler = Arc::clone(&self.handler);
        // The handler is called within the first poll, so that a panic in it is one in the code.
        let root: Root = Box::pin(async move { handler.invoke(ctx, input).await });
        Engine::new(journal, root)
    }
}
