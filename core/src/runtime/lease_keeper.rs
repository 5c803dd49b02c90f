//! Keeps the leases of what this node works on, with one call a tick.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::attempts::{Attempts, Item};
use super::health::{HealthRecord, is_fault};
use crate::cancel_token::CancelToken;
use crate::clock::Clock;
use crate::limits::{DETAILS_BYTES_PER_CALL_MAX, DETAILS_HELD_MAX};
use crate::message::ActivityDetails;
use crate::progress::{DetailsCarrier, Progress};
use crate::providers::share::ByteBudget;
use crate::providers::{
    ErrorKind, Lease, LeaseToken, Provider, ProviderError, Release, ReleasedAttempts, Renew,
    Renewal,
};

/// The longest pause between two renewals.
const TICK_MAX: Duration = Duration::from_secs(5);

/// For how long an item rests whose task has panicked.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// The pause between attempts to give everything back.
const RELEASE_PAUSE: Duration = Duration::from_millis(50);

/// How long leases are held.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaseTimes {
    pub(super) turn: Duration,
    pub(super) activity: Duration,
    /// The latest moments to renew them, counted from the claim.
    pub(super) turn_renewal: Duration,
    pub(super) activity_renewal: Duration,
}

impl LeaseTimes {
    /// A third of the shortest lease, so that two renewals may be lost.
    fn tick(&self) -> Duration {
        let third = self.turn.min(self.activity) / 3;
        third
            .min(self.turn_renewal)
            .min(self.activity_renewal)
            .min(TICK_MAX)
    }
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    attempt: u32,
    /// Tells the activity that its outcome is not wanted.
    cancel: CancelToken,
    /// Whether the user's code runs.
    has_begun: bool,
    /// Dropped with the lease, which tells whoever watches the item. It is not the guard's, which
    /// code that hangs keeps.
    watched: Option<mpsc::Sender<()>>,
    /// The newest details of the activity that are not known to be stored.
    details: Option<Bytes>,
}

impl Held {
    /// Gives the lease back. What ends in good order is no sign of poison, so that the attempt does
    /// not count; only the first run of an activity's code does, so that the next one is told by
    /// its number that there was one. That cannot make poison: it takes higher numbers.
    fn release(self) -> Release {
        let is_activity = matches!(self.lease, Lease::Activity(_));
        let attempts = if is_activity && self.has_begun && self.attempt == 1 {
            ReleasedAttempts::Keep
        } else {
            ReleasedAttempts::TakeBack
        };
        Release::new(self.lease, Duration::ZERO, attempts).with_details(self.details)
    }
}

/// A lease that nobody works on any more, to be given back.
#[derive(Debug)]
struct Left {
    release: Release,
    /// How often the store may still say that it is not held, before that is taken for true.
    denials: u32,
}

/// A lease that the store has granted is held or has passed.
const DENIALS_OF_GRANTED: u32 = 1;
/// One that is granted by a commit under way may not be there yet.
const DENIALS_OF_PROMISED: u32 = 5;

#[derive(Debug, Default)]
struct Leases {
    held: BTreeMap<LeaseToken, Held>,
    left: Vec<Left>,
}

/// The leases that this node holds.
#[derive(Debug)]
pub(super) struct LeaseKeeper {
    leases: Mutex<Leases>,
    /// Something is held, where nothing was.
    added: Notify,
    /// Something was left to be given back.
    added_left: Notify,
    /// An activity has said how far it is.
    added_details: Notify,
    attempts: Arc<Attempts>,
}

/// Holds a lease as long as it lives: it is renewed until this is dropped.
///
/// Whoever holds one ends it by what became of its item. One that is just dropped, since its task
/// was aborted or has panicked, gives its lease back.
#[derive(Debug)]
pub(super) struct LeaseGuard {
    keeper: Arc<LeaseKeeper>,
    token: LeaseToken,
    pub(super) cancel: CancelToken,
    is_over: bool,
    /// Somebody else ends the lease.
    is_handed_over: bool,
}

