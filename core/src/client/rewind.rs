//! Rewinding instances that have failed.

use std::pin::pin;
use std::time::Duration;

use uuid::Uuid;

use super::blocked;
use super::check;
use super::client::Client;
use super::error::ClientError;
use super::status::OrchestrationStatus;
use crate::entropy::Entropy;
use crate::event::{EventKind, Rewound, decode_entries};
use crate::limits::{HISTORY_PAGE_BYTES_MAX, rewound_bytes_max};
use crate::message::{CoreState, MessageBody, RewindTarget};
use crate::providers::{
    Channel, Envelope, ErrorKind, Inspect, InstanceHead, InstanceId, InstanceStatus, MessageId,
    MessageRecord, ProviderError, ReadHistory, Recipient, refusal,
};

/// How long to leave an instance that has not begun the execution which is waited for.
const NOT_BEGUN_PAUSE: Duration = Duration::from_millis(100);

/// Where a rewound instance goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RewindTo {
    /// Just before its last step failed.
    ///
    /// If the code failed, that step is the activity or the child whose failure it received last, whether
    /// that was the reason or not: it is done again. What has succeeded since of what was scheduled before
    /// is kept. If nothing had failed, or something else ended the instance, the code goes on where it
    /// stood; if it was cancelled, where it stood when it first heard of that.
    #[default]
    LastFailedStep,
}

/// How an instance is rewound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RewindOptions {
    /// Where it goes on.
    pub to: RewindTo,
    /// What makes a repeat of this request known: one with the same id rewinds the instance once, also
    /// after it has failed again.
    ///
    /// It is recognised for as long as the instance is rewound and no execution in between is pruned or
    /// continues as new.
    pub request_id: Option<String>,
}

impl RewindOptions {
    /// A request that is new each time it is made, to go on before the last failed step.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same to go on [there](Self::to).
    #[must_use]
    pub fn to(mut self, to: RewindTo) -> Self {
        self.to = to;
        self
    }

    /// The same with an [id](Self::request_id), of 1 to 1,024 bytes.
    #[must_use]
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }
}

impl Client {
    /// Has an instance that has failed go on from just before its last step failed, and answers in which
    /// execution it will: see [`rewind_with`](Self::rewind_with).
    ///
    /// # Errors
    /// As [`rewind_with`](Self::rewind_with).
    pub async fn rewind(&self, instance: impl Into<String>) -> Result<u64, ClientError> {
        self.rewind_with(instance, RewindOptions::default()).await
    }

    /// Has an instance that has failed, or was cancelled, go back and on from there, and answers in which
    /// execution it will. [`wait_for_execution`](Self::wait_for_execution) waits for the end of that one;
    /// who has waited for the instance before has its first end.
    ///
    /// The next execution begins with a copy of the history up to [there](RewindOptions::to), through which
    /// the code is led: it runs in the version that the instance has, and must do what it did. So correct
    /// what has failed and register it under the same version; until a node has code that fits, the
    /// instance stays as it ended. From there on the code goes on: activities and timers that are open are
    /// started anew, and events that it had taken after the cut are taken again. What it had sent to others
    /// after the cut it sends anew when it comes there: detached orchestrations that it started, and
    /// events that it raised. Values that it had set stay as they are until it sets them anew.
    ///
    /// A child that is open there goes on from its own last failed step. A parent that has heard how the
    /// instance ended is not told again; rewind the parent, to rewind both.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance; `InvalidInput` for a bad argument,
    /// for an instance that has not failed, for one that was ended before its start was due or at hand, so that
    /// nobody knows what it was to begin with, and for a history of more than
    /// [`REWOUND_BYTES_MAX`](crate::limits::REWOUND_BYTES_MAX) bytes. A store that cannot be reached is
    /// tried again for five seconds; the error is [retryable](ClientError::is_retryable) then.
    pub async fn rewind_with(
        &self,
        instance: impl Into<String>,
        options: RewindOptions,
    ) -> Result<u64, ClientError> {
        let instance = check::instance_id(&instance.into())?;
        let head = self.store.read_head(&instance).await?;
        let head = head.ok_or_else(|| refusal::not_found("rewind", &instance))?;
        let request = match &options.request_id {
            Some(request_id) => derived_id(&head, check::id("a request", request_id)?),
            None => Entropy.message_id(),
        };
        if options.request_id.is_some()
            && let Some(execution) = self.rewound_by(&head, request).await?
        {
            return Ok(execution);
        }
        self.check_rewindable(&head).await?;
        let to = match options.to {
            RewindTo::LastFailedStep => RewindTarget::LastFailedStep,
        };
        let ended = head.position.execution;
        let message = MessageBody::Rewind { to }.into_message(request, Some(ended));
        self.send(Envelope {
            recipient: Recipient::Instance {
                instance,
                incarnation: Some(head.incarnation),
            },
            delay: Duration::ZERO,
            message,
        })
        .await?;
        Ok(ended + 1)
    }

