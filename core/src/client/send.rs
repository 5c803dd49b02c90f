//! Messages to instances.

use std::future::Future;
use std::time::Duration;

use super::check;
use super::client::Client;
use super::error::ClientError;
use crate::clock::millis_ceil;
use crate::entropy::Entropy;
use crate::message::MessageBody;
use crate::providers::{
    Commit, Envelope, ErrorKind, InstanceId, Message, ProviderError, Recipient,
};

/// How long a message is sent again, while the store says that trying again may help. It is longer
/// than most connections take to come back, and shorter than most callers wait for an answer.
const SEND_PATIENCE: Duration = Duration::from_secs(5);
/// The pause before the second attempt; it doubles before each further one, and each is shortened
/// by chance.
const SEND_BACKOFF: Duration = Duration::from_millis(10);
/// The longest such pause.
const SEND_BACKOFF_MAX: Duration = Duration::from_secs(1);

impl Client {
    /// Suspends an instance: none of its code runs from its next turn on, and what comes for it waits,
    /// until it is [resumed](Self::resume_instance). Activities that it has scheduled run, and their
    /// outcomes wait. It can be cancelled all the same. An instance that has ended stays as it is.
    ///
    /// # Errors
    /// As [`cancel_instance`](Self::cancel_instance).
    pub async fn suspend_instance(&self, instance: impl Into<String>) -> Result<(), ClientError> {
        self.manage(instance.into(), MessageBody::Suspend).await
    }

    /// Resumes a suspended instance: it goes on with what has come for it. One that is not suspended
    /// stays as it is.
    ///
    /// # Errors
    /// As [`cancel_instance`](Self::cancel_instance).
    pub async fn resume_instance(&self, instance: impl Into<String>) -> Result<(), ClientError> {
        self.manage(instance.into(), MessageBody::Resume).await
    }

    pub(super) async fn manage(
        &self,
        instance: String,
        body: MessageBody,
    ) -> Result<(), ClientError> {
        let instance = check::instance_id(&instance)?;
        self.tell(instance, body.into_message(Entropy.message_id(), None))
            .await
    }

    /// Sends a message to whichever life and execution the instance is in.
    pub(super) async fn tell(
        &self,
        instance: InstanceId,
        message: Message,
    ) -> Result<(), ClientError> {
        let recipient = Recipient::Instance {
            instance,
            incarnation: None,
        };
        self.send(Envelope {
            recipient,
            delay: Duration::ZERO,
            message,
        })
        .await
    }

    /// Sends a message. While the store is not sure or not there, it is sent again with the same
    /// id, by which the store recognises it (MSG-02, IDM-03).
    pub(super) async fn send(&self, envelope: Envelope) -> Result<(), ClientError> {
        let bytes = envelope.message.body.len();
        check::body(bytes, &self.store.capabilities().limits)?;
        self.trying_again(|| self.try_send(envelope.clone())).await
    }

    /// Does something again while the store says that this may help, for a bounded while.
    pub(super) async fn trying_again<T, F: Future<Output = Result<T, ProviderError>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<T, ClientError> {
        let patience_ms = millis_ceil(SEND_PATIENCE);
        let began_ms = self.clock.now_ms();
        let mut backoff = SEND_BACKOFF;
        let mut uncertain = None;
        loop {
            let error = match attempt().await {
                // An earlier attempt may have arrived before, and been the cause.
                Err(error) if hides_an_arrival(error.kind()) => {
                    return Err(uncertain.unwrap_or(error).into());
                }
                Err(error) if error.is_retryable() => error,
                result => return Ok(result?),
            };
            let passed_ms = self.clock.now_ms().saturating_sub(began_ms);
            if passed_ms >= patience_ms {
                return Err(error.into());
            }
            tracing::debug!(target: "duroxide::client", %error, "trying again");
            self.clock.sleep(Entropy.jittered(backoff)).await;
            backoff = (backoff * 2).min(SEND_BACKOFF_MAX);
            if error.kind() == ErrorKind::CommitUnknown {
                uncertain = Some(error);
            }
        }
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

/// Whether a store may answer so to a message that it has taken before: the instance took it, and ended
/// or was deleted, or others have filled its mailbox since.
fn hides_an_arrival(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Ended | ErrorKind::NotFound | ErrorKind::LimitExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::clock::Clock;
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
        assert_eq!(bodies, [event, MessageBody::cancel("enough".to_owned())]);
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
        let slept_ms = fake.slept_ms();
        assert!(matches!(slept_ms[..], [5..=10, 10..=20]), "{slept_ms:?}");
    }

    #[tokio::test]
    async fn an_outage_is_borne_for_a_while_and_may_be_over_later() {
        let fake = Fake::default();
        let client = fake.client();
        for kind in [ErrorKind::Unavailable, ErrorKind::CommitUnknown] {
            fake.fail_next(std::iter::repeat_with(|| error(kind)).take(3 * 99));
            let before_ms = fake.now_ms();
            let given_up = [
                client.start_orchestration("i", "Order", "").await,
                client.raise_event("i", "Event", "").await,
                client.cancel_instance("i", "").await,
            ];
            for result in given_up {
                let given_up = result.unwrap_err();
                assert!(given_up.is_retryable(), "{given_up}");
                assert!(matches!(&given_up, ClientError::Provider(it) if it.kind() == kind));
            }
            let took_ms = fake.now_ms() - before_ms;
            assert!((15_000..18_000).contains(&took_ms), "{took_ms}");
            fake.forgive();
        }
    }

    #[tokio::test]
    async fn an_outage_that_ends_in_time_is_not_noticed() {
        let fake = Fake::default();
        fake.fail_next(std::iter::repeat_with(|| error(ErrorKind::Unavailable)).take(9));
        fake.client().cancel_instance("i", "").await.unwrap();
        assert_eq!(fake.sent().len(), 10);
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
