//! The first steps: activities, one after another and side by side.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, DurableOutput, EventKind, OrchestrationContext, OrchestrationRegistry,
    OrchestrationStatus,
};

use crate::support::{Text, World, no_activities};

/// Teaches: the parts of every program. Activities do the work, an orchestration says in which
/// order, a store keeps what happened, a runtime runs it, and a client starts and watches it.
#[tokio::test]
async fn sample_hello_world() {
    let store: Arc<dyn Provider> = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let activities = ActivityRegistry::builder()
        .register("Hello", |_ctx: ActivityContext, name: String| async move {
            Ok(format!("Hello, {name}!"))
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "HelloWorld",
            |ctx: OrchestrationContext, name: String| async move {
                ctx.schedule_activity("Hello", name).into_activity().await
            },
        )
        .build();
    let runtime =
        Runtime::start_with_store(Arc::clone(&store), Arc::new(activities), orchestrations).await;

    let client = Client::new(store);
    client
        .start_orchestration("inst-hello", "HelloWorld", "Rust")
        .await
        .unwrap();
    let status = client
        .wait_for_orchestration("inst-hello", Duration::from_secs(10))
        .await;

    let output = "Hello, Rust!".to_owned();
    assert_eq!(status.unwrap(), OrchestrationStatus::Completed { output });
    runtime.shutdown(None).await;
}

/// Teaches: function chaining. Each step uses the result of the one before, and a crash in between
/// repeats none of those that are done.
#[tokio::test]
async fn sample_chaining() {
    let activities = ActivityRegistry::builder()
        .register("Fetch", |_: ActivityContext, url: String| async move {
            Ok(format!("  text of {url}  "))
        })
        .register("Trim", |_: ActivityContext, text: String| async move {
            Ok(text.trim().to_owned())
        })
        .register("Store", |_: ActivityContext, text: String| async move {
            Ok(format!("stored {} bytes", text.len()))
        })
        .build();
    async fn import(ctx: OrchestrationContext, url: String) -> Text {
        let raw = ctx.schedule_activity("Fetch", url).into_activity().await?;
        let text = ctx.schedule_activity("Trim", raw).into_activity().await?;
        ctx.schedule_activity("Store", text).into_activity().await
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Import", import)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(
        world.run("import-1", "Import", "a.txt").await,
        "stored 13 bytes"
    );
    world.shutdown().await;
}

/// Teaches: orchestrations branch with ordinary `if` on what activities return.
#[tokio::test]
async fn sample_basic_control_flow() {
    let activities = ActivityRegistry::builder()
        .register("IsEven", |_: ActivityContext, number: String| async move {
            let number: i64 = number
                .parse()
                .map_err(|error| format!("{number:?}: {error}"))?;
            Ok((number % 2 == 0).to_string())
        })
        .register("Halve", |_: ActivityContext, number: String| async move {
            Ok(format!("halved {number}"))
        })
        .register("Triple", |_: ActivityContext, number: String| async move {
            Ok(format!("tripled {number}"))
        })
        .build();
    async fn collatz(ctx: OrchestrationContext, number: String) -> Text {
        let even = ctx
            .schedule_activity("IsEven", number.clone())
            .into_activity()
            .await?;
        if even == "true" {
            ctx.schedule_activity("Halve", number).into_activity().await
        } else {
            ctx.schedule_activity("Triple", number)
                .into_activity()
                .await
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Collatz", collatz)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(world.run("even", "Collatz", "4").await, "halved 4");
    assert_eq!(world.run("odd", "Collatz", "5").await, "tripled 5");
    world.shutdown().await;
}

/// Teaches: ordinary loops and local variables are durable, since replay computes them again.
#[tokio::test]
async fn sample_loops() {
    let activities = ActivityRegistry::builder()
        .register("Append", |_: ActivityContext, text: String| async move {
            Ok(format!("{text}x"))
        })
        .build();
    async fn grow(ctx: OrchestrationContext, times: String) -> Text {
        let mut text = String::new();
        for _ in 0..times.parse().unwrap_or(0) {
            text = ctx
                .schedule_activity("Append", text)
                .into_activity()
                .await?;
        }
        Ok(text)
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Grow", grow)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(world.run("grow-5", "Grow", "5").await, "xxxxx");
    assert_eq!(world.run("grow-0", "Grow", "0").await, "");
    world.shutdown().await;
}

/// Teaches: two activities at the same time, joined.
#[tokio::test]
async fn sample_dtf_legacy_gabbar_greetings() {
    let activities = ActivityRegistry::builder()
        .register("Greetings", |_: ActivityContext, name: String| async move {
            Ok(format!("Hello, {name}!"))
        })
        .build();
    async fn greetings(ctx: OrchestrationContext, _input: String) -> Text {
        let gabbar = ctx.schedule_activity("Greetings", "Gabbar");
        let samba = ctx.schedule_activity("Greetings", "Samba");
        let mut greetings = Vec::new();
        for output in ctx.join(vec![gabbar, samba]).await {
            match output {
                DurableOutput::Activity(result) => greetings.push(result?),
                other => return Err(format!("not an activity: {other:?}")),
            }
        }
        // They come in the order in which they were done.
        greetings.sort();
        Ok(greetings.join(", "))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Greet", greetings)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(
        world.run("greet", "Greet", "").await,
        "Hello, Gabbar!, Hello, Samba!"
    );
    world.shutdown().await;
}

/// Teaches: fan-out over a list of unknown length, and fan-in to one result.
#[tokio::test]
async fn sample_fan_out_fan_in() {
    let activities = ActivityRegistry::builder()
        .register("Length", |_: ActivityContext, word: String| async move {
            Ok(word.len().to_string())
        })
        .build();
    async fn count(ctx: OrchestrationContext, words: String) -> Text {
        let lengths = words
            .split_whitespace()
            .map(|word| ctx.schedule_activity("Length", word))
            .collect();
        let mut total = 0;
        for output in ctx.join(lengths).await {
            if let DurableOutput::Activity(length) = output {
                total += length?
                    .parse::<usize>()
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(total.to_string())
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Count", count)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    let words = "some hundred words ".repeat(50);
    assert_eq!(world.run("count", "Count", &words).await, "800");
    assert_eq!(
        world.run("nothing", "Count", "").await,
        "0",
        "a join of none is empty"
    );
    world.shutdown().await;
}

/// Teaches: `join` yields the outcomes in the order in which they came, the same in each replay.
#[tokio::test]
async fn sample_join_order() {
    async fn both(ctx: OrchestrationContext, _input: String) -> Text {
        let waits = vec![ctx.schedule_wait("first"), ctx.schedule_wait("second")];
        let outputs = ctx
            .join(waits)
            .await
            .into_iter()
            .map(|output| match output {
                DurableOutput::External(data) => data,
                other => format!("not an event: {other:?}"),
            });
        Ok(outputs.collect::<Vec<_>>().join(", "))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Both", both)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("both", "Both", "").await;
    world.raise("both", "second", "came earlier").await;
    world.raise("both", "first", "came later").await;
    assert_eq!(world.output("both").await, "came earlier, came later");
    world.shutdown().await;
}

/// Teaches: orchestrations take random values and the time from their context. Both are recorded,
/// so that a replay sees the same ones.
#[tokio::test]
async fn sample_new_guid_and_utcnow() {
    async fn stamped(ctx: OrchestrationContext, _input: String) -> Text {
        let (one, two) = (ctx.new_guid().await?, ctx.new_guid().await?);
        let begun = ctx.utcnow().await?;
        ctx.schedule_timer(Duration::from_millis(5))
            .into_timer()
            .await;
        let ended = ctx.utcnow().await?;
        let took = ended
            .duration_since(begun)
            .map_err(|error| error.to_string())?;
        Ok(format!("{one} {two} {}", took.as_millis()))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Stamped", stamped)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    let output = world.run("stamped", "Stamped", "").await;
    let parts: Vec<&str> = output.split(' ').collect();
    assert_eq!((parts[0].len(), parts[1].len()), (36, 36));
    assert_ne!(parts[0], parts[1]);
    assert!(
        parts[2].parse::<u64>().unwrap() >= 5,
        "took {} ms",
        parts[2]
    );

    let history = world.history("stamped").await;
    for op in ["guid", "utcnow_ms"] {
        let recorded = |kind: &EventKind| matches!(kind, EventKind::SystemCall { op: found, .. } if found == op);
        let times = history.iter().filter(|event| recorded(&event.kind)).count();
        assert_eq!(times, 2, "{op}");
    }
    world.shutdown().await;
}

/// Teaches: `trace_*` logs a line once, however often the code before it is replayed, and leaves
/// history alone.
#[tokio::test]
async fn sample_trace() {
    let activities = ActivityRegistry::builder()
        .register("Work", |ctx: ActivityContext, input: String| async move {
            ctx.trace_info(format!("working on {input}"));
            Ok(input)
        })
        .build();
    // Lines that go elsewhere than to `trace_*` ask whether they are new.
    let own_log = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&own_log);
    let traced = move |ctx: OrchestrationContext, input: String| {
        let log = Arc::clone(&log);
        async move {
            ctx.trace_info("begun");
            if ctx.is_logging_enabled() {
                log.lock().unwrap().push("begun");
            }
            let output = ctx.schedule_activity("Work", input).into_activity().await?;
            ctx.trace_warn(format!("nearly done with {output}"));
            ctx.trace_error("this is what an error looks like");
            ctx.trace_debug("and this a detail");
            ctx.trace("info", "done");
            if ctx.is_logging_enabled() {
                log.lock().unwrap().push("done");
            }
            Ok(output)
        }
    };
    let orchestrations = OrchestrationRegistry::builder()
        .register("Traced", traced)
        .build();
    // This runtime replays every turn.
    let world = World::on_memory(activities, orchestrations).await;

    assert_eq!(world.run("traced", "Traced", "it").await, "it");
    assert_eq!(*own_log.lock().unwrap(), ["begun", "done"]);
    let events = world.history("traced").await.len();
    assert_eq!(events, 4, "started, scheduled, done, completed");
    world.shutdown().await;
}