    /// Waits until an instance has ended in this execution or a later one: the second end of an instance
    /// that was rewound.
    ///
    /// # Errors
    /// As [`wait_for_orchestration`](Self::wait_for_orchestration); and `NotRewound` if the instance has ended
    /// before, and no wish waits since the last one was given up.
    pub async fn wait_for_execution(
        &self,
        instance: &str,
        execution: u64,
        timeout: Duration,
    ) -> Result<OrchestrationStatus, ClientError> {
        let id = check::instance_id(instance)?;
        let mut deadline = pin!(self.clock.sleep(timeout));
        let has_begun = |head: &Option<InstanceHead>| {
            head.as_ref()
                .is_some_and(|it| it.position.execution >= execution)
        };
        loop {
            let head = tokio::select! {
                biased;
                head = self.store.read_head(&id) => head,
                () = &mut deadline => return Err(self.last_look(&id).await),
            };
            match head {
                Ok(head) if has_begun(&head) => break,
                Ok(Some(head)) if blocked::given_up(&head).is_some() => {
                    if let Some(reason) = self.why_given_up(&id, execution).await? {
                        return Err(ClientError::NotRewound { reason });
                    }
                }
                Err(error) if !error.is_retryable() => return Err(error.into()),
                Ok(_) | Err(_) => {}
            }
            tokio::select! {
                biased;
                () = &mut deadline => return Err(self.last_look(&id).await),
                () = self.clock.sleep(NOT_BEGUN_PAUSE) => {}
            }
        }
        tokio::select! {
            biased;
            ended = self.wait_for_orchestration(instance, timeout) => ended,
            () = &mut deadline => Err(self.last_look(&id).await),
        }
    }

    /// Why an instance will not come to this execution as things are: the last wish to rewind it was given
    /// up, and no other one waits.
    async fn why_given_up(
        &self,
        id: &InstanceId,
        execution: u64,
    ) -> Result<Option<String>, ClientError> {
        // One look, so that no wish is met between two of them.
        let inspected = self.admin().inspect(&Inspect::new(id.clone())).await?;
        let inspected = inspected.filter(|it| {
            let waits = |message: &MessageRecord| message.channel == Channel::Control;
            it.record.head.position.execution < execution && !it.messages.iter().any(waits)
        });
        let notice = inspected.and_then(|it| blocked::given_up(&it.record.head));
        Ok(notice.map(|it| it.reason))
    }

