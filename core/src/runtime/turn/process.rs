//! What is to become of a claimed turn, and making it so.

use std::sync::Arc;
use std::time::Duration;

use super::code::Code;
use super::draft::{Draft, Scope};
use super::ending;
use super::feed::{Feeder, Unfit};
use super::inbox::{self, Letter};
use super::load::{self, LoadError};
use super::occasion::Occasion;
use super::publish::publish;
use crate::event::{ConfigErrorKind, Entry, ErrorDetails};
use crate::frame::DecodeError;
use crate::message::CoreState;
use crate::providers::{ErrorKind, Fence, Lease, ProviderError, Turn, TurnLease};
use crate::replay::{Engine, Failure};
use crate::runtime::attempts::Item;
use crate::runtime::lease_keeper::LeaseGuard;
use crate::runtime::node::Node;
use crate::runtime::options::MismatchPolicy;
use crate::runtime::warm::Warm;
use crate::runtime::watch::{Blocked, RunningTurn};

/// What to commit, and the engine that lives on if it is committed.
pub(super) struct Work {
    pub(super) draft: Draft,
    pub(super) scope: Scope,
    pub(super) alive: Option<(Engine, usize)>,
}

/// What is to become of a turn.
pub(super) enum Plan {
    Commit(Box<Work>),
    /// Give it back for a while.
    Release {
        delay: Duration,
        count_attempt: bool,
    },
}

impl From<Work> for Plan {
    fn from(work: Work) -> Self {
        Self::Commit(Box::new(work))
    }
}

/// Works on a claimed turn until it is committed, given back, or lost to another node.
pub(in crate::runtime) async fn run(
    node: Arc<Node>,
    turn: Turn,
    held: LeaseGuard,
    running: Arc<RunningTurn>,
) {
    let (lease, turn) = Occasion::claimed(turn);
    let warm = node.take_warm(&turn.head);
    let plan = plan(&node, &turn, warm).await;
    if !running.end() {
        // The code took so long that the watch has given the turn up.
        return held.forfeit();
    }
    match plan {
        Plan::Commit(work) => match publish(&node, &turn, *work, &mut None).await {
            Ok(()) => held.finish(),
            Err(error) => recover(&node, &turn, lease, held, &error).await,
        },
        Plan::Release {
            delay,
            count_attempt,
        } => {
            node.release(Lease::Turn(lease), delay, count_attempt).await;
            held.finish();
        }
    }
}

/// A commit was refused. If another node has the instance, it goes on from there; if the commit
/// itself cannot be stored, the run fails and says why.
async fn recover(
    node: &Arc<Node>,
    turn: &Occasion,
    lease: TurnLease,
    held: LeaseGuard,
    error: &ProviderError,
) {
    match error.kind() {
        ErrorKind::LeaseLost | ErrorKind::PositionConflict | ErrorKind::NotFound => {
            tracing::debug!(target: "duroxide::runtime", %error, "a turn was not committed");
            held.lost();
        }
        // What is dropped is given back.
        ErrorKind::Unavailable | ErrorKind::CommitUnknown => {
            tracing::debug!(target: "duroxide::runtime", %error, "a turn was not committed");
        }
        ErrorKind::AlreadyExists
        | ErrorKind::InvalidInput
        | ErrorKind::LimitExceeded
        | ErrorKind::Corrupt
        | ErrorKind::Unsupported
        | ErrorKind::Config
        | ErrorKind::Unexpected => {
            tracing::error!(target: "duroxide::runtime", %error, "a turn cannot be committed");
            let letters = inbox::decode(&turn.messages).unwrap_or_default();
            let work = end(node, turn, &letters, ending::damaged("commit", error));
            if let Err(error) = publish(node, turn, work, &mut None).await {
                tracing::error!(target: "duroxide::runtime", %error, "nor can its failure");
                let pause = backoff(turn.attempt);
                node.release(Lease::Turn(lease), pause, true).await;
            }
            held.finish();
        }
    }
}

