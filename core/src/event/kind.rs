//! The kinds of events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::announcement::CancelAnnouncement;
use super::details::ErrorDetails;
use super::forked::Forked;
use super::rewound::Rewound;
use super::rules;

/// What an event says.
///
/// Each kind is an *input* (it came from outside), a *decision* (the orchestration made it) or
/// *terminal* (it ends the execution).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum EventKind {
    /// Input: the execution begins. Always the first event.
    OrchestrationStarted {
        /// The orchestration's name.
        name: String,
        /// Its resolved version, which pins the execution.
        version: String,
        /// The input.
        input: String,
        /// The instance that waits for this one, if it is a child.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_instance: Option<String>,
        /// The event of the parent that scheduled this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_id: Option<u64>,
        /// The cap on the history, where it is not
        /// [the default](crate::limits::HISTORY_EVENTS_MAX_DEFAULT): the answers of
        /// `ctx.should_continue_as_new()` follow from it, also in a replay under another cap.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        history_events_max: Option<u64>,
        /// By which rules retries and `continue_as_new` decide; none are those of the versions that
        /// did not say. An execution keeps the rules that it began with.
        #[serde(
            default,
            rename = "r",
            skip_serializing_if = "Option::is_none",
            deserialize_with = "rules::known"
        )]
        rules: Option<u8>,
        /// The messages that brought the last events of the executions before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taken: Vec<Uuid>,
        /// The cancellation that was announced to the execution before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        announced: Option<Box<CancelAnnouncement>>,
        /// The values that the executions before have set, by their keys.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        values: BTreeMap<String, String>,
        /// What the execution goes back on, if it was rewound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rewound: Option<Box<Rewound>>,
        /// What the instance is a fork of, if it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forked: Option<Box<Forked>>,
    },
    /// Terminal: the orchestration returned `Ok`.
    OrchestrationCompleted {
        /// What it returned.
        output: String,
    },
    /// Terminal: the orchestration returned `Err`, was cancelled, or could not go on.
    OrchestrationFailed {
        /// Why.
        details: ErrorDetails,
    },
    /// Decision: run an activity.
    ActivityScheduled {
        /// The activity's name.
        name: String,
        /// Its input.
        input: String,
        /// The queue that the code has named for it, if it has named one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
    },
    /// Input: an activity ended with a result.
    ActivityCompleted {
        /// What it returned.
        result: String,
    },
    /// Input: an activity failed.
    ActivityFailed {
        /// Why.
        details: ErrorDetails,
    },
    /// Decision: wake me at this time.
    TimerCreated {
        /// When, in milliseconds since the Unix epoch.
        fire_at_ms: u64,
    },
    /// Input: that time has come.
    TimerFired {
        /// Which time.
        fire_at_ms: u64,
    },
    /// Decision: wait for an event of this name.
    ExternalSubscribed {
        /// The name.
        name: String,
    },
    /// Decision: take an event of this name, if there is one by now.
    ExternalTried {
        /// The name.
        name: String,
    },
    /// Input: there was none.
    ExternalAbsent {
        /// The name.
        name: String,
    },
    /// Input: somebody raised an event.
    ExternalEvent {
        /// Its name.
        name: String,
        /// Its data.
        data: String,
    },
    /// Decision: start an orchestration and do not wait for it.
    OrchestrationChained {
        /// Its name.
        name: String,
        /// Its instance id.
        instance: String,
        /// Its input.
        input: String,
        /// The queue that the code has named for its turns, if it has named one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
    },
    /// Decision: raise an event for another instance, or for this one.
    ExternalEventRaised {
        /// The instance that it is for.
        instance: String,
        /// Its name.
        name: String,
        /// Its data.
        data: String,
    },
    /// Decision: start an orchestration and wait for it.
    SubOrchestrationScheduled {
        /// Its name.
        name: String,
        /// Its instance id.
        instance: String,
        /// Its input.
        input: String,
        /// The queue that the code has named for its turns, if it has named one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
    },
    /// Input: a child ended with a result.
    SubOrchestrationCompleted {
        /// What it returned.
        result: String,
    },
    /// Input: a child failed.
    SubOrchestrationFailed {
        /// Why.
        details: ErrorDetails,
    },
    /// Terminal: the execution hands over to the next one.
    OrchestrationContinuedAsNew {
        /// The next one's input.
        input: String,
    },
    /// Input: somebody cancelled the instance.
    OrchestrationCancelRequested {
        /// Why.
        reason: String,
    },
    /// Input: somebody will have the instance cancelled at this time, and the code may end before.
    OrchestrationCancelAnnounced {
        /// Why.
        reason: String,
        /// When, in milliseconds since the Unix epoch.
        cancel_at_ms: u64,
    },
    /// Decision: set a value of the instance, or remove it.
    ValueSet {
        /// Its key; that of the custom status is `@status`.
        key: String,
        /// What it is from now on; `None` removes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Decision, answered at once: a value that code may not make up by itself.
    SystemCall {
        /// Which: `guid`, `utcnow_ms`, or `no_room` for a refusal.
        op: String,
        /// The value, or the error that the refused operations failed with.
        value: String,
    },
}

