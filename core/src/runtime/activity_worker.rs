//! Runs one activity and reports its outcome.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::unconstrained;

use super::attempts::Item;
use super::give_back::Returned;
use super::lease_keeper::LeaseGuard;
use super::node::Node;
use super::obstacle::Obstacle;
use super::options::MismatchPolicy;
use super::slots::Slot;
use super::turn::{self, Fused, within};
use super::warm::Warm;
use super::watch::{TimedAttempt, UserThread};
use crate::activity::{ActivityContext, ActivityInfo};
use crate::event::{AppErrorKind, ConfigErrorKind, ErrorDetails, PoisonMessageType};
use crate::frame::DecodeError;
use crate::message::{ActivityBody, ActivityDetails, Cause, MessageBody, Notice, Origin};
use crate::progress::Progress;
use crate::providers::{
    ActivityKey, ActivityOutcome, ClaimedActivity, Commit, Envelope, ErrorKind, Lease,
    ProviderError, Recipient, Release, ReleasedAttempts,
};
use crate::replay::panic_text;

/// What is to become of a claimed activity.
enum Outcome {
    Report(Result<String, ErrorDetails>),
    /// Give it back for a while; another node may be able to run it.
    GiveBack(Obstacle),
    /// Nobody wants to know.
    Abandon,
    /// It was out of time, and that is being recorded.
    TimedOut,
    /// The runtime stops, and the activity may have ended for that: the next node runs it again.
    CutOff,
}

/// Works on a claimed activity until its outcome is recorded, or is not wanted any more.
pub(super) async fn run(node: Arc<Node>, claimed: ClaimedActivity, held: LeaseGuard, slot: Slot) {
    match outcome(&node, &claimed, &held).await {
        Outcome::Report(result) => {
            let outcome = Arc::new(recordable(&node, &claimed, result));
            report(node, outcome, held, slot).await;
            return;
        }
        Outcome::GiveBack(obstacle) => {
            Box::pin(give_back(&node, &claimed, &obstacle, &held)).await;
            held.finish();
        }
        Outcome::Abandon => held.finish(),
        Outcome::TimedOut => held.hand_over(),
        // What is dropped is given back.
        Outcome::CutOff => drop(held),
    }
    drop(slot);
}

