//! Waiting for work and for changes.
//!
//! A waiter subscribes first and looks afterwards, so that nothing happens between the two unseen.

use std::time::Duration;

use duroxide_core::providers::{InstanceHead, ProviderError, Queues, Watch};
use tokio::sync::watch;

use crate::defect::Defect;
use crate::provider::MemoryProvider;

/// Tells waiters to look again.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    /// After everything that may make an item claimable sooner.
    work: watch::Sender<()>,
    /// After everything that may change a head.
    heads: watch::Sender<()>,
}

impl Wakes {
    /// Hears of what wakes workers from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.work.subscribe()
    }

    pub(crate) fn wake_workers(&self) {
        self.work.send_replace(());
    }

    pub(crate) fn wake_all(&self) {
        self.wake_workers();
        self.heads.send_replace(());
    }
}

impl MemoryProvider {
    pub(crate) async fn wait_until_claimable(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        let mut woken = self.wakes.subscribe();
        let mut deadline = self.options.clock.sleep(max_wait);
        loop {
            let clock_ms = self.options.clock.now_ms();
            let next_due = {
                let state = self.enter("wait_for_work")?;
                let next_due_ms = state.next_due_ms(queues);
                next_due_ms.map(|due_ms| state.until(due_ms))
            };
            if next_due == Some(Duration::ZERO) {
                return Ok(());
            }
            let is_blind = self.options.defects.has(Defect::WaitIgnoresTheClock);
            let next_due = next_due.filter(|_| !is_blind);
            let pause = next_due.map_or(max_wait, |due| due.min(max_wait));
            let due = self.options.clock.sleep(pause);
            // The pause began at the time it was computed for only if the clock stood still.
            if self.options.clock.now_ms() != clock_ms {
                continue;
            }
            tokio::select! {
                biased;
                _ = woken.changed() => {}
                () = &mut deadline => return Ok(()),
                () = due => {}
            }
        }
    }

    pub(crate) async fn wait_until_changed(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let mut woken = self.wakes.heads.subscribe();
        let mut deadline = self.options.clock.sleep(max_wait);
        loop {
            let changed = self.changed_heads(watched)?;
            if !changed.is_empty() {
                return Ok(changed);
            }
            tokio::select! {
                biased;
                _ = woken.changed() => {}
                () = &mut deadline => return Ok(Vec::new()),
            }
        }
    }

    fn changed_heads(&self, watched: &[Watch]) -> Result<Vec<InstanceHead>, ProviderError> {
        let state = self.enter("wait_for_change")?;
        Ok(watched
            .iter()
            .filter_map(|watch| {
                let head = &state.instances.get(&watch.instance)?.head;
                watch.until.is_met_by(head).then(|| head.clone())
            })
            .collect())
    }
}
