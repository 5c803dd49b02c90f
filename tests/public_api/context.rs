//! `OrchestrationContext`, `DurableFuture`, `DurableOutput`, the combinators and `RetryPolicy`.

use std::future::Future;
use std::time::{Duration, SystemTime};

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, ActivityOptions, BackoffStrategy, DurableFuture, DurableOutput, JoinFuture,
    LogLevel, OrchestrationContext, OrchestrationRegistry, RetryPolicy, SelectFuture, StartOptions,
};

use crate::support::{Text, World};

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .register_typed("Double", |_: ActivityContext, number: u32| async move {
            Ok::<u32, String>(number * 2)
        })
        .build()
}

fn children() -> duroxide::OrchestrationRegistryBuilder {
    OrchestrationRegistry::builder()
        .register(
            "Child",
            |_: OrchestrationContext, input: String| async move { Ok(format!("child {input}")) },
        )
        .register_typed("Half", |_: OrchestrationContext, number: u32| async move {
            Ok::<u32, String>(number / 2)
        })
        .register_typed("Answer", |_: OrchestrationContext, _: u32| async move {
            Ok::<u32, String>(1)
        })
        .register_versioned_typed(
            "Answer",
            "1.1.0",
            |_: OrchestrationContext, _: u32| async move { Ok::<u32, String>(2) },
        )
}

/// Runs one orchestration with the ones above and answers its output.
async fn run<Fut>(
    code: impl Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
) -> String
where
    Fut: Future<Output = Text> + Send + 'static,
{
    let orchestrations = children().register("Main", code).build();
    let world = World::on_memory(activities(), orchestrations).await;
    let output = world.run("main", "Main", "").await;
    for instance in world.client.list_all_instances().await.unwrap() {
        world.output(&instance).await;
    }
    world.shutdown().await;
    output
}

#[tokio::test]
async fn activities_plain_typed_and_retried() {
    let output = run(|ctx, _| async move {
        let plain: DurableFuture = ctx.schedule_activity("Echo", "a");
        let plain: Text = plain.into_activity().await;
        let typed: DurableFuture = ctx.schedule_activity_typed::<u32, u32>("Double", &21);
        let typed: Result<u32, String> = typed.into_activity_typed::<u32>().await;
        let policy = RetryPolicy::new(2);
        let retried = ctx
            .schedule_activity_with_retry("Echo", "b", policy.clone())
            .await?;
        let both: Result<u32, String> = ctx
            .schedule_activity_with_retry_typed::<u32, u32>("Double", &4, policy)
            .await;
        Ok(format!("{} {} {retried} {}", plain?, typed?, both?))
    })
    .await;
    assert_eq!(output, "a 42 b 8");
}

