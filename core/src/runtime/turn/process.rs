//! What is to become of a claimed turn, and making it so.

use std::sync::Arc;
use std::time::Duration;

use super::draft::{Draft, Scope};
use super::ending;
use super::feed::{Feeder, Unfit};
use super::give_back::give_back;
use super::inbox::{self, Inbox, Letter};
use super::load::{self, LoadError};
use super::occasion::Occasion;
use super::open::{Stopped, feeder};
use super::publish::publish;
use super::shadow;
use crate::event::{ConfigErrorKind, Entry, ErrorDetails};
use crate::frame::DecodeError;
use crate::providers::{ErrorKind, Fence, Lease, ProviderError, TurnLease};
use crate::replay::{Engine, Failure};
use crate::runtime::attempts::Item;
use crate::runtime::give_back::Delays;
use crate::runtime::lease_keeper::LeaseGuard;
use crate::runtime::node::Node;
use crate::runtime::obstacle::Obstacle;
use crate::runtime::options::MismatchPolicy;
use crate::runtime::warm::Kept;
use crate::runtime::watch::{Blocked, RunningTurn};

/// How long to leave an instance alone whose code hangs on this node.
const HANGING: Delays = Delays {
    min: Duration::from_millis(200),
    max: Duration::from_secs(10),
};

/// What to commit, and the engine that lives on if it is committed.
pub(super) struct Work {
    pub(super) draft: Draft,
    pub(super) scope: Box<Scope>,
    pub(super) alive: Option<(Engine, usize)>,
}

/// What is to become of a turn.
pub(super) enum Plan {
    Commit(Box<Work>),
    /// Give it back for a while: nothing that happened is the instance's own doing.
    GiveBack(Obstacle),
    /// Its code is within a turn on this node already, which has lost its right to commit.
    LeaveAlone(Blocked),
}

impl From<Work> for Plan {
    fn from(work: Work) -> Self {
        Self::Commit(Box::new(work))
    }
}

impl From<Obstacle> for Plan {
    fn from(obstacle: Obstacle) -> Self {
        Self::GiveBack(obstacle)
    }
}

/// Works on a claimed turn until it is committed, given back, or lost to another node.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function holds twice what it is given"
)]
pub(in crate::runtime) fn run(
    node: Arc<Node>,
    (lease, turn): (TurnLease, Occasion),
    held: LeaseGuard,
    running: Arc<RunningTurn>,
) -> impl Future<Output = ()> + Send {
    async move {
        let kept = node.warm(&turn.head).await;
        let plan = plan(&node, &turn, kept).await;
        if !running.end() {
            // The code took so long that the watch has given the turn up.
            return held.forfeit();
        }
        match plan {
            Plan::Commit(work) => match publish(&node, &turn, work, &mut None).await {
                Ok(()) => {
                    held.finish();
                    node.give_backs
                        .forget(|| Item::Turn(turn.head.instance.clone()));
                }
                Err(error) => Box::pin(recover(&node, &turn, lease, held, error)).await,
            },
            Plan::GiveBack(obstacle) => {
                Box::pin(give_back(&node, &turn, lease, held, &obstacle)).await
            }
            Plan::LeaveAlone(blocked) => {
                let (delay, count_attempt) = match blocked {
                    Blocked::ForNow(delay) => (delay, false),
                    // Another node may have code that works, and would be outrun by this one.
                    Blocked::PassOn => {
                        node.pause_claims(node.clock.now_ms());
                        (Duration::ZERO, false)
                    }
                    Blocked::Hanging => (HANGING.after(turn.attempt.saturating_sub(1)), true),
                };
                node.release(Lease::Turn(lease), delay, count_attempt).await;
                held.finish();
            }
        }
    }
}

