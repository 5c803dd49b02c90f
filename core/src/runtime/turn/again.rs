//! What an execution that goes back on another one sends anew.

use std::collections::BTreeMap;
use std::time::Duration;

use super::draft::{Draft, start};
use super::scope::Scope;
use crate::event::{Entry, EventKind};
use crate::message::MessageBody;
use crate::orchestration::{ActivityOptions, StartOptions};
use crate::providers::Limits;

/// What the code has said beside its decisions, by their events.
pub(super) type Options<'a> = (
    &'a BTreeMap<u64, StartOptions>,
    &'a BTreeMap<u64, ActivityOptions>,
);

impl Draft {
    /// Sends what was sent by an execution that was rewound, and is open still: it belongs to this one from
    /// now on. A child that it had begun goes on from where it failed, or begins anew if it is gone.
    pub(super) fn send_again(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        now_ms: u64,
        entry: &Entry,
        options: Options<'_>,
    ) {
        let EventKind::SubOrchestrationScheduled {
            name,
            instance,
            input,
            queue,
        } = &entry.kind
        else {
            return self.send(scope, limits, now_ms, entry, options);
        };
        let event_id = entry.event_id;
        let options = options.0.get(&event_id).cloned().unwrap_or_default();
        // Its delay has begun to pass with the first start, and an answer does not wait.
        let mut options = StartOptions {
            delay: Duration::ZERO,
            ..scope.for_child(options)
        };
        let parent = scope.parent_link(event_id);
        let start = start(name, options.version.take(), input, Some(parent));
        let place = (instance.as_str(), queue.as_ref());
        let start = (MessageBody::StartAgain(start), &options);
        self.new_child(scope, limits, event_id, place, start);
    }
}
