//! Turns that end an instance without asking its code: it is cancelled, its bytes are damaged, or no code
//! fits.

use std::sync::Arc;

use super::ending;
use super::inbox::{self, Letter};
use super::load::{self, LoadError};
use super::occasion::Occasion;
use super::process::{Plan, Work};
use super::rewind;
use super::scope::Scope;
use crate::event::{ConfigErrorKind, Entry, ErrorDetails};
use crate::frame::DecodeError;
use crate::providers::{ErrorKind, ProviderError};
use crate::runtime::attempts::Item;
use crate::runtime::node::Node;
use crate::runtime::obstacle::Obstacle;
use crate::runtime::options::MismatchPolicy;

pub(super) fn newer(what: &'static str, error: DecodeError) -> Plan {
    Obstacle::NewerFormat { what, error }.into()
}

pub(super) fn log_damage(turn: &Occasion, operation: &str, error: &DecodeError) {
    tracing::error!(
        target: "duroxide::runtime",
        instance_id = %turn.head.instance,
        %error,
        operation,
        "stored bytes are damaged"
    );
}

/// Without its head, nobody knows who waits for the instance; so it is left as it is until the store
/// is mended, unless a person wants it ended.
pub(super) async fn undecodable_head(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    error: DecodeError,
) -> Plan {
    if error.is_newer_format() {
        return newer("the instance's head", error);
    }
    log_damage(turn, "decode_head", &error);
    if let Some(reason) = inbox::cancel_reason(letters) {
        return cancel(
            node,
            turn,
            letters,
            Scope::without_core_state(&turn.head),
            reason,
        )
        .await;
    }
    let error = ProviderError::new(
        ErrorKind::Corrupt,
        "claim_turns",
        "the head of an instance is damaged; restore the store from a backup, or cancel the instance",
    )
    .with_context("instance", &turn.head.instance)
    .with_source(error);
    Obstacle::Store(error).into()
}

pub(super) async fn unreadable(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    error: LoadError,
) -> Plan {
    match error {
        LoadError::Store(error) => Obstacle::Store(error).into(),
        LoadError::Decode(error) if error.is_newer_format() => newer("the history", error),
        LoadError::Message(error) if error.is_newer_format() => newer("a message", error),
        LoadError::Decode(error) => {
            end_damaged(node, turn, letters, ("decode_history", &error)).await
        }
        LoadError::Message(error) => {
            end_damaged(node, turn, letters, ("decode_message", &error)).await
        }
    }
}

pub(super) async fn end_damaged(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    (operation, error): (&str, &DecodeError),
) -> Plan {
    log_damage(turn, operation, error);
    end(
        node,
        turn,
        letters,
        ending::infrastructure(operation, error),
    )
    .await
}

pub(super) async fn cancel(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    mut scope: Box<Scope>,
    reason: &str,
) -> Plan {
    let history = match recorded(node, turn).await {
        Ok(history) => history,
        // A replica may lag behind, and catches up. A page that is lost does not come back.
        Err(obstacle) if is_lost(node, turn, &obstacle) => {
            tracing::error!(
                target: "duroxide::runtime",
                instance_id = %turn.head.instance,
                error = obstacle.missing(),
                "an instance is cancelled by what is left of its history; children that only the \
                 rest names go on"
            );
            load::read_remains(node, turn).await
        }
        Err(obstacle) => return obstacle.into(),
    };
    ending::note_before_end(&mut scope, turn, letters);
    let request = (reason, history.as_slice());
    let now_ms = node.clock.now_ms();
    let draft = ending::on_request(turn, letters, &scope, &node.limits, now_ms, request);
    Work {
        draft,
        scope,
        alive: None,
    }
    .into()
}

/// Whether a part of the history has been missing for as long as no replica lags behind.
fn is_lost(node: &Node, turn: &Occasion, obstacle: &Obstacle) -> bool {
    let Obstacle::Store(error) = obstacle else {
        return false;
    };
    let item = Item::Turn(turn.head.instance.clone());
    error.kind() == ErrorKind::Corrupt && node.give_backs.has_lasted(&item, &obstacle.missing())
}

/// The deployed code does not fit the instance, or the instance asked for what cannot be done.
pub(super) async fn mismatch(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    details: ErrorDetails,
) -> Plan {
    let may_be_mended = matches!(
        details,
        ErrorDetails::Configuration {
            kind: ConfigErrorKind::UnregisteredOrchestration
                | ConfigErrorKind::MissingVersion { .. }
                | ConfigErrorKind::Nondeterminism,
            ..
        }
    );
    match node.options.mismatch_policy {
        MismatchPolicy::GiveBack { .. } if may_be_mended => Obstacle::Mismatch(details).into(),
        MismatchPolicy::GiveBack { .. } | MismatchPolicy::FailAtOnce => {
            tracing::warn!(
                target: "duroxide::runtime",
                instance_id = %turn.head.instance,
                error = details.display_message(),
                "an instance cannot go on"
            );
            end(node, turn, letters, details).await
        }
    }
}

/// Ends the instance without asking its code, with all that it has open.
pub(super) async fn end(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    details: ErrorDetails,
) -> Plan {
    if turn.head.status.is_terminal() {
        // It was to be rewound, and cannot be.
        return rewind::given_up(node, turn, letters, &details.display_message());
    }
    let history = match recorded(node, turn).await {
        Ok(history) => history,
        Err(obstacle) => return obstacle.into(),
    };
    let mut scope = Scope::of(&turn.head).unwrap_or_else(|_| Scope::without_core_state(&turn.head));
    ending::note_before_end(&mut scope, turn, letters);
    let now_ms = node.clock.now_ms();
    let ending = (details, history.as_slice());
    let draft = ending::failed(turn, letters, &scope, &node.limits, now_ms, ending);
    Work {
        draft,
        scope,
        alive: None,
    }
    .into()
}

/// What is recorded of the execution, as far as it can be understood: an end goes by it.
async fn recorded(node: &Node, turn: &Occasion) -> Result<Vec<Entry>, Obstacle> {
    let read = load::read_readable(node, turn).await;
    read.map_err(|error| match error {
        LoadError::Store(error) => Obstacle::Store(error),
        LoadError::Decode(error) | LoadError::Message(error) => Obstacle::NewerFormat {
            what: "the history",
            error,
        },
    })
}
