//! Queues of turns and of activities: which runtime does what.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duroxide::limits::CLAIM_QUEUES_MAX;
use duroxide::providers::Provider;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::{ActivityRegistry, ActivityRegistryBuilder};
use duroxide::{
    ActivityContext, ActivityOptions, Client, ClientError, OrchestrationContext,
    OrchestrationRegistry, OrchestrationStatus, RetryPolicy, StartOptions, StartOutcome,
};

use crate::support::{Text, World, checked, counting, no_activities, pause, until};

fn echo() -> ActivityRegistryBuilder {
    ActivityRegistry::builder().register("Echo", |_: ActivityContext, text: String| async move {
        Ok(text)
    })
}

fn served(turns: &[&str], activities: &[(&str, usize)]) -> RuntimeOptions {
    let owned = |name: &&str| (*name).to_owned();
    RuntimeOptions {
        turn_queues: turns.iter().map(owned).collect(),
        activity_queues: activities
            .iter()
            .map(|(name, slots)| ((*name).to_owned(), *slots))
            .collect(),
        observability: counting(),
        ..checked()
    }
}

async fn start_in(client: &Client, queue: &str, instance: &str, orchestration: &str) {
    let options = StartOptions::new().with_queue(queue);
    let started = client.start_orchestration_with(instance, orchestration, "done", options);
    assert_eq!(started.await.unwrap(), StartOutcome::Started);
}

/// Two programs share a store, and neither has the other's code. What either cannot run would fail at
/// once here.
#[tokio::test]
async fn two_services_share_a_store() {
    async fn work(ctx: OrchestrationContext, text: String) -> Text {
        let text = ctx.schedule_activity("Echo", text).into_activity().await?;
        let child = ctx.schedule_sub_orchestration("Child", text);
        child.into_sub_orchestration().await
    }
    async fn child(ctx: OrchestrationContext, text: String) -> Text {
        ctx.schedule_activity("Echo", text).into_activity().await
    }
    let sqlite = SqliteProvider::new_in_memory().await.unwrap();
    let stores: [Arc<dyn Provider>; 2] = [Arc::new(MemoryProvider::new()), Arc::new(sqlite)];
    for store in stores {
        let client = Client::new(Arc::clone(&store));
        let mut worlds = Vec::new();
        for service in ["orders", "mail"] {
            for number in 0..20 {
                start_in(&client, service, &format!("{service} {number}"), service).await;
            }
        }
        for service in ["orders", "mail"] {
            let code = OrchestrationRegistry::builder()
                .register(service, work)
                .register("Child", child)
                .build();
            let options = served(&[service], &[]);
            let store = Arc::clone(&store);
            let world = World::start(store, echo().build(), code, options).await;
            worlds.push((service, world));
        }
        for (service, world) in worlds {
            for number in 0..20 {
                assert_eq!(world.output(&format!("{service} {number}")).await, "done");
            }
            let id = format!("{service} 0");
            let child = world.child_of(&id).await;
            for instance in [id, child] {
                let info = client.get_instance_info(&instance).await.unwrap();
                assert_eq!(info.queue, service, "{instance}");
            }
            world.shutdown().await;
        }
    }
}