/// A commit did not succeed. If another node has the instance, it goes on from there. Only if the
/// store refuses what this commit says, the run fails and says why: any other fault is the store's,
/// and no instance answers for it.
async fn recover(
    node: &Arc<Node>,
    turn: &Occasion,
    lease: TurnLease,
    held: LeaseGuard,
    error: ProviderError,
) {
    match error.kind() {
        ErrorKind::LeaseLost | ErrorKind::PositionConflict | ErrorKind::NotFound => {
            tracing::debug!(target: "duroxide::runtime", %error, "a turn was not committed");
            held.lost();
        }
        ErrorKind::InvalidInput | ErrorKind::LimitExceeded => {
            tracing::error!(
                target: "duroxide::runtime",
                instance_id = %turn.head.instance,
                %error,
                "the store refuses what a turn commits"
            );
            end_refused(node, turn, lease, held, &error).await;
        }
        ErrorKind::AlreadyExists
        | ErrorKind::Unavailable
        | ErrorKind::CommitUnknown
        | ErrorKind::Corrupt
        | ErrorKind::Unsupported
        | ErrorKind::Config
        | ErrorKind::Unexpected => {
            give_back(node, turn, lease, held, &Obstacle::Store(error)).await;
        }
    }
}

async fn end_refused(
    node: &Arc<Node>,
    turn: &Occasion,
    lease: TurnLease,
    held: LeaseGuard,
    error: &ProviderError,
) {
    let letters = inbox::decode(&turn.messages).letters;
    let details = ending::infrastructure("commit", error);
    match end(node, turn, &letters, details).await {
        Plan::Commit(work) => match publish(node, turn, work, &mut None).await {
            Ok(()) => held.finish(),
            Err(error) => {
                tracing::error!(target: "duroxide::runtime", %error, "nor its failure");
                give_back(node, turn, lease, held, &Obstacle::Store(error)).await;
            }
        },
        Plan::GiveBack(obstacle) => give_back(node, turn, lease, held, &obstacle).await,
        // An end asks no code.
        Plan::LeaveAlone(_) => drop(held),
    }
}

/// Runs the turn, on the engine that was kept if there is one. What rarely happens is in boxes, so
/// that the task of every turn is no larger than needed.
pub(super) async fn plan(node: &Arc<Node>, turn: &Occasion, kept: Option<Kept>) -> Plan {
    let Inbox { letters, error } = inbox::decode(&turn.messages);
    // Nothing is done before all is understood: to drop one of them would be to destroy it. Only a
    // person's wish to end the instance goes before that.
    let is_cancelled = inbox::cancel_reason(&letters).is_some();
    match error {
        None => {}
        Some(error) if error.is_newer_format() && is_cancelled => {}
        Some(error) if error.is_newer_format() => return newer("a message", error),
        Some(error) => {
            log_damage(turn, "decode_message", &error);
            if !turn.head.status.is_terminal() && !is_cancelled {
                let details = ending::infrastructure("decode_message", &error);
                return Box::pin(end(node, turn, &letters, details)).await;
            }
        }
    }
    let scope = match Scope::of(&turn.head) {
        Ok(scope) => scope,
        Err(error) => return Box::pin(undecodable_head(node, turn, &letters, error)).await,
    };
    if turn.head.status.is_terminal() {
        return Work {
            draft: ending::drained(turn, &letters),
            scope,
            alive: None,
        }
        .into();
    }
    if let Some(reason) = inbox::cancel_reason(&letters) {
        return Box::pin(cancel(node, turn, &letters, scope, reason)).await;
    }
    let item = || Item::Turn(turn.head.instance.clone());
    if let Some(attempts) = node.attempts.poison(turn.attempt, item) {
        let details = ending::poison(turn, attempts, node.options.max_attempts);
        return Box::pin(end(node, turn, &letters, details)).await;
    }
    if let Fence::At { lease, .. } = turn.fence
        && let Some(blocked) = node.watch.blocked(&turn.head, lease)
    {
        return Plan::LeaveAlone(blocked);
    }
    let fed = match feeder(node, turn, scope, &letters, kept).await {
        Ok(mut feeder) => match feed(&mut feeder, turn, &letters) {
            Ok(()) => Ok(feeder),
            Err(Unfit(details)) => Err(Stopped::Unfit(details)),
        },
        Err(stopped) => Err(stopped),
    };
    match fed {
        Ok(feeder) => finish(node, turn, &letters, feeder).await,
        Err(Stopped::Unfit(details)) => Box::pin(mismatch(node, turn, &letters, details)).await,
        Err(Stopped::Load(error)) => Box::pin(unreadable(node, turn, &letters, error)).await,
    }
}