/// Runs the turn, on the engine that stands where the head does if there is one.
pub(super) async fn plan(node: &Arc<Node>, turn: &Occasion, warm: Option<Warm>) -> Plan {
    let decoded = inbox::decode(&turn.messages);
    let letters: &[Letter] = decoded.as_deref().unwrap_or_default();
    if turn.head.status.is_terminal() {
        let draft = ending::drained(turn, letters);
        return Work {
            draft,
            scope: scope_of(turn),
            alive: None,
        }
        .into();
    }
    let item = || Item::Turn(turn.head.instance.clone());
    if let Some(attempts) = node.attempts.poison(turn.attempt, item) {
        let details = ending::poison(turn, attempts, node.options.max_attempts);
        return end(node, turn, letters, details).into();
    }
    if let Err(error) = &decoded {
        return undecodable(node, turn, letters, "decode_message", error);
    }
    if let Some(reason) = inbox::cancel_reason(letters) {
        return cancel(node, turn, letters, reason).await;
    }
    if let Fence::At { lease, .. } = turn.fence
        && let Some(blocked) = node.watch.blocked(&turn.head, lease)
    {
        return leave_alone(turn, blocked);
    }
    let fed = match feeder(node, turn, letters, warm).await {
        Ok(mut feeder) => match feed(&mut feeder, turn, letters) {
            Ok(()) => Ok(feeder),
            Err(unfit) => Err(Stopped::Unfit(unfit)),
        },
        Err(stopped) => Err(stopped),
    };
    match fed {
        Ok(feeder) => finish(node, turn, letters, feeder).await,
        Err(Stopped::Unfit(Unfit(details))) => mismatch(node, turn, letters, details),
        Err(Stopped::Damaged(error)) => undecodable(node, turn, letters, "decode_history", &error),
        Err(Stopped::Store(error)) => {
            tracing::warn!(target: "duroxide::runtime", %error, "a history was not read");
            Plan::Release {
                delay: backoff(turn.attempt),
                count_attempt: false,
            }
        }
    }
}

/// Why a turn got no code to run.
enum Stopped {
    Unfit(Unfit),
    Damaged(DecodeError),
    Store(ProviderError),
}

impl From<LoadError> for Stopped {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => Self::Store(error),
            LoadError::Decode(error) => Self::Damaged(error),
        }
    }
}

/// The execution's code, standing where its history ends: new, still warm, or replayed.
async fn feeder<'a>(
    node: &'a Node,
    turn: &Occasion,
    letters: &[Letter],
    warm: Option<Warm>,
) -> Result<Feeder<'a>, Stopped> {
    let unfit = |details| Stopped::Unfit(Unfit(details));
    let mut scope = scope_of(turn);
    let events_max = node.limits.history_events_max;
    if turn.head.position.next_event_id == 1 {
        let start = inbox::own_start(turn, letters).ok_or_else(|| {
            unfit(ErrorDetails::Infrastructure {
                operation: "start".to_owned(),
                message: "the message that starts this execution is missing".to_owned(),
                retryable: false,
            })
        })?;
        let code = Code::find(
            &node.orchestrations,
            &start.orchestration,
            start.version.as_deref(),
        )
        .map_err(unfit)?;
        scope.version.clone_from(&code.version);
        scope.parent.clone_from(&start.parent);
        let engine = code.engine(
            &scope,
            start.input.clone(),
            events_max,
            Some(node.alarm(&scope.instance, scope.incarnation)),
        );
        let mut feeder = Feeder::new(node, scope, engine, 0);
        feeder.begin(start).map_err(Stopped::Unfit)?;
        return Ok(feeder);
    }
    if let Some(warm) = warm {
        return Ok(Feeder::new(node, scope, warm.engine, warm.history_bytes));
    }
    let code = Code::find(
        &node.orchestrations,
        &scope.orchestration,
        Some(&scope.version),
    )
    .map_err(unfit)?;
    let (instance, execution) = (&turn.head.instance, turn.head.position.execution);
    let history = load::read(&*node.store, instance, execution).await?;
    let alarm = Some(node.alarm(&scope.instance, scope.incarnation));
    let engine = load::replayed(&code, &scope, events_max, alarm, history.entries)
        .map_err(|failure| unfit(failure.into_details(&scope.orchestration)))?;
    Ok(Feeder::new(node, scope, engine, history.bytes))
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
    mut feeder: Feeder<'_>,
) -> Plan {
    let repeatable = !feeder
        .engine
        .failure()
        .is_some_and(Failure::is_from_outside);
    let shadowed = if node.options.shadow_replay && repeatable {
        shadow_replay(
            node,
            turn,
            feeder.scope.clone(),
            feeder.draft.entries.clone(),
        )
        .await
    } else {
        Ok(())
    };
    let failure = match shadowed {
        Err(failure) => Some(failure),
        Ok(()) => feeder.nondeterminism().cloned(),
    };
    if let Some(failure) = failure {
        let details = failure.into_details(&feeder.scope.orchestration);
        return mismatch(node, turn, letters, details);
    }
    feeder.finish();
    let Feeder {
        scope,
        engine,
        draft,
        history_bytes,
        ..
    } = feeder;
    let alive = engine.end().is_none().then_some((engine, history_bytes));
    Work {
        draft,
        scope,
        alive,
    }
    .into()
}

