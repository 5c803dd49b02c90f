//! Starting instances.

use serde::Serialize;

use super::check;
use super::client::Client;
use super::error::ClientError;
use crate::codec;
use crate::entropy::Entropy;
use crate::message::{CoreState, MessageBody, Start};
use crate::orchestration::StartOptions;
use crate::providers::{Envelope, ErrorKind, IfExists, NewInstance, Recipient, TaskQueue};

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a start of an id that exists has no effect"]
pub enum StartOutcome {
    /// The instance was started.
    Started,
    /// There is an instance of that id, running or ended; nothing was changed.
    AlreadyExists,
}

impl Client {
    /// Starts an instance. If there is one of that id already, nothing happens but a warning in
    /// the log; [`start_orchestration_with`](Self::start_orchestration_with) tells.
    ///
    /// # Errors
    /// `InvalidInput` for a bad argument; `Provider` if the store fails. One that cannot be reached
    /// is tried again for five seconds; the error is [retryable](ClientError::is_retryable) then.
    pub async fn start_orchestration(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<(), ClientError> {
        let options = StartOptions::default();
        self.start_or_warn(instance.into(), orchestration.into(), input.into(), options)
            .await
    }

    /// Starts an instance of this version; else as
    /// [`start_orchestration`](Self::start_orchestration).
    ///
    /// # Errors
    /// As [`start_orchestration`](Self::start_orchestration).
    pub async fn start_orchestration_versioned(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        version: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<(), ClientError> {
        let options = StartOptions::new().with_version(version);
        self.start_or_warn(instance.into(), orchestration.into(), input.into(), options)
            .await
    }

    /// Starts an instance with an input that is encoded as JSON; else as
    /// [`start_orchestration`](Self::start_orchestration).
    ///
    /// # Errors
    /// As [`start_orchestration`](Self::start_orchestration).
    pub async fn start_orchestration_typed<In: Serialize>(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: In,
    ) -> Result<(), ClientError> {
        let input = encode("input", &input)?;
        self.start_orchestration(instance, orchestration, input)
            .await
    }

    /// Starts an instance of this version with an input that is encoded as JSON; else as
    /// [`start_orchestration`](Self::start_orchestration).
    ///
    /// # Errors
    /// As [`start_orchestration`](Self::start_orchestration).
    pub async fn start_orchestration_versioned_typed<In: Serialize>(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        version: impl Into<String>,
        input: In,
    ) -> Result<(), ClientError> {
        let input = encode("input", &input)?;
        self.start_orchestration_versioned(instance, orchestration, version, input)
            .await
    }

    /// Starts an instance, and tells whether there was one of that id already. This costs no more
    /// than [`start_orchestration`](Self::start_orchestration).
    ///
    /// With [`IfExists::ReplaceEnded`] one that has ended is no obstacle: it is removed, with all that
    /// belongs to it and with its ended children, and the new instance takes its place in one step. What
    /// is under way for the old one, activities and late outcomes among it, does not reach the new one.
    /// One for which a control message is due, a rewind for example, may go on: it is as one that has not ended.
    /// That costs a read more, and where one has ended a look at what waits for it and a list of the children.
    ///
    /// # Errors
    /// As [`start_orchestration`](Self::start_orchestration).
    pub async fn start_orchestration_with(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: impl Into<String>,
        options: StartOptions,
    ) -> Result<StartOutcome, ClientError> {
        let body = with_input(input.into());
        self.start(&instance.into(), orchestration.into(), options, body)
            .await
    }

    /// Starts an instance with an input that is encoded as JSON; else as
    /// [`start_orchestration_with`](Self::start_orchestration_with).
    ///
    /// # Errors
    /// As [`start_orchestration`](Self::start_orchestration).
    pub async fn start_orchestration_with_typed<In: Serialize>(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: In,
        options: StartOptions,
    ) -> Result<StartOutcome, ClientError> {
        let input = encode("input", &input)?;
        self.start_orchestration_with(instance, orchestration, input, options)
            .await
    }

    async fn start_or_warn(
        &self,
        instance: String,
        orchestration: String,
        input: String,
        options: StartOptions,
    ) -> Result<(), ClientError> {
        let body = with_input(input);
        match self.start(&instance, orchestration, options, body).await? {
            StartOutcome::Started => {}
            StartOutcome::AlreadyExists => tracing::warn!(
                target: "duroxide::client",
                instance_id = %instance,
                "not started: there is such an instance already"
            ),
        }
        Ok(())
    }

    /// Starts an instance with the message that this makes of what every start says.
    pub(super) async fn start(
        &self,
        instance: &str,
        orchestration: String,
        options: StartOptions,
        body: impl FnOnce(Start) -> MessageBody,
    ) -> Result<StartOutcome, ClientError> {
        let instance = check::instance_id(instance)?;
        check::name("orchestration", &orchestration)?;
        if let Some(version) = &options.version {
            check::version(version)?;
        }
        let queue = match &options.queue {
            Some(name) => check::queue(name)?,
            None => TaskQueue::default(),
        };
        check::labels(&options.labels)?;
        let expire_after = check::expire_after(options.expire_after)?;
        if options.if_exists == IfExists::ReplaceEnded {
            // In a box, since it is rare.
            if !Box::pin(self.sweep_children_of_ended(&instance)).await? {
                return Ok(StartOutcome::AlreadyExists);
            }
        }
        let recipient = Recipient::NewInstance(NewInstance {
            queue,
            labels: options.labels,
            core_state: CoreState::of_new(None, expire_after).encode(),
            if_exists: options.if_exists,
            ..NewInstance::new(instance, &*orchestration)
        });
        let start = Start {
            orchestration,
            version: options.version,
            ..Start::default()
        };
        let message = body(start).into_message(Entropy.message_id(), None);
        let envelope = Envelope {
            recipient,
            delay: options.delay,
            message,
        };
        match self.send(envelope).await {
            Ok(()) => Ok(StartOutcome::Started),
            Err(ClientError::Provider(error)) if error.kind() == ErrorKind::AlreadyExists => {
                Ok(StartOutcome::AlreadyExists)
            }
            Err(error) => Err(error),
        }
    }
}

/// The message of a start with this input.
fn with_input(input: String) -> impl FnOnce(Start) -> MessageBody {
    move |start| MessageBody::Start(Start { input, ..start })
}

/// Encodes what the caller names so.
pub(super) fn encode<T: Serialize>(what: &str, value: &T) -> Result<String, ClientError> {
    codec::encode(value).map_err(|error| ClientError::invalid(format!("the {what}: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::super::fake::{Fake, head};
    use super::*;
    use crate::providers::{InstanceHead, InstanceId, InstanceStatus, Parent, ProviderError};
    use crate::runtime::observability::CapturedLogs;

    fn starts(fake: &Fake) -> Vec<Start> {
        let sent = fake.sent().into_iter();
        sent.map(|envelope| {
            let body = MessageBody::decode(&envelope.message.body).unwrap();
            let MessageBody::Start(start) = body else {
                panic!("{body:?}")
            };
            start
        })
        .collect()
    }

    fn of_queue(name: &str) -> StartOptions {
        StartOptions::new().with_queue(name)
    }

    fn already_exists() -> ProviderError {
        ProviderError::new(ErrorKind::AlreadyExists, "commit", "there is one")
    }

    /// The signatures of old programs leave no room for what happened.
    #[tokio::test]
    async fn a_start_of_what_exists_is_logged_where_it_cannot_be_told() {
        let fake = Fake::default();
        fake.fail_next([already_exists()]);
        let (logs, _guard) = CapturedLogs::begin();

        fake.client()
            .start_orchestration("a", "Order", "")
            .await
            .unwrap();

        let lines = logs.take();
        assert!(
            lines.iter().any(|line| line.starts_with("WARN")
                && line.contains("there is such an instance already")),
            "{lines:?}"
        );
    }

    #[tokio::test]
    async fn a_start_carries_name_version_and_input() {
        let fake = Fake::default();
        let client = fake.client();
        client
            .start_orchestration("a", "Order", "plain")
            .await
            .unwrap();
        client
            .start_orchestration_versioned("b", "Order", "2.0.0", "plain")
            .await
            .unwrap();
        client
            .start_orchestration_typed("c", "Order", vec![1, 2])
            .await
            .unwrap();
        client
            .start_orchestration_versioned_typed("d", "Order", "2.0.0", "1")
            .await
            .unwrap();
        let starts = starts(&fake);
        assert!(starts.iter().all(|start| start.orchestration == "Order"));
        assert!(
            starts
                .iter()
                .all(|start| start.parent.is_none() && start.carried.is_empty())
        );
        let inputs: Vec<_> = starts.iter().map(|start| start.input.as_str()).collect();
        assert_eq!(inputs, ["plain", "plain", "[1,2]", "1"]);
        let versions: Vec<_> = starts
            .iter()
            .map(|start| start.version.as_deref())
            .collect();
        assert_eq!(versions, [None, Some("2.0.0"), None, Some("2.0.0")]);
        let recipient = Recipient::NewInstance(NewInstance {
            core_state: CoreState::default().encode(),
            ..NewInstance::new(InstanceId::new("a").unwrap(), "Order")
        });
        assert_eq!(fake.sent()[0].recipient, recipient);
    }

    #[tokio::test]
    async fn a_start_names_the_queue_of_the_instance() {
        let fake = Fake::default();
        let client = fake.client();
        let started = client.start_orchestration_with("a", "Order", "", of_queue("orders"));
        assert_eq!(started.await.unwrap(), StartOutcome::Started);
        let sent = fake.sent();
        let created = sent[0]
            .recipient
            .created()
            .expect("a start creates an instance");
        assert_eq!(created.queue, TaskQueue::from("orders"));
    }

    #[tokio::test]
    async fn a_start_says_what_it_replaces_and_when_its_instance_expires() {
        let fake = Fake::default();
        let day = Duration::from_hours(24);
        let options = StartOptions::new()
            .with_if_exists(IfExists::ReplaceEnded)
            .with_expire_after(day);
        let client = fake.client();
        let started = client.start_orchestration_with("a", "Order", "", options);
        assert_eq!(started.await.unwrap(), StartOutcome::Started);
        let sent = fake.sent();
        let created = sent[0].recipient.created();
        let created = created.expect("a start creates an instance");
        assert!(created.replaces_ended());
        let core_state = CoreState::decode(&created.core_state).unwrap();
        assert_eq!(core_state.expire_after(), Some(day));
    }

    /// It may go on, and would begin anew the children that are gone.
    #[tokio::test]
    async fn what_control_waits_for_is_not_replaced_and_keeps_its_children() {
        let options = || StartOptions::new().with_if_exists(IfExists::ReplaceEnded);
        let failed = head("a", InstanceStatus::Failed, None);
        for (due_at_ms, outcome, left) in [
            (0, StartOutcome::AlreadyExists, vec!["a", "a::sub::2"]),
            // One that is due later keeps nobody.
            (1, StartOutcome::Started, vec!["a"]),
        ] {
            let fake = Fake::default();
            fake.put(failed.clone());
            fake.put(InstanceHead {
                parent: Some(Box::new(Parent {
                    instance: failed.instance.clone(),
                    incarnation: failed.incarnation,
                })),
                ..head("a::sub::2", InstanceStatus::Completed, None)
            });
            fake.put_control("a", due_at_ms);
            let client = fake.client();
            let started = client.start_orchestration_with("a", "Order", "", options());
            assert_eq!(started.await.unwrap(), outcome);
            assert_eq!(client.list_all_instances().await.unwrap(), left);
            assert_eq!(fake.looks(), 1);
            // A start of an id that is free, or of one at work, does not look.
            let started = client.start_orchestration_with("b", "Order", "", options());
            assert_eq!(started.await.unwrap(), StartOutcome::Started);
            assert_eq!(fake.looks(), 1);
        }
    }

    #[tokio::test]
    async fn an_id_that_exists_is_told_where_it_is_asked_for() {
        let fake = Fake::default();
        let client = fake.client();
        fake.fail_next([already_exists(), already_exists(), already_exists()]);
        client.start_orchestration("a", "Order", "").await.unwrap();
        let options = StartOptions::default;
        let outcome = client.start_orchestration_with("a", "Order", "", options());
        assert_eq!(outcome.await.unwrap(), StartOutcome::AlreadyExists);
        let outcome = client.start_orchestration_with_typed("a", "Order", 1, options());
        assert_eq!(outcome.await.unwrap(), StartOutcome::AlreadyExists);
        let outcome = client.start_orchestration_with_typed("b", "Order", 1, options());
        assert_eq!(outcome.await.unwrap(), StartOutcome::Started);
    }

    #[tokio::test]
    async fn bad_arguments_do_not_reach_the_store() {
        let fake = Fake::default();
        let client = fake.client();
        let no_json = BTreeMap::from([(vec![1], 1)]);
        let too_soon = StartOptions::new().with_expire_after(Duration::from_secs(1));
        let refused = [
            client.start_orchestration("", "Order", "").await,
            client.start_orchestration("a", "", "").await,
            client
                .start_orchestration_versioned("a", "Order", "latest", "")
                .await,
            client
                .start_orchestration_typed("a", "Order", no_json)
                .await,
            client
                .start_orchestration_with("a", "Order", "", of_queue("@run/default"))
                .await
                .map(|_| ()),
            client
                .start_orchestration_with("a", "Order", "", too_soon)
                .await
                .map(|_| ()),
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
