//! Instances that begin with a copy of the history of another one.

use std::time::Duration;

use duroxide_core::providers::{DeleteMode, InstanceId};
use duroxide_core::{
    DurableOutput, ErrorDetails, EventKind, ForkAt, ForkOptions, IfExists, OrchestrationContext,
    OrchestrationStatus, StartOptions, StartOutcome,
};

use super::rewinds::{call, mended};
use super::stage::{Code, Fuse, Gate, LEASE, Node, Text, World, count, types, within};
use crate::support::Cx;

impl World {
    async fn fork(&self, source: &str, instance: &str, options: ForkOptions) {
        let started = self.client.fork_with(source, instance, options).await;
        let started = started.expect("the store takes the start");
        assert_eq!(started, StartOutcome::Started);
    }

    /// Forks an instance where it stands, and answers what the fork returned.
    async fn fork_output(&self, source: &str, instance: &str) -> String {
        self.fork(source, instance, ForkOptions::new()).await;
        self.output(instance).await
    }

    async fn stays_pending(&self, instance: &str) {
        self.pass(Duration::from_secs(5)).await;
        let info = self.client.get_instance_info(instance).await;
        let status = info.expect("it is there").status;
        assert_eq!(status, "Pending", "{instance}");
    }
}

/// `Steps`, which does a counted thing, waits for `Go`, and does another counted thing.
async fn steps(ctx: OrchestrationContext, input: String) -> Text {
    let first = call(&ctx, "Counted", &input).await?;
    let went = ctx.schedule_wait("Go").into_event().await;
    let second = call(&ctx, "Counted", &went).await?;
    Ok(format!("{first} {second}"))
}

/// A world with `Steps`, whose things are counted by this gate.
async fn with_steps(cx: &Cx) -> (World, Node, Gate) {
    let gate = Gate::closed();
    gate.open();
    let code = Code::of("Steps", steps).activity("Counted", gate.activity());
    let (world, node) = World::with_node(cx, code).await;
    (world, node, gate)
}

/// An instance `s` of `Steps` that has completed.
async fn with_completed_steps(cx: &Cx) -> (World, Node, Gate) {
    let (world, node, gate) = with_steps(cx).await;
    world.begin("s", "Steps", "one").await;
    world.waits_for("s", "Go").await;
    world.raise("s", "Go", "two").await;
    assert_eq!(world.output("s").await, "one two");
    (world, node, gate)
}

/// A fork goes on from an earlier event, and takes another way; its source stays as it is. At its end it only
/// ends again.
pub(crate) async fn what_has_completed_goes_another_way(cx: &Cx) {
    let (world, _node, gate) = with_completed_steps(cx).await;
    let before = world.history("s").await;
    assert_eq!(gate.runs(), 2);

    let before_the_event = ForkOptions::new().at(ForkAt::Event(5));
    world.fork("s", "f", before_the_event).await;
    world.waits_for("f", "Go").await;
    world.raise("f", "Go", "three").await;
    assert_eq!(world.output("f").await, "one three");
    assert_eq!(gate.runs(), 3, "the first thing is not done again");

    assert_eq!(world.fork_output("s", "again").await, "one two");
    assert_eq!(gate.runs(), 3, "all was done");

    assert_eq!(world.history("s").await, before);
    let history = world.history("f").await;
    assert_eq!(types(&history), types(&before));
    for (copied, recorded) in history.iter().zip(&before).skip(1).take(3) {
        assert_eq!(copied.kind, recorded.kind);
        assert_eq!(copied.timestamp_ms, recorded.timestamp_ms);
    }
    let EventKind::OrchestrationStarted { forked, input, .. } = &history[0].kind else {
        panic!("an execution begins with its start");
    };
    let forked = forked.as_ref().expect("the start says so");
    assert_eq!(input, "one");
    assert_eq!(
        (&*forked.instance, forked.execution, forked.event_id),
        ("s", 1, 5)
    );
}