    async fn check_rewindable(&self, head: &InstanceHead) -> Result<(), ClientError> {
        let id = &head.instance;
        match head.status {
            InstanceStatus::Pending | InstanceStatus::Running => {
                return Err(ClientError::invalid(format!(
                    "{id} has not ended; what has failed can be rewound: cancel it first, or wait"
                )));
            }
            InstanceStatus::Completed => {
                return Err(ClientError::invalid(format!(
                    "{id} has completed; what has failed can be rewound: start another instance"
                )));
            }
            InstanceStatus::Failed => {}
        }
        if CoreState::has_lost_its_start(&head.core_state) {
            return Err(ClientError::invalid(format!(
                "{id} was ended before its code began, and with what it was to begin is not known any \
                 more; start it anew (`IfExists::ReplaceEnded`), or rewind its parent"
            )));
        }
        let bytes_max = rewound_bytes_max(&self.store.capabilities().limits);
        let bytes = self.history_bytes(head, bytes_max).await?;
        if bytes > bytes_max {
            return Err(ClientError::invalid(format!(
                "the history of {id} has {bytes} bytes, and one that is rewound at most {bytes_max} \
                 (REWOUND_BYTES_MAX); start another instance"
            )));
        }
        Ok(())
    }

    /// How many bytes the history of the current execution has, or a number that is above this one.
    async fn history_bytes(
        &self,
        head: &InstanceHead,
        bytes_max: usize,
    ) -> Result<usize, ClientError> {
        let mut bytes = 0;
        let mut request = reading(&head.instance, head.position.execution);
        loop {
            let page = self.store.read_history(&request).await?;
            let from_event_id = request.from_event_id;
            for chunk in &page.chunks {
                bytes += chunk.body.len();
                request.from_event_id = chunk.next_event_id();
            }
            // What has no more of it would be asked for the same for ever.
            let stands_still = request.from_event_id == from_event_id;
            if !page.more || stands_still || bytes > bytes_max {
                return Ok(bytes);
            }
        }
    }

    /// The execution that this request has opened, if it has: the current one, or one that this goes back
    /// on.
    async fn rewound_by(
        &self,
        head: &InstanceHead,
        request: MessageId,
    ) -> Result<Option<u64>, ClientError> {
        let mut execution = head.position.execution;
        while let Some(rewound) = self.rewound(&head.instance, execution).await? {
            if rewound.request == request.0 {
                return Ok(Some(execution));
            }
            if rewound.execution >= execution {
                // No execution goes back on a later one: this is damage, and no end to it.
                break;
            }
            execution = rewound.execution;
        }
        Ok(None)
    }

    /// What an execution goes back on.
    async fn rewound(
        &self,
        instance: &InstanceId,
        execution: u64,
    ) -> Result<Option<Rewound>, ClientError> {
        let request = ReadHistory {
            bytes_max: 1,
            ..reading(instance, execution)
        };
        let page = self.store.read_history(&request).await?;
        let Some(chunk) = page.chunks.first() else {
            return Ok(None);
        };
        let entries = decode_entries(chunk).map_err(|error| {
            ProviderError::new(ErrorKind::Corrupt, "rewind", error.to_string())
                .with_context("instance", instance)
                .with_context("execution", execution)
                .with_source(error)
        })?;
        let first = entries.into_iter().next().map(|entry| entry.kind);
        Ok(match first {
            Some(EventKind::OrchestrationStarted { rewound, .. }) => rewound.map(|it| *it),
            _ => None,
        })
    }
}

fn reading(instance: &InstanceId, execution: u64) -> ReadHistory {
    ReadHistory {
        instance: instance.clone(),
        execution,
        from_event_id: 1,
        bytes_max: HISTORY_PAGE_BYTES_MAX,
    }
}

