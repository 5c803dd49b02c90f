//! Starts in the place of what has ended.

use std::collections::BTreeSet;
use std::time::Duration;

use duroxide_core::providers::{
    Channel, Commit, Committed, ErrorKind, InstanceStatus, Message, Position,
};

use crate::support::{Cx, LEASE, SECOND, drop_after_polls, promptly, refused, to};

/// The new life begins as any other one, and has nothing of the old one.
pub(crate) async fn an_ended_instance_is_replaced(cx: &Cx) {
    let old = cx.ended_at_work(Some(LEASE)).await;

    let start = cx.send(cx.replacing_start_of("a")).await;

    let head = cx.head("a").await;
    assert_ne!(head.incarnation, old.incarnation);
    assert_eq!(head.incarnation, start.id.incarnation());
    assert_eq!(head.status, InstanceStatus::Pending);
    assert_eq!(head.position, Position::START);
    assert_eq!(head.output, None);
    assert_eq!(head.commit_id, None);
    assert_eq!(head.expires_at_ms, None);
    cx.has_nothing_of(old.incarnation).await;
    cx.work_nothing().await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.attempt, 1);
    assert_eq!(turn.messages, [start]);
    cx.apply(cx.turn(&turn).append(1).awaiting(&["topic"]))
        .await;
    // Neither the delayed message nor the mail of the old life comes, nor its expiry.
    cx.elapse(LEASE + SECOND).await;
    cx.maintain().await;
    cx.claim_nothing().await;
    assert_eq!(cx.head("a").await.incarnation, head.incarnation);
}

/// Whoever was at work for the old life learns that it is over.
pub(crate) async fn what_is_late_for_the_replaced_is_lost(cx: &Cx) {
    let old = cx.ended_at_work(None).await;
    let incarnation = old.incarnation;
    let start = cx.send(cx.replacing_start_of("a")).await;

    cx.comes_too_late(old).await;

    let stale = cx.to_life("a", incarnation);
    refused(cx.try_send(stale).await, ErrorKind::NotFound);
    assert_eq!(cx.claim_only("a").await.messages, [start]);
    cx.work_nothing().await;
}

/// What has not ended stays as it is, whatever state it is in.
pub(crate) async fn a_living_instance_is_not_replaced(cx: &Cx) {
    cx.running_with_activities("running", 1).await;
    cx.running("suspended").await;
    let turn = cx.poke_and_claim("suspended").await;
    cx.apply(cx.turn(&turn).suspend(true)).await;
    cx.running("leased").await;
    let leased = cx.poke_and_claim("leased").await;
    cx.start("pending").await;
    let names = ["running", "suspended", "leased", "pending"];
    let before = cx.view(&names).await;

    for name in names {
        let start = cx.try_send(cx.replacing_start_of(name)).await;
        refused(start, ErrorKind::AlreadyExists);
    }

    assert_eq!(cx.view(&names).await, before);
    cx.apply(cx.turn(&leased).append(1)).await;
    cx.work_only().await;
    assert_eq!(cx.claim_only("pending").await.messages.len(), 1);
}

/// The start that began a life does not end it, however often it comes and whatever has become of it.
pub(crate) async fn a_repeated_replacement_changes_nothing(cx: &Cx) {
    cx.end_at_once("a", None).await;
    let start = cx.replacing_start_of("a");
    cx.send(start.clone()).await;
    let turn = cx.claim_only("a").await;
    for step in ["pending", "running", "ended"] {
        match step {
            "running" => drop(cx.apply(cx.turn(&turn).append(1)).await),
            "ended" => {
                let turn = cx.poke_and_claim("a").await;
                drop(cx.apply(cx.turn(&turn).complete()).await);
            }
            _ => {}
        }
        let before = cx.view(&["a"]).await;

        cx.send(start.clone()).await;

        assert_eq!(cx.view(&["a"]).await, before, "{step}");
        cx.claim_nothing().await;
    }
}

