//! Activities that say how far they are, and notes that say why an instance waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide_core::limits::{ACTIVITY_PROGRESS_BYTES_MAX, CLAIM_BYTES_MAX};
use duroxide_core::providers::{ClaimActivities, Lease, Release, ReleasedAttempts, TaskQueue};
use duroxide_core::{ActivityContext, ActivityOptions, ClientError, OrchestrationContext};

use super::stage::{Code, Gate, Handles, LEASE, Text, World, until};
use crate::support::Cx;

const PIECES: u32 = 100;
/// Where the first attempt stops.
const STOP: u32 = 60;

async fn work(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_activity("Work", "").into_activity().await
}

/// The pieces that all attempts have worked through, in their order.
type Done = Arc<Mutex<Vec<u32>>>;

/// An activity of many pieces. Its first attempt says so when it stops, and waits to be cut off.
fn pieces(stopped: &Gate, done: &Done) -> Code {
    let (stopped, done) = (stopped.clone(), Arc::clone(done));
    let activity = move |ctx: ActivityContext, _| {
        let (stopped, done) = (stopped.clone(), Arc::clone(&done));
        async move {
            let first: u32 = ctx.last_details_typed()?.unwrap_or(0);
            for piece in first..PIECES {
                if piece == STOP && ctx.attempt() == 1 {
                    stopped.count();
                    ctx.cancelled().await;
                    return Err("cut off".to_owned());
                }
                done.lock().expect("no piece panics").push(piece);
                ctx.heartbeat_with_typed(&(piece + 1))?;
            }
            Ok(format!("from {first}"))
        }
    };
    Code::of("Work", work).activity("Work", activity)
}

fn each_piece_once(done: &Done) {
    let done = done.lock().expect("no piece panics");
    assert!(done.iter().copied().eq(0..PIECES), "{done:?}");
}

/// The node that takes over an activity from a killed one goes on where that was, as far as it is known:
/// the details are stored soon, while the activity runs.
pub(crate) async fn an_activity_goes_on_where_its_lost_node_was(cx: &Cx) {
    for handles in Handles::offered_by(cx) {
        let (stopped, done) = (Gate::closed(), Done::default());
        let code = pieces(&stopped, &done);
        let (world, one) = World::with_node(&cx.twin().await, code).await;
        world.begin("works", "Work", "").await;
        stopped.begun(1).await;
        let stored = async || {
            world.pass(LEASE / 10).await;
            (one.details_stored() > 0).then_some(())
        };
        until("the details are stored", stored).await;
        let _other = world.further_node(*handles, |_| {}).await;

        one.kill().await;
        world.pass(LEASE).await;

        assert_eq!(world.output("works").await, "from 60", "{handles:?}");
        each_piece_once(&done);
    }
}

/// A node that shuts down hands on what its activities have said last, however short ago.
pub(crate) async fn a_shutdown_hands_on_the_last_details(cx: &Cx) {
    let (stopped, done) = (Gate::closed(), Done::default());
    let (world, one) = World::with_node(cx, pieces(&stopped, &done)).await;
    world.begin("works", "Work", "").await;
    stopped.begun(1).await;

    one.stop().await;
    let _other = world.node().await;

    assert_eq!(world.output("works").await, "from 60");
    each_piece_once(&done);
}

/// What is too long is refused with a reason, and the activity goes on with what it has said before.
pub(crate) async fn details_that_are_too_long_are_refused(cx: &Cx) {
    let stopped = Gate::closed();
    let begun = stopped.clone();
    let activity = move |ctx: ActivityContext, _| {
        let begun = begun.clone();
        async move {
            if let Some(details) = ctx.last_details() {
                return Ok(details.to_owned());
            }
            ctx.heartbeat_with("short")?;
            let refused = ctx.heartbeat_with("x".repeat(ACTIVITY_PROGRESS_BYTES_MAX));
            let refused = refused.expect_err("it is too long");
            assert!(refused.contains("bytes"), "{refused}");
            begun.count();
            ctx.cancelled().await;
            Err("cut off".to_owned())
        }
    };
    let code = Code::of("Work", work).activity("Work", activity);
    let (world, one) = World::with_node(cx, code).await;
    world.begin("works", "Work", "").await;
    stopped.begun(1).await;
    one.stop().await;
    let _other = world.node().await;
    assert_eq!(world.output("works").await, "short");
}

