//! Waiting for work and for changes.
//!
//! A waiter trusts what the hub knows as long as others' bells are heard, and asks the server first where
//! they are not.

use std::pin::pin;
use std::time::Duration;

use duroxide_core::providers::{InstanceHead, InstanceId, ProviderError, Queues, Watch};

use crate::error;
use crate::hub::{Age, Next};
use crate::provider::RedisProvider;
use crate::pulse;

impl RedisProvider {
    /// Waits until a claim would return something (WAK-02).
    pub(crate) async fn wait_until_claimable(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "wait_for_work";
        let hub = &self.setup.hub;
        let clock = &self.setup.options.clock;
        hub.check_open(OPERATION)?;
        let _counted = hub.wait(queues);
        let mut deadline = clock.sleep(max_wait);
        let mut must_ask = !hub.is_listening();
        loop {
            let mut woken = pin!(hub.work().notified());
            woken.as_mut().enable();
            let mut next = hub.next(queues, Age::Any);
            if must_ask || next == Next::Unknown {
                let asked = tokio::select! {
                    biased;
                    () = hub.closed() => return Err(error::closed(OPERATION)),
                    () = &mut deadline => return Ok(()),
                    asked = pulse::ask(&self.setup) => asked,
                };
                asked.map_err(|failure| failure.error(OPERATION, false))?;
                next = hub.next(queues, Age::Fresh);
            }
            let due_in = match next {
                Next::In(Duration::ZERO) => return Ok(()),
                Next::In(due_in) => Some(due_in),
                Next::Never => None,
                // All was forgotten meanwhile.
                Next::Unknown => {
                    must_ask = true;
                    tokio::select! {
                        biased;
                        () = hub.closed() => return Err(error::closed(OPERATION)),
                        () = &mut deadline => return Ok(()),
                        () = tokio::task::yield_now() => continue,
                    }
                }
            };
            let is_due = async {
                match due_in {
                    Some(due_in) => clock.sleep(due_in).await,
                    None => std::future::pending().await,
                }
            };
            // What this caller has learnt itself has woken it too.
            must_ask = false;
            tokio::select! {
                biased;
                () = hub.closed() => return Err(error::closed(OPERATION)),
                () = woken => {}
                () = &mut deadline => return Ok(()),
                // What is known may be the end of a lease that has ended before.
                () = is_due => must_ask = true,
            }
        }
    }

    /// Waits until one of the instances meets its condition (WAK-04).
    pub(crate) async fn wait_until_changed(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        const OPERATION: &str = "wait_for_change";
        let hub = &self.setup.hub;
        hub.check_open(OPERATION)?;
        let mut deadline = self.setup.options.clock.sleep(max_wait);
        let instances: Vec<InstanceId> = watched.iter().map(|it| it.instance.clone()).collect();
        let watching = hub.watchers.watch(instances);
        let mut in_question: Vec<Watch> = watched.to_vec();
        loop {
            let mut pulse = pin!(hub.pulse.notified());
            pulse.as_mut().enable();
            if !in_question.is_empty() {
                // Whoever waits for no time at all gets an answer too, so that the deadline does not end
                // this.
                let changed = tokio::select! {
                    biased;
                    () = hub.closed() => return Err(error::closed(OPERATION)),
                    changed = self.changed_heads(&in_question) => changed?,
                };
                if !changed.is_empty() {
                    return Ok(changed);
                }
            }
            tokio::select! {
                biased;
                () = hub.closed() => return Err(error::closed(OPERATION)),
                changes = watching.changed() => {
                    let mut met: Vec<InstanceHead> = Vec::new();
                    in_question = Vec::new();
                    for watch in watched {
                        match changes.get(&watch.instance) {
                            Some(Some(head)) if watch.until.value_key().is_none() => {
                                let is_met = watch.until.is_met_by(head, |_| None);
                                let is_named = met.iter().any(|it| it.instance == watch.instance);
                                if is_met && !is_named {
                                    met.push((**head).clone());
                                }
                            }
                            Some(_) => in_question.push(watch.clone()),
                            None => {}
                        }
                    }
                    if !met.is_empty() {
                        return Ok(met);
                    }
                }
                () = &mut deadline => return Ok(Vec::new()),
                () = pulse => in_question = watched.to_vec(),
            }
        }
    }
}
