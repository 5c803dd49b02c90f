//! Waiting for work and for changes.
//!
//! A waiter trusts what the hub knows as long as other processes' bells are heard, and asks the server
//! first where they are not.

use std::pin::pin;
use std::time::Duration;

use duroxide_core::providers::{InstanceHead, InstanceId, ProviderError, Queues, ValueKey, Watch};

use tokio::sync::oneshot;

use crate::error;
use crate::hub::{Age, Due};
use crate::provider::PostgresProvider;
use crate::read::ReadJob;
use crate::value::Version;

impl PostgresProvider {
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
            let mut due = hub.due(queues, Age::Any);
            if must_ask || due == Due::Unknown {
                self.ask().await?;
                due = hub.due(queues, Age::Fresh);
            }
            let due_in = match due {
                Due::In(Duration::ZERO) => return Ok(()),
                Due::In(due_in) => Some(due_in),
                Due::Never => None,
                // Somebody rang meanwhile, or a claim has overtaken the answer.
                Due::Unknown => {
                    must_ask = true;
                    tokio::select! {
                        biased;
                        () = hub.closed() => return Err(error::closed(OPERATION)),
                        () = &mut deadline => return Ok(()),
                        () = std::future::ready(()) => continue,
                    }
                }
            };
            let is_due = async {
                match due_in {
                    Some(due_in) => clock.sleep(due_in).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = hub.closed() => return Err(error::closed(OPERATION)),
                () = woken => must_ask = false,
                () = &mut deadline => return Ok(()),
                // What is known may be the end of a lease that has ended before.
                () = is_due => must_ask = true,
            }
        }
    }

    /// Has the hub learn when something becomes claimable.
    async fn ask(&self) -> Result<(), ProviderError> {
        let (reply, answer) = oneshot::channel();
        self.read("wait_for_work", ReadJob::Ask { reply }, answer)
            .await
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
        let watching = hub.watchers.watch(instances.clone());
        let mut in_question = instances.clone();
        let mut heads: Vec<InstanceHead> = Vec::new();
        loop {
            let mut pulse = pin!(hub.pulse.notified());
            pulse.as_mut().enable();
            if !in_question.is_empty() {
                let read = self.read_heads(OPERATION, in_question).await?;
                // Notes come with `read_head` alone (NOT-02).
                heads.extend(
                    read.into_iter()
                        .map(|head| InstanceHead { note: None, ..head }),
                );
            }
            let changed = self.meeting(watched, &heads).await?;
            if !changed.is_empty() {
                return Ok(changed);
            }
            heads.clear();
            tokio::select! {
                biased;
                () = hub.closed() => return Err(error::closed(OPERATION)),
                changes = watching.changed() => {
                    in_question = Vec::new();
                    for (instance, head) in changes {
                        match head {
                            Some(head) => heads.push(*head),
                            None => in_question.push(instance),
                        }
                    }
                }
                () = &mut deadline => return Ok(Vec::new()),
                () = pulse => in_question = instances.clone(),
            }
        }
    }

    /// The heads that meet their condition, one for each.
    async fn meeting(
        &self,
        watched: &[Watch],
        heads: &[InstanceHead],
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let found = watched.iter().filter_map(|watch| {
            let head = heads.iter().find(|head| head.instance == watch.instance)?;
            Some((watch, head))
        });
        let asked: Vec<(InstanceId, ValueKey)> = found
            .clone()
            .filter_map(|(watch, _)| {
                Some((watch.instance.clone(), watch.until.value_key()?.clone()))
            })
            .collect();
        let mut versions = self.read_versions(asked).await?.into_iter();
        let mut met = Vec::new();
        for (watch, head) in found {
            let version = match watch.until.value_key().and_then(|_| versions.next()) {
                Some(Some(version)) => version,
                // The instance has been deleted since its head was read.
                Some(None) => continue,
                None => None,
            };
            if watch.until.is_met_by(head, |_| version) {
                met.push(head.clone());
            }
        }
        Ok(met)
    }

    async fn read_versions(
        &self,
        asked: Vec<(InstanceId, ValueKey)>,
    ) -> Result<Vec<Version>, ProviderError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let job = ReadJob::Versions {
            asked,
            reply,
            room: self.rooms.reads.take(1).await,
        };
        self.read("wait_for_change", job, answer).await
    }
}
