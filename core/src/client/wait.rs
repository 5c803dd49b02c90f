//! Looking how an instance stands, and waiting for its end.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::check;
use super::client::Client;
use super::error::ClientError;
use super::status::OrchestrationStatus;
use crate::clock::Clock;
use crate::codec;
use crate::providers::{InstanceId, ProviderError, Until, Watch};

/// The pause after the store failed while waiting; it doubles each time.
const WAIT_BACKOFF: Duration = Duration::from_millis(10);
/// The longest such pause.
const WAIT_BACKOFF_MAX: Duration = Duration::from_secs(1);
/// How long the look at an instance may take that did not end in time.
const LAST_LOOK_MAX: Duration = Duration::from_millis(500);

/// The pauses of a waiter whose store fails.
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(WAIT_BACKOFF)
    }
}

impl Backoff {
    /// Pauses after a failure, each time for longer.
    pub(super) async fn pause(&mut self, clock: &dyn Clock, error: &ProviderError) {
        tracing::warn!(target: "duroxide::client", %error, "waiting on");
        clock.sleep(self.0).await;
        self.0 = (self.0 * 2).min(WAIT_BACKOFF_MAX);
    }
}

impl Client {
    /// How an instance stands.
    ///
    /// # Errors
    /// `InvalidInput` for a bad id; `Provider` if the store fails.
    pub async fn get_orchestration_status(
        &self,
        instance: &str,
    ) -> Result<OrchestrationStatus, ClientError> {
        self.status_of(&check::instance_id(instance)?).await
    }

    /// Waits until an instance has ended, one that has yet to be started included. A store that
    /// cannot be reached is asked again until the time is up.
    ///
    /// # Errors
    /// `Timeout` if it does not end in time, or `Blocked` if a node has said why it cannot, or why
    /// a child cannot that it waits for; the store is asked for that at most half a second longer,
    /// and of children only if there was time to wait. `InvalidInput` for a bad id; `Provider` if
    /// the store fails for good.
    pub async fn wait_for_orchestration(
        &self,
        instance: &str,
        timeout: Duration,
    ) -> Result<OrchestrationStatus, ClientError> {
        let instance = check::instance_id(instance)?;
        if timeout.is_zero() {
            let head = self.store.read_head(&instance).await?;
            let status = OrchestrationStatus::of(head.as_ref())?;
            return if is_end(&status) {
                Ok(status)
            } else {
                let reason = head.and_then(|head| self.blocked_reason(&head));
                Err(out_of_time(reason))
            };
        }
        // The deadline is a sleep of its own, which ends whatever becomes of the wall time.
        let deadline = self.clock.sleep(timeout);
        tokio::select! {
            biased;
            ended = self.wait_until_ended(instance.clone(), timeout) => ended,
            () = deadline => Err(self.last_look(&instance).await),
        }
    }

    /// Waits until an instance has ended, and decodes its result: `Ok(Err(_))` is the text of its
    /// error, or of a result of another type.
    ///
    /// # Errors
    /// As [`wait_for_orchestration`](Self::wait_for_orchestration).
    pub async fn wait_for_orchestration_typed<Out: DeserializeOwned>(
        &self,
        instance: &str,
        timeout: Duration,
    ) -> Result<Result<Out, String>, ClientError> {
        match self.wait_for_orchestration(instance, timeout).await? {
            OrchestrationStatus::Completed { output } => Ok(codec::decode(&output)
                .map_err(|error| format!("the result of {instance} cannot be decoded: {error}"))),
            OrchestrationStatus::Failed { details } => Ok(Err(details.display_message())),
            OrchestrationStatus::NotFound | OrchestrationStatus::Running => {
                Err(ClientError::Timeout)
            }
        }
    }

    async fn status_of(&self, instance: &InstanceId) -> Result<OrchestrationStatus, ClientError> {
        let head = self.store.read_head(instance).await?;
        Ok(OrchestrationStatus::of(head.as_ref())?)
    }

    /// What to say of an instance that did not end in time.
    pub(super) async fn last_look(&self, instance: &InstanceId) -> ClientError {
        tokio::select! {
            biased;
            reason = self.why_blocked(instance) => out_of_time(reason),
            () = self.clock.sleep(LAST_LOOK_MAX) => ClientError::Timeout,
        }
    }