/// The id of the message that asks for a rewind with this id: a name-based UUID (RFC 9562, version 5), the
/// same whenever the same life of an instance is rewound so.
fn derived_id(head: &InstanceHead, request_id: &str) -> MessageId {
    /// Drawn once, so that no other program derives these ids.
    const NAMESPACE: Uuid = Uuid::from_u128(0x2ee4_0840_f9fb_4ef9_89e3_f5cb_d73a_a89d);
    let of_life = Uuid::new_v5(&NAMESPACE, head.incarnation.0.as_bytes());
    MessageId(Uuid::new_v5(&of_life, request_id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::event::{Entry, ErrorDetails, Started};
    use crate::message::Output;
    use crate::providers::Channel;
    use crate::replay::cancelled;

    fn failed() -> InstanceHead {
        let details: ErrorDetails = cancelled("no more");
        head("i", InstanceStatus::Failed, Some(Output::Failed(details)))
    }

    fn entry(kind: EventKind) -> Entry {
        Entry {
            event_id: 1,
            source_event_id: None,
            timestamp_ms: 0,
            message_id: None,
            kind,
        }
    }

    #[tokio::test]
    async fn a_rewind_is_of_the_execution_that_has_ended() {
        let fake = Fake::default();
        fake.put(failed());
        assert_eq!(fake.client().rewind("i").await.unwrap(), 4);
        let sent = fake.sent();
        assert_eq!(sent[0].message.execution, Some(3));
        assert_eq!(sent[0].message.channel, Channel::Control);
        let body = MessageBody::decode(&sent[0].message.body).unwrap();
        let to = RewindTarget::LastFailedStep;
        assert_eq!(body, MessageBody::Rewind { to });
    }

    #[tokio::test]
    async fn only_what_has_failed_is_rewound() {
        let fake = Fake::default();
        let done = Some(Output::Completed(String::new()));
        for (status, output, why) in [
            (InstanceStatus::Pending, None, "has not ended"),
            (InstanceStatus::Running, None, "has not ended"),
            (InstanceStatus::Completed, done, "has completed"),
        ] {
            fake.put(head("i", status, output));
            let error = fake.client().rewind("i").await.unwrap_err();
            assert!(matches!(error, ClientError::InvalidInput { .. }), "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
        let error = fake.client().rewind("absent").await.unwrap_err();
        assert!(matches!(error, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
        let options = RewindOptions::new().request_id("");
        fake.put(failed());
        let error = fake.client().rewind_with("i", options).await.unwrap_err();
        assert!(error.to_string().contains("the id of a request"), "{error}");
        assert!(fake.sent().is_empty());
    }

    #[tokio::test]
    async fn a_request_is_recognised_by_its_id() {
        let fake = Fake::default();
        let request = derived_id(&failed(), "ticket 7");
        // What is in an inbox now has to be recognised by later versions.
        assert_eq!(request.to_string(), "2a75f6b5-be7a-587c-8c7b-24dcc9becf6b");
        let rewound = |request| Rewound {
            execution: 2,
            event_id: 4,
            request,
        };
        let start = Started {
            rewound: Some(Box::new(rewound(request.0))),
            ..Started::default()
        };
        fake.put_history(failed(), &[entry(start.into())]);
        let client = fake.client();
        let options = RewindOptions::new().to(RewindTo::LastFailedStep);
        let again = options.request_id("ticket 7");
        assert_eq!(client.rewind_with("i", again.clone()).await.unwrap(), 3);
        assert!(fake.sent().is_empty());
        let other = RewindOptions::new().request_id("ticket 8");
        assert_eq!(client.rewind_with("i", other).await.unwrap(), 4);
        assert_eq!(fake.sent().len(), 1);
    }

    #[tokio::test]
    async fn a_history_that_is_too_long_is_refused() {
        let fake = Fake::default();
        let bytes_max = rewound_bytes_max(&crate::providers::Limits::default());
        let output = "x".repeat(bytes_max);
        let last = entry(EventKind::OrchestrationCompleted { output });
        fake.put_history(failed(), &[last]);
        let error = fake.client().rewind("i").await.unwrap_err();
        let named = format!("at most {bytes_max} (REWOUND_BYTES_MAX)");
        assert!(error.to_string().contains(&named), "{error}");
        assert!(fake.sent().is_empty());
    }

    #[tokio::test]
    async fn the_end_of_another_execution_is_not_waited_for() {
        let fake = Fake::default();
        fake.put(failed());
        let client = fake.client();
        let wait = |execution| client.wait_for_execution("i", execution, Duration::from_secs(1));
        let ended = wait(3).await.unwrap();
        assert!(matches!(ended, OrchestrationStatus::Failed { .. }));
        assert!(matches!(wait(4).await, Err(ClientError::Timeout)));
    }
}
