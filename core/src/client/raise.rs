//! Raising events.

use serde::Serialize;
use uuid::Uuid;

use super::check;
use super::client::Client;
use super::error::ClientError;
use super::start::encode;
use crate::entropy::Entropy;
use crate::message::MessageBody;
use crate::providers::{ErrorKind, InstanceId, MessageId, Retry};

/// How an event is raised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaiseOptions {
    /// What makes a repeat of this event known: an event of the same instance with the same name and
    /// id is the same event, and is delivered once, whatever its data.
    ///
    /// It is recognised while the first one waits in the mailbox, in the execution that took it, and
    /// over `continue_as_new` while it is among the last
    /// [`TAKEN_IDS_MAX`](crate::limits::TAKEN_IDS_MAX) that were taken. Another life of the instance
    /// id takes it for a new event.
    pub event_id: Option<String>,
}

impl RaiseOptions {
    /// An event that is new each time it is raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with an [id](Self::event_id), of 1 to 1,024 bytes.
    #[must_use]
    pub fn event_id(mut self, event_id: impl Into<String>) -> Self {
        self.event_id = Some(event_id.into());
        self
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an event for an instance that has ended has no effect"]
pub enum RaiseOutcome {
    /// The instance's mailbox has it, or its code took it before. The next wait for that name that
    /// finds no older event takes it.
    Delivered,
    /// The instance had ended; the event was not sent.
    Ended,
}

impl Client {
    /// Raises an event: it lies in the instance's mailbox until a wait for that name takes it, the oldest
    /// first. Two equal events are two events.
    ///
    /// An event for an instance that has ended has no effect, which is logged;
    /// [`raise_event_with`](Self::raise_event_with) tells.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance, and with `LimitExceeded` while
    /// its mailbox is full; `InvalidInput` for a bad argument. A store that cannot be reached is tried
    /// again for five seconds. Both a full mailbox and a store that is still not there are
    /// [retryable](ClientError::is_retryable).
    pub async fn raise_event(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        let instance = instance.into();
        let options = RaiseOptions::default();
        let raised = self.raise_event_with(instance.as_str(), event_name, data, options);
        if raised.await? == RaiseOutcome::Ended {
            tracing::warn!(
                target: "duroxide::client",
                instance_id = instance,
                "an event had no effect: its instance has ended"
            );
        }
        Ok(())
    }

    /// Raises an event with data that is encoded as JSON; else as
    /// [`raise_event`](Self::raise_event).
    ///
    /// # Errors
    /// As [`raise_event`](Self::raise_event).
    pub async fn raise_event_typed<T: Serialize>(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: T,
    ) -> Result<(), ClientError> {
        let data = encode("data", &data)?;
        self.raise_event(instance, event_name, data).await
    }

    /// Raises an event and tells what became of it.
    ///
    /// # Errors
    /// As [`raise_event`](Self::raise_event).
    pub async fn raise_event_with(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
        options: RaiseOptions,
    ) -> Result<RaiseOutcome, ClientError> {
        let instance = check::instance_id(&instance.into())?;
        let name = event_name.into();
        check::name("event", &name)?;
        let id = match &options.event_id {
            Some(event_id) => derived_id(&instance, &name, check::id("an event", event_id)?),
            None => Entropy.message_id(),
        };
        match self.raise(instance, name, data.into(), id).await {
            Ok(()) => Ok(RaiseOutcome::Delivered),
            Err(ClientError::Provider(error)) if error.kind() == ErrorKind::Ended => {
                Ok(RaiseOutcome::Ended)
            }
            Err(error) => Err(error),
        }
    }

    /// Raises an event with data that is encoded as JSON; else as
    /// [`raise_event_with`](Self::raise_event_with).
    ///
    /// # Errors
    /// As [`raise_event`](Self::raise_event).
    pub async fn raise_event_with_typed<T: Serialize>(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: T,
        options: RaiseOptions,
    ) -> Result<RaiseOutcome, ClientError> {
        let data = encode("data", &data)?;
        self.raise_event_with(instance, event_name, data, options)
            .await
    }

    async fn raise(
        &self,
        instance: InstanceId,
        name: String,
        data: String,
        id: MessageId,
    ) -> Result<(), ClientError> {
        let event = MessageBody::ExternalEvent {
            name: name.clone(),
            data,
        };
        let told = self.tell(instance, event.into_message(id, None)).await;
        told.map_err(|error| of_event(error, &name))
    }
}

/// Adds to the refusal of a full mailbox which event it is, and that it may be taken later. The client
/// itself does not wait for that: how long it takes is up to the instance.
fn of_event(error: ClientError, name: &str) -> ClientError {
    const LIMITS: [&str; 2] = ["topic_messages_max", "mail_messages_max"];
    let ClientError::Provider(refused) = error else {
        return error;
    };
    let is_full = refused
        .context("limit")
        .is_some_and(|it| LIMITS.contains(&it));
    let told = if is_full {
        refused.with_context("event", name).with_retry(Retry::Later)
    } else {
        refused
    };
    told.into()
}

/// The id of the message that brings an event of this name with this id: a name-based UUID (RFC 9562,
/// version 5), the same whenever the same event is raised.
fn derived_id(instance: &InstanceId, name: &str, event_id: &str) -> MessageId {
    /// Drawn once, so that no other program derives these ids.
    const NAMESPACE: Uuid = Uuid::from_u128(0x3f6c_1d0e_8a52_4b7d_9c41_e2b7_705a_961f);
    let of_instance = Uuid::new_v5(&NAMESPACE, instance.as_bytes());
    let of_name = Uuid::new_v5(&of_instance, name.as_bytes());
    MessageId(Uuid::new_v5(&of_name, event_id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::fake::{Fake, head};
    use super::*;
    use crate::providers::{ErrorKind, InstanceStatus, ProviderError, refusal};

    fn running() -> Fake {
        let fake = Fake::default();
        fake.put(head("i", InstanceStatus::Running, None));
        fake.put(head("j", InstanceStatus::Pending, None));
        fake
    }

    #[tokio::test]
    async fn the_outcome_of_an_event_is_told() {
        let fake = running();
        let client = fake.client();
        let options = RaiseOptions::new;
        let outcome = client.raise_event_with("i", "E", "", options()).await;
        assert_eq!(outcome.unwrap(), RaiseOutcome::Delivered);
        let id = InstanceId::new("i").unwrap();
        fake.fail_next([refusal::ended(&id)]);
        let outcome = client.raise_event_with("i", "E", "", options()).await;
        assert_eq!(outcome.unwrap(), RaiseOutcome::Ended);
        fake.fail_next([refusal::not_found("commit", &id)]);
        let absent = client.raise_event_with("absent", "E", "", options()).await;
        let absent = absent.unwrap_err();
        assert!(absent.to_string().contains("not found"), "{absent}");
        assert!(matches!(absent, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
        assert_eq!(fake.sent().len(), 3);
    }

    #[tokio::test]
    async fn the_id_of_an_event_decides_which_message_it_is() {
        let fake = running();
        let client = fake.client();
        for (instance, name, event_id) in [
            ("i", "E", "1"),
            ("i", "E", "1"),
            ("i", "E", "2"),
            ("j", "E", "1"),
            ("i", "F", "1"),
        ] {
            let options = RaiseOptions::new().event_id(event_id);
            let outcome = client.raise_event_with(instance, name, "", options).await;
            assert_eq!(outcome.unwrap(), RaiseOutcome::Delivered);
        }
        let ids: Vec<_> = fake.sent().iter().map(|it| it.message.id).collect();
        assert_eq!(ids[0], ids[1]);
        let different: HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), 4);
        // What is in an inbox now has to be recognised by later versions.
        assert_eq!(ids[0].to_string(), "668ddaea-d2ce-58aa-8530-79b4a42ccffd");
    }

    #[tokio::test]
    async fn a_full_mailbox_names_the_event_and_has_room_later() {
        let fake = running();
        let id = InstanceId::new("i").unwrap();
        fake.fail_next([refusal::mailbox_full(&id, "topic_messages_max", 5)]);
        let full = fake.client().raise_event("i", "E", "").await.unwrap_err();
        assert!(full.is_retryable());
        assert!(full.to_string().contains("max: 5, event: E"), "{full}");
        assert!(matches!(full, ClientError::Provider(it) if it.kind() == ErrorKind::LimitExceeded));
        assert_eq!(fake.sent().len(), 1, "the client does not wait");
    }

    #[tokio::test]
    async fn typed_data_is_encoded() {
        let fake = running();
        let client = fake.client();
        client
            .raise_event_typed("i", "E", vec![1, 2])
            .await
            .unwrap();
        let outcome = client
            .raise_event_with_typed("i", "E", "text", RaiseOptions::new())
            .await;
        assert_eq!(outcome.unwrap(), RaiseOutcome::Delivered);
        let bodies: Vec<_> = fake
            .sent()
            .iter()
            .map(|it| MessageBody::decode(&it.message.body).unwrap())
            .collect();
        let event = |data: &str| MessageBody::ExternalEvent {
            name: "E".to_owned(),
            data: data.to_owned(),
        };
        assert_eq!(bodies, [event("[1,2]"), event("text")]);
    }

    /// The instance may have taken the event and ended: nobody knows, and the caller is told so.
    #[tokio::test]
    async fn an_end_after_an_uncertain_attempt_is_uncertain() {
        let fake = running();
        let uncertain = ProviderError::new(ErrorKind::CommitUnknown, "commit", "no reply");
        let id = InstanceId::new("i").unwrap();
        fake.fail_next([uncertain, refusal::ended(&id)]);
        let client = fake.client();
        let outcome = client.raise_event_with("i", "E", "", RaiseOptions::new());
        let error = outcome.await.unwrap_err();
        assert!(error.is_retryable());
        assert!(
            matches!(error, ClientError::Provider(it) if it.kind() == ErrorKind::CommitUnknown)
        );
    }

    #[tokio::test]
    async fn an_id_is_checked() {
        let fake = running();
        let client = fake.client();
        for event_id in ["", &"x".repeat(1_025)] {
            let options = RaiseOptions::new().event_id(event_id);
            let refused = client.raise_event_with("i", "E", "", options).await;
            assert!(matches!(refused, Err(ClientError::InvalidInput { .. })));
        }
        assert!(fake.sent().is_empty());
    }
}
