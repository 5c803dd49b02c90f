//! A flag that is raised once and can be waited for.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells work that its outcome is not wanted any more. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelToken {
    raised: Arc<watch::Sender<bool>>,
}

impl CancelToken {
    /// Raises the flag and wakes everybody who waits for it.
    pub(crate) fn cancel(&self) {
        self.raised.send_replace(true);
    }

    /// Whether the flag is up.
    pub(crate) fn is_cancelled(&self) -> bool {
        *self.raised.borrow()
    }

    /// Ends once the flag is up.
    pub(crate) async fn cancelled(&self) {
        // This clone keeps the sender alive, so waiting cannot fail.
        self.raised
            .subscribe()
            .wait_for(|raised| *raised)
            .await
            .ok();
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
