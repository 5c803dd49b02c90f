//! What is done again and again under load.

mod backlog;
mod chain;
mod continue_as_new;
mod events;
mod fan_out;
mod fill;
mod finished;
mod hello;
mod idle;
mod kind;
mod large_payload;
mod mailbox;
mod mixed;
mod parallel;
mod ran;
mod timers;
mod tree;

use std::ops::AddAssign;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::{ActivityContext, Client, OrchestrationRegistry, OrchestrationStatus};
use serde::{Deserialize, Serialize};

use self::fill::fill;
pub(crate) use self::kind::{KINDS, Kind, find};
pub(crate) use self::ran::Ran;
use crate::failure::Failure;

/// Longer than anything takes: whoever runs a workload decides how long one operation may.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// What the runtimes of a run are given.
pub(crate) struct Code {
    pub(crate) activities: ActivityRegistry,
    pub(crate) orchestrations: OrchestrationRegistry,
}

impl Code {
    /// Orchestrations with the activity `Echo`, which answers its input.
    fn with_echo(ran: &Ran, orchestrations: OrchestrationRegistry) -> Self {
        let ran = ran.clone();
        let echo = move |_: ActivityContext, input: String| {
            ran.once();
            std::future::ready(Ok::<_, String>(input))
        };
        Self {
            activities: ActivityRegistry::builder().register("Echo", echo).build(),
            orchestrations,
        }
    }

    /// Orchestrations without activities.
    fn without_activities(orchestrations: OrchestrationRegistry) -> Self {
        Self {
            activities: ActivityRegistry::builder().build(),
            orchestrations,
        }
    }
}

/// A kind of work. One operation of it is what is counted and timed.
#[async_trait]
pub(crate) trait Workload: Send + Sync + 'static {
    /// What is registered. Each activity notes that it ran.
    fn code(&self, ran: &Ran) -> Code;

    /// Brings an empty store into the state in which it is measured, and answers what that took.
    async fn prepare(&self, _client: &Client) -> Result<Tally, Failure> {
        Ok(Tally::default())
    }

    /// Does one operation under an id of its own, checks what came of it, and answers what it took.
    async fn operate(&self, client: &Client, id: &str) -> Result<Tally, Failure>;
}

/// What operations take in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many activities must have run.
    pub(crate) activities: u64,
    /// How many instances must have completed.
    pub(crate) completed: u64,
    /// How many instances must still be there, and wait.
    pub(crate) waiting: u64,
    /// How many activities, timers and events were waited for.
    pub(crate) steps: u64,
}

impl Tally {
    /// One instance, in which so many activities are all that there is.
    pub(crate) fn of_activities(activities: u64) -> Self {
        Self {
            activities,
            completed: 1,
            waiting: 0,
            steps: activities,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.activities += other.activities;
        self.completed += other.completed;
        self.waiting += other.waiting;
        self.steps += other.steps;
    }
}

/// What a workload is made with.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Scale {
    /// How long inputs are, in bytes, if it was said.
    pub(crate) payload_bytes: Option<usize>,
    /// How much of it there is, for a workload that has a size.
    pub(crate) size: u64,
}

/// A text that begins with this and has so many bytes, if it is not longer already.
pub(crate) fn payload(beginning: &str, bytes: usize) -> String {
    let rest = bytes.saturating_sub(beginning.len());
    [beginning, &"x".repeat(rest)].concat()
}

/// Starts an orchestration, waits for its end, and sees that it has put this out.
pub(crate) async fn expect(
    client: &Client,
    id: &str,
    (orchestration, input): (&str, &str),
    expected: &str,
) -> Result<(), Failure> {
    client.start_orchestration(id, orchestration, input).await?;
    expect_end(client, id, expected).await
}

/// Waits for the end of an instance, and sees that it has put this out.
pub(crate) async fn expect_end(client: &Client, id: &str, expected: &str) -> Result<(), Failure> {
    let status = client.wait_for_orchestration(id, PATIENCE).await?;
    let OrchestrationStatus::Completed { output } = status else {
        return Err(Failure::wrong(
            id,
            format!("it ended otherwise: {status:?}"),
        ));
    };
    if output == expected {
        return Ok(());
    }
    let (output, expected) = (shortened(&output), shortened(expected));
    let what = format!("it put out {output:?} and not {expected:?}");
    Err(Failure::wrong(id, what))
}

/// The beginning of a text that may be long.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