async fn outcome(node: &Node, claimed: &ClaimedActivity, held: &LeaseGuard) -> Outcome {
    let body = match ActivityBody::decode(&claimed.body) {
        Ok(body) => body,
        Err(error) => return undecodable(claimed, error),
    };
    let item = || Item::Activity(claimed.lease.key.clone());
    if let Some(attempts) = node.attempts.poison(claimed.attempt, item) {
        let max_attempts = node.options.max_attempts;
        return Outcome::Report(Err(poison(claimed, &body, attempts, max_attempts)));
    }
    let Some((_, handler)) = node.activities.resolve_handler(&body.name) else {
        let details = ErrorDetails::Configuration {
            kind: ConfigErrorKind::UnregisteredActivity,
            message: Some(format!("register activity {:?} on this runtime", body.name)),
            resource: body.name,
        };
        return match node.options.mismatch_policy {
            MismatchPolicy::GiveBack { .. } => Outcome::GiveBack(Obstacle::Mismatch(details)),
            MismatchPolicy::FailAtOnce => Outcome::Report(Err(details)),
        };
    };
    let progress = match last_details(claimed) {
        Ok(last) => held.progress(last),
        Err(error) => return Outcome::GiveBack(error),
    };
    let (cancel, stopping) = (held.cancel.clone(), node.stopping.clone());
    let info = Arc::new(info(node, claimed, &body, progress));
    let mut ctx = ActivityContext::new(info, cancel, stopping);
    let timed = TimedAttempt::start(claimed, &body, &held.cancel, &node.clock);
    let _code_runs = timed.as_ref().map(|timed| node.timeouts.watch(timed));
    if let Some(timed) = &timed {
        ctx = ctx.heard_by(Arc::<TimedAttempt>::clone(timed));
    }
    let told = ctx.clone();
    held.begin();
    let input = body.input;
    // Made within the guarded future, so that a panic in the handler itself is caught as well.
    let work = async move { handler.invoke(ctx, input).await };
    let work = AssertUnwindSafe(work).catch_unwind();
    // Code that is always ready leaves nothing of the task's budget to what is polled after it.
    let given_up = unconstrained(async {
        held.cancel.cancelled().await;
        node.clock
            .sleep(node.options.activity_cancellation_grace)
            .await;
    });
    tokio::select! {
        biased;
        result = work => {
            if timed.as_ref().is_some_and(|timed| !timed.conclude()) {
                return Outcome::TimedOut;
            }
            // Code may cope with what other code that it calls does not take.
            if let Some(unfit) = told.refused_input()
                && matches!(&result, Ok(Err(message)) if *message == unfit.to_string())
                && let MismatchPolicy::GiveBack { .. } = node.options.mismatch_policy
            {
                return Outcome::GiveBack(Obstacle::UnfitInput(unfit.clone()));
            }
            // Whether it has failed, or is through, or has ended because it was told to, nobody can
            // say. Only an end that is called good in full knowledge is one.
            let is_good = matches!(result, Ok(Ok(_))) && told.knows_of_shutdown();
            if told.was_told_of_shutdown() && !is_good {
                return Outcome::CutOff;
            }
            Outcome::Report(match result {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(message)) => Err(failure(message)),
                Err(panic) => Err(failure(format!("activity panicked: {}", panic_text(&*panic)))),
            })
        }
        () = given_up => {
            if timed.is_some_and(|timed| timed.is_concluded()) {
                Outcome::TimedOut
            } else {
                Outcome::Abandon
            }
        }
    }
}

fn info(
    node: &Node,
    claimed: &ClaimedActivity,
    body: &ActivityBody,
    progress: Progress,
) -> ActivityInfo {
    let key = &claimed.lease.key;
    ActivityInfo {
        instance_id: key.instance.as_str().to_owned(),
        execution_id: key.execution,
        orchestration_name: body.orchestration.clone(),
        orchestration_version: body.version.clone(),
        activity_name: body.name.clone(),
        activity_id: key.activity_id,
        worker_id: node.worker_id.clone(),
        attempt: claimed.attempt,
        told_of_shutdown: AtomicBool::new(false),
        told_why: AtomicBool::new(false),
        unfit_input: OnceLock::new(),
        progress,
    }
}

/// What the attempts before have left. Without it an activity does again what it has done, and may do so
/// anyway; so damage is no reason to fail it.
fn last_details(claimed: &ClaimedActivity) -> Result<ActivityDetails, Obstacle> {
    let Some(details) = &claimed.details else {
        return Ok(ActivityDetails::default());
    };
    match ActivityDetails::decode(details) {
        Ok(details) => Ok(details),
        Err(error) if error.is_newer_format() => {
            let what = "the details of an activity";
            Err(Obstacle::NewerFormat { what, error })
        }
        Err(error) => {
            tracing::error!(
                target: "duroxide::runtime",
                activity = %claimed.lease.key,
                %error,
                "the details of an activity are damaged; it begins without them"
            );
            Ok(ActivityDetails::default())
        }
    }
}

fn undecodable(claimed: &ClaimedActivity, error: DecodeError) -> Outcome {
    if error.is_newer_format() {
        let what = "an activity";
        return Outcome::GiveBack(Obstacle::NewerFormat { what, error });
    }
    tracing::error!(
        target: "duroxide::runtime",
        activity = %claimed.lease.key,
        %error,
        "an activity's body is damaged"
    );
    Outcome::Report(Err(ErrorDetails::Infrastructure {
        operation: "decode_activity".to_owned(),
        message: error.to_string(),
        retryable: false,
    }))
}

