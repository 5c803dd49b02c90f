//! The trait that a backend implements.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::activity::{ClaimActivities, ClaimedActivity};
use super::admin::ProviderAdmin;
use super::capabilities::{Capabilities, ProviderInfo};
use super::commit::{Commit, Committed};
use super::error::{ErrorKind, ProviderError};
use super::head::InstanceHead;
use super::history::{HistoryPage, ReadHistory};
use super::id::InstanceId;
use super::lease::{Claimed, Release, Renew, Renewal};
use super::mail::{MailPage, ReadMail};
use super::turn::{ClaimTurns, Turn};
use super::value::{InstanceValue, ReadValues};
use super::wait::{Queues, Watch};
use crate::event::{Event, decode_chunk};

/// A store of instances and their two queues.
///
/// The contract is `docs/provider-contract.md`; the ids in brackets are its clauses. Every method
/// is safe to call from any number of tasks and threads (CON-01), and every returned future may be
/// dropped at any await (CXL-01).
#[async_trait]
pub trait Provider: Debug + Send + Sync + 'static {
    /// Who this is.
    fn about(&self) -> ProviderInfo;

    /// What this promises (CAP-01). Constant for the life of the provider.
    fn capabilities(&self) -> Capabilities;

    /// Leases instances that have something to do.
    ///
    /// - Only due messages, only instances nobody holds, each leased (CLM-01, CLM-04, LEA-01).
    /// - Never mail, which is read (CLM-11).
    /// - With the head and the messages in order, without the history (CLM-02, MSG-04).
    /// - At a cost of the items returned, oldest first, never waiting (CLM-05, CLM-06, CLM-07).
    /// - Counts an attempt of each (ATT-01).
    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError>;

    /// Leases activities of the named queues (CLM-05 to CLM-09, ACT-05, ATT-01).
    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError>;

    /// Waits until there is something to claim, at most so long, and claims nothing (WAK-01 to
    /// WAK-03).
    async fn wait_for_work(&self, queues: &Queues, max_wait: Duration)
    -> Result<(), ProviderError>;

    /// Applies operations, in any order, and answers each one in its place (COM-05).
    ///
    /// - A turn is applied whole or not at all, behind its fence (COM-01 to COM-08, FEN-01 to
    ///   FEN-07), and repeating it is safe (IDM-01).
    /// - An outcome removes its activity and sends its message (ACT-03, ACT-04).
    /// - A send stores its message (STA-01, STA-02, STA-04, MSG-02).
    /// - Two turns of one instance in one batch are `InvalidInput` (FEN-06).
    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>>;

    /// Extends leases, each answered in its place (LEA-04, LEA-05, LEA-08, CAN-03), and keeps the
    /// details that some of them bring (DET-01, DET-02, LIM-06).
    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>>;

    /// Gives leases back, each answered in its place (LEA-06, LEA-07, LEA-08, ATT-03), and keeps the
    /// details or the note that some of them bring (DET-01, DET-02, NOT-01, LIM-06).
    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>>;

    /// Reads a part of an execution's history (HIS-01 to HIS-04).
    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError>;

    /// Reads the oldest due mail of some topics, and leaves it where it is (MAI-02 to MAI-04).
    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError>;

    /// Reads some values of an instance, those that are there, in the order of the keys that were asked
    /// for (VAL-02, VAL-03), or all of them, page by page in the order of their keys (VAL-07).
    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError>;

    /// Reads the head of an instance, with its note (HEA-01, NOT-01).
    async fn read_head(&self, instance: &InstanceId)
    -> Result<Option<InstanceHead>, ProviderError>;

    /// Waits until a watched instance meets its condition, at most so long, and answers the heads
    /// that do (WAK-04, VAL-06).
    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError>;

    /// Does what the store needs from time to time, within this budget, and says when it wants to
    /// be called again (MNT-01).
    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError>;

    /// Ends everything the provider started (MNT-02).
    async fn close(&self);

    /// The management operations, which every store has (CAP-02).
    fn admin(&self) -> &dyn ProviderAdmin;

    /// Reads and decodes the history of the current execution, for diagnostics; empty for an
    /// absent instance.
    ///
    /// # Errors
    /// Those of the store; `InvalidInput` for an id that is none; `Corrupt` for bytes that are no
    /// history.
    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        let id = checked(instance)?;
        match self.read_head(&id).await? {
            Some(head) => {
                self.read_with_execution(instance, head.position.execution)
                    .await
            }
            None => Ok(Vec::new()),
        }
    }

    /// Reads and decodes the history of one execution, for diagnostics; empty for one that does
    /// not exist.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    async fn read_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ProviderError> {
        let mut request = ReadHistory {
            instance: checked(instance)?,
            execution: execution_id,
            from_event_id: 1,
            bytes_max: crate::limits::HISTORY_PAGE_BYTES_MAX,
        };
        let mut events = Vec::new();
        loop {
            let page = self.read_history(&request).await?;
            for chunk in &page.chunks {
                events.extend(
                    decode_chunk(&request.instance, execution_id, chunk).map_err(|error| {
                        ProviderError::new(ErrorKind::Corrupt, "read", error.to_string())
                            .with_context("instance", &request.instance)
                            .with_context("execution", execution_id)
                            .with_source(error)
                    })?,
                );
                request.from_event_id = chunk.next_event_id();
            }
            if !page.more {
                return Ok(events);
            }
        }
    }
}

fn checked(instance: &str) -> Result<InstanceId, ProviderError> {
    InstanceId::new(instance).map_err(|error| {
        ProviderError::new(ErrorKind::InvalidInput, "read", error.to_string()).with_source(error)
    })
}
