//! Cancelling instances.

use std::time::Duration;

use super::client::Client;
use super::error::ClientError;
use crate::clock::millis_ceil;
use crate::message::MessageBody;

/// How an instance is cancelled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CancelOptions {
    /// For how long the code may clean up, once it has been told. Without any it is not told.
    pub grace: Duration,
}

impl CancelOptions {
    /// A cancellation at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a [grace](Self::grace).
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

impl Client {
    /// Cancels an instance: its next turn ends it as failed, with its open activities and
    /// children. An instance that has ended stays as it is.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance; `InvalidInput` for a bad
    /// argument. A store that cannot be reached is tried again for five seconds; the error is
    /// [retryable](ClientError::is_retryable) then.
    pub async fn cancel_instance(
        &self,
        instance: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.cancel_instance_with(instance, reason, CancelOptions::default())
            .await
    }

    /// Cancels an instance after a grace: its code hears of it through
    /// [`cancellation_requested`](crate::OrchestrationContext::cancellation_requested), and may clean up
    /// and end as it likes. When the grace is over it is cancelled as by
    /// [`cancel_instance`](Self::cancel_instance), in whichever execution it is by then.
    ///
    /// One that has not begun is cancelled at once, since it has nothing to clean up. A suspended one
    /// hears of it when it is resumed, and is cancelled, suspended or not, when the grace is over.
    ///
    /// # Errors
    /// As [`cancel_instance`](Self::cancel_instance).
    pub async fn cancel_instance_with(
        &self,
        instance: impl Into<String>,
        reason: impl Into<String>,
        options: CancelOptions,
    ) -> Result<(), ClientError> {
        let reason = reason.into();
        let body = if options.grace.is_zero() {
            MessageBody::cancel(reason)
        } else {
            let grace_ms = millis_ceil(options.grace);
            MessageBody::CancelLater { reason, grace_ms }
        };
        self.manage(instance.into(), body).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::providers::Channel;

    #[tokio::test]
    async fn only_a_grace_is_announced() {
        let fake = Fake::default();
        let client = fake.client();
        for grace in [Duration::ZERO, Duration::from_secs(2), Duration::MAX] {
            let options = CancelOptions::new().grace(grace);
            client
                .cancel_instance_with("i", "why", options)
                .await
                .unwrap();
        }
        let sent = fake.sent();
        let bodies: Vec<_> = sent
            .iter()
            .map(|it| MessageBody::decode(&it.message.body).unwrap())
            .collect();
        let reason = || "why".to_owned();
        let later = |grace_ms| MessageBody::CancelLater {
            reason: reason(),
            grace_ms,
        };
        let at_once = MessageBody::cancel(reason());
        assert_eq!(bodies, [at_once, later(2_000), later(u64::MAX)]);
        let is_control = |channel: &Channel| *channel == Channel::Control;
        assert!(sent.iter().all(|it| is_control(&it.message.channel)));
    }
}