/// Gives an activity back; its attempt does not count. Its instance is told if it lasts, so that
/// whoever waits for that hears of it.
async fn give_back(node: &Node, claimed: &ClaimedActivity, obstacle: &Obstacle, held: &LeaseGuard) {
    let key = &claimed.lease.key;
    let returned = Returned {
        item: Item::Activity(key.clone()),
        stands_at: None,
        unfit: None,
    };
    let given_back = node.note_given_back(returned, obstacle);
    if given_back.is_notice_due {
        tell_instance(node, key, &obstacle.missing()).await;
    }
    // A release may get lost, and the attempt counts then.
    node.attempts
        .excuse(Item::Activity(key.clone()), claimed.attempt);
    let lease = Lease::Activity(claimed.lease.clone());
    let attempts = ReleasedAttempts::TakeBack;
    let release = Release::new(lease, given_back.delay, attempts);
    node.release(release.with_details(held.take_details()))
        .await;
}

async fn tell_instance(node: &Node, key: &ActivityKey, missing: &str) {
    let notice = Notice {
        reason: node.notice(missing),
        activity_id: Some(key.activity_id),
        at_ms: node.clock.now_ms(),
    };
    let nudge = Envelope {
        recipient: Recipient::Instance {
            instance: key.instance.clone(),
            incarnation: Some(key.incarnation),
        },
        delay: Duration::ZERO,
        message: MessageBody::Nudge {
            notice: Some(notice),
        }
        .into_message(node.entropy.message_id(), Some(key.execution)),
    };
    if let Err(error) = node.commit(&Commit::Send(nudge)).await {
        tracing::debug!(target: "duroxide::runtime", %error, "an instance was not told");
    }
}

fn poison(
    claimed: &ClaimedActivity,
    body: &ActivityBody,
    attempt_count: u32,
    max_attempts: u32,
) -> ErrorDetails {
    let key = &claimed.lease.key;
    ErrorDetails::Poison {
        attempt_count,
        max_attempts,
        message_type: PoisonMessageType::Activity {
            instance: key.instance.as_str().to_owned(),
            execution_id: key.execution,
            activity_name: body.name.clone(),
            activity_id: key.activity_id,
        },
        message: "it was claimed and never reported an outcome".to_owned(),
    }
}

fn failure(message: String) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message,
        retryable: false,
    }
}

/// Records the outcome, with the turn that it brings if possible.
async fn report(node: Arc<Node>, outcome: Arc<ActivityOutcome>, held: LeaseGuard, slot: Slot) {
    node.give_backs
        .forget(|| Item::Activity(outcome.lease.key.clone()));
    let Some(warm) = turn::take_waiting(&node, &outcome) else {
        // In a box, as what follows is, so that the task of an activity is no larger than needed.
        Box::pin(report_alone(&node, outcome, held)).await;
        return drop(slot);
    };
    after_the_woken().await;
    if let Some(thread) = node.turns.try_user_thread() {
        report_with_turn(&node, outcome, warm, (held, slot, Some(thread))).await;
    } else {
        let elsewhere = Arc::clone(&node);
        let report = Box::pin(async move {
            report_with_turn(&elsewhere, outcome, warm, (held, slot, None)).await;
        });
        node.spawn_turn_elsewhere(report);
    }
}

/// Lets the task run first that the activity has woken last. It is next on this thread and on no
/// other, so that code which does not yield would take it along.
async fn after_the_woken() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn report_with_turn(
    node: &Arc<Node>,
    outcome: Arc<ActivityOutcome>,
    warm: Box<Warm>,
    (held, slot, thread): (LeaseGuard, Slot, Option<UserThread<'_>>),
) {
    let mut slot = Some(slot);
    match turn::run_with_outcome(node, &outcome, warm, (&mut slot, thread)).await {
        Fused::Recorded => held.finish(),
        Fused::Taken => held.hand_over(),
        Fused::Left => Box::pin(report_alone(node, outcome, held)).await,
    }
    drop(slot);
}

async fn report_alone(node: &Node, outcome: Arc<ActivityOutcome>, held: LeaseGuard) {
    match record(node, outcome, || !held.cancel.is_cancelled()).await {
        Ok(()) => held.finish(),
        Err(error) => unreported(node, held, &error),
    }
}

/// Reports an activity that is out of time, while its code may still be running.
pub(super) async fn time_out(node: &Node, claimed: &ClaimedActivity, message: &str) {
    let details = ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message: message.to_owned(),
        retryable: true,
    };
    let outcome = recordable(node, claimed, Err(details));
    record_unattended(node, Arc::new(outcome)).await;
}

