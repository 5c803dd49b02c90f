//! The code of an execution, standing where its history ends.

use super::code::Code;
use super::feed::{Feeder, Unfit};
use super::fork;
use super::inbox::{self, Letter};
use super::load::{self, History, LoadError};
use super::occasion::Occasion;
use super::scope::Scope;
use crate::event::{ErrorDetails, commit_mark};
use crate::message::{MessageBody, Start};
use crate::providers::{ErrorKind, InstanceHead, ProviderError};
use crate::replay::Engine;
use crate::runtime::attempts::Item;
use crate::runtime::give_back::mark;
use crate::runtime::node::Node;
use crate::runtime::warm::{Kept, Warm};

/// Why a turn got no code to run.
pub(super) enum Stopped {
    /// The deployed code does not fit, or what the code asks for cannot be done.
    Unfit(ErrorDetails),
    /// What is stored could not be had.
    Load(LoadError),
}

/// Whether a turn's code must be replayed, as far as this node knows: its history is worth reading
/// before the turn has a thread. What the node has given back, and has not run since, reads for itself
/// if it gets so far.
pub(in crate::runtime) fn is_cold(node: &Node, head: &InstanceHead) -> bool {
    head.position.next_event_id > 1
        && !head.status.is_terminal()
        && !head.suspended
        && !node.warm.lock().has(&head.instance)
        && !node.give_backs.has(&Item::Turn(head.instance.clone()))
        && Code::find(
            &node.orchestrations,
            &head.orchestration,
            head.version.as_deref(),
        )
        .is_ok()
}

/// The execution's code: new, still warm, led on from where it was warm, or replayed. In a box, since
/// it is large and is handed on.
pub(super) async fn feeder<'a>(
    node: &'a Node,
    turn: &Occasion,
    scope: Box<Scope>,
    letters: &[Letter],
    kept: Option<Kept>,
) -> Result<Box<Feeder<'a>>, Stopped> {
    let head = &turn.head;
    if head.position.next_event_id == 1 {
        if let Some(fork) = inbox::own_fork(turn, letters) {
            // In a box, since it is rare.
            return Box::pin(fork::begun(node, turn, scope, fork)).await;
        }
        let start = start_of(turn, letters).map_err(Stopped::Load)?;
        return begun(node, head, scope, &start);
    }
    let (engine, history_bytes) = match kept {
        Some(Kept::Current(warm)) => {
            node.metrics.turn_was_warm();
            (warm.engine, warm.history_bytes)
        }
        // In a box, since it is large, and rare where instances stay warm.
        kept => Box::pin(led_on(node, turn, &scope, kept)).await?,
    };
    let feeder = Feeder::new(node, head, scope, engine, history_bytes);
    Ok(Box::new(feeder))
}

/// What the execution begins with: the message, or what the execution before left in the head, where
/// no backlog of messages can come before it.
fn start_of(turn: &Occasion, letters: &[Letter]) -> Result<Start, LoadError> {
    if let Some(start) = inbox::own_start(turn, letters) {
        return Ok(start.clone());
    }
    let Some(left) = &turn.head.output else {
        let error = ProviderError::new(
            ErrorKind::Corrupt,
            "claim_turns",
            "the message that starts an execution is missing: either a node of the previous version \
             has handed the execution on, and the message waits behind a backlog of others; then \
             delete the instance by force and start it again; or a part of the store was lost; then \
             restore it from a backup",
        );
        let error = error
            .with_context("instance", &turn.head.instance)
            .with_context("execution", turn.head.position.execution);
        return Err(LoadError::Store(error));
    };
    let body = MessageBody::decode(left).map_err(LoadError::Decode)?;
    let MessageBody::Start(start) = body else {
        return Err(LoadError::Store(ProviderError::new(
            ErrorKind::Corrupt,
            "claim_turns",
            format!("a head should hold a start, and holds {}", body.name()),
        )));
    };
    Ok(start)
}

fn begun<'a>(
    node: &'a Node,
    head: &InstanceHead,
    mut scope: Box<Scope>,
    start: &Start,
) -> Result<Box<Feeder<'a>>, Stopped> {
    let code = Code::find(
        &node.orchestrations,
        &start.orchestration,
        start.version.as_deref(),
    )
    .map_err(Stopped::Unfit)?;
    scope.version.clone_from(&code.version);
    let known = scope.core_state.parent.as_ref();
    let is_renewed = start
        .parent
        .as_ref()
        .is_some_and(|parent| known.is_some_and(|known| known.renews(parent)));
    if !is_renewed {
        scope.core_state.parent.clone_from(&start.parent);
    }
    let engine = code.engine(
        &scope,
        start.input.clone(),
        node.limits.history_events_max,
        Some(node.alarm(&scope.instance, scope.incarnation)),
    );
    let mut feeder = Box::new(Feeder::new(node, head, scope, engine, 0));
    match feeder.begin(start) {
        Ok(()) => Ok(feeder),
        Err(Unfit(details)) => Err(Stopped::Unfit(details)),
    }
}

/// The code, led to where the head stands: from where it was left, or from the beginning.
async fn led_on(
    node: &Node,
    turn: &Occasion,
    scope: &Scope,
    kept: Option<Kept>,
) -> Result<(Engine, usize), Stopped> {
    if let Some(Kept::Behind(warm)) = kept
        && let Some(caught_up) = caught_up(node, &turn.head, warm).await?
    {
        return Ok(caught_up);
    }
    replayed(node, turn, scope).await
}

/// Leads an engine on through what another node has added. `None` if it cannot be: the whole history
/// decides then.
async fn caught_up(
    node: &Node,
    head: &InstanceHead,
    warm: Box<Warm>,
) -> Result<Option<(Engine, usize)>, Stopped> {
    let Warm {
        mut engine,
        head: stood_at,
        history_bytes,
    } = *warm;
    let History {
        entries,
        bytes,
        after,
    } = load::read(node, head, stood_at.position.next_event_id)
        .await
        .map_err(Stopped::Load)?;
    if after.is_none() || after != stood_at.commit_id.map(commit_mark) {
        return Ok(None);
    }
    let events = entries.len();
    if engine.replay(entries).is_err() {
        return Ok(None);
    }
    node.metrics.turn_caught_up(events);
    Ok(Some((engine, history_bytes + bytes)))
}

async fn replayed(node: &Node, turn: &Occasion, scope: &Scope) -> Result<(Engine, usize), Stopped> {
    let head = &turn.head;
    let code = Code::find(
        &node.orchestrations,
        &scope.orchestration,
        Some(&scope.version),
    )
    .map_err(Stopped::Unfit)?;
    if let Some(details) = node.give_backs.known_unfit(&head.instance, mark(head)) {
        return Err(Stopped::Unfit(details));
    }
    let history = load::read_whole(node, turn).await.map_err(Stopped::Load)?;
    let events = history.entries.len();
    let alarm = Some(node.alarm(&scope.instance, scope.incarnation));
    let events_max = node.limits.history_events_max;
    let engine = load::replayed(&code, scope, events_max, alarm, history.entries)
        .map_err(|failure| Stopped::Unfit(failure.into_mismatch(&scope.orchestration)))?;
    node.metrics.turn_was_cold(events);
    Ok((engine, history.bytes))
}