/// An activity that counts how many of it are in flight.
#[derive(Default, Clone)]
struct InFlight {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl InFlight {
    async fn work(self, text: String) -> Text {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        pause(2).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(text)
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

fn counted(plain: &InFlight, gpu: &InFlight) -> ActivityRegistry {
    let (plain, gpu) = (plain.clone(), gpu.clone());
    ActivityRegistry::builder()
        .register("Plain", move |_: ActivityContext, text: String| {
            plain.clone().work(text)
        })
        .register("Render", move |_: ActivityContext, text: String| {
            gpu.clone().work(text)
        })
        .build()
}

/// A queue of activities has slots of its own, whoever schedules what: a turn that goes on with the
/// outcome of an activity hands its slot on to none of another queue.
#[tokio::test]
async fn each_queue_of_activities_has_its_own_slots() {
    async fn alternating(ctx: OrchestrationContext, text: String) -> Text {
        for _ in 0..3 {
            let plain = ctx.schedule_activity("Plain", text.clone());
            plain.into_activity().await?;
            let gpu = ActivityOptions::new().with_queue("gpu");
            let render = ctx.schedule_activity_with_options("Render", text.clone(), gpu);
            render.into_activity().await?;
        }
        let fan = (0..10).map(|_| {
            let gpu = ActivityOptions::new().with_queue("gpu");
            ctx.schedule_activity_with_options("Render", text.clone(), gpu)
        });
        ctx.join(fan.collect()).await;
        let policy = RetryPolicy::new(2).with_queue("gpu");
        ctx.schedule_activity_with_retry("Render", text, policy)
            .await
    }
    let (plain, gpu) = (InFlight::default(), InFlight::default());
    let code = OrchestrationRegistry::builder()
        .register("Main", alternating)
        .build();
    let options = served(&["default"], &[("gpu", 2)]);
    let store = Arc::new(MemoryProvider::new());
    let world = World::start(store, counted(&plain, &gpu), code, options).await;
    for number in 0..20 {
        world.begin(&number.to_string(), "Main", "done").await;
    }
    for number in 0..20 {
        assert_eq!(world.output(&number.to_string()).await, "done");
    }
    assert_eq!(gpu.most(), 2);
    assert!(plain.most() > 2, "{}", plain.most());
    world.shutdown().await;
}

/// A runtime may leave the activities of its own queue to others, which run nothing else.
#[tokio::test]
async fn turns_and_activities_may_run_in_different_places() {
    async fn main(ctx: OrchestrationContext, text: String) -> Text {
        ctx.schedule_activity("Echo", text).into_activity().await
    }
    let code = || OrchestrationRegistry::builder().register("Main", main);
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let turns = served(&["default"], &[("default", 0)]);
    let turns = World::start(Arc::clone(&store), no_activities(), code().build(), turns).await;
    let no_code = OrchestrationRegistry::builder().build();
    let worker = served(&[], &[("default", 4)]);
    let worker = World::start(store, echo().build(), no_code, worker).await;
    for number in 0..10 {
        assert_eq!(turns.run(&number.to_string(), "Main", "done").await, "done");
    }
    worker.shutdown().await;
    turns.shutdown().await;
}

/// What nobody serves waits as it was started, and says in which queue.
#[tokio::test]
async fn an_instance_of_a_queue_that_nobody_serves_is_seen() {
    async fn main(_: OrchestrationContext, text: String) -> Text {
        Ok(text)
    }
    let code = || {
        OrchestrationRegistry::builder()
            .register("Main", main)
            .build()
    };
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let other = World::start(
        Arc::clone(&store),
        no_activities(),
        code(),
        served(&["default"], &[]),
    )
    .await;
    start_in(&other.client, "orders", "a", "Main").await;
    assert_eq!(other.run("b", "Main", "done").await, "done");
    let wait = other
        .client
        .wait_for_orchestration("a", Duration::from_millis(50));
    assert!(matches!(wait.await, Err(ClientError::Timeout)));
    let info = other.client.get_instance_info("a").await.unwrap();
    assert_eq!((&*info.status, &*info.queue), ("Pending", "orders"));

    // Whoever takes over serves it too.
    let options = served(&["default", "orders"], &[]);
    let successor = World::start(store, no_activities(), code(), options).await;
    assert_eq!(successor.output("a").await, "done");
    successor.shutdown().await;
    other.shutdown().await;
}

/// A name that is none fails what it was given to, and says why.
#[tokio::test]
async fn names_that_are_none_are_told() {
    async fn main(ctx: OrchestrationContext, _: String) -> Text {
        let gpu = ActivityOptions::new().with_queue("@run/default");
        let activity = ctx.schedule_activity_with_options("Echo", "", gpu);
        let activity = activity.into_activity().await.unwrap_err();
        let nameless = StartOptions::new().with_queue("");
        let child = ctx.schedule_sub_orchestration_with_options("Main", "", nameless.clone());
        let child = child.into_sub_orchestration().await.unwrap_err();
        ctx.schedule_wait("Go").into_event().await;
        ctx.schedule_orchestration_with_options("Main", "detached", "", nameless);
        ctx.schedule_wait("Go").into_event().await;
        Ok(format!("{activity}, {child}"))
    }
    let code = OrchestrationRegistry::builder()
        .register("Main", main)
        .build();
    let world = World::on_memory(echo().build(), code).await;
    world.begin("a", "Main", "").await;
    world.raise("a", "Go", "").await;
    let failure = format!("{:?}", world.failure("a").await);
    assert!(failure.contains("a queue has 1 to 256 bytes"), "{failure}");
    let history = format!("{:?}", world.history("a").await);
    for told in ["begins with @", "this one has 0"] {
        assert!(history.contains(told), "{told}: {history}");
    }
    world.shutdown().await;
}

/// Too many queues are no queues at all.
#[tokio::test]
#[should_panic(expected = "a runtime serves at most 16 queues")]
async fn a_runtime_serves_no_more_queues_than_a_claim() {
    let names: Vec<String> = (0..=CLAIM_QUEUES_MAX).map(|it| it.to_string()).collect();
    let options = RuntimeOptions {
        turn_queues: names,
        ..checked()
    };
    let code = OrchestrationRegistry::builder().build();
    World::start(
        Arc::new(MemoryProvider::new()),
        no_activities(),
        code,
        options,
    )
    .await;
}

/// A backlog of one queue holds up no other one that the same runtime serves.
#[tokio::test]
async fn a_backlog_holds_up_no_other_queue() {
    async fn main(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_activity("Echo", "done").into_activity().await
    }
    let code = OrchestrationRegistry::builder()
        .register("Main", main)
        .build();
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let client = Client::new(Arc::clone(&store));
    for number in 0..2_000 {
        start_in(&client, "busy", &format!("busy {number}"), "Main").await;
    }
    start_in(&client, "quiet", "quiet", "Main").await;
    let options = RuntimeOptions {
        orchestration_concurrency: 4,
        ..served(&["busy", "quiet"], &[])
    };
    let world = World::start(store, echo().build(), code, options).await;
    assert_eq!(world.output("quiet").await, "done");
    let last = client.get_orchestration_status("busy 1999").await.unwrap();
    assert!(
        !matches!(last, OrchestrationStatus::Completed { .. }),
        "the quiet one came last"
    );
    until("the backlog is worked off", async || {
        let last = client.get_orchestration_status("busy 1999").await.unwrap();
        matches!(last, OrchestrationStatus::Completed { .. }).then_some(())
    })
    .await;
    world.shutdown().await;
}

/// Nor does it where one slot becomes free after the other, and each claim is for one item.
#[tokio::test]
async fn a_backlog_holds_up_no_other_queue_of_a_busy_node() {
    async fn main(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_activity("Slow", "done").into_activity().await
    }
    let code = OrchestrationRegistry::builder()
        .register("Main", main)
        .build();
    let activities = ActivityRegistry::builder()
        .register("Slow", |_: ActivityContext, input: String| async move {
            pause(10).await;
            Ok(input)
        })
        .build();
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let client = Client::new(Arc::clone(&store));
    let options = RuntimeOptions {
        worker_concurrency: 1,
        ..served(&["busy", "quiet"], &[])
    };
    let world = World::start(store, activities, code, options).await;
    for number in 0..300 {
        start_in(&client, "busy", &format!("busy {number}"), "Main").await;
    }
    world.output("busy 0").await;
    start_in(&client, "quiet", "quiet", "Main").await;
    assert_eq!(world.output("quiet").await, "done");
    let last = client.get_orchestration_status("busy 299").await.unwrap();
    assert!(
        !matches!(last, OrchestrationStatus::Completed { .. }),
        "the quiet one came last"
    );
    world.shutdown().await;
}
