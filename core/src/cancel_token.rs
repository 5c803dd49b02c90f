//! A flag that is raised once and can be waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Tells work that its outcome is not wanted any more. Clones share the flag.
///
/// Every item that a node works on has one, so it is small, and costs nothing to drop.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelToken {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_raised: AtomicBool,
    raised: Notify,
}

impl CancelToken {
    /// Raises the flag and wakes everybody who waits for it.
    pub(crate) fn cancel(&self) {
        self.shared.is_raised.store(true, Ordering::Release);
        self.shared.raised.notify_waiters();
    }

    /// Whether the flag is up.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.shared.is_raised.load(Ordering::Acquire)
    }

    /// Ends once the flag is up.
    pub(crate) async fn cancelled(&self) {
        // It hears of what is raised from now on, so the flag is looked at afterwards.
        let raised = self.shared.raised.notified();
        if !self.is_cancelled() {
            raised.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clones_share_the_flag_and_it_stays_up() {
        let token = CancelToken::default();
        let clone = token.clone();
        assert!(!clone.is_cancelled());
        let waiter = tokio::spawn(async move { clone.cancelled().await });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        token.cancel();
        token.cancel();
        waiter.await.unwrap();
        assert!(token.is_cancelled());
        token.cancelled().await;
    }
}