impl EventKind {
    /// Whether it ends the execution.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::OrchestrationCompleted { .. }
                | Self::OrchestrationFailed { .. }
                | Self::OrchestrationContinuedAsNew { .. }
        )
    }

    /// Whether the orchestration made it.
    #[must_use]
    pub fn is_decision(&self) -> bool {
        matches!(
            self,
            Self::ActivityScheduled { .. }
                | Self::TimerCreated { .. }
                | Self::ExternalSubscribed { .. }
                | Self::ExternalTried { .. }
                | Self::OrchestrationChained { .. }
                | Self::ExternalEventRaised { .. }
                | Self::SubOrchestrationScheduled { .. }
                | Self::ValueSet { .. }
                | Self::SystemCall { .. }
        )
    }

    /// Whether it came from outside.
    #[must_use]
    pub fn is_input(&self) -> bool {
        !self.is_decision() && !self.is_terminal()
    }

    /// The bytes of its texts, which are what makes one event larger than another. Names of other instances do
    /// not count: they are made of the instance's own, and a fork that has another one repeats a history.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::OrchestrationStarted {
                name,
                version,
                input,
                values,
                ..
            } => {
                let values = values.iter().map(|(key, value)| key.len() + value.len());
                name.len() + version.len() + input.len() + values.sum::<usize>()
            }
            Self::ActivityScheduled { name, input, .. }
            | Self::OrchestrationChained { name, input, .. }
            | Self::SubOrchestrationScheduled { name, input, .. } => name.len() + input.len(),
            Self::ActivityCompleted { result } | Self::SubOrchestrationCompleted { result } => {
                result.len()
            }
            Self::ExternalSubscribed { name }
            | Self::ExternalTried { name }
            | Self::ExternalAbsent { name } => name.len(),
            Self::ExternalEvent { name, data } | Self::ExternalEventRaised { name, data, .. } => {
                name.len() + data.len()
            }
            Self::ValueSet { key, value } => key.len() + value.as_ref().map_or(0, String::len),
            Self::SystemCall { op, value } => op.len() + value.len(),
            Self::OrchestrationCompleted { output } => output.len(),
            Self::OrchestrationContinuedAsNew { input } => input.len(),
            Self::OrchestrationCancelRequested { reason }
            | Self::OrchestrationCancelAnnounced { reason, .. } => reason.len(),
            Self::ActivityFailed { details } | Self::SubOrchestrationFailed { details } => {
                details.text_bytes()
            }
            Self::OrchestrationFailed { .. }
            | Self::TimerCreated { .. }
            | Self::TimerFired { .. } => 0,
        }
    }
}