impl LeaseGuard {
    /// From now on the user's code runs.
    pub(super) fn begin(&self) {
        if let Some(held) = self.keeper.leases.lock().held.get_mut(&self.token) {
            held.has_begun = true;
        }
    }

    /// Has what its activity says stored with the lease.
    pub(super) fn progress(&self, last: ActivityDetails) -> Progress {
        let keeper = Arc::<LeaseKeeper>::clone(&self.keeper);
        Progress::new(last, keeper, self.token)
    }

    /// What its activity has said and is not known to be stored, for whoever gives the lease back.
    pub(super) fn take_details(&self) -> Option<Bytes> {
        let mut leases = self.keeper.leases.lock();
        leases.held.get_mut(&self.token)?.details.take()
    }

    /// Somebody wants to know when the lease is not held any more.
    pub(super) fn watch(&self, watcher: mpsc::Sender<()>) {
        let mut leases = self.keeper.leases.lock();
        if let Some(held) = leases.held.get_mut(&self.token) {
            held.watched = Some(watcher);
        }
    }

    /// The lease is not held any more: it was committed or released.
    pub(super) fn finish(mut self) {
        self.is_over = true;
    }

    /// The lease is not wanted any more, and is not given back either: the item rests until it has
    /// passed, and the attempt counts.
    pub(super) fn forfeit(mut self) {
        self.is_over = true;
    }

    /// The lease stays held: somebody else is recording the outcome, and ends it.
    pub(super) fn hand_over(mut self) {
        self.is_handed_over = true;
    }

    /// The store says that the lease has passed, or is somebody else's. The attempt does not count
    /// against the item.
    pub(super) fn lost(mut self) {
        self.is_over = true;
        self.keeper.lose(self.token);
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        if self.is_handed_over {
            return;
        }
        let mut leases = self.keeper.leases.lock();
        let Some(held) = leases.held.remove(&self.token) else {
            return;
        };
        if self.is_over {
            return;
        }
        let mut release = held.release();
        if std::thread::panicking() {
            // Without a count it would go on for ever, and without a pause at once.
            release.attempts = ReleasedAttempts::Keep;
            release.delay = PANIC_PAUSE;
        }
        leases.left.push(Left {
            release,
            denials: DENIALS_OF_GRANTED,
        });
        drop(leases);
        self.keeper.added_left.notify_one();
    }
}

impl LeaseKeeper {
    pub(super) fn new(attempts: Arc<Attempts>) -> Self {
        Self {
            leases: Mutex::default(),
            added: Notify::new(),
            added_left: Notify::new(),
            added_details: Notify::new(),
            attempts,
        }
    }

    /// Renews this lease from now on; `attempt` is the number that its claim gave.
    pub(super) fn hold(self: &Arc<Self>, lease: Lease, attempt: u32) -> LeaseGuard {
        let token = lease.token();
        let cancel = CancelToken::default();
        self.attempts.note_claimed(&lease, attempt);
        let was_empty = {
            let mut leases = self.leases.lock();
            leases.held.insert(
                token,
                Held {
                    lease,
                    attempt,
                    cancel: cancel.clone(),
                    has_begun: false,
                    watched: None,
                    details: None,
                },
            );
            leases.held.len() == 1
        };
        if was_empty {
            self.added.notify_one();
        }
        LeaseGuard {
            keeper: Arc::clone(self),
            token,
            cancel,
            is_over: false,
            is_handed_over: false,
        }
    }

    /// A commit has cancelled what this lease was for.
    pub(super) fn cancel(&self, token: LeaseToken) {
        if let Some(held) = self.leases.lock().held.remove(&token) {
            held.cancel.cancel();
        }
    }

    /// Lets a lease pass: it is neither renewed nor given back from now on.
    pub(super) fn forget(&self, token: LeaseToken) {
        self.leases.lock().held.remove(&token);
    }

