//! Keeps the leases of what this node works on, with one call a tick.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::cancel_token::CancelToken;
use crate::clock::Clock;
use crate::providers::{Lease, LeaseToken, Provider, Release, Renewal};

/// The longest pause between two renewals.
const TICK_MAX: Duration = Duration::from_secs(5);

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
    /// Tells the activity that its outcome is not wanted.
    cancel: CancelToken,
}

/// The leases that this node holds.
#[derive(Debug, Default)]
pub(super) struct LeaseKeeper {
    held: Mutex<BTreeMap<LeaseToken, Held>>,
    added: Notify,
}

/// Holds a lease as long as it lives: it is renewed until this is dropped.
#[derive(Debug)]
pub(super) struct LeaseGuard {
    keeper: Arc<LeaseKeeper>,
    token: LeaseToken,
    pub(super) cancel: CancelToken,
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.keeper.held.lock().remove(&self.token);
    }
}

impl LeaseKeeper {
    /// Renews this lease from now on.
    pub(super) fn hold(self: &Arc<Self>, lease: Lease) -> LeaseGuard {
        let token = lease.token();
        let cancel = CancelToken::default();
        let was_empty = {
            let mut held = self.held.lock();
            held.insert(
                token,
                Held {
                    lease,
                    cancel: cancel.clone(),
                },
            );
            held.len() == 1
        };
        if was_empty {
            self.added.notify_one();
        }
        LeaseGuard {
            keeper: Arc::clone(self),
            token,
            cancel,
        }
    }

    /// A commit has cancelled what this lease was for.
    pub(super) fn cancel(&self, token: LeaseToken) {
        if let Some(held) = self.held.lock().remove(&token) {
            held.cancel.cancel();
        }
    }

    /// Lets a lease pass: it is neither renewed nor given back from now on.
    pub(super) fn forget(&self, token: LeaseToken) {
        self.held.lock().remove(&token);
    }

    /// Everything that is held, to be given back: the attempts do not count.
    pub(super) fn take_releases(&self) -> Vec<Release> {
        let held = std::mem::take(&mut *self.held.lock());
        held.into_values()
            .map(|held| Release {
                lease: held.lease,
                delay: Duration::ZERO,
                count_attempt: false,
            })
            .collect()
    }

    /// Renews for ever.
    pub(super) async fn run(&self, store: &dyn Provider, clock: &dyn Clock, times: LeaseTimes) {
        loop {
            if self.held.lock().is_empty() {
                self.added.notified().await;
            }
            clock.sleep(times.tick()).await;
            let (turns, activities): (Vec<Lease>, Vec<Lease>) = self
                .held
                .lock()
                .values()
                .map(|held| held.lease.clone())
                .partition(|lease| matches!(lease, Lease::Turn(_)));
            self.renew(store, &turns, times.turn).await;
            self.renew(store, &activities, times.activity).await;
        }
    }

    async fn renew(&self, store: &dyn Provider, leases: &[Lease], extend_by: Duration) {
        if leases.is_empty() {
            return;
        }
        let results = store.renew(leases, extend_by).await;
        for (lease, result) in leases.iter().zip(results) {
            match result {
                Ok(Renewal::Renewed) => {}
                Ok(Renewal::Cancelled | Renewal::Lost) => self.cancel(lease.token()),
                Err(error) => {
                    // The next tick tries again; the lease lasts for two more.
                    tracing::warn!(target: "duroxide::runtime", %error, "a lease was not renewed");
                }
            }
        }
    }
}
