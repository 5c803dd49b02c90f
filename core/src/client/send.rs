//! Messages to instances.

use std::time::Duration;

use super::check;
use super::client::Client;
use super::error::ClientError;
use crate::entropy::Entropy;
use crate::message::MessageBody;
use crate::providers::{Commit, Envelope, ErrorKind, Message, ProviderError, Recipient, Retry};

/// How often a message is sent in all, while the store says that trying again may help.
const SEND_ATTEMPTS_MAX: u32 = 5;
/// The pause before the second attempt; it doubles before each further one.
const SEND_BACKOFF: Duration = Duration::from_millis(10);

impl Client {
    /// Raises an event: the instance's next wait for that name receives the data. An event that
    /// comes before the wait is kept, and two equal events are two events.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance; `InvalidInput` for a bad
    /// argument.
    pub async fn raise_event(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        let (name, data) = (event_name.into(), data.into());
        check::name("event", &name)?;
        self.tell(&instance.into(), &MessageBody::ExternalEvent { name, data })
            .await
    }

    /// Cancels an instance: its next turn ends it as failed, with its open activities and
    /// children. An instance that has ended stays as it is.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance; `InvalidInput` for a bad
    /// argument.
    pub async fn cancel_instance(
        &self,
        instance: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<(), ClientError> {
        let reason = reason.into();
        self.tell(&instance.into(), &MessageBody::Cancel { reason })
            .await
    }

    /// Sends a message to whichever life and execution the instance is in.
    async fn tell(&self, instance: &str, body: &MessageBody) -> Result<(), ClientError> {
        let instance = check::instance_id(instance)?;
        self.send(
            Recipient::Instance {
                instance,
                incarnation: None,
            },
            body,
        )
        .await
    }

    /// Sends a message. While the store is not sure or not there, it is sent again with the same
    /// id, by which the store recognises it (MSG-02, IDM-03).
    pub(super) async fn send(
        &self,
        recipient: Recipient,
        body: &MessageBody,
    ) -> Result<(), ClientError> {
        let body = body.encode();
        check::body(body.len(), &self.store.capabilities().limits)?;
        let message = Message {
            id: Entropy.message_id(),
            execution: None,
            body,
        };
        let envelope = Envelope {
            recipient,
            delay: Duration::ZERO,
            message,
        };
        let mut backoff = SEND_BACKOFF;
        for _ in 1..SEND_ATTEMPTS_MAX {
            match self.try_send(envelope.clone()).await {
                Err(error) if error.is_retryable() => {
                    tracing::debug!(target: "duroxide::client", %error, "sending again");
                    self.clock.sleep(backoff).await;
                    backoff *= 2;
                }
                result => return result.map_err(ClientError::from),
            }
        }
        self.try_send(envelope).await.map_err(|error| {
            let retry = if error.is_retryable() {
                Retry::Exhausted
            } else {
                error.retry()
            };
            ClientError::Provider(error.with_retry(retry))
        })
    }

    async fn try_send(&self, envelope: Envelope) -> Result<(), ProviderError> {
        let mut answers = self.store.commit(vec![Commit::Send(envelope)]).await;
        let no_answer = || {
            Err(ProviderError::new(
                ErrorKind::Unexpected,
                "commit",
                "the provider gave no answer to a message; report this to its author",
            ))
        };
        answers.pop().unwrap_or_else(no_answer).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::providers::InstanceId;

    fn error(kind: ErrorKind) -> ProviderError {
        ProviderError::new(kind, "commit", "told to fail")
    }

    #[tokio::test]
    async fn an_event_goes_to_whichever_life_there_is() {
        let fake = Fake::default();
        fake.client()
            .raise_event("i", "Approved", "yes")
            .await
            .unwrap();
        fake.client().cancel_instance("i", "enough").await.unwrap();
        let sent = fake.sent();
        let recipient = Recipient::Instance {
            instance: InstanceId::new("i").unwrap(),
            incarnation: None,
        };
        for envelope in &sent {
            assert_eq!(envelope.recipient, recipient);
            assert_eq!(envelope.delay, Duration::ZERO);
            assert_eq!(envelope.message.execution, None);
        }
        let bodies: Vec<_> = sent
            .iter()
            .map(|it| MessageBody::decode(&it.message.body).unwrap())
            .collect();
        let event = MessageBody::ExternalEvent {
            name: "Approved".to_owned(),
            data: "yes".to_owned(),
        };
        assert_eq!(
            bodies,
            [
                event,
                MessageBody::Cancel {
                    reason: "enough".to_owned()
                }
            ]
        );
        assert_ne!(sent[0].message.id, sent[1].message.id);
    }

    #[tokio::test]
    async fn a_message_is_sent_again_with_the_same_id() {
        let fake = Fake::default();
        fake.fail_next([
            error(ErrorKind::Unavailable),
            error(ErrorKind::CommitUnknown),
        ]);
        fake.client().raise_event("i", "E", "").await.unwrap();
        let sent = fake.sent();
        assert_eq!(sent.len(), 3);
        assert!(sent.iter().all(|envelope| *envelope == sent[0]));
        assert_eq!(fake.slept_ms(), [10, 20]);
    }

    #[tokio::test]
    async fn in_the_end_it_gives_up_and_says_that_it_tried() {
        let fake = Fake::default();
        fake.fail_next(std::iter::repeat_with(|| error(ErrorKind::Unavailable)).take(9));
        let given_up = fake.client().cancel_instance("i", "").await.unwrap_err();
        assert!(!given_up.is_retryable());
        let ClientError::Provider(given_up) = given_up else {
            panic!("{given_up}")
        };
        assert_eq!(
            (given_up.kind(), given_up.retry()),
            (ErrorKind::Unavailable, Retry::Exhausted)
        );
        assert_eq!(fake.sent().len(), 5);
        assert_eq!(fake.slept_ms(), [10, 20, 40, 80]);
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let fake = Fake::default();
        fake.fail_next([error(ErrorKind::NotFound)]);
        let refused = fake.client().raise_event("i", "E", "").await.unwrap_err();
        assert!(matches!(refused, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
        assert_eq!(fake.sent().len(), 1);
    }

    #[tokio::test]
    async fn bad_arguments_do_not_reach_the_store() {
        let fake = Fake::default();
        let client = fake.client();
        let large = "x".repeat(crate::providers::Limits::default().body_bytes_max);
        let refused = [
            client.raise_event("", "E", "").await,
            client.raise_event("i", "", "").await,
            client.raise_event("i", "E", large).await,
            client.cancel_instance("\u{7}", "").await,
        ];
        for result in refused {
            assert!(
                matches!(result, Err(ClientError::InvalidInput { .. })),
                "{result:?}"
            );
        }
        assert!(fake.sent().is_empty());
    }
}
