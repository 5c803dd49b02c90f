//! One orchestration that works off a mailbox full of events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{OrchestrationContext, OrchestrationRegistry};
use futures_util::stream::{self, StreamExt as _};

use super::Failure;
use super::hello::hello;
use super::meter::{Cost, Meter};
use super::report::Row;
use super::stage::{Backend, Stage};
use super::workload::Size;

/// How many requests of the client's are open at once.
const IN_FLIGHT: usize = 500;
/// In how many parts the events are timed.
const PARTS: usize = 10;

/// When each part of the events had been taken, for the first time.
#[derive(Debug, Default)]
struct Marks(Mutex<Vec<Instant>>);

impl Marks {
    /// Notes that so many of all events were taken. A replay takes them once more.
    fn taken(&self, taken: usize, all: usize) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken * PARTS >= (marks.len() + 1) * all {
            marks.push(Instant::now());
        }
    }

    /// How long the last part took, compared with the second one: the first one begins with the start
    /// of the runtime.
    fn growth(&self) -> f64 {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = |end: usize| (marks[end] - marks[end - 1]).as_secs_f64();
        part(PARTS - 1) / part(1)
    }
}

/// What the orchestration is told: how many events it has taken, and how many there are.
fn parse(input: &str) -> (usize, usize) {
    let mut numbers = input.split(' ').filter_map(|it| it.parse().ok());
    (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    )
}

async fn work_off(
    ctx: OrchestrationContext,
    input: String,
    marks: Arc<Marks>,
    with_activity: bool,
) -> Result<String, String> {
    let (mut taken, all) = parse(&input);
    while taken < all {
        if ctx.should_continue_as_new() {
            return ctx.continue_as_new(format!("{taken} {all}")).await;
        }
        let event = ctx.schedule_wait("work").into_event().await;
        if with_activity {
            ctx.schedule_activity("Hello", event)
                .into_activity()
                .await?;
        }
        taken += 1;
        marks.taken(taken, all);
    }
    Ok(taken.to_string())
}

fn code(marks: &Arc<Marks>, with_activity: bool) -> (ActivityRegistry, OrchestrationRegistry) {
    let marks = Arc::clone(marks);
    let activities = ActivityRegistry::builder().register("Hello", hello).build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Mailbox",
            move |ctx: OrchestrationContext, input: String| {
                work_off(ctx, input, Arc::clone(&marks), with_activity)
            },
        )
        .build();
    (activities, orchestrations)
}

pub(crate) async fn run(backend: Backend, size: Size) -> Result<Vec<Row>, Failure> {
    Ok(vec![
        work(backend, size.of(1_000, 100_000), false).await?,
        work(backend, size.of(200, 10_000), true).await?,
    ])
}

/// Fills a mailbox, and measures how it is worked off.
async fn work(backend: Backend, all: usize, with_activity: bool) -> Result<Row, Failure> {
    let mut stage = Stage::without_runtime(backend).await?;
    let marks = Arc::new(Marks::default());
    let input = format!("0 {all}");
    stage
        .client
        .start_orchestration("mailbox", "Mailbox", input)
        .await?;
    fill(&stage, all).await?;
    let cost = work_off_all(&mut stage, all, code(&marks, with_activity)).await?;
    stage.close().await;
    let what = if with_activity {
        ", an activity each"
    } else {
        ""
    };
    Ok(Row {
        name: format!("mailbox of {all} events{what}"),
        cost,
        note: format!("the last tenth takes {:.2} of the second", marks.growth()),
    })
}

async fn fill(stage: &Stage, all: usize) -> Result<(), Failure> {
    let mut raised = stream::iter(0..all)
        .map(|number| {
            stage
                .client
                .raise_event("mailbox", "work", number.to_string())
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(raised) = raised.next().await {
        raised?;
    }
    Ok(())
}

async fn work_off_all(
    stage: &mut Stage,
    all: usize,
    (activities, orchestrations): (ActivityRegistry, OrchestrationRegistry),
) -> Result<Cost, Failure> {
    let meter = Meter::start(stage).await?;
    stage.start_runtime(activities, orchestrations).await;
    stage.completed("mailbox").await?;
    meter.stop(stage, all, Vec::<Duration>::new()).await
}
