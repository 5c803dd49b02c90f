//! Waiting for work and for changes.
//!
//! A waiter trusts what the hub knows as long as others' bells are heard, and asks the server first where
//! they are not.

use std::pin::pin;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{InstanceHead, InstanceId, ProviderError, Queues, Watch};
use futures_util::future::join_all;

use crate::error::{self, Failure};
use crate::hub::{Age, Next};
use crate::provider::RedisProvider;
use crate::pulse;

/// When a partition that could not be reached is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl RedisProvider {
    /// Waits until a claim would return something (WAK-02).
    pub(crate) async fn wait_until_claimable(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "wait_for_work";
        let hub = &self.setup.hub;
        let clock = &self.setup.access.options.clock;
        hub.check_open(OPERATION)?;
        let _counted = hub.wait(queues);
        let mut deadline = clock.sleep(max_wait);
        let mut must_ask = !hub.hears_all();
        loop {
            let mut woken = pin!(hub.work().notified());
            woken.as_mut().enable();
            let mut next = hub.next(queues, Age::Any);
            let mut is_told_all = true;
            if must_ask || next == Next::Unknown {
                let mut asking = pin!(self.ask_partitions(queues));
                let asked = loop {
                    tokio::select! {
                        biased;
                        () = hub.closed() => return Err(error::closed(OPERATION)),
                        () = &mut deadline => return Ok(()),
                        asked = &mut asking => break asked,
                        () = &mut woken => {}
                    }
                    // One partition has answered, or told, while others are still asked.
                    woken.set(hub.work().notified());
                    woken.as_mut().enable();
                    if hub.next(queues, Age::Fresh) == Next::In(Duration::ZERO) {
                        return Ok(());
                    }
                };
                is_told_all = asked.map_err(|failure| failure.error(OPERATION, false))?;
                next = hub.next(queues, Age::Fresh);
            }
            let due_in = match next {
                Next::In(Duration::ZERO) => return Ok(()),
                Next::In(due_in) => Some(due_in),
                Next::Never => None,
                // A partition cannot be reached. What the others have is waited for all the same.
                Next::Unknown if !is_told_all => {
                    must_ask = true;
                    tokio::select! {
                        biased;
                        () = hub.closed() => return Err(error::closed(OPERATION)),
                        () = &mut woken => continue,
                        () = &mut deadline => return Ok(()),
                        () = SystemClock.sleep(ASK_AGAIN) => continue,
                    }
                }
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

    /// Asks those partitions of which it is not known whether there is something to claim, and answers whether
    /// all have told. It fails where none can.
    async fn ask_partitions(&self, queues: &Queues) -> Result<bool, Failure> {
        let partitions = &self.setup.partitions;
        let asked = self.setup.hub.to_ask(queues).into_iter();
        let asked = asked.filter_map(|index| partitions.get(index));
        let (absent, present): (Vec<_>, Vec<_>) = asked.partition(|it| it.is_absent());
        let asked = if absent.len() == partitions.count() {
            &absent
        } else {
            &present
        };
        let asked = asked.iter().map(|partition| {
            let ask = pulse::ask(&self.setup, partition);
            self.setup.promptly(partition, ask)
        });
        let mut failures = join_all(asked).await.into_iter().filter_map(Result::err);
        match failures.next() {
            Some(failure) if failures.count() + 1 == partitions.count() => Err(failure),
            failure => Ok(failure.is_none() && absent.is_empty()),
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
        let mut deadline = self.setup.access.options.clock.sleep(max_wait);
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
