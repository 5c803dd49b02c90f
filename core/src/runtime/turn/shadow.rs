//! Replaying every turn at once, in tests.

use super::code::Code;
use super::load;
use super::occasion::Occasion;
use super::scope::Scope;
use crate::event::Entry;
use crate::replay::Failure;
use crate::runtime::node::Node;

/// Replays what is stored and what the turn adds, with fresh code: it must do the same.
pub(super) async fn replay(
    node: &Node,
    turn: &Occasion,
    scope: &Scope,
    new_entries: Vec<Entry>,
) -> Result<(), Failure> {
    let Ok(code) = Code::find(
        &node.orchestrations,
        &scope.orchestration,
        Some(&scope.version),
    ) else {
        return Ok(());
    };
    let mut entries = Vec::new();
    if scope.execution == turn.head.position.execution {
        match load::read(node, &turn.head, 1).await {
            Ok(history) => entries = history.entries,
            // Another node has gone on meanwhile, or the store fails: the commit will say which.
            Err(_) => return Ok(()),
        }
    }
    entries.extend(new_entries);
    let inputs = node.options.shadow_replay_inputs;
    load::compared(
        &code,
        scope,
        node.limits.history_events_max,
        inputs,
        entries,
    )
}