    /// Whether this lease is held, as far as this node knows.
    pub(super) fn holds(&self, token: LeaseToken) -> bool {
        self.leases.lock().held.contains_key(&token)
    }

    /// The store does not know this lease any more, and this node did nothing to end it.
    fn lose(&self, token: LeaseToken) {
        let held = self.leases.lock().held.remove(&token);
        if let Some(held) = held {
            self.attempts.excuse(Item::from(&held.lease), held.attempt);
            held.cancel.cancel();
        }
    }

    /// Gives these back with the next ticks. For leases that a commit may grant or have granted, and
    /// that nobody has begun to hold.
    pub(super) fn leave(&self, leases: impl Iterator<Item = Lease>) {
        let left = leases.map(|lease| Left {
            release: Release::new(lease, Duration::ZERO, ReleasedAttempts::TakeBack),
            denials: DENIALS_OF_PROMISED,
        });
        self.leases.lock().left.extend(left);
        self.added_left.notify_one();
    }

    /// Gives back everything that is held and that was left, and tries again until the store has
    /// answered. For when no commit is under way.
    pub(super) async fn release_everything(&self, store: &dyn Provider, clock: &dyn Clock) {
        {
            let mut leases = self.leases.lock();
            let held = std::mem::take(&mut leases.held);
            leases.left.extend(held.into_values().map(|held| Left {
                release: held.release(),
                denials: DENIALS_OF_GRANTED,
            }));
            for left in &mut leases.left {
                left.denials = DENIALS_OF_GRANTED;
            }
        }
        loop {
            self.release_left(store).await;
            if self.leases.lock().left.is_empty() {
                return;
            }
            clock.sleep(RELEASE_PAUSE).await;
        }
    }

    /// Renews, and gives back what was left, for ever. A release that hangs delays no renewal.
    pub(super) async fn run(
        &self,
        store: &dyn Provider,
        clock: &dyn Clock,
        health: &HealthRecord,
        times: LeaseTimes,
    ) {
        let releases = async {
            loop {
                if self.leases.lock().left.is_empty() {
                    self.added_left.notified().await;
                }
                clock.sleep(times.tick()).await;
                self.release_left(store).await;
            }
        };
        let details = async {
            loop {
                self.added_details.notified().await;
                clock.sleep(DETAILS_HELD_MAX.min(times.tick())).await;
                self.bring_details(store, times.activity).await;
            }
        };
        let renewals = self.renew_all(store, clock, health, times);
        tokio::join!(renewals, releases, details);
    }

    /// Stores the newest details of the activities that have said something, with renewals of their own:
    /// what they weigh delays no plain one. One call after the other, so that no older details come after
    /// newer ones.
    async fn bring_details(&self, store: &dyn Provider, extend_by: Duration) {
        let mut renewals: Vec<Renew> = Vec::new();
        for held in self.leases.lock().held.values() {
            if let (Lease::Activity(lease), Some(details)) = (&held.lease, &held.details) {
                renewals.push(Renew::with_details(lease.clone(), details.clone()));
            }
        }
        let bytes = |renew: &Renew| renew.details.as_ref().map_or(0, Bytes::len);
        let mut is_left = false;
        for call in calls(&renewals, bytes) {
            let results = store.renew(call, extend_by).await;
            for (renew, result) in call.iter().zip(results) {
                let token = renew.lease.token();
                match result {
                    Ok(Renewal::Renewed) => self.drop_details(token, renew.details.as_ref()),
                    Ok(Renewal::Lost) => self.lose(token),
                    Err(error) if error.is_retryable() => is_left = true,
                    Err(error) => {
                        tracing::error!(
                            target: "duroxide::runtime",
                            %error,
                            "the details of an activity were not stored"
                        );
                        self.drop_details(token, renew.details.as_ref());
                    }
                }
            }
        }
        if is_left {
            self.added_details.notify_one();
        }
    }

