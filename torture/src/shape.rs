//! The orchestrations: small ones of every kind, whose outputs are known beforehand.

use std::time::Duration;

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, DurableOutput, OrchestrationContext, OrchestrationRegistry};

/// How long the timer of [`Shape::Timer`] is.
const NAP: Duration = Duration::from_millis(50);
const CHAIN_STEPS: usize = 5;
const WIDTH: usize = 8;
const EXECUTIONS: u64 = 3;

type Text = Result<String, String>;

/// A kind of orchestration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Activities one after another.
    Chain,
    /// Activities at once, joined.
    FanOut,
    /// An activity, a timer, an activity.
    Timer,
    /// Two events, with an activity between them.
    Events,
    /// Two children, each a chain.
    Children,
    /// An execution after another.
    Again,
    /// A step that fails, and one that makes up for it.
    Saga,
}

impl Shape {
    pub(crate) const ALL: [Self; 7] = [
        Self::Chain,
        Self::FanOut,
        Self::Timer,
        Self::Events,
        Self::Children,
        Self::Again,
        Self::Saga,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chain => "Chain",
            Self::FanOut => "FanOut",
            Self::Timer => "Timer",
            Self::Events => "Events",
            Self::Children => "Children",
            Self::Again => "Again",
            Self::Saga => "Saga",
        }
    }

    /// The events it waits for, in order.
    pub(crate) fn events(self) -> &'static [&'static str] {
        match self {
            Self::Events => &["first", "second"],
            Self::Chain
            | Self::FanOut
            | Self::Timer
            | Self::Children
            | Self::Again
            | Self::Saga => &[],
        }
    }

    pub(crate) fn executions(self) -> u64 {
        if self == Self::Again { EXECUTIONS } else { 1 }
    }

    /// What it returns.
    pub(crate) fn output(self, instance: &str) -> String {
        let chain = steps(CHAIN_STEPS).join(" ");
        match self {
            Self::Chain => chain,
            Self::FanOut => steps(WIDTH).join(" "),
            Self::Timer => "before after".to_owned(),
            Self::Events => format!(
                "{} between {}",
                datum(instance, "first"),
                datum(instance, "second")
            ),
            Self::Children => format!("{chain} | {chain}"),
            Self::Again => format!("execution {EXECUTIONS}"),
            Self::Saga => "undone".to_owned(),
        }
    }
}

/// The data of an event that is raised for an instance.
pub(crate) fn datum(instance: &str, event: &str) -> String {
    format!("{event}-of-{instance}")
}

fn steps(count: usize) -> Vec<String> {
    (0..count).map(|step| format!("step-{step}")).collect()
}

async fn step(ctx: &OrchestrationContext, input: &str) -> Text {
    ctx.schedule_activity("Step", input).into_activity().await
}

async fn chain(ctx: OrchestrationContext, _: String) -> Text {
    let mut done = Vec::new();
    for input in steps(CHAIN_STEPS) {
        done.push(step(&ctx, &input).await?);
    }
    Ok(done.join(" "))
}

async fn fan_out(ctx: OrchestrationContext, _: String) -> Text {
    let activities = steps(WIDTH)
        .iter()
        .map(|input| ctx.schedule_activity("Step", input.as_str()))
        .collect();
    let mut done = Vec::new();
    for output in ctx.join(activities).await {
        let DurableOutput::Activity(output) = output else {
            return Err("an activity ended as something else".to_owned());
        };
        done.push(output?);
    }
    // They come in the order in which they ended.
    done.sort();
    Ok(done.join(" "))
}

async fn timer(ctx: OrchestrationContext, _: String) -> Text {
    let before = step(&ctx, "before").await?;
    ctx.schedule_timer(NAP).into_timer().await;
    Ok(format!("{before} {}", step(&ctx, "after").await?))
}

async fn events(ctx: OrchestrationContext, _: String) -> Text {
    let first = ctx.schedule_wait("first").into_event().await;
    let between = step(&ctx, "between").await?;
    let second = ctx.schedule_wait("second").into_event().await;
    Ok(format!("{first} {between} {second}"))
}

async fn children(ctx: OrchestrationContext, _: String) -> Text {
    let one = ctx.schedule_sub_orchestration("Chain", "");
    let other = ctx.schedule_sub_orchestration("Chain", "");
    let one = one.into_sub_orchestration().await?;
    let other = other.into_sub_orchestration().await?;
    Ok(format!("{one} | {other}"))
}

async fn again(ctx: OrchestrationContext, _: String) -> Text {
    let execution = ctx.execution_id();
    let done = step(&ctx, &format!("execution {execution}")).await?;
    if execution < EXECUTIONS {
        return ctx.continue_as_new("").await;
    }
    Ok(done)
}

async fn saga(ctx: OrchestrationContext, _: String) -> Text {
    step(&ctx, "done").await?;
    match ctx.schedule_activity("Fail", "").into_activity().await {
        Ok(_) => Err("the failing step has not failed".to_owned()),
        Err(_) => step(&ctx, "undone").await,
    }
}

pub(crate) fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Step", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .register("Fail", |_: ActivityContext, _: String| async move {
            Err::<String, _>("as planned".to_owned())
        })
        .build()
}

pub(crate) fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(Shape::Chain.name(), chain)
        .register(Shape::FanOut.name(), fan_out)
        .register(Shape::Timer.name(), timer)
        .register(Shape::Events.name(), events)
        .register(Shape::Children.name(), children)
        .register(Shape::Again.name(), again)
        .register(Shape::Saga.name(), saga)
        .build()
}