/// A fork of what has failed goes on as a rewind of it would: the last failed step is done again, what has
/// succeeded since is kept, and so are events.
pub(crate) async fn what_has_failed_is_done_again_beside_it(cx: &Cx) {
    async fn all(ctx: OrchestrationContext, _: String) -> Text {
        let first = ctx.schedule_activity("Flaky", "flaky");
        let gated = ctx.schedule_activity("Gated", "gated");
        let event = ctx.schedule_wait("E");
        for output in ctx.join(vec![first, gated, event]).await {
            if let DurableOutput::Activity(output) = output {
                output?;
            }
        }
        Ok("done".to_owned())
    }
    let (gate, runs) = (Gate::closed(), Gate::closed());
    let counted = runs.clone();
    let code = Code::of("All", all)
        .activity("Gated", gate.activity())
        .activity("Flaky", move |_, input: String| {
            let run = counted.count();
            async move { if run == 1 { Err(input) } else { Ok(input) } }
        });
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("s", "All", "").await;
    world
        .reaches("s", |kind| matches!(kind, EventKind::ActivityFailed { .. }))
        .await;
    world.raise("s", "E", "").await;
    gate.open();
    world.failure("s").await;

    assert_eq!(world.fork_output("s", "f").await, "done");

    assert_eq!((runs.runs(), gate.runs()), (2, 1));
    let events = |kind: &EventKind| matches!(kind, EventKind::ExternalEvent { .. });
    assert_eq!(count(&world.history("f").await, events), 1);
    world.failure("s").await;

    // The failure is kept by one at the end, where other code may handle it.
    let at_the_end = ForkOptions::new().at(ForkAt::End);
    world.fork("s", "end", at_the_end).await;
    assert_eq!(world.failure("end").await.display_message(), "flaky");
    assert_eq!(runs.runs(), 2);
}

