//! Waiting for work and for changes.
//!
//! A waiter subscribes first and looks afterwards, so that nothing happens between the two unseen.

use std::time::Duration;

use duroxide::clock::{Clock, Sleep};
use duroxide::providers::{InstanceHead, ProviderError, Queues, ValueKey, Watch};

use crate::provider::FileProvider;
use crate::state::State;

impl FileProvider {
    /// WAK-02: ends when something is claimable, or is due, or the time is up.
    pub(crate) async fn wait_until_claimable(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        let mut woken = self.wakes.subscribe();
        let clock = &*self.options.clock;
        let mut time_is_up = clock.sleep(max_wait);
        loop {
            let queues = queues.clone();
            let look = move |state: &mut State| (state.next_due_ms(&queues), state.now_ms);
            let (next_due_ms, now_ms) = self.call("wait_for_work", look).await?;
            let due_ms = next_due_ms.unwrap_or(u64::MAX);
            if due_ms <= now_ms {
                return Ok(());
            }
            tokio::select! {
                biased;
                _ = woken.changed() => {}
                () = &mut time_is_up => return Ok(()),
                () = sleep_until(clock, due_ms) => {}
            }
        }
    }

    /// WAK-04: ends when a condition holds, or the time is up.
    pub(crate) async fn wait_until_changed(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let mut woken = self.wakes.subscribe();
        let mut time_is_up = self.options.clock.sleep(max_wait);
        loop {
            let watched = watched.to_vec();
            let look = move |state: &mut State| state.changed_heads(&watched);
            let changed = self.call("wait_for_change", look).await?;
            if !changed.is_empty() {
                return Ok(changed);
            }
            tokio::select! {
                biased;
                _ = woken.changed() => {}
                () = &mut time_is_up => return Ok(Vec::new()),
            }
        }
    }
}

impl State {
    fn changed_heads(&self, watched: &[Watch]) -> Vec<InstanceHead> {
        let heads = watched.iter().filter_map(|watch| {
            let head = &self.instances.get(&watch.instance)?.head;
            let version_of = |key: &ValueKey| self.version_of(&watch.instance, key);
            let is_met = watch.until.is_met_by(head, version_of);
            is_met.then(|| head.clone())
        });
        heads.collect()
    }
}

/// Sleeps until this time. If the clock moves while the sleep is set up, the sleep is too long, and
/// is set up again.
fn sleep_until(clock: &dyn Clock, at_ms: u64) -> Sleep {
    loop {
        let now_ms = clock.now_ms();
        let sleep = clock.sleep(Duration::from_millis(at_ms.saturating_sub(now_ms)));
        if clock.now_ms() == now_ms {
            return sleep;
        }
    }
}