    /// These details need not be stored any more, unless there are newer ones meanwhile.
    fn drop_details(&self, token: LeaseToken, sent: Option<&Bytes>) {
        let mut leases = self.leases.lock();
        if let Some(held) = leases.held.get_mut(&token)
            && held.details.as_ref().map(|it| it.as_ptr()) == sent.map(|it| it.as_ptr())
        {
            held.details = None;
        }
    }

    async fn renew_all(
        &self,
        store: &dyn Provider,
        clock: &dyn Clock,
        health: &HealthRecord,
        times: LeaseTimes,
    ) {
        loop {
            if self.leases.lock().held.is_empty() {
                self.added.notified().await;
            }
            clock.sleep(times.tick()).await;
            let (turns, activities): (Vec<Renew>, Vec<Renew>) = self
                .leases
                .lock()
                .held
                .values()
                .map(|held| Renew::from(held.lease.clone()))
                .partition(|renew| matches!(renew.lease, Lease::Turn(_)));
            let (turns, activities) = tokio::join!(
                self.renew(store, &turns, times.turn),
                self.renew(store, &activities, times.activity)
            );
            // One word for all of them, and the worst.
            let mut renewals = turns.iter().chain(&activities);
            let worst = renewals.clone().find(|it| it.as_ref().is_err_and(is_fault));
            if let Some(renewal) = worst.or_else(|| renewals.next()) {
                health.note("renew", renewal, clock);
            }
        }
    }

    /// Gives back what was left. It stays on the list until the store has answered, so that a call
    /// that is dropped is made again.
    async fn release_left(&self, store: &dyn Provider) {
        self.release_those(store, |_| true).await;
    }

    /// The same for leases that this node has held, and not for those that it was promised.
    pub(super) async fn release_granted(&self, store: &dyn Provider) {
        self.release_those(store, |left| left.denials == DENIALS_OF_GRANTED)
            .await;
    }

    async fn release_those(&self, store: &dyn Provider, is_it: impl Fn(&Left) -> bool) {
        let releases: Vec<Release> = {
            let leases = self.leases.lock();
            let those = leases.left.iter().filter(|left| is_it(left));
            those.map(|left| left.release.clone()).collect()
        };
        if releases.is_empty() {
            return;
        }
        let bytes = |release: &Release| release.details.as_ref().map_or(0, Bytes::len);
        let mut answers: BTreeMap<LeaseToken, Result<(), ProviderError>> = BTreeMap::new();
        for call in calls(&releases, bytes) {
            let results = store.release(call.to_vec()).await;
            let tokens = call.iter().map(|it| it.lease.token());
            answers.extend(tokens.zip(results));
        }
        self.leases.lock().left.retain_mut(|left| {
            match answers.get(&left.release.lease.token()) {
                Some(Ok(())) => false,
                // A lease that passes meanwhile is denied then.
                Some(Err(error)) if error.is_retryable() => true,
                // What it brings is too much for this store, and may get lost; the lease goes back.
                Some(Err(error)) if brings_too_much(&left.release, error) => {
                    left.release.details = None;
                    true
                }
                Some(Err(_)) => {
                    left.denials = left.denials.saturating_sub(1);
                    left.denials > 0
                }
                None => true,
            }
        });
    }

    async fn renew(
        &self,
        store: &dyn Provider,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        if leases.is_empty() {
            return Vec::new();
        }
        let results = store.renew(leases, extend_by).await;
        for (renew, result) in leases.iter().zip(&results) {
            match result {
                Ok(Renewal::Renewed) => {}
                Ok(Renewal::Lost) => self.lose(renew.lease.token()),
                Err(error) => {
                    // The next tick tries again; the lease lasts for two more.
                    tracing::warn!(target: "duroxide::runtime", %error, "a lease was not renewed");
                }
            }
        }
        results
    }
}

impl DetailsCarrier for LeaseKeeper {
    fn carry(&self, token: LeaseToken, details: Bytes) {
        if let Some(held) = self.leases.lock().held.get_mut(&token) {
            held.details = Some(details);
        }
        self.added_details.notify_one();
    }
}