/// A fork of what runs begins anew what is open there: an activity, a timer and a child. Neither is told of
/// what becomes of the other, or cancelled with it.
pub(crate) async fn what_is_open_is_begun_for_the_fork(cx: &Cx) {
    async fn child(ctx: OrchestrationContext, input: String) -> Text {
        let went = ctx.schedule_wait("Go").into_event().await;
        Ok(format!("{input} {went}"))
    }
    async fn all(ctx: OrchestrationContext, _: String) -> Text {
        let unwanted = ctx.schedule_activity("Unwanted", "");
        ctx.select2(ctx.schedule_activity("Echo", ""), unwanted)
            .await;
        let own = ctx.instance_id().to_owned();
        let gated = ctx.schedule_activity("Gated", own.clone());
        let timer = ctx.schedule_timer(Duration::from_secs(5));
        let child = ctx.schedule_sub_orchestration("Child", own);
        let mut said = Vec::new();
        for output in ctx.join(vec![gated, timer, child]).await {
            match output {
                DurableOutput::Activity(output) | DurableOutput::SubOrchestration(output) => {
                    said.push(output?)
                }
                DurableOutput::Timer | DurableOutput::External(_) => {}
            }
        }
        Ok(said.join(", "))
    }
    let (gate, unwanted) = (Gate::closed(), Gate::closed());
    let code = Code::of("All", all)
        .orchestration("Child", child)
        .activity("Unwanted", unwanted.activity())
        .activity("Gated", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("s", "All", "").await;
    gate.begun(1).await;
    let child = world.child_of("s").await;
    world.waits_for(&child, "Go").await;
    let was_unwanted = unwanted.runs();

    world.fork("s", "f", ForkOptions::new()).await;
    gate.begun(2).await;
    let own_child = world.child_of("f").await;
    assert!(own_child.starts_with("f::sub::"), "{own_child}");
    world.waits_for(&own_child, "Go").await;
    let info = world.client.get_instance_info(&own_child).await;
    let parent = info.expect("it is there").parent;
    assert_eq!(parent.as_deref(), Some("f"));

    // Nobody waits for a fork of a child.
    world.fork(&child, "orphan", ForkOptions::new()).await;
    world.waits_for("orphan", "Go").await;
    world.raise("orphan", "Go", "alone").await;
    assert_eq!(world.output("orphan").await, "s alone");
    let info = world.client.get_instance_info("orphan").await;
    assert_eq!(info.expect("it is there").parent, None);

    world.cancel("s").await;
    world.failure("s").await;
    world.failure(&child).await;
    // It would be removed with the instance that the fork replaces.
    let replace = StartOptions::new().with_if_exists(IfExists::ReplaceEnded);
    let replacing = ForkOptions::new().start(replace);
    let refused = world.client.fork_with(&*child, "s", replacing).await;
    let refused = refused.expect_err("nothing is left to copy").to_string();
    assert!(refused.contains("is removed with it"), "{refused}");
    world.failure(&child).await;
    gate.cancelled(1).await;
    let deleted = world.client.delete_instance("s", DeleteMode::TerminalOnly);
    deleted.await.expect("it has ended");
    gate.open();
    world.raise(&own_child, "Go", "went").await;
    assert_eq!(world.output("f").await, "f, f went");
    assert_eq!(unwanted.runs(), was_unwanted, "what was given up stays so");
    assert_eq!(gate.runs(), 2);
}

/// What the copy says was sent to others was sent by the source, and is not sent again, though the code of the
/// fork would send it elsewhere. Values are copied.
pub(crate) async fn what_was_sent_is_not_sent_again(cx: &Cx) {
    async fn peer(ctx: OrchestrationContext, _: String) -> Text {
        Ok(ctx.schedule_wait("Hello").into_event().await)
    }
    async fn telling(ctx: OrchestrationContext, _: String) -> Text {
        let own = ctx.instance_id().to_owned();
        ctx.schedule_orchestration("Peer", format!("{own}/job"), "");
        ctx.raise_event("peer", "Hello", own.clone());
        ctx.set_value("whose", own.clone())?;
        ctx.set_custom_status(format!("of {own}"))?;
        ctx.schedule_wait("Go").await;
        ctx.raise_event("other peer", "Hello", own);
        Ok(ctx.get_value("whose").unwrap_or_default())
    }
    let code = Code::of("Telling", telling).orchestration("Peer", peer);
    let (world, _node) = World::with_node(cx, code).await;
    for peer in ["peer", "other peer"] {
        world.begin(peer, "Peer", "").await;
        world.waits_for(peer, "Hello").await;
    }
    world.begin("s", "Telling", "").await;
    world.waits_for("s", "Go").await;
    assert_eq!(world.output("peer").await, "s");

    world.fork("s", "f", ForkOptions::new()).await;
    world.waits_for("f", "Go").await;
    let value = world.client.get_value("f", "whose").await;
    let value = value.expect("the store answers").expect("it is copied");
    assert_eq!(value.text, "s");
    let status = world.client.get_custom_status("f").await;
    let status = status.expect("the store answers").expect("it is copied");
    assert_eq!(status.text, "of s");
    world.raise("f", "Go", "").await;
    assert_eq!(world.output("f").await, "s");
    assert_eq!(world.output("other peer").await, "f");

    let job = world.client.get_orchestration_status("f/job").await;
    assert_eq!(
        job.expect("the store answers"),
        OrchestrationStatus::NotFound
    );
    world.waits_for("s/job", "Hello").await;
}

/// A second request for a fork changes nothing, also when the source is gone.
pub(crate) async fn a_fork_is_asked_for_twice(cx: &Cx) {
    let (world, _node, gate) = with_completed_steps(cx).await;
    assert_eq!(world.fork_output("s", "f").await, "one two");
    let before = world.history("f").await;
    for is_gone in [false, true] {
        if is_gone {
            let deleted = world.client.delete_instance("s", DeleteMode::TerminalOnly);
            deleted.await.expect("it has ended");
        }
        let again = world.client.fork("s", "f").await;
        assert_eq!(again.expect("it is known"), StartOutcome::AlreadyExists);
    }
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(world.history("f").await, before, "it needs no source");
    assert_eq!(gate.runs(), 2);
}

/// A source that is deleted before the fork begins, and one whose id has another life by then.
pub(crate) async fn a_fork_of_what_is_gone_fails(cx: &Cx) {
    let (world, node, gate) = with_completed_steps(cx).await;
    node.stop().await;
    let fork = async |instance| world.fork("s", instance, ForkOptions::new()).await;
    fork("f").await;
    let deleted = world.client.delete_instance("s", DeleteMode::TerminalOnly);
    deleted.await.expect("it has ended");
    let node = world.node().await;
    let failure = world.failure("f").await.display_message();
    assert!(failure.contains("it was deleted"), "{failure}");
    assert_eq!(types(&world.history("f").await), ["started", "failed"]);
    let unmade = world.client.fork("f", "of nothing").await;
    let unmade = unmade.expect_err("there is nothing to copy").to_string();
    assert!(unmade.contains("ended before it began"), "{unmade}");

    world.begin("s", "Steps", "one").await;
    world.waits_for("s", "Go").await;
    node.stop().await;
    fork("g").await;
    world.cancel("s").await;
    let node = world.node().await;
    world.failure("s").await;
    // It was forked where it stood then, though it has ended since.
    world.waits_for("g", "Go").await;
    assert_eq!(gate.runs(), 3);
    node.stop().await;
    let replace = StartOptions::new().with_if_exists(IfExists::ReplaceEnded);
    fork("h").await;
    let replaced = world
        .client
        .start_orchestration_with("s", "Steps", "other", replace)
        .await;
    assert_eq!(replaced.expect("it has ended"), StartOutcome::Started);
    let _node = world.node().await;
    let failure = world.failure("h").await.display_message();
    assert!(failure.contains("another instance has its id"), "{failure}");
    world.raise("g", "Go", "two").await;
    assert_eq!(world.output("g").await, "one two", "it has begun before");
}

/// The first turn of a fork is held by a node that stands still, and then by one that dies, before either commits
/// it: the copy is made once, and ends where the source stood, which goes on meanwhile.
pub(crate) async fn the_first_turn_of_a_fork_is_repeated(cx: &Cx) {
    let (world, node, gate) = with_steps(cx).await;
    world.begin("s", "Steps", "one").await;
    world.waits_for("s", "Go").await;
    node.stop().await;
    let fork = || InstanceId::new("f").expect("an id");
    let freezing = world
        .node_with(|it| it.fuse = Some(Fuse::Freeze(fork())))
        .await;
    world.fork("s", "f", ForkOptions::new()).await;
    freezing.frozen().await;
    world.pass(LEASE * 2).await;
    let dying = world
        .node_with(|it| it.fuse = Some(Fuse::Death(fork())))
        .await;
    dying.dies().await;
    let info = world.client.get_instance_info("f").await;
    assert_eq!(info.expect("it is there").status, "Pending");
    let _node = world.node().await;
    world.raise("s", "Go", "two").await;
    assert_eq!(world.output("s").await, "one two");
    world.pass(LEASE * 2).await;
    world.waits_for("f", "Go").await;
    let history = world.history("f").await;

    freezing.thaw().await;

    assert_eq!(world.history("f").await, history);
    assert_eq!(
        types(&history),
        ["started", "activity", "activity done", "wait"]
    );
    world.raise("f", "Go", "three").await;
    assert_eq!(world.output("f").await, "one three");
    assert_eq!(gate.runs(), 3);
}

/// Code that does not fit leaves the fork as it is until a node has some that does; a version that is asked
/// for need not be that of the source, and the queue may be another.
pub(crate) async fn a_fork_runs_corrected_code(cx: &Cx) {
    let gate = Gate::closed();
    gate.open();
    let counted = |code: Code| code.activity("Counted", gate.activity());
    let (world, node) = World::with_node(cx, counted(Code::of("Steps", mended::wrong))).await;
    world.begin("s", "Steps", "one").await;
    world.failure("s").await;
    let in_version = |version: &str| {
        let start = StartOptions::new().with_version(version);
        ForkOptions::new().start(start.label("of", "s"))
    };
    world.fork("s", "f", ForkOptions::new()).await;
    let failure = world.failure("f").await.display_message();
    assert_eq!(failure, "one is not understood");
    world.fork("s", "g", in_version("1.0.1")).await;
    world.stays_pending("g").await;
    node.stop().await;
    let code = || counted(Code::of("Steps", mended::wrong));
    let unfit = code().version("Steps", "1.0.1", mended::other);
    let unfit = world.node_of(unfit, |_| {}).await;
    world.stays_pending("g").await;
    unfit.stop().await;

    let fit = code().version("Steps", "1.0.1", mended::right);
    let _fit = world.node_of(fit, |_| {}).await;

    assert_eq!(world.output("g").await, "one");
    assert_eq!(gate.runs(), 1);
    let info = world.client.get_instance_info("g").await;
    assert_eq!(info.expect("it is there").orchestration_version, "1.0.1");
    let history = world.history("g").await;
    let is_of_version = |kind: &EventKind| matches!(kind, EventKind::OrchestrationStarted { version, .. } if version == "1.0.1");
    assert!(is_of_version(&history[0].kind));
}

/// An earlier execution of a loop is forked, and the fork loops on by itself; so does a fork of that. One that
/// was pruned is refused.
pub(crate) async fn a_loop_is_forked(cx: &Cx) {
    async fn looping(ctx: OrchestrationContext, said: String) -> Text {
        let event = ctx.schedule_wait("E").into_event().await;
        let said = format!("{said}{event}");
        if said.len() < 3 {
            return ctx.continue_as_new(said).await;
        }
        Ok(said)
    }
    let (world, _node) = World::with_node(cx, Code::of("Loop", looping)).await;
    world.begin("s", "Loop", "").await;
    for (execution, event) in [(2, "a"), (3, "b")] {
        world.raise("s", "E", event).await;
        world.is_in_execution("s", execution).await;
    }
    world.waits_for("s", "E").await;

    let second = ForkOptions::new().execution(2);
    world
        .fork("s", "f", second.clone().at(ForkAt::Event(3)))
        .await;
    world.waits_for("f", "E").await;
    world.raise("f", "E", "x").await;
    world.is_in_execution("f", 2).await;
    world.waits_for("f", "E").await;
    world.fork("f", "g", ForkOptions::new()).await;
    world.waits_for("g", "E").await;
    world.raise("g", "E", "y").await;
    assert_eq!(world.output("g").await, "axy");
    world.raise("f", "E", "z").await;
    assert_eq!(world.output("f").await, "axz");
    // At its end it continues as new, with what it had said.
    world.fork("s", "h", second.clone()).await;
    world.is_in_execution("h", 2).await;
    world.raise("h", "E", "c").await;
    assert_eq!(world.output("h").await, "abc");

    let pruned = world.client.prune_executions("s", 1).await;
    pruned.expect("it is there");
    let gone = world.client.fork_with("s", "too late", second).await;
    let gone = gone.expect_err("it is pruned").to_string();
    assert!(gone.contains("was pruned"), "{gone}");
}

/// A source that was cancelled, before it began or later with a grace: the fork has heard of none. A fork that is
/// cancelled before it begins is none.
pub(crate) async fn a_cancellation_is_not_copied(cx: &Cx) {
    async fn patient(ctx: OrchestrationContext, input: String) -> Text {
        let go = ctx.schedule_wait("Go");
        let (which, _) = ctx.select2(go, ctx.cancellation_requested()).await;
        if which == 1 {
            return Err("canceled: enough".to_owned());
        }
        Ok(input)
    }
    let (world, node) = World::with_node(cx, Code::of("Patient", patient)).await;
    world.begin("graceful", "Patient", "one").await;
    world.waits_for("graceful", "Go").await;
    world
        .cancel_later("graceful", Duration::from_hours(1))
        .await;
    world.failure("graceful").await;
    node.stop().await;
    world.begin("early", "Patient", "two").await;
    world.cancel("early").await;
    let node = world.node().await;
    world.failure("early").await;
    world.begin("plain", "Patient", "three").await;
    world.waits_for("plain", "Go").await;
    world.cancel("plain").await;
    world.failure("plain").await;
    let at_the_end = ForkOptions::new().at(ForkAt::End);
    for (source, input, options) in [
        ("graceful", "one", ForkOptions::new()),
        ("early", "two", ForkOptions::new()),
        ("early", "two", at_the_end.clone()),
        ("plain", "three", at_the_end),
    ] {
        let fork = format!("fork of {source} {:?}", options.at);
        world.fork(source, &fork, options).await;
        world.waits_for(&fork, "Go").await;
        world.raise(&fork, "Go", "").await;
        assert_eq!(world.output(&fork).await, input);
    }
    // The third event is the cancellation.
    let behind_it = ForkOptions::new().at(ForkAt::Event(4));
    let refused = world.client.fork_with("plain", "late", behind_it).await;
    let refused = refused.expect_err("it would only end").to_string();
    assert!(refused.contains("events 2 to 3, and not at 4"), "{refused}");

    // What it was to begin with was not at hand when it was cancelled, and is not empty.
    let in_an_hour = StartOptions::new().with_delay(Duration::from_hours(1));
    let started = world
        .client
        .start_orchestration_with("not due", "Patient", "four", in_an_hour)
        .await;
    assert_eq!(started.expect("it is new"), StartOutcome::Started);
    world.cancel("not due").await;
    world.failure("not due").await;
    let refused = world.client.fork("not due", "of nothing").await;
    let refused = refused.expect_err("nobody knows its input").to_string();
    assert!(refused.contains("is not known any more"), "{refused}");

    node.stop().await;
    world.fork("early", "f", ForkOptions::new()).await;
    world.cancel("f").await;
    let _node = world.node().await;
    let failure: ErrorDetails = world.failure("f").await;
    assert_eq!(failure.display_message(), "canceled: enough");
    let refused = world.client.fork("f", "g").await;
    let refused = refused.expect_err("it never was a copy").to_string();
    assert!(refused.contains("ended before it began"), "{refused}");
    let rewound = world.client.rewind("f").await;
    rewound.expect("the wish is stored");
    world.pass(Duration::from_secs(5)).await;
    let info = world.client.get_instance_info("f").await;
    assert_eq!(info.expect("it is there").current_execution_id, 1);
}

/// A fork that has failed is rewound, to before a child that the copy says has failed: it is the fork's own
/// that is begun then, and that of the source is left alone.
pub(crate) async fn a_fork_is_rewound(cx: &Cx) {
    async fn child(ctx: OrchestrationContext, input: String) -> Text {
        call(&ctx, "Flaky", &input).await
    }
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let child = ctx.schedule_sub_orchestration("Child", "work");
        child.into_sub_orchestration().await
    }
    let runs = Gate::closed();
    let counted = runs.clone();
    let code = Code::of("Parent", parent)
        .orchestration("Child", child)
        .activity("Flaky", move |_, input: String| {
            let run = counted.count();
            async move { if run == 1 { Err(input) } else { Ok(input) } }
        });
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("s", "Parent", "").await;
    world.failure("s").await;
    let child = world.child_of("s").await;
    let at_the_end = ForkOptions::new().at(ForkAt::End);
    world.fork("s", "f", at_the_end).await;
    assert_eq!(world.failure("f").await.display_message(), "work");
    assert_eq!(runs.runs(), 1);

    let execution = world.client.rewind("f").await.expect("it has failed");
    let ended = world
        .client
        .wait_for_execution("f", execution, Duration::from_hours(24));
    let ended = within("f", ended).await.expect("it ends");

    let output = "work".to_owned();
    assert_eq!(ended, OrchestrationStatus::Completed { output });
    assert_eq!(runs.runs(), 2);
    world.failure(&child).await;
    let own = world.child_of("f").await;
    assert_eq!(world.output(&own).await, "work");
    let info = world.client.get_instance_info(&child).await;
    assert_eq!(info.expect("it is there").current_execution_id, 1);
}