#[tokio::test]
async fn timers_and_events() {
    async fn main(ctx: OrchestrationContext, _input: String) -> Text {
        let () = ctx
            .schedule_timer(Duration::from_millis(1))
            .into_timer()
            .await;
        let plain: String = ctx.schedule_wait("plain").into_event().await;
        let typed = ctx.schedule_wait_typed::<Vec<u8>>("typed");
        let typed: Vec<u8> = typed.into_event_typed::<Vec<u8>>().await;
        Ok(format!("{plain} {typed:?}"))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", main)
        .build();
    let world = World::on_memory(activities(), orchestrations).await;
    world.begin("main", "Main", "").await;
    world.raise("main", "typed", "[1,2]").await;
    // The runtime has it too, beside the client.
    let name: String = "plain".to_owned();
    world
        .runtime
        .raise_event("main", name, "text")
        .await
        .unwrap();
    assert_eq!(world.output("main").await, "text [1, 2]");
    world.shutdown().await;
}

#[tokio::test]
async fn events_for_others_and_looks_for_ones_own() {
    async fn main(ctx: OrchestrationContext, _input: String) -> Text {
        let () = ctx.raise_event("other", "plain", "text");
        let () = ctx.raise_event_typed("other", "typed", &vec![1_u8, 2]);
        let none: Option<String> = ctx.try_wait("plain").await;
        let typed: Option<Result<u32, String>> = ctx.try_wait_typed::<u32>("typed").await;
        let requested: bool = ctx.is_cancellation_requested();
        let listening: DurableFuture = ctx.cancellation_requested();
        drop(listening);
        let () =
            ctx.schedule_orchestration_with_options("Other", "later", "", StartOptions::default());
        let () = ctx.schedule_orchestration_with_options_typed(
            "Other",
            "typed",
            &"",
            StartOptions::new().with_delay(Duration::from_millis(1)),
        );
        for instance in ["later", "typed"] {
            ctx.raise_event(instance, "plain", instance);
            ctx.raise_event(instance, "typed", "[]");
        }
        Ok(format!("{none:?} {typed:?} {requested}"))
    }
    async fn other(ctx: OrchestrationContext, _input: String) -> Text {
        let plain = ctx.schedule_wait("plain").into_event().await;
        let typed = ctx.schedule_wait("typed").into_event_typed::<Vec<u8>>();
        Ok(format!("{plain} {:?}", typed.await))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", main)
        .register("Other", other)
        .build();
    let world = World::on_memory(activities(), orchestrations).await;
    world.begin("other", "Other", "").await;
    assert_eq!(world.run("main", "Main", "").await, "None None false");
    assert_eq!(world.output("other").await, "text [1, 2]");
    assert_eq!(world.output("later").await, "later []");
    assert_eq!(world.output("typed").await, "typed []");
    world.shutdown().await;
}

/// Names and texts that no store takes fail whoever sends them, and say so.
#[tokio::test]
async fn an_event_that_cannot_be_sent_fails_its_sender() {
    async fn main(ctx: OrchestrationContext, what: String) -> Text {
        let long = "x".repeat(2_000);
        match what.as_str() {
            "name" => ctx.raise_event("other", long, ""),
            "instance" => ctx.raise_event("", "E", ""),
            "look" => drop(ctx.try_wait(long).await),
            _ => ctx.raise_event("other", "E", "x".repeat(20 * 1024 * 1024)),
        }
        Ok("sent".to_owned())
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", main)
        .build();
    let world = World::on_memory(activities(), orchestrations).await;
    for (what, says) in [
        ("name", "the name of an event has at most"),
        ("instance", "must not be empty"),
        ("look", "the name of an event has at most"),
        ("data", "the event's data takes"),
    ] {
        world.begin(what, "Main", what).await;
        let message = world.failure(what).await.display_message();
        assert!(message.contains(says), "{what}: {message}");
    }
    world.shutdown().await;
}

#[tokio::test]
async fn sub_orchestrations() {
    let output = run(|ctx, _| async move {
        let plain: Text = ctx
            .schedule_sub_orchestration("Child", "a")
            .into_sub_orchestration()
            .await;
        let typed = ctx.schedule_sub_orchestration_typed::<u32, u32>("Half", &8);
        let typed: Result<u32, String> = typed.into_sub_orchestration_typed::<u32>().await;
        let version = Some("1.0.0".to_owned());
        let versioned = ctx
            .schedule_sub_orchestration_versioned("Child", version.clone(), "b")
            .into_sub_orchestration()
            .await?;
        let both = ctx
            .schedule_sub_orchestration_versioned_typed::<u32, u32>("Answer", version, &0)
            .into_sub_orchestration_typed::<u32>()
            .await?;
        Ok(format!("{} {} {versioned} {both}", plain?, typed?))
    })
    .await;
    assert_eq!(output, "child a 4 child b 1");
}

#[tokio::test]
async fn detached_orchestrations() {
    let main = |ctx: OrchestrationContext, _: String| async move {
        let version = Some("1.0.0".to_owned());
        let () = ctx.schedule_orchestration("Child", "d1", "x");
        let () = ctx.schedule_orchestration_typed::<u32>("Half", "d2", &6);
        let () = ctx.schedule_orchestration_versioned("Child", version.clone(), "d3", "y");
        let () = ctx.schedule_orchestration_versioned_typed::<u32>("Answer", version, "d4", &0);
        Ok("done".to_owned())
    };
    let orchestrations = children().register("Main", main).build();
    let world = World::on_memory(activities(), orchestrations).await;
    assert_eq!(world.run("main", "Main", "").await, "done");
    assert_eq!(world.output("d1").await, "child x");
    assert_eq!(world.output("d2").await, "3");
    assert_eq!(world.output("d3").await, "child y");
    assert_eq!(world.output("d4").await, "1");
    world.shutdown().await;
}

#[tokio::test]
async fn combinators_and_outputs() {
    let output = run(|ctx, _| async move {
        let select: SelectFuture = ctx.select2(
            ctx.schedule_wait("never"),
            ctx.schedule_timer(Duration::ZERO),
        );
        let (index, output): (usize, DurableOutput) = select.await;
        let select = ctx.select(vec![ctx.schedule_activity("Echo", "only")]);
        let (only, echoed) = select.await;
        let join: JoinFuture = ctx.join(vec![
            ctx.schedule_sub_orchestration("Child", "c"),
            ctx.schedule_timer(Duration::ZERO),
        ]);
        let joined: Vec<DurableOutput> = join.await;
        let child = DurableOutput::SubOrchestration(Ok("child c".to_owned()));
        assert!(joined.contains(&child) && joined.contains(&DurableOutput::Timer));
        let raw: DurableOutput = ctx.schedule_activity("Echo", "raw").await;
        Ok(format!("{index} {output:?} {only} {echoed:?} {raw:?}"))
    })
    .await;
    assert_eq!(
        output,
        r#"1 Timer 0 Activity(Ok("only")) Activity(Ok("raw"))"#
    );
    assert_ne!(
        DurableOutput::External("a".to_owned()),
        DurableOutput::Timer
    );
}

#[tokio::test]
async fn system_calls() {
    let output = run(|ctx, _| async move {
        let guid: Text = ctx.new_guid().await;
        let now: Result<SystemTime, String> = ctx.utcnow().await;
        let guid_future: DurableFuture = ctx.new_guid_future();
        let now_future: DurableFuture = ctx.utcnow_future();
        let outputs = ctx.join(vec![guid_future, now_future]).await;
        let [
            DurableOutput::Activity(Ok(other)),
            DurableOutput::Activity(Ok(millis)),
        ] = &outputs[..]
        else {
            return Err(format!("unexpected: {outputs:?}"));
        };
        let since = now?
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(|it| it.to_string())?;
        assert!(u128::from(millis.parse::<u64>().unwrap()) >= since.as_millis());
        assert!(guid? != *other);
        Ok("fine".to_owned())
    })
    .await;
    assert_eq!(output, "fine");
}

#[tokio::test]
async fn continue_as_new_plain_typed_and_versioned() {
    async fn main(ctx: OrchestrationContext, input: String) -> Text {
        match &*input {
            "" => ctx.continue_as_new("plain").await,
            "plain" => ctx.continue_as_new_typed(&7).await,
            "7" => ctx.continue_as_new_versioned("1.0.0", "last").await,
            other => Ok(other.to_owned()),
        }
    }
    assert_eq!(run(main).await, "last");
}

/// What later versions have added.
#[tokio::test]
async fn activity_options_event_results_and_the_length_of_a_history() {
    let output = run(|ctx, _| async move {
        let minute = Duration::from_secs(60);
        let options = ActivityOptions::new()
            .with_start_to_close(minute)
            .with_heartbeat(minute);
        assert_eq!(options.start_to_close, Some(minute));
        assert_eq!(options.heartbeat, Some(minute));
        let a = ctx
            .schedule_activity_with_options("Echo", "a", options.clone())
            .into_activity()
            .await?;
        let b: u32 = ctx
            .schedule_activity_with_options_typed::<u32, u32>("Double", &4, options)
            .into_activity_typed()
            .await?;
        let policy = RetryPolicy::new(2)
            .with_retry_timeouts(false)
            .with_schedule_to_close(minute);
        let c = ctx
            .schedule_activity_with_retry("Echo", "c", policy)
            .await?;
        let len: u64 = ctx.history_len();
        let is_long: bool = ctx.should_continue_as_new();
        Ok(format!("{a} {b} {c} {len} {is_long}"))
    })
    .await;
    assert_eq!(output, "a 8 c 8 false");
    async fn main(ctx: OrchestrationContext, _input: String) -> Text {
        let event = ctx.schedule_wait("E").into_event_result_typed::<u32>();
        let event: Result<u32, String> = event.await;
        Ok(event.is_err().to_string())
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", main)
        .build();
    let world = World::on_memory(activities(), orchestrations).await;
    world.begin("main", "Main", "").await;
    world.raise("main", "E", "no number").await;
    assert_eq!(world.output("main").await, "true");
    world.shutdown().await;
}

#[tokio::test]
async fn traces() {
    let output = run(|ctx, _| async move {
        let _live: bool = ctx.is_logging_enabled();
        ctx.trace("INFO", "a");
        for level in [LogLevel::Info, LogLevel::Warn, LogLevel::Error] {
            ctx.trace(level, "by level");
        }
        ctx.trace(String::from("warn"), String::from("b"));
        ctx.trace_info("c");
        ctx.trace_warn("d");
        ctx.trace_error("e");
        ctx.trace_debug(String::from("f"));
        Ok("traced".to_owned())
    })
    .await;
    assert_eq!(output, "traced");
}

#[tokio::test]
async fn the_context_can_be_cloned_and_made_by_hand() {
    let output = run(|ctx, _| async move {
        let clone = ctx.clone();
        clone
            .schedule_activity("Echo", "by the clone")
            .into_activity()
            .await
    })
    .await;
    assert_eq!(output, "by the clone");
    let name = Some("Main".to_owned());
    let made = OrchestrationContext::new(Vec::new(), 1, "i".to_owned(), name, None, None);
    made.trace_info("nobody hears this");
}

/// Ways to take an outcome for what it is not.
#[tokio::test]
async fn a_wrong_into_fails_the_orchestration() {
    async fn main(ctx: OrchestrationContext, input: String) -> Text {
        let echo = ctx.schedule_activity("Echo", "");
        match &*input {
            "timer" => echo.into_timer().await,
            "event" => drop(echo.into_event().await),
            "child" => drop(echo.into_sub_orchestration().await),
            _ => drop(ctx.schedule_timer(Duration::ZERO).into_activity().await),
        }
        Ok(String::new())
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", main)
        .build();
    let world = World::on_memory(activities(), orchestrations).await;
    for wrong in ["timer", "event", "child", "activity"] {
        let details = world.run_failing(wrong, "Main", wrong).await;
        assert!(details.display_message().contains("into_"), "{details:?}");
    }
    world.shutdown().await;
}

#[test]
fn retry_policies() {
    let policy = RetryPolicy {
        max_attempts: 2,
        backoff: BackoffStrategy::None,
        timeout: None,
        ..RetryPolicy::default()
    };
    assert_eq!(policy.delay_for_attempt(1), Duration::ZERO);
    let default = RetryPolicy::default();
    assert_eq!((default.max_attempts, default.timeout), (3, None));
    assert!(default.retry_timeouts && default.schedule_to_close.is_none());
    assert_eq!(
        default.backoff.delay_for_attempt(1),
        Duration::from_millis(100)
    );
    assert_eq!(default.delay_for_attempt(1), Duration::from_millis(100));
    assert_eq!(default.delay_for_attempt(2), Duration::from_millis(200));
    assert_eq!(default.delay_for_attempt(30), Duration::from_secs(30));
    let second = Duration::from_secs(1);
    let policy = RetryPolicy::new(5)
        .with_timeout(second)
        .with_total_timeout(second * 2)
        .with_backoff(BackoffStrategy::Fixed { delay: second });
    assert_eq!(
        (policy.timeout, policy.delay_for_attempt(4)),
        (Some(second * 2), second)
    );
    let linear = BackoffStrategy::Linear {
        base: second,
        max: second * 2,
    };
    assert_eq!(
        RetryPolicy::new(5)
            .with_backoff(linear)
            .delay_for_attempt(3),
        second * 2
    );
    let exponential = BackoffStrategy::Exponential {
        base: second,
        multiplier: 2.0,
        max: second,
    };
    assert_eq!(
        RetryPolicy::new(5)
            .with_backoff(exponential)
            .delay_for_attempt(3),
        second
    );
}

#[test]
#[should_panic(expected = "max_attempts must be at least 1")]
fn a_retry_policy_without_attempts_is_refused() {
    drop(RetryPolicy::new(0));
}
