//! Raising events.

use serde::Serialize;
use uuid::Uuid;

use super::check;
use super::client::Client;
use super::error::ClientError;
use super::start::encode;
use crate::entropy::Entropy;
use crate::message::MessageBody;
use crate::providers::{InstanceId, MessageId, refusal};

/// How an event is raised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaiseOptions {
    /// What makes a repeat of this event known: an event of the same instance with the same id is
    /// the same event, and is delivered once.
    ///
    /// It is recognised while the first one waits in the inbox, and after that in the execution
    /// that received it, whether or not the code has taken it; an event that `continue_as_new`
    /// carries over is recognised in the next execution too. An execution that begins later, or
    /// another life of the instance id, takes it for a new event.
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
    /// The instance has it, or had it before. Its next wait for that name receives it.
    Delivered,
    /// The instance had ended; the event was not sent.
    Ended,
}

impl Client {
    /// Raises an event: the instance's next wait for that name receives the data. An event that
    /// comes before the wait is kept, and two equal events are two events.
    ///
    /// An event for an instance that has ended has no effect, which the runtime logs;
    /// [`raise_event_with`](Self::raise_event_with) tells.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance; `InvalidInput` for a bad
    /// argument. A store that cannot be reached is tried again for five seconds; the error is
    /// [retryable](ClientError::is_retryable) then.
    pub async fn raise_event(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        let instance = check::instance_id(&instance.into())?;
        self.raise(
            instance,
            event_name.into(),
            data.into(),
            Entropy.message_id(),
        )
        .await
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

    /// Raises an event and tells what became of it, which costs a look at the instance first.
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
            Some(event_id) => derived_id(&instance, check::event_id(event_id)?),
            None => Entropy.message_id(),
        };
        if self.has_ended(&instance).await? {
            return Ok(RaiseOutcome::Ended);
        }
        self.raise(instance, name, data.into(), id).await?;
        Ok(RaiseOutcome::Delivered)
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
        check::name("event", &name)?;
        let body = MessageBody::ExternalEvent { name, data }.encode();
        self.tell(instance, id, body).await
    }

    async fn has_ended(&self, instance: &InstanceId) -> Result<bool, ClientError> {
        let head = self.trying_again(|| self.store.read_head(instance)).await?;
        match head {
            Some(head) => Ok(head.status.is_terminal()),
            None => Err(refusal::not_found("raise_event", instance).into()),
        }
    }
}

/// The id of the message that brings an event with this id: a name-based UUID (RFC 9562, version
/// 5), the same whenever the same event is raised.
fn derived_id(instance: &InstanceId, event_id: &str) -> MessageId {
    /// Drawn once, so that no other program derives these ids.
    const NAMESPACE: Uuid = Uuid::from_u128(0x3f6c_1d0e_8a52_4b7d_9c41_e2b7_705a_961f);
    let of_instance = Uuid::new_v5(&NAMESPACE, instance.as_bytes());
    MessageId(Uuid::new_v5(&of_instance, event_id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::providers::{ErrorKind, InstanceStatus, ProviderError};

    fn running() -> Fake {
        let fake = Fake::default();
        fake.put(head("i", InstanceStatus::Running, None));
        fake.put(head("j", InstanceStatus::Pending, None));
        fake
    }

    #[tokio::test]
    async fn the_outcome_of_an_event_is_told() {
        let fake = running();
        fake.put(head("ended", InstanceStatus::Failed, None));
        let client = fake.client();
        let options = RaiseOptions::new;
        let outcome = client.raise_event_with("i", "E", "", options()).await;
        assert_eq!(outcome.unwrap(), RaiseOutcome::Delivered);
        let outcome = client.raise_event_with("ended", "E", "", options()).await;
        assert_eq!(outcome.unwrap(), RaiseOutcome::Ended);
        let absent = client.raise_event_with("absent", "E", "", options()).await;
        let absent = absent.unwrap_err();
        assert!(absent.to_string().contains("not found"), "{absent}");
        assert!(matches!(absent, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
        assert_eq!(fake.sent().len(), 1);
    }

    #[tokio::test]
    async fn the_id_of_an_event_decides_which_message_it_is() {
        let fake = running();
        let client = fake.client();
        for (instance, event_id) in [("i", "1"), ("i", "1"), ("i", "2"), ("j", "1")] {
            let options = RaiseOptions::new().event_id(event_id);
            let outcome = client.raise_event_with(instance, "E", "", options).await;
            assert_eq!(outcome.unwrap(), RaiseOutcome::Delivered);
        }
        let ids: Vec<_> = fake.sent().iter().map(|it| it.message.id).collect();
        assert_eq!(ids[0], ids[1]);
        assert!(ids[0] != ids[2] && ids[0] != ids[3] && ids[2] != ids[3]);
        // What is in an inbox now has to be recognised by later versions.
        assert_eq!(ids[0].to_string(), "b15c9149-0c64-5067-8ce8-95c2dcf0a5c8");
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

    #[tokio::test]
    async fn a_look_at_the_instance_survives_an_outage_too() {
        let fake = running();
        fake.fail_reads([
            ProviderError::retryable("read_head", "away"),
            ProviderError::retryable("read_head", "away"),
        ]);
        let client = fake.client();
        let outcome = client
            .raise_event_with("i", "E", "", RaiseOptions::new())
            .await;
        assert_eq!(outcome.unwrap(), RaiseOutcome::Delivered);
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
