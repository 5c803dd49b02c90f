//! What is done again and again under load.

mod chain;
mod continue_as_new;
mod events;
mod fan_out;
mod hello;
mod large_payload;
mod parallel;
mod timers;
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::{ActivityContext, Client, OrchestrationRegistry, OrchestrationStatus};

use crate::failure::Failure;

/// How long one operation may take before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

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

/// Counts how often activities ran in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ran(Arc<AtomicU64>);

impl Ran {
    /// Notes that one has run.
    pub(crate) fn once(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A kind of work. One operation of it is what is counted and timed.
#[async_trait]
pub(crate) trait Workload: Send + Sync + 'static {
    /// What is registered. Each activity notes that it ran.
    fn code(&self, ran: &Ran) -> Code;

    /// Does one operation under an id of its own, and checks what came of it.
    async fn operate(&self, client: &Client, id: &str) -> Result<(), Failure>;

    /// How many activities one operation runs.
    fn activities(&self) -> u64;

    /// How many instances one operation leaves behind, all of them completed.
    fn instances(&self) -> u64 {
        1
    }
}

/// A workload that can be chosen.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// How many operations are under way by default.
    pub(crate) in_flight: usize,
    /// Makes it, with so many bytes of payload where it has one.
    pub(crate) make: fn(Option<usize>) -> Arc<dyn Workload>,
}

/// All workloads.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "hello",
        about: "one activity",
        in_flight: 200,
        make: |payload| Arc::new(hello::Hello::new(payload)),
    },
    Kind {
        name: "chain",
        about: "50 activities, one after another",
        in_flight: 20,
        make: |_| Arc::new(chain::Chain),
    },
    Kind {
        name: "fan-out",
        about: "100 activities side by side",
        in_flight: 10,
        make: |_| Arc::new(fan_out::FanOut),
    },
    Kind {
        name: "parallel",
        about: "5 activities of 10 ms each, one after another",
        in_flight: 20,
        make: |_| Arc::new(parallel::Parallel),
    },
    Kind {
        name: "timers",
        about: "3 timers of 20 ms, one after another",
        in_flight: 200,
        make: |_| Arc::new(timers::Timers),
    },
    Kind {
        name: "events",
        about: "3 events, each of which races a timer",
        in_flight: 100,
        make: |_| Arc::new(events::Events),
    },
    Kind {
        name: "tree",
        about: "3 children with 3 children each, and an activity in every leaf",
        in_flight: 20,
        make: |_| Arc::new(tree::Tree),
    },
    Kind {
        name: "large-payload",
        about: "20 activities and 5 children, with 10, 50 and 100 KB each",
        in_flight: 5,
        make: |payload| Arc::new(large_payload::LargePayload::new(payload)),
    },
    Kind {
        name: "continue-as-new",
        about: "5 executions with an activity each",
        in_flight: 50,
        make: |_| Arc::new(continue_as_new::ContinueAsNew),
    },
];

/// The workload of this name.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
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