    async fn wait_until_ended(
        &self,
        instance: InstanceId,
        max_wait: Duration,
    ) -> Result<OrchestrationStatus, ClientError> {
        let watched = [Watch {
            instance,
            until: Until::Terminal,
        }];
        let mut backoff = Backoff::default();
        loop {
            match self.store.wait_for_change(&watched, max_wait).await {
                Ok(heads) => {
                    let status = OrchestrationStatus::of(heads.first())?;
                    if is_end(&status) {
                        return Ok(status);
                    }
                    backoff = Backoff::default();
                }
                Err(error) if error.is_retryable() => backoff.pause(&*self.clock, &error).await,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn out_of_time(reason: Option<String>) -> ClientError {
    match reason {
        Some(reason) => ClientError::Blocked { reason },
        None => ClientError::Timeout,
    }
}

fn is_end(status: &OrchestrationStatus) -> bool {
    match status {
        OrchestrationStatus::Completed { .. } | OrchestrationStatus::Failed { .. } => true,
        OrchestrationStatus::NotFound | OrchestrationStatus::Running => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::event::{AppErrorKind, ErrorDetails};
    use crate::message::Output;
    use crate::providers::{ErrorKind, InstanceStatus};

    const SECOND: Duration = Duration::from_secs(1);

    fn completed(output: &str) -> Output {
        Output::Completed(output.to_owned())
    }

    #[tokio::test]
    async fn the_status_follows_the_head() {
        let details = ErrorDetails::Application {
            kind: AppErrorKind::OrchestrationFailed,
            message: "broken".to_owned(),
            retryable: false,
        };
        let fake = Fake::default();
        fake.put(head("pending", InstanceStatus::Pending, None));
        fake.put(head("running", InstanceStatus::Running, None));
        fake.put(head(
            "completed",
            InstanceStatus::Completed,
            Some(completed("done")),
        ));
        fake.put(head(
            "failed",
            InstanceStatus::Failed,
            Some(Output::Failed(details.clone())),
        ));
        let cases = [
            ("absent", OrchestrationStatus::NotFound),
            ("pending", OrchestrationStatus::Running),
            ("running", OrchestrationStatus::Running),
            (
                "completed",
                OrchestrationStatus::Completed {
                    output: "done".to_owned(),
                },
            ),
            ("failed", OrchestrationStatus::Failed { details }),
        ];
        for (instance, expected) in cases {
            let status = fake
                .client()
                .get_orchestration_status(instance)
                .await
                .unwrap();
            assert_eq!(status, expected, "{instance}");
        }
        let failed = fake
            .client()
            .wait_for_orchestration_typed::<u8>("failed", SECOND)
            .await;
        assert_eq!(failed.unwrap(), Err("broken".to_owned()));
    }

    #[tokio::test]
    async fn an_end_without_an_output_is_damage() {
        let fake = Fake::default();
        fake.put(head("i", InstanceStatus::Completed, None));
        let error = fake
            .client()
            .get_orchestration_status("i")
            .await
            .unwrap_err();
        assert!(matches!(error, ClientError::Provider(it) if it.kind() == ErrorKind::Corrupt));
    }

    #[tokio::test]
    async fn waiting_survives_a_store_that_is_away_for_a_while() {
        let fake = Fake::default();
        fake.put(head("i", InstanceStatus::Completed, Some(completed("7"))));
        fake.fail_next([
            ProviderError::retryable("wait_for_change", "away"),
            ProviderError::retryable("wait_for_change", "away"),
        ]);
        let result = fake
            .client()
            .wait_for_orchestration_typed::<u8>("i", SECOND)
            .await;
        assert_eq!(result.unwrap(), Ok(7));
        let result = fake
            .client()
            .wait_for_orchestration_typed::<bool>("i", SECOND)
            .await;
        assert!(
            result
                .unwrap()
                .unwrap_err()
                .contains("the result of i cannot be decoded")
        );
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_a_timeout() {
        let fake = Fake::default();
        fake.put(head("i", InstanceStatus::Running, None));
        for (instance, timeout) in [("i", SECOND), ("i", Duration::ZERO), ("absent", SECOND)] {
            let result = fake
                .client()
                .wait_for_orchestration(instance, timeout)
                .await;
            assert!(matches!(result, Err(ClientError::Timeout)), "{result:?}");
        }
        fake.put(head("i", InstanceStatus::Completed, Some(completed(""))));
        fake.client()
            .wait_for_orchestration("i", Duration::ZERO)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_store_that_is_away_at_the_end_makes_no_other_error() {
        let fake = Fake::default();
        fake.put(head("i", InstanceStatus::Running, None));
        fake.fail_reads([ProviderError::permanent("read_head", "broken")]);
        let result = fake.client().wait_for_orchestration("i", SECOND).await;
        assert!(matches!(result, Err(ClientError::Timeout)), "{result:?}");
    }

    #[tokio::test]
    async fn a_final_error_of_the_store_is_passed_on() {
        let fake = Fake::default();
        fake.fail_next([ProviderError::permanent("wait_for_change", "broken")]);
        let result = fake.client().wait_for_orchestration("i", SECOND).await;
        assert!(
            matches!(result, Err(ClientError::Provider(_))),
            "{result:?}"
        );
    }
}
