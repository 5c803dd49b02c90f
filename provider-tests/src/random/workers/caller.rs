//! Calls of the store that are written down.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityLease, ActivityOutcome, ClaimActivities, ClaimTurns, ClaimedActivity, Commit,
    Committed, DeleteMode, Envelope, ErrorKind, InstanceHead, Lease, MailPage, Message, Provider,
    ProviderError, ReadMail, Release, Renew, Renewal, TaskQueue, Turn, TurnCommit, TurnCommitted,
};

use super::LEASE;
use super::log::{Answer, Call, Log};
use crate::support::{Cx, drop_after_polls, id, turn_answer};

/// More bytes than all messages of a run have.
pub(super) const BYTES_MAX: usize = 1 << 20;

/// For how long a worker listens for the answer to a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Until it is there.
    Endless,
    /// For so many polls; then it drops the call.
    Polls(usize),
}

/// One worker's calls.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) name: Arc<str>,
    pub(super) cx: Cx,
    log: Log,
}

impl Caller {
    pub(super) fn new(name: &str, cx: Cx, log: Log) -> Self {
        Self {
            name: Arc::from(name),
            cx,
            log,
        }
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.cx.shared_provider()
    }

    /// Makes a call, and writes down what it was and what was heard.
    async fn call<T: Clone>(
        &self,
        patience: Patience,
        call: impl Fn(Answer<T>) -> Call,
        future: impl Future<Output = Result<T, ProviderError>>,
    ) -> Answer<T> {
        let clock = self.cx.clock();
        let place = self.log.invoked(&self.name, clock.now_ms(), call(None));
        let heard = match patience {
            Patience::Endless => Some(future.await),
            Patience::Polls(polls) => drop_after_polls(future, polls).await,
        };
        let answer = match heard?.map_err(|error| error.kind()) {
            Err(ErrorKind::CommitUnknown) => return None,
            answer => answer,
        };
        self.log
            .returned(place, clock.now_ms(), call(Some(answer.clone())));
        Some(answer)
    }

    pub(super) async fn claim_turns(
        &self,
        patience: Patience,
        turns_max: usize,
        messages_max: usize,
    ) -> Vec<Turn> {
        self.cx.settle().await;
        let request = ClaimTurns {
            messages_max,
            bytes_max: BYTES_MAX,
            ..ClaimTurns::new(vec![TaskQueue::default()], turns_max, LEASE)
        };
        let provider = self.provider();
        let claim = async { Ok(provider.claim_turns(&request).await?.items) };
        let call = |answer| Call::ClaimTurns {
            lease: LEASE,
            answer,
        };
        let answer = self.call(patience, call, claim).await;
        answer.and_then(Result::ok).unwrap_or_default()
    }

    pub(super) async fn claim_activities(
        &self,
        patience: Patience,
        activities_max: usize,
    ) -> Vec<ClaimedActivity> {
        self.cx.settle().await;
        let request = ClaimActivities::new(vec![TaskQueue::default()], activities_max, LEASE);
        let provider = self.provider();
        let claim = async { Ok(provider.claim_activities(&request).await?.items) };
        let call = |answer| Call::ClaimActivities {
            lease: LEASE,
            answer,
        };
        let answer = self.call(patience, call, claim).await;
        answer.and_then(Result::ok).unwrap_or_default()
    }

    pub(super) async fn commit_turn(
        &self,
        patience: Patience,
        commit: &TurnCommit,
    ) -> Answer<TurnCommitted> {
        let call = |answer| Call::Turn {
            commit: commit.clone(),
            answer,
        };
        let operation = Commit::Turn(commit.clone());
        let turn = async { Ok(turn_answer(self.cx.commit(operation).await?)) };
        self.call(patience, call, turn).await
    }

    /// Reports the end of an activity with a message that no other report has.
    pub(super) async fn finish(
        &self,
        patience: Patience,
        lease: &ActivityLease,
        message: &Message,
    ) -> Answer<usize> {
        let outcome = ActivityOutcome {
            lease: lease.clone(),
            message: Some(message.clone()),
        };
        let call = |answer| Call::Outcome {
            outcome: outcome.clone(),
            answer,
        };
        let report = self.cx.try_finish(lease, Some(message.clone()));
        self.call(patience, call, report).await
    }

    /// The message of an activity's outcome, told apart from any other.
    pub(super) fn result_of(&self, lease: &ActivityLease) -> Message {
        let mut message = self.cx.message_to_execution(lease.key.execution);
        message.body = Bytes::from(format!("result of {} by {}", lease.key, self.name));
        message
    }

    pub(super) async fn send(&self, patience: Patience, envelope: &Envelope) -> Answer<()> {
        let call = |answer| Call::Send {
            envelope: envelope.clone(),
            answer,
        };
        let send = async {
            let sent = self.cx.try_send(envelope.clone()).await?;
            assert_eq!(sent, Committed::Sent, "a send has its own answer");
            Ok(())
        };
        self.call(patience, call, send).await
    }

    /// Renews a lease, and brings these details of an activity, if there are any.
    pub(super) async fn renew(&self, lease: &Lease, details: Option<Bytes>) -> Answer<Renewal> {
        let renew = Renew {
            lease: lease.clone(),
            details,
        };
        let call = |answer| Call::Renew {
            renew: renew.clone(),
            extend_by: LEASE,
            answer,
        };
        let provider = self.provider();
        let leases = [renew.clone()];
        let renewal = async {
            let mut answers = provider.renew(&leases, LEASE).await;
            assert_eq!(answers.len(), 1, "each member has one answer");
            answers.remove(0)
        };
        self.call(Patience::Endless, call, renewal).await
    }

    pub(super) async fn release(&self, release: &Release) -> Answer<()> {
        let call = |answer| Call::Release {
            release: release.clone(),
            answer,
        };
        let released = self.cx.try_release(release.clone());
        self.call(Patience::Endless, call, released).await
    }

    pub(super) async fn read_head(&self, instance: &str) -> Option<InstanceHead> {
        let instance = id(instance);
        let call = |answer| Call::ReadHead {
            instance: instance.clone(),
            answer,
        };
        let provider = self.provider();
        let read = provider.read_head(&instance);
        let answer = self.call(Patience::Endless, call, read).await;
        answer.and_then(Result::ok).flatten()
    }

    /// Reads mail, and returns what it heard.
    pub(super) async fn read_mail(&self, patience: Patience, request: &ReadMail) -> MailPage {
        self.cx.settle().await;
        let call = |answer| Call::ReadMail {
            request: request.clone(),
            answer,
        };
        let provider = self.provider();
        let read = provider.read_mail(request);
        let answer = self.call(patience, call, read).await;
        answer.and_then(Result::ok).unwrap_or_default()
    }

    /// Reads the first execution's history, the only one that every life has.
    pub(super) async fn read_history(&self, instance: &str) {
        let call = |answer| Call::ReadHistory {
            instance: id(instance),
            answer,
        };
        let read = async { Ok(self.cx.history(instance, 1).await) };
        self.call(Patience::Endless, call, read).await;
    }

    /// Deletes an instance, whatever it is doing.
    pub(super) async fn delete(&self, instance: &str) {
        let instance = id(instance);
        let call = |answer| Call::Delete {
            instance: instance.clone(),
            answer,
        };
        let admin = self.cx.admin();
        let deletion = admin.delete_instance(&instance, DeleteMode::Force);
        self.call(Patience::Endless, call, deletion).await;
    }
}
