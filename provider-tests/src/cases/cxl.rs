//! Futures that are dropped half-way.

use std::time::Duration;

use duroxide_core::providers::{
    ActivityOutcome, Commit, Lease, ReadHistory, Release, ReleasedAttempts,
};

use crate::support::{Cx, LEASE, drop_after_polls, id, later, to};

/// After how many polls an operation is dropped: at each of its first awaits, and at or after its
/// end, however long it takes.
const POLLS: [usize; 8] = [0, 1, 2, 3, 4, 5, 20, 400];

/// A turn commit that was dropped is repeated, and then everything is there once.
pub(crate) async fn a_dropped_turn_happened_or_did_not(cx: &Cx) {
    for polls in POLLS {
        let cx = cx.twin().await;
        cx.running("a").await;
        let turn = cx.poke_and_claim("a").await;
        let message = cx.message();
        let commit = cx
            .turn(&turn)
            .append(2)
            .activities(1..=3)
            .send(to("a", message.clone()));
        let commit = commit.build();

        drop_after_polls(cx.try_turn(commit.clone()), polls).await;
        cx.try_turn(commit)
            .await
            .expect("it is applied or repeated");

        assert_eq!(cx.position("a").await.next_event_id, 4, "{polls} polls");
        assert_eq!(cx.history("a", 1).await.len(), 2);
        assert_eq!(cx.claim_only("a").await.messages, [message]);
        assert_eq!(cx.work(9).await.len(), 3);
    }
}

/// A dropped start and a dropped send are repeated, and then arrive once.
pub(crate) async fn a_dropped_send_happened_or_did_not(cx: &Cx) {
    for polls in POLLS {
        let cx = cx.twin().await;
        let start = cx.start_of("a");
        drop_after_polls(cx.try_send(start.clone()), polls).await;
        cx.send(start.clone()).await;
        let message = to("a", cx.message());
        drop_after_polls(cx.try_send(message.clone()), polls).await;
        cx.send(message.clone()).await;

        let messages = cx.claim_only("a").await.messages;

        assert_eq!(messages, [start.message, message.message], "{polls} polls");
    }
}

/// A dropped outcome removed the activity and sent its message, or did neither.
pub(crate) async fn a_dropped_outcome_happened_or_did_not(cx: &Cx) {
    for polls in POLLS {
        let cx = cx.twin().await;
        cx.running_with_activities("a", 1).await;
        let work = cx.work_only().await;
        let message = cx.message();
        drop_after_polls(cx.try_finish(&work.lease, Some(message.clone())), polls).await;

        // The repeat fails if the first one happened, and either way the message is there once.
        let repeat = cx.try_finish(&work.lease, Some(message.clone())).await;

        assert_eq!(cx.claim_only("a").await.messages, [message], "{repeat:?}");
        cx.elapse(LEASE).await;
        cx.work_nothing().await;
    }
}

/// What a dropped claim took comes back when its lease expires, with everything.
pub(crate) async fn a_dropped_claim_comes_back(cx: &Cx) {
    for polls in POLLS {
        let cx = cx.twin().await;
        cx.running_with_activities("a", 2).await;
        let message = cx.poke("a").await;
        drop_after_polls(cx.claim(5), polls).await;
        drop_after_polls(cx.work(5), polls).await;
        cx.elapse(LEASE).await;

        let mut turns = cx.claim(5).await;
        let mut activities = cx.work(5).await;
        if turns.is_empty() || activities.len() < 2 {
            // A dropped claim may have taken effect only now (CXL-03).
            cx.elapse(LEASE).await;
            turns = cx.claim(5).await;
            activities = cx.work(5).await;
        }

        let turn = turns.remove(0);
        assert_eq!(turn.messages, [message], "{polls} polls");
        assert!((1..=3).contains(&turn.attempt), "{}", turn.attempt);
        assert_eq!(activities.len(), 2);
    }
}

/// A dropped renewal or release leaves the lease held or released, and nothing else.
pub(crate) async fn a_dropped_release_happened_or_did_not(cx: &Cx) {
    for polls in POLLS {
        let cx = cx.twin().await;
        cx.running_with_activities("a", 1).await;
        let turn = cx.poke_and_claim("a").await;
        let work = cx.work_only().await;
        for lease in [Lease::Turn(turn.lease), Lease::Activity(work.lease)] {
            drop_after_polls(cx.renew(lease.clone(), LEASE), polls).await;
            let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep);
            drop_after_polls(cx.try_release(release.clone()), polls).await;
            // The repeat fails if the first one happened.
            cx.try_release(release).await.ok();
        }

        assert_eq!(cx.claim_only("a").await.messages, turn.messages);
        cx.work_only().await;
    }
}

/// Dropped reads and waits leave nothing behind that disturbs others.
pub(crate) async fn dropped_reads_and_waits_disturb_nobody(cx: &Cx) {
    cx.running("a").await;
    let request = ReadHistory {
        instance: id("a"),
        execution: 1,
        from_event_id: 1,
        bytes_max: 1_000,
    };
    for _ in 0..20 {
        for polls in POLLS {
            let p = cx.provider();
            drop_after_polls(p.wait_for_work(&Cx::turns(), LEASE), polls).await;
            drop_after_polls(p.wait_for_change(&[], LEASE), polls).await;
            drop_after_polls(p.read_history(&request), polls).await;
            drop_after_polls(p.read_head(&id("a")), polls).await;
            drop_after_polls(p.maintain(Duration::ZERO), polls).await;
        }
    }

    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1)).await;
    assert_eq!(cx.history("a", 1).await.len(), 2);
}

/// A dropped batch is repeated, and each member is there once.
pub(crate) async fn a_dropped_batch_happened_or_did_not(cx: &Cx) {
    for polls in POLLS {
        let cx = cx.twin().await;
        cx.running_with_activities("a", 1).await;
        cx.running("b").await;
        let work = cx.work_only().await;
        let turn = cx.poke_and_claim("b").await;
        let (outcome, message) = (cx.message(), cx.message());
        let operations = vec![
            Commit::Activity(ActivityOutcome {
                lease: work.lease,
                message: Some(outcome.clone()),
            }),
            Commit::Turn(cx.turn(&turn).append(1).build()),
            Commit::Send(later("b", message.clone(), LEASE)),
        ];

        drop_after_polls(cx.batch(operations.clone()), polls).await;
        cx.batch(operations).await;

        assert_eq!(cx.position("b").await.next_event_id, 3, "{polls} polls");
        let dump = cx.dump().await;
        assert_eq!(dump.turns[&id("a")].1, [outcome]);
        assert_eq!(dump.turns[&id("b")].1, [message]);
        assert!(dump.activities.is_empty());
    }
}
