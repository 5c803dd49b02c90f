//! Activities that are tried again, built from activities and timers.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::activity_options::ActivityOptions;
use super::combinators::Race;
use super::context::OrchestrationContext;
use super::durable_future::DurableFuture;
use super::retry_policy::{NO_ATTEMPTS, RetryPolicy};
use crate::codec;
use crate::replay::{Answer, Decision, DurableOutput};

type BoxedResult<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;

/// What an attempt that took too long yields.
const TIMED_OUT: &str = "timeout: activity timed out";

impl OrchestrationContext {
    /// Runs an activity, and again if it fails or takes too long, as the policy says. Yields the
    /// first result, or the last attempt's error.
    ///
    /// What would only fail again is not tried again: an activity that is given up as poison, and
    /// one for which the history has no room. A policy without attempts yields an error.
    #[track_caller]
    pub fn schedule_activity_with_retry(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        policy: RetryPolicy,
    ) -> BoxedResult<String> {
        let attempts = Attempts {
            ctx: self.clone(),
            name: name.into(),
            input: input.into(),
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
    name: String,
    input: String,
    policy: RetryPolicy,
    location: &'static Location<'static>,
}

impl Attempts {
    async fn run(mut self) -> Result<String, String> {
        // Which rules hold is known once the execution has begun, so not before the first poll.
        let first_rules = self.ctx.journal.follows_first_rules();
        if first_rules {
            self.policy = self.policy.under_first_rules();
        }
        let attempts_max = self.policy.max_attempts;
        if attempts_max == 0 {
            return Err(NO_ATTEMPTS.to_owned());
        }
        let mut deadline = self.policy.schedule_to_close.map(|delay| self.timer(delay));
        let mut attempt = 1;
        loop {
            match self.attempt(deadline.as_mut()).await {
                Ok(result) => return Ok(result),
                Err(failed) if failed.is_final || attempt >= attempts_max => {
                    return Err(failed.error);
                }
                Err(_) => {}
            }
            let delay = if first_rules {
                self.policy.delay_under_first_rules(attempt)
            } else {
                self.policy.delay_for_attempt(attempt)
            };
            if !delay.is_zero() {
                let mut pause = self.timer(delay);
                let members = [Some(&mut pause), deadline.as_mut()];
                if let (1, _) = first_of(members).await {
                    return Err(self.out_of_time());
                }
            }
            attempt += 1;
        }
    }

    async fn attempt(&self, deadline: Option<&mut DurableFuture>) -> Result<String, Failed> {
        let mut options = ActivityOptions {
            queue: self.policy.queue.clone(),
            ..ActivityOptions::default()
        };
        if self.policy.retry_timeouts {
            options.start_to_close = self.policy.timeout;
        }
        let mut activity = self.durable(Decision::Activity {
            name: self.name.clone(),
            input: self.input.clone(),
            options,
        });
        let mut timeout = match self.policy.timeout {
            Some(timeout) if !self.policy.retry_timeouts => Some(self.timer(timeout)),
            _ => None,
        };
        let members = [Some(&mut activity), timeout.as_mut(), deadline];
        let (winner, answer) = first_of(members).await;
        match (winner, answer.output) {
            (_, DurableOutput::Activity(result)) => result.map_err(|error| Failed {
                error,
                is_final: answer.is_final,
            }),
            (1, _) => Err(Failed::for_good(TIMED_OUT.to_owned())),
            _ => Err(Failed::for_good(self.out_of_time())),
        }
    }

    fn out_of_time(&self) -> String {
        let total = self.policy.schedule_to_close.unwrap_or_default();
        format!("{TIMED_OUT}: its schedule_to_close of {total:?} is over")
    }

    fn timer(&self, delay: Duration) -> DurableFuture {
        self.durable(Decision::Timer { delay })
    }

    fn durable(&self, decision: Decision) -> DurableFuture {
        DurableFuture::new(&self.ctx.journal, decision, self.location)
    }
}

struct Failed {
    error: String,
    is_final: bool,
}

impl Failed {
    fn for_good(error: String) -> Self {
        Self {
            error,
            is_final: true,
        }
    }
}

/// Which of these is first in history, and its answer. The others stay as they are.
async fn first_of<const N: usize>(mut members: [Option<&mut DurableFuture>; N]) -> (usize, Answer) {
    let mut race = Race::default();
    poll_fn(|cx| {
        let first = race.poll(&mut members, |member| member.as_deref_mut(), cx);
        let answer = first.and_then(|index| {
            let member = members.get_mut(index)?.as_mut()?;
            Some((index, member.take_answer()?))
        });
        answer.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