fn newer(what: &'static str, error: DecodeError) -> Plan {
    Obstacle::NewerFormat { what, error }.into()
}

fn log_damage(turn: &Occasion, operation: &str, error: &DecodeError) {
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
async fn undecodable_head(
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

async fn unreadable(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    error: LoadError,
) -> Plan {
    match error {
        LoadError::Store(error) => Obstacle::Store(error).into(),
        LoadError::Decode(error) if error.is_newer_format() => newer("the history", error),
        LoadError::Decode(error) => {
            log_damage(turn, "decode_history", &error);
            let details = ending::infrastructure("decode_history", &error);
            end(node, turn, letters, details).await
        }
    }
}

fn feed(feeder: &mut Feeder<'_>, turn: &Occasion, letters: &[Letter]) -> Result<(), Unfit> {
    for letter in letters {
        if !feeder.take_in(letter)? {
            break;
        }
    }
    ending::answer_refused_parents(&mut feeder.draft, turn, letters);
    Ok(())
}

async fn finish(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    mut feeder: Box<Feeder<'_>>,
) -> Plan {
    let failure = feeder.engine.failure();
    if let Some(Failure::UnfitInput(unfit)) = failure
        && let MismatchPolicy::GiveBack { .. } = node.options.mismatch_policy
    {
        // Nothing of this turn is stored yet: the execution begins where code takes the input.
        return Obstacle::UnfitInput(unfit.clone()).into();
    }
    let repeatable = !failure.is_some_and(Failure::is_from_outside);
    let shadowed = if node.options.shadow_replay && repeatable {
        let new_entries = feeder.draft.entries.clone();
        Box::pin(shadow::replay(node, turn, &feeder.scope, new_entries)).await
    } else {
        Ok(())
    };
    let failure = match shadowed {
        Err(failure) => Some(failure),
        Ok(()) => feeder.nondeterminism().cloned(),
    };
    if let Some(failure) = failure {
        let details = failure.into_mismatch(&feeder.scope.orchestration);
        return Box::pin(mismatch(node, turn, letters, details)).await;
    }
    feeder.finish();
    let Feeder {
        scope,
        engine,
        draft,
        history_bytes,
        ..
    } = *feeder;
    let alive = engine.end().is_none().then_some((engine, history_bytes));
    Work {
        draft,
        scope,
        alive,
    }
    .into()
}

async fn cancel(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    scope: Box<Scope>,
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
async fn mismatch(
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
async fn end(node: &Arc<Node>, turn: &Occasion, letters: &[Letter], details: ErrorDetails) -> Plan {
    let history = match recorded(node, turn).await {
        Ok(history) => history,
        Err(obstacle) => return obstacle.into(),
    };
    let mut scope = Scope::of(&turn.head).unwrap_or_else(|_| Scope::without_core_state(&turn.head));
    if let Some(start) = inbox::own_start(turn, letters)
        && scope.version.is_empty()
    {
        scope.version = start.version.clone().unwrap_or_default();
    }
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
        LoadError::Decode(error) => Obstacle::NewerFormat {
            what: "the history",
            error,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What glibc keeps at hand for each thread on 64 bits; larger ones cost a search with each turn.
    const ALLOCATION_BYTES_MAX: usize = 1_032;

    fn size_of_output<A, B, C, D, Made>(_: impl FnOnce(A, B, C, D) -> Made) -> usize {
        size_of::<Made>()
    }

    #[test]
    fn the_task_of_a_turn_is_allocated_without_a_search() {
        let bytes = size_of_output(run);
        assert!(bytes <= ALLOCATION_BYTES_MAX, "{bytes}");
    }
}
