//! Activities that are tried again, built from activities and timers.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::OrchestrationContext;
use super::durable_future::DurableFuture;
use super::retry_policy::RetryPolicy;
use crate::codec;
use crate::replay::{Decision, DurableOutput};

type BoxedResult<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;

/// What an attempt that took too long yields.
const TIMED_OUT: &str = "timeout: activity timed out";

impl OrchestrationContext {
    /// Runs an activity, and again if it fails, as the policy says. Yields the first result, or
    /// the last attempt's error. A timeout is not retried.
    #[track_caller]
    pub fn schedule_activity_with_retry(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        policy: RetryPolicy,
    ) -> BoxedResult<String> {
        let attempts = Attempts {
            ctx: self.clone(),
            activity: Decision::Activity {
                name: name.into(),
                input: input.into(),
            },
            policy,
            location: Location::caller(),
        };
        Box::pin(attempts.run())
    }

    /// As [`schedule_activity_with_retry`](Self::schedule_activity_with_retry), typed.
    #[track_caller]
    pub fn schedule_activity_with_retry_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        input: &In,
        policy: RetryPolicy,
    ) -> BoxedResult<Out> {
        let result = codec::encode(input)
            .map(|input| self.schedule_activity_with_retry(name, input, policy));
        Box::pin(async move { codec::decode(&result?.await?) })
    }
}

struct Attempts {
    ctx: OrchestrationContext,
    activity: Decision,
    policy: RetryPolicy,
    location: &'static Location<'static>,
}

impl Attempts {
    async fn run(self) -> Result<String, String> {
        let attempts_max = self.policy.max_attempts.max(1);
        let mut attempt = 1;
        loop {
            match self.attempt().await {
                Ok(result) => return Ok(result),
                Err(Failed::TimedOut) => return Err(TIMED_OUT.to_owned()),
                Err(Failed::Error(error)) if attempt >= attempts_max => return Err(error),
                Err(Failed::Error(_)) => {}
            }
            let delay = self.policy.delay_for_attempt(attempt);
            if !delay.is_zero() {
                self.durable(Decision::Timer { delay }).into_timer().await;
            }
            attempt += 1;
        }
    }

    async fn attempt(&self) -> Result<String, Failed> {
        let activity = self.durable(self.activity.clone());
        let Some(delay) = self.policy.timeout else {
            return activity.into_activity().await.map_err(Failed::Error);
        };
        let timer = self.durable(Decision::Timer { delay });
        match self.ctx.select2(activity, timer).await {
            (_, DurableOutput::Activity(result)) => result.map_err(Failed::Error),
            _ => Err(Failed::TimedOut),
        }
    }

    fn durable(&self, decision: Decision) -> DurableFuture {
        DurableFuture::new(&self.ctx.journal, decision, self.location)
    }
}

enum Failed {
    Error(String),
    TimedOut,
}