/// An activity that the orchestration schedules anew is another one, and finds nothing of the first.
pub(crate) async fn details_are_of_one_scheduling(cx: &Cx) {
    async fn twice(ctx: OrchestrationContext, _: String) -> Text {
        let first = ctx.schedule_activity("Work", "").into_activity().await;
        let second = ctx.schedule_activity("Work", "").into_activity().await;
        Ok(format!("{first:?} {second:?}"))
    }
    let code = Code::of("Twice", twice).activity("Work", |ctx: ActivityContext, _| async move {
        if ctx.last_details().is_some() {
            return Ok("something".to_owned());
        }
        ctx.heartbeat_with("said")?;
        Err("nothing".to_owned())
    });
    let (world, _node) = World::with_node(cx, code).await;
    let output = world.run("twice", "Twice", "").await;
    assert_eq!(output, r#"Err("nothing") Err("nothing")"#);
}

/// Whoever looks at an instance that no node can run is told why, until one can.
pub(crate) async fn a_note_goes_when_the_instance_goes_on(cx: &Cx) {
    async fn waits(ctx: OrchestrationContext, _: String) -> Text {
        Ok(ctx.schedule_wait("Go").into_event().await)
    }
    let world = World::open(cx, Code::of("Waits", waits));
    let named = |name: &str| {
        let name = Some(name.to_owned());
        move |it: &mut super::stage::Habits| it.options.worker_node_id = name
    };
    let lacking = world.node_of(Code::new(), named("the old node")).await;
    world.begin("waits", "Waits", "").await;
    let blocked = async || {
        let info = world.client.get_instance_info("waits").await;
        info.expect("it is there").blocked
    };
    let reason = until("a note", async || blocked().await).await;
    assert_eq!(
        reason,
        "orchestration \"Waits\" is not registered (said by the old node)"
    );
    let waiting = world
        .client
        .wait_for_orchestration("waits", Duration::from_millis(50));
    match waiting.await {
        Err(ClientError::Blocked { reason: told }) => assert_eq!(told, reason),
        other => panic!("{other:?}"),
    }
    lacking.stop().await;

    let _new = world.node().await;
    world.waits_for("waits", "Go").await;
    assert_eq!(blocked().await, None);
    let waiting = world
        .client
        .wait_for_orchestration("waits", Duration::from_millis(50));
    let waited = waiting.await;
    assert!(matches!(waited, Err(ClientError::Timeout)), "{waited:?}");
    world.raise("waits", "Go", "on").await;
    assert_eq!(world.output("waits").await, "on");
}

/// Activities with large inputs arrive in several claims, and all of them do: two mebibytes more than one
/// claim brings.
pub(crate) async fn large_activities_come_in_several_claims(cx: &Cx) {
    const OF_EACH: usize = 3;
    async fn fan_out(ctx: OrchestrationContext, bytes: String) -> Text {
        let options = ActivityOptions::new().with_queue("large");
        let input = "x".repeat(bytes.parse().unwrap_or(0));
        let schedule =
            |_| ctx.schedule_activity_with_options("Length", input.clone(), options.clone());
        let mut total = 0;
        for output in ctx.join((0..OF_EACH).map(schedule).collect()).await {
            let length: usize = super::stage::activity_output(output)?.parse().unwrap_or(0);
            total += length;
        }
        Ok(total.to_string())
    }
    let code = Code::of("FanOut", fan_out).activity("Length", |_, input: String| async move {
        Ok(input.len().to_string())
    });
    // As large as the store takes them, with room for what goes with them, and more than a claim returns.
    let bytes = (cx.limits().body_bytes_max / 2).min(1024 * 1024);
    let instances = CLAIM_BYTES_MAX / (bytes * OF_EACH) + 1;
    let (world, _turns) = World::with_node(cx, code).await;
    for number in 0..instances {
        world
            .begin(&number.to_string(), "FanOut", &bytes.to_string())
            .await;
    }
    let all = instances * OF_EACH;
    let request = ClaimActivities::new(vec![TaskQueue::from("large")], all, LEASE);
    let mut leases = Vec::new();
    while leases.len() < all {
        let claimed = until("more of them", async || {
            let claimed = cx.provider().claim_activities(&request).await;
            let items = claimed.expect("a claim of activities succeeds").items;
            (!items.is_empty()).then_some(items)
        });
        let claimed = claimed.await;
        let bytes: usize = claimed.iter().map(|it| it.body.len()).sum();
        assert!(bytes <= CLAIM_BYTES_MAX, "{bytes}");
        assert!(claimed.iter().all(|it| it.attempt == 1));
        leases.extend(claimed.into_iter().map(|it| it.lease));
    }
    let release = |lease| {
        let attempts = ReleasedAttempts::TakeBack;
        Release::new(Lease::Activity(lease), Duration::ZERO, attempts)
    };
    for answer in cx
        .provider()
        .release(leases.into_iter().map(release).collect())
        .await
    {
        answer.expect("the lease is held");
    }
    let serving = world.node_with(|it| {
        it.options.activity_queues = BTreeMap::from([("large".to_owned(), 64)]);
    });
    let _large = serving.await;
    for number in 0..instances {
        let output = world.output(&number.to_string()).await;
        assert_eq!(output, (OF_EACH * bytes).to_string());
    }
}