/// Where there is nothing to replace it is a start as any other.
pub(crate) async fn a_replacement_of_nobody_creates(cx: &Cx) {
    let start = cx.send(cx.replacing_start_of("a")).await;

    let head = cx.head("a").await;
    assert_eq!(head.incarnation, start.id.incarnation());
    assert_eq!(head.status, InstanceStatus::Pending);
    assert_eq!(cx.claim_only("a").await.messages, [start]);
}

/// A turn's start of what has ended is a message to it, whatever it asks for.
pub(crate) async fn a_turn_replaces_nobody(cx: &Cx) {
    cx.end_at_once("child", None).await;
    let child = cx.head("child").await;
    cx.running("parent").await;
    let turn = cx.poke_and_claim("parent").await;
    let start = cx.replacing_start_of("child");

    let committed = cx.apply(cx.turn(&turn).append(1).send(start.clone())).await;

    assert_eq!(committed.messages_dropped, 0);
    let turn = cx.claim_only("child").await;
    let as_control = Message {
        channel: Channel::Control,
        ..start.message
    };
    assert_eq!(turn.messages, [as_control]);
    assert_eq!(turn.head, child);
}

/// Of two starts in one batch one wins, a repeat is none, and what else is sent goes to one of the two
/// lives.
pub(crate) async fn a_replacement_shares_a_batch(cx: &Cx) {
    cx.end_at_once("a", None).await;
    cx.end_at_once("b", None).await;
    cx.running("c").await;
    let turn = cx.poke_and_claim("c").await;
    let (first, second) = (cx.replacing_start_of("a"), cx.replacing_start_of("a"));
    let other = cx.replacing_start_of("b");
    let commit = cx.turn(&turn).append(1).send(to("a", cx.message()));
    let operations = vec![
        Commit::Send(first.clone()),
        Commit::Send(to("a", cx.message())),
        Commit::Send(second.clone()),
        Commit::Send(other.clone()),
        Commit::Turn(commit.build()),
        Commit::Send(other.clone()),
    ];

    let mut answers = cx.batch(operations).await.into_iter();

    let mut next = || answers.next().expect("each member has an answer");
    let (one, sent, two) = (next(), next(), next());
    assert_eq!(sent.expect("both lives take it"), Committed::Sent);
    let begun = cx.head("a").await.incarnation;
    for (start, answer) in [(first, one), (second, two)] {
        match answer {
            Ok(answer) => {
                assert_eq!(answer, Committed::Sent);
                assert_eq!(begun, start.message.id.incarnation());
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::AlreadyExists);
                assert_ne!(begun, start.message.id.incarnation());
            }
        }
    }
    for what in ["the other start", "the turn", "the repeated start"] {
        next().expect(what);
    }
    let incarnation = cx.head("b").await.incarnation;
    assert_eq!(incarnation, other.message.id.incarnation());
    cx.maintain().await;
    let claimed = cx.claim(5).await;
    let names: BTreeSet<_> = claimed.iter().map(|it| &*it.head.instance).collect();
    assert_eq!(names, BTreeSet::from(["a", "b"]));
}

/// However a replacement and a late commit race, the new life has nothing of the old one.
pub(crate) async fn a_replacement_races_with_late_commits(cx: &Cx) {
    for round in 0..40 {
        let name = format!("a{round}");
        cx.end_at_once(&name, None).await;
        let turn = cx.poke_and_claim(&name).await;
        let late = cx.clone();
        let commit = cx
            .turn(&turn)
            .activity(1)
            .set("value", "late")
            .send(to(&name, cx.message()));
        let task = tokio::spawn(async move { late.try_turn(commit).await });

        let start = cx.send(cx.replacing_start_of(&name)).await;

        if let Err(error) = promptly("the commit", task).await.expect("no panic") {
            assert_eq!(error.kind(), ErrorKind::LeaseLost, "round {round}");
        }
        begins_empty(cx, &name, &start).await;
    }
}

