//! What a provider finds in a store.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, HistoryChunk, InstanceHead, InstanceId, MessageId, Provider,
    ProviderError, ReadHistory, TaskQueue,
};
use duroxide_sqlite::SqliteProvider;

use crate::Failure;
use crate::actor::{instances, within};
use crate::ledger::Key;

const LEASE: Duration = Duration::from_secs(3_600);
/// Longer than every delay of the workload.
pub(crate) const LATER: Duration = Duration::from_secs(7 * 24 * 3_600);
const AT_ONCE: usize = 256;

/// An instance and everything that is its own.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) head: InstanceHead,
    pub(crate) history: Vec<HistoryChunk>,
    /// How often it was claimed since its last turn, if it can be claimed now.
    pub(crate) attempts: Option<u32>,
}

/// An activity that is not done.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) body: Bytes,
    pub(crate) attempts: u32,
}

/// All that is in a store.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    pub(crate) inbox: BTreeMap<MessageId, (InstanceId, Bytes)>,
    pub(crate) activities: BTreeMap<Key, Activity>,
}

impl Found {
    /// Reads and claims everything. The provider must have been opened alone, so that no lease of
    /// another is in the way, and after all delays.
    pub(crate) async fn read(provider: &SqliteProvider) -> Result<Self, Failure> {
        let mut found = Self::default();
        for id in instances() {
            if let Some(head) = answered(provider.read_head(&id)).await? {
                let history = read_history(provider, &id).await?;
                let instance = Instance {
                    head,
                    history,
                    attempts: None,
                };
                found.instances.insert(id, instance);
            }
        }
        found.claim_turns(provider).await?;
        found.claim_activities(provider).await?;
        Ok(found)
    }

    async fn claim_turns(&mut self, provider: &SqliteProvider) -> Result<(), Failure> {
        let request = ClaimTurns { messages_max: usize::MAX, bytes_max: usize::MAX, ..ClaimTurns::new(vec![TaskQueue::default()], AT_ONCE, LEASE) };
        loop {
            let claimed = answered(provider.claim_turns(&request)).await?;
            if claimed.items.is_empty() {
                return Ok(());
            }
            for turn in claimed.items {
                let id = turn.head.instance.clone();
                let instance = self.instances.get_mut(&id);
                let instance = instance.ok_or("a turn of an unknown instance was claimed")?;
                if turn.head != instance.head {
                    return Err(format!("the turn of {id} is not that of its head").into());
                }
                instance.attempts = Some(turn.attempt - 1);
                for message in turn.messages {
                    let entry = (id.clone(), message.body.clone());
                    if self.inbox.insert(message.id, entry).is_some() {
                        return Err(format!("message {} is there twice", message.id).into());
                    }
                }
            }
        }
    }

    async fn claim_activities(&mut self, provider: &SqliteProvider) -> Result<(), Failure> {
        let request = ClaimActivities::new(vec![TaskQueue::default()], AT_ONCE, LEASE);
        loop {
            let claimed = answered(provider.claim_activities(&request)).await?;
            if claimed.items.is_empty() {
                return Ok(());
            }
            for activity in claimed.items {
                let key = activity.lease.key;
                let found = Activity {
                    body: activity.body,
                    attempts: activity.attempt - 1,
                };
                self.activities
                    .insert((key.instance, key.activity_id), found);
            }
        }
    }
}

async fn read_history(
    provider: &SqliteProvider,
    instance: &InstanceId,
) -> Result<Vec<HistoryChunk>, Failure> {
    let mut chunks: Vec<HistoryChunk> = Vec::new();
    loop {
        let request = ReadHistory {
            instance: instance.clone(),
            execution: 1,
            from_event_id: chunks.last().map_or(1, HistoryChunk::next_event_id),
            bytes_max: usize::MAX,
        };
        let page = answered(provider.read_history(&request)).await?;
        chunks.extend(page.chunks);
        if !page.more {
            return Ok(chunks);
        }
    }
}

/// No fault is at work here, so that every error is a finding.
async fn answered<T>(answer: impl Future<Output = Result<T, ProviderError>>) -> Result<T, Failure> {
    Ok(within("reading the store", answer).await??)
}