/// The outcome as it can be stored. One that the store would refuse for its size becomes a failure
/// that says so.
fn recordable(
    node: &Node,
    claimed: &ClaimedActivity,
    result: Result<String, ErrorDetails>,
) -> ActivityOutcome {
    match &result {
        Ok(_) => node.metrics.activity_completed(),
        Err(details) => node.metrics.activity_failed(details),
    }
    let key = &claimed.lease.key;
    let activity_id = key.activity_id;
    let body = match result {
        Ok(result) => MessageBody::ActivityCompleted {
            activity_id,
            result,
        },
        Err(details) => MessageBody::ActivityFailed {
            activity_id,
            details,
        },
    };
    let origin = Origin {
        incarnation: key.incarnation,
        execution: key.execution,
        event_id: activity_id,
    };
    let id = origin.message_id(Cause::ActivityOutcome);
    let mut message = body.into_message(id, Some(key.execution));
    if let Err(details) = within(&node.limits, message.body.len(), "the activity's outcome") {
        let refused = MessageBody::ActivityFailed {
            activity_id,
            details,
        };
        message = refused.into_message(id, Some(key.execution));
    }
    ActivityOutcome {
        lease: claimed.lease.clone(),
        message: Some(message),
    }
}

/// Records an outcome by itself, as long as its lease is held: what was done is not done again since
/// the store failed. One that the store refuses becomes a failure that says so.
async fn record(
    node: &Node,
    outcome: Arc<ActivityOutcome>,
    is_held: impl Fn() -> bool + Send + Sync,
) -> Result<(), ProviderError> {
    let mut outcome = Arc::unwrap_or_clone(outcome);
    let commit = Commit::Activity(outcome.clone());
    let Err(error) = node.commit_outcome(&commit, &is_held).await else {
        return Ok(());
    };
    let (ErrorKind::InvalidInput | ErrorKind::LimitExceeded, Some(message)) =
        (error.kind(), &mut outcome.message)
    else {
        return Err(error);
    };
    message.body = MessageBody::ActivityFailed {
        activity_id: outcome.lease.key.activity_id,
        details: ErrorDetails::Infrastructure {
            operation: "commit".to_owned(),
            message: error.to_string(),
            retryable: false,
        },
    }
    .encode();
    let commit = Commit::Activity(outcome);
    node.commit_outcome(&commit, is_held).await.map(drop)
}

/// Records an outcome while something else still holds its lease, which ends with this.
pub(super) async fn record_unattended(node: &Node, outcome: Arc<ActivityOutcome>) {
    let token = outcome.lease.token;
    if let Err(error) = record(node, outcome, || node.leases.holds(token)).await {
        log_unreported(&error);
    }
    // One that could not be recorded is run again when its lease has passed.
    node.leases.forget(token);
}

fn log_unreported(error: &ProviderError) {
    // A lost lease is the ordinary end of an activity that was cancelled meanwhile.
    if error.kind() == ErrorKind::LeaseLost {
        tracing::debug!(target: "duroxide::runtime", %error, "an outcome is not wanted");
    } else {
        tracing::error!(target: "duroxide::runtime", %error, "an outcome was not recorded");
    }
}

fn unreported(node: &Node, held: LeaseGuard, error: &ProviderError) {
    log_unreported(error);
    if error.kind() == ErrorKind::LeaseLost {
        held.lost();
    } else if node.stopping.is_cancelled() {
        // What is dropped is given back.
        drop(held);
    } else {
        held.forfeit();
    }
}