/// However a replacement and a late outcome race, the outcome's message does not reach the new life.
pub(crate) async fn a_replacement_races_with_late_outcomes(cx: &Cx) {
    for round in 0..40 {
        let name = format!("a{round}");
        cx.apply(cx.creation(&name).activity(1).complete()).await;
        let work = cx.work_only().await;
        let (late, message) = (cx.clone(), cx.message());
        let task = tokio::spawn(async move { late.try_finish(&work.lease, Some(message)).await });

        let start = cx.send(cx.replacing_start_of(&name)).await;

        if let Err(error) = promptly("the outcome", task).await.expect("no panic") {
            assert_eq!(error.kind(), ErrorKind::LeaseLost, "round {round}");
        }
        begins_empty(cx, &name, &start).await;
    }
}

/// Of several starts at once one takes the place, and the others find its instance.
pub(crate) async fn replacements_race_with_one_another(cx: &Cx) {
    for round in 0..20 {
        let name = format!("a{round}");
        cx.end_at_once(&name, None).await;
        let starts: Vec<_> = (0..4).map(|_| cx.replacing_start_of(&name)).collect();
        let tasks: Vec<_> = starts
            .iter()
            .map(|start| {
                let (racer, start) = (cx.clone(), start.clone());
                tokio::spawn(async move { racer.try_send(start).await })
            })
            .collect();

        let mut winner = None;
        for (task, start) in tasks.into_iter().zip(starts) {
            match promptly("the start", task).await.expect("no panic") {
                Ok(_) => assert_eq!(winner.replace(start.message), None, "round {round}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists),
            }
        }

        let winner = winner.expect("one of them takes the place");
        begins_empty(cx, &name, &winner).await;
    }
}

/// Checks that the instance has begun with this start and has nothing else.
async fn begins_empty(cx: &Cx, name: &str, start: &Message) {
    let head = cx.head(name).await;
    assert_eq!(head.incarnation, start.id.incarnation(), "{name}");
    assert_eq!(head.commit_id, None, "{name}");
    assert_eq!(cx.history(name, 1).await, [], "{name}");
    assert_eq!(cx.values(name, &["value"]).await, [], "{name}");
    cx.work_nothing().await;
    let turn = cx.claim_only(name).await;
    assert_eq!(turn.messages, std::slice::from_ref(start), "{name}");
    cx.apply(cx.turn(&turn).append(1)).await;
}

/// A replacement that was dropped has replaced or not, and can be repeated.
pub(crate) async fn a_dropped_replacement_happened_or_did_not(cx: &Cx) {
    for polls in [0, 1, 2, 3, 20, 400] {
        let cx = cx.twin().await;
        let old = cx.ended_at_work(None).await;
        let before = cx.view(&["a"]).await;
        let start = cx.replacing_start_of("a");

        drop_after_polls(cx.try_send(start.clone()), polls).await;

        if polls == 0 {
            assert_eq!(cx.view(&["a"]).await, before, "it was never begun");
        }
        let head = cx.head_if_any("a").await;
        assert!(head.is_some(), "one of the two lives is there");
        let start = cx.send(start).await;
        cx.has_nothing_of(old.incarnation).await;
        begins_empty(&cx, "a", &start).await;
        cx.comes_too_late(old).await;
    }
}

/// A control message that is due may have the ended instance go on: it is not replaced until that was taken
/// in. One that is due later goes with it.
pub(crate) async fn what_control_waits_for_is_not_replaced(cx: &Cx) {
    for name in ["a", "b"] {
        cx.end_at_once(name, None).await;
    }
    cx.send_control("a", Duration::ZERO).await;
    cx.send_control("b", LEASE * 10).await;
    let before = cx.view(&["a"]).await;

    let start = cx.try_send(cx.replacing_start_of("a")).await;

    refused(start, ErrorKind::AlreadyExists);
    assert_eq!(cx.view(&["a"]).await, before);
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn)).await;
    for name in ["a", "b"] {
        let start = cx.send(cx.replacing_start_of(name)).await;
        let head = cx.head(name).await;
        assert_eq!(head.incarnation, start.id.incarnation(), "{name}");
    }
}
