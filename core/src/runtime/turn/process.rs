//! What is to become of a claimed turn, and making it so.

use std::sync::Arc;
use std::time::Duration;

use super::draft::Draft;
use super::ending;
use super::feed::{Feeder, Unfit};
use super::forced::{
    cancel, end, end_damaged, log_damage, mismatch, newer, undecodable_head, unreadable,
};
use super::give_back::{give_back, put_back};
use super::inbox::{self, Inbox, Letter};
use super::mailbox::Mailbox;
use super::management;
use super::occasion::Occasion;
use super::open::{Stopped, feeder};
use super::publish::publish;
use super::rewind;
use super::scope::Scope;
use super::shadow;
use crate::providers::{
    ErrorKind, Fence, Lease, ProviderError, Release, ReleasedAttempts, Topic, TurnLease,
};
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
    (lease, turn): (TurnLease, Box<Occasion>),
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
                let (delay, attempts) = match blocked {
                    Blocked::ForNow(delay) => (delay, ReleasedAttempts::TakeBack),
                    // Another node may have code that works, and would be outrun by this one.
                    Blocked::PassOn => {
                        node.pause_claims(node.clock.now_ms());
                        (Duration::ZERO, ReleasedAttempts::TakeBack)
                    }
                    Blocked::Hanging => {
                        let delay = HANGING.after(turn.attempt.saturating_sub(1));
                        (delay, ReleasedAttempts::Keep)
                    }
                };
                let release = Release::new(Lease::Turn(lease), delay, attempts);
                Box::pin(put_back(&node, &turn, release, held)).await;
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
        ErrorKind::LeaseLost
        | ErrorKind::PositionConflict
        | ErrorKind::NotFound
        | ErrorKind::Ended => {
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
    let letters = inbox::decode(turn).letters;
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
    let Inbox { letters, error } = inbox::decode(turn);
    let has_ended = turn.head.status.is_terminal();
    let is_cancelled = inbox::cancel_reason(&letters).is_some();
    if !has_ended && let Some(draft) = management::draft(turn, &letters, node.clock.now_ms()) {
        return management::work(turn, &letters, draft, kept).into();
    }
    // Nothing is done before all is understood: to drop one of them would be to destroy it. Only what
    // a person wishes goes before that.
    match error {
        None => {}
        Some(error) if error.is_newer_format() && is_cancelled => {}
        Some(error) if error.is_newer_format() => return newer("a message", error),
        Some(error) => {
            if !has_ended && !is_cancelled {
                let damage = ("decode_message", &error);
                return Box::pin(end_damaged(node, turn, &letters, damage)).await;
            }
            log_damage(turn, "decode_message", &error);
        }
    }
    let scope = match Scope::of(&turn.head) {
        Ok(scope) => scope,
        Err(error) => return Box::pin(undecodable_head(node, turn, &letters, error)).await,
    };
    if has_ended {
        if let Some(wish) = rewind::wish(turn, &letters) {
            return Box::pin(rewind::plan(node, turn, &letters, scope, wish)).await;
        }
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
        Ok(mut feeder) => feed(&mut feeder, turn, &letters).await.map(|()| feeder),
        Err(stopped) => Err(stopped),
    };
    match fed {
        Ok(feeder) => finish(node, turn, &letters, feeder).await,
        Err(Stopped::Unfit(details)) => Box::pin(mismatch(node, turn, &letters, details)).await,
        Err(Stopped::Load(error)) => Box::pin(unreadable(node, turn, &letters, error)).await,
    }
}

/// Gives the code what has come for it, one message a step: what manages the instance first, and
/// then by due time what its decisions have brought and the mail that it waits for at that moment.
pub(super) async fn feed(
    feeder: &mut Feeder<'_>,
    turn: &Occasion,
    letters: &[Letter],
) -> Result<(), Stopped> {
    let mut mailbox = Mailbox::new(feeder.node, turn);
    let mut letters_left = letters.iter().peekable();
    let is_cut = turn.may_have_left_messages(feeder.limits);
    loop {
        if let Some(tried) = feeder.first_try() {
            // In a box, since it is rare.
            if Box::pin(answer(feeder, &mut mailbox, tried)).await? {
                continue;
            }
            break;
        }
        let letter = letters_left.peek();
        let mail = match letter {
            Some(letter) if letter.is_control => None,
            // What the claim had no room for may have been due before.
            None if is_cut => None,
            _ => {
                let oldest = mailbox.oldest(&feeder.open_topics()).await;
                oldest.map_err(Stopped::Load)?
            }
        };
        let is_mail_due = |due_at_ms| letter.is_none_or(|letter| due_at_ms < letter.due_at_ms);
        let was_taken = match mail {
            Some((due_at_ms, topic)) if is_mail_due(due_at_ms) => match mailbox.take(&topic) {
                Some(mail) => feeder.take_mail(&mail.map_err(Stopped::Load)?, &topic),
                None => Ok(false),
            },
            _ => match letters_left.next() {
                Some(letter) => feeder.take_in(letter),
                None => Ok(false),
            },
        };
        if !was_taken.map_err(|Unfit(details)| Stopped::Unfit(details))? {
            break;
        }
    }
    ending::answer_refused_parents(&mut feeder.draft, turn, letters);
    Ok(())
}

/// Answers a try for mail with the oldest of its topic, or with there being none; waits for that topic
/// which were there before come first. False if the turn is full.
async fn answer(
    feeder: &mut Feeder<'_>,
    mailbox: &mut Mailbox<'_>,
    (try_id, topic): (u64, Topic),
) -> Result<bool, Stopped> {
    let has_mail = mailbox.has_mail(&topic).await.map_err(Stopped::Load)?;
    let was_taken = match mailbox.take(&topic) {
        Some(mail) if has_mail => feeder.take_mail(&mail.map_err(Stopped::Load)?, &topic),
        _ => feeder.note_absence(try_id, &topic),
    };
    was_taken.map_err(|Unfit(details)| Stopped::Unfit(details))
}

pub(super) async fn finish(
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

/// What glibc keeps at hand for each thread on 64 bits; larger ones cost a search with each turn.
#[cfg(test)]
pub(super) const ALLOCATION_BYTES_MAX: usize = 1_032;

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_output<A, B, C, D, Made>(_: impl FnOnce(A, B, C, D) -> Made) -> usize {
        size_of::<Made>()
    }

    #[test]
    fn the_task_of_a_turn_is_allocated_without_a_search() {
        let bytes = size_of_output(run);
        assert!(bytes <= ALLOCATION_BYTES_MAX, "{bytes}");
    }
}