/// Replays what is stored and what the turn adds, with fresh code: it must do the same.
async fn shadow_replay(
    node: &Node,
    turn: &Occasion,
    scope: Scope,
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
        match load::read(&*node.store, &turn.head.instance, scope.execution).await {
            Ok(history) => entries = history.entries,
            // The commit will say what is wrong with the store.
            Err(_) => return Ok(()),
        }
    }
    // A turn elsewhere may have gone on meanwhile; this one stands where its head says.
    entries.retain(|entry| entry.event_id < turn.head.position.next_event_id);
    entries.extend(new_entries);
    let events_max = node.limits.history_events_max;
    let inputs = node.options.shadow_replay_inputs;
    load::compared(&code, &scope, events_max, inputs, entries)
}

async fn cancel(node: &Arc<Node>, turn: &Occasion, letters: &[Letter], reason: &str) -> Plan {
    let (instance, execution) = (&turn.head.instance, turn.head.position.execution);
    let history = match load::read(&*node.store, instance, execution).await {
        Ok(history) => history.entries,
        Err(LoadError::Store(error)) => {
            tracing::warn!(target: "duroxide::runtime", %error, "a history was not read");
            return Plan::Release {
                delay: backoff(turn.attempt),
                count_attempt: false,
            };
        }
        // What cannot be read has no children that could be found; the instance ends all the same.
        Err(LoadError::Decode(_)) => Vec::new(),
    };
    let scope = scope_of(turn);
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

fn undecodable(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    what: &str,
    error: &DecodeError,
) -> Plan {
    tracing::error!(
        target: "duroxide::runtime",
        instance_id = %turn.head.instance,
        %error,
        operation = what,
        "stored bytes cannot be understood"
    );
    if error.is_newer_format() {
        // A node that was updated already can go on.
        return Plan::Release {
            delay: backoff(turn.attempt),
            count_attempt: true,
        };
    }
    end(node, turn, letters, ending::damaged(what, error)).into()
}

/// The deployed code does not fit the instance.
fn mismatch(node: &Arc<Node>, turn: &Occasion, letters: &[Letter], details: ErrorDetails) -> Plan {
    let may_be_mended = matches!(
        details,
        ErrorDetails::Configuration {
            kind: ConfigErrorKind::UnregisteredOrchestration
                | ConfigErrorKind::MissingVersion { .. }
                | ConfigErrorKind::Nondeterminism,
            ..
        }
    );
    tracing::warn!(
        target: "duroxide::runtime",
        instance_id = %turn.head.instance,
        error = details.display_message(),
        "an instance cannot go on"
    );
    match node.options.mismatch_policy {
        MismatchPolicy::RetryLater { delay } if may_be_mended => Plan::Release {
            delay,
            count_attempt: false,
        },
        MismatchPolicy::RetryLater { .. } | MismatchPolicy::FailAtOnce => {
            end(node, turn, letters, details).into()
        }
    }
}

fn end(node: &Arc<Node>, turn: &Occasion, letters: &[Letter], details: ErrorDetails) -> Work {
    let mut scope = scope_of(turn);
    if let Some(start) = inbox::own_start(turn, letters)
        && scope.version.is_empty()
    {
        scope.version = start.version.clone().unwrap_or_default();
    }
    let now_ms = node.clock.now_ms();
    let draft = ending::failed(turn, letters, &scope, &node.limits, now_ms, details);
    Work {
        draft,
        scope,
        alive: None,
    }
}

/// What the head says of the current execution.
fn scope_of(turn: &Occasion) -> Scope {
    let head = &turn.head;
    // A head that cannot be decoded names no parent; the instance can still be worked on.
    let core_state = CoreState::decode(&head.core_state).unwrap_or_default();
    Scope {
        instance: head.instance.clone(),
        incarnation: head.incarnation,
        execution: head.position.execution,
        orchestration: head.orchestration.clone(),
        version: head.version.clone().unwrap_or_default(),
        parent: core_state.parent,
    }
}

/// The instance's code is within a turn on this node already, which has lost its right to commit.
fn leave_alone(turn: &Occasion, blocked: Blocked) -> Plan {
    match blocked {
        Blocked::ForNow(delay) => Plan::Release {
            delay,
            count_attempt: false,
        },
        Blocked::Hanging => Plan::Release {
            delay: backoff(turn.attempt),
            count_attempt: true,
        },
    }
}

/// How long to leave an instance alone after so many attempts.
fn backoff(attempt: u32) -> Duration {
    const BACKOFF_MAX: Duration = Duration::from_secs(10);
    Duration::from_millis(100)
        .saturating_mul(1 << attempt.min(16))
        .min(BACKOFF_MAX)
}