/// Whether a store would take this release if it brought nothing.
fn brings_too_much(release: &Release, error: &ProviderError) -> bool {
    release.details.is_some() && error.kind() == ErrorKind::LimitExceeded
}

/// The parts of a list that a call each may bring (LIM-06).
fn calls<T>(members: &[T], bytes: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = members;
    std::iter::from_fn(move || {
        let mut budget = ByteBudget::new(DETAILS_BYTES_PER_CALL_MAX);
        let fitting = rest.iter().take_while(|it| budget.take(bytes(it))).count();
        let (call, others) = rest.split_at(fitting);
        rest = others;
        (!call.is_empty()).then_some(call)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::providers::{ActivityKey, ActivityLease, InstanceId, MessageId, TurnLease};

    fn keeper() -> Arc<LeaseKeeper> {
        Arc::new(LeaseKeeper::new(Arc::new(Attempts::new(1))))
    }

    fn turn() -> Lease {
        Lease::Turn(TurnLease {
            instance: InstanceId::new("i").unwrap(),
            token: Entropy.lease_token(),
        })
    }

    fn activity() -> Lease {
        Lease::Activity(ActivityLease {
            key: ActivityKey {
                instance: InstanceId::new("i").unwrap(),
                incarnation: MessageId(uuid::Uuid::nil()).incarnation(),
                execution: 1,
                activity_id: 2,
            },
            token: Entropy.lease_token(),
        })
    }

    /// What is to be given back, and what becomes of its attempts.
    fn left(keeper: &LeaseKeeper) -> Vec<(Lease, ReleasedAttempts)> {
        let leases = keeper.leases.lock();
        assert!(leases.held.is_empty(), "nothing is renewed any more");
        let left = leases.left.iter().map(|left| &left.release);
        left.map(|it| (it.lease.clone(), it.attempts)).collect()
    }

    #[test]
    fn only_a_guard_that_is_just_dropped_gives_its_lease_back() {
        let ends: [fn(LeaseGuard); 3] = [LeaseGuard::finish, LeaseGuard::forfeit, LeaseGuard::lost];
        for end in ends {
            let keeper = keeper();
            end(keeper.hold(turn(), 1));
            assert_eq!(left(&keeper), []);
        }
        let keeper = keeper();
        let lease = turn();
        drop(keeper.hold(lease.clone(), 1));
        assert_eq!(left(&keeper), [(lease, ReleasedAttempts::TakeBack)]);
    }

    #[test]
    fn what_was_said_last_goes_with_the_lease_unless_it_is_stored() {
        let (first, last) = (Bytes::from("first"), Bytes::from("last"));
        let keeper = keeper();
        let lease = activity();
        let guard = keeper.hold(lease.clone(), 1);
        keeper.carry(lease.token(), first.clone());
        keeper.carry(lease.token(), last.clone());
        // The first was on its way when the last was said.
        keeper.drop_details(lease.token(), Some(&first));
        drop(guard);
        assert_eq!(
            keeper.leases.lock().left[0].release.details,
            Some(last.clone())
        );

        let guard = keeper.hold(activity(), 1);
        keeper.carry(guard.token, last.clone());
        keeper.drop_details(guard.token, Some(&last));
        drop(guard);
        assert_eq!(keeper.leases.lock().left[1].release.details, None);
        // Nobody is there any more who could say something.
        keeper.carry(lease.token(), last);
        assert_eq!(keeper.leases.lock().held.len(), 0);
    }

    #[test]
    fn a_release_is_made_without_what_the_store_does_not_take() {
        let refusal = |kind| ProviderError::new(kind, "release", "refused");
        let bringing = |details| {
            Release::new(activity(), Duration::ZERO, ReleasedAttempts::Keep).with_details(details)
        };
        let (with, without) = (bringing(Some(Bytes::from("far"))), bringing(None));
        let limit = refusal(ErrorKind::LimitExceeded);
        assert!(brings_too_much(&with, &limit));
        assert!(!brings_too_much(&without, &limit));
        assert!(!brings_too_much(&with, &refusal(ErrorKind::LeaseLost)));
    }

    #[test]
    fn a_call_brings_no_more_than_it_may() {
        const MAX: usize = DETAILS_BYTES_PER_CALL_MAX;
        let lengths = |members: &[usize]| -> Vec<usize> {
            calls(members, |bytes| *bytes).map(<[usize]>::len).collect()
        };
        assert!(lengths(&[]).is_empty());
        assert_eq!(lengths(&[0; 1_000]), [1_000]);
        assert_eq!(lengths(&[MAX / 2, MAX / 2, 0, 1, MAX - 1, 1]), [3, 2, 1]);
    }

    #[test]
    fn what_was_cancelled_or_lost_is_not_given_back() {
        let keeper = keeper();
        let (first, second) = (activity(), activity());
        let guards = [
            keeper.hold(first.clone(), 1),
            keeper.hold(second.clone(), 1),
        ];
        keeper.cancel(first.token());
        keeper.lose(second.token());
        for guard in guards {
            assert!(guard.cancel.is_cancelled());
        }
        assert_eq!(left(&keeper), []);
    }

    /// The next run is told that there was one, and no number of shutdowns leads to a third.
    #[test]
    fn of_the_runs_that_are_cut_off_the_first_counts() {
        use ReleasedAttempts::{Keep, TakeBack};
        for (lease, begun, attempt, attempts) in [
            (activity(), true, 1, Keep),
            (activity(), false, 1, TakeBack),
            (activity(), true, 2, TakeBack),
            (activity(), true, 3, TakeBack),
            (turn(), true, 1, TakeBack),
        ] {
            let keeper = keeper();
            let guard = keeper.hold(lease.clone(), attempt);
            if begun {
                guard.begin();
            }
            drop(guard);
            assert_eq!(left(&keeper), [(lease, attempts)], "{begun} {attempt}");
        }
    }

    /// A task that panics each time is tried again after a pause, and not for ever.
    #[test]
    fn a_panic_counts() {
        let keeper = keeper();
        let guard = keeper.hold(turn(), 7);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = guard;
            panic!("as a test");
        }));
        assert!(panicked.is_err());
        let leases = keeper.leases.lock();
        let release = &leases.left[0].release;
        assert_eq!(release.attempts, ReleasedAttempts::Keep);
        assert_eq!(release.delay, PANIC_PAUSE);
    }

    /// Whoever watches an item must not wait for code that never comes back.
    #[test]
    fn a_watched_item_has_ended_with_its_lease() {
        let ends: [fn(&LeaseKeeper, LeaseToken); 3] =
            [LeaseKeeper::cancel, LeaseKeeper::forget, LeaseKeeper::lose];
        for end in ends {
            let keeper = keeper();
            let guard = keeper.hold(activity(), 1);
            let (watcher, watched) = mpsc::channel(1);
            guard.watch(watcher);
            assert_eq!(watched.sender_strong_count(), 1);
            end(&keeper, guard.token);
            assert_eq!(watched.sender_strong_count(), 0, "the guard is still there");
            drop(guard);
        }
        let keeper = keeper();
        let guard = keeper.hold(activity(), 1);
        keeper.forget(guard.token);
        let (watcher, watched) = mpsc::channel(1);
        guard.watch(watcher);
        assert_eq!(watched.sender_strong_count(), 0);
    }

    #[test]
    fn a_lost_lease_is_no_sign_of_poison_and_a_forfeited_one_is() {
        let keeper = keeper();
        for attempt in 1..10 {
            keeper.hold(turn(), attempt).lost();
        }
        let item = || Item::from(&turn());
        assert_eq!(keeper.attempts.poison(10, item), None);
        for attempt in 10..12 {
            keeper.hold(turn(), attempt).forfeit();
        }
        assert_eq!(keeper.attempts.poison(13, item), Some(2));
    }
}
