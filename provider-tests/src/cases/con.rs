//! Concurrency.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duroxide_core::providers::{
    ActivityOutcome, ClaimTurns, Commit, ErrorKind, Lease, Renew, Renewal, TaskQueue,
};
use parking_lot::Mutex;
use tokio::task::yield_now;

use crate::support::{Cx, LEASE, SECOND, promptly, to};

/// Runs one task for each of these numbers at the same time, and returns what they return.
async fn at_once<F>(count: usize, mut task: impl FnMut(usize) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = (0..count)
        .map(|number| tokio::spawn(task(number)))
        .collect();
    let mut outputs = Vec::new();
    for task in tasks {
        let output = promptly("one of the tasks", task).await;
        outputs.push(output.expect("no task panics"));
    }
    outputs
}

/// One turn with one message, leased for so long that it does not come back meanwhile.
fn one_turn() -> ClaimTurns {
    ClaimTurns {
        messages_max: 1,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_hours(10))
    }
}

/// Claims one by one until nothing is left.
async fn claim_all(cx: Cx) -> Vec<String> {
    let mut claimed = Vec::new();
    loop {
        let turns = cx.claim_with(&one_turn()).await.items;
        if turns.is_empty() {
            return claimed;
        }
        claimed.extend(turns.into_iter().map(|turn| turn.head.instance.into()));
    }
}

/// Eight claimers share fifty instances: each one is claimed once.
pub(crate) async fn claimers_share_the_instances(cx: &Cx) {
    for number in 0..50 {
        cx.start(&format!("{number}")).await;
    }

    let mut claimed = at_once(8, |_| claim_all(cx.clone())).await.concat();

    assert_eq!(claimed.len(), 50, "each of them once");
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), 50, "each of them");
    cx.claim_nothing().await;
}

/// While messages go on arriving, each one is in one committed turn.
pub(crate) async fn every_message_is_processed_once(cx: &Cx) {
    const MESSAGES: usize = 100;
    cx.running("a").await;
    let processed = Arc::new(Mutex::new(Vec::new()));
    let sender = cx.clone();
    let send = tokio::spawn(async move {
        for _ in 0..MESSAGES {
            sender.poke("a").await;
            yield_now().await;
        }
    });

    at_once(4, |_| {
        let (cx, processed) = (cx.clone(), Arc::clone(&processed));
        async move {
            while processed.lock().len() < MESSAGES {
                for turn in cx.claim_with(&one_turn()).await.items {
                    cx.apply(cx.turn(&turn)).await;
                    let ids = turn.messages.into_iter().map(|message| message.id);
                    processed.lock().extend(ids);
                }
                yield_now().await;
            }
        }
    })
    .await;

    promptly("the sender", send).await.expect("no task panics");
    let processed = processed.lock();
    let distinct: BTreeSet<_> = processed.iter().collect();
    assert_eq!((processed.len(), distinct.len()), (MESSAGES, MESSAGES));
}

/// Eight claimers share a hundred activities, and each outcome is recorded once.
pub(crate) async fn workers_share_the_activities(cx: &Cx) {
    cx.running_with_activities("a", 100).await;

    let finished: usize = at_once(8, |_| {
        let cx = cx.clone();
        async move {
            let mut finished = 0;
            loop {
                let work = cx.work(3).await;
                if work.is_empty() {
                    return finished;
                }
                for work in work {
                    cx.finish(&work.lease).await;
                    finished += 1;
                }
            }
        }
    })
    .await
    .into_iter()
    .sum();

    assert_eq!(finished, 100);
    assert_eq!(cx.claim_only("a").await.messages.len(), 100);
}

/// Eight senders at once: every message arrives, and those of one sender in order.
pub(crate) async fn senders_do_not_disturb_one_another(cx: &Cx) {
    cx.running("a").await;

    let sent = at_once(8, |_| {
        let cx = cx.clone();
        async move {
            let mut sent = Vec::new();
            for _ in 0..25 {
                sent.push(cx.poke("a").await.id);
            }
            sent
        }
    })
    .await;

    let inbox = cx.claim_only("a").await.messages;
    assert_eq!(inbox.len(), 200);
    let place: BTreeMap<_, _> = inbox
        .iter()
        .zip(0..)
        .map(|(m, place)| (m.id, place))
        .collect();
    for of_one in sent {
        let places: Vec<usize> = of_one.iter().map(|id| place[id]).collect();
        assert!(places.is_sorted(), "{places:?}");
    }
}

/// Of eight clients that start one id at once, one does.
pub(crate) async fn one_start_wins(cx: &Cx) {
    for round in 0..10 {
        let name = format!("{round}");
        let answers = at_once(8, |_| {
            let (cx, start) = (cx.clone(), cx.start_of(&name));
            async move { (start.message.id, cx.try_send(start).await) }
        })
        .await;

        let (winners, losers): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.1.is_ok());
        assert_eq!(winners.len(), 1);
        for (_, answer) in losers {
            let kind = answer.err().map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::AlreadyExists));
        }
        let turn = cx.claim_only(&name).await;
        assert_eq!(turn.messages.len(), 1);
        assert_eq!(turn.head.incarnation, winners[0].0.incarnation());
    }
}

/// Of eight different commits of one lease, one is applied.
pub(crate) async fn one_commit_wins(cx: &Cx) {
    cx.running("a").await;
    for _ in 0..10 {
        let turn = cx.poke_and_claim("a").await;
        let answers = at_once(8, |_| {
            let (cx, commit) = (cx.clone(), cx.turn(&turn).append(1).build());
            async move { (commit.commit_id, cx.try_turn(commit).await) }
        })
        .await;

        let (winners, losers): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.1.is_ok());
        assert_eq!(winners.len(), 1);
        for (_, answer) in losers {
            let kind = answer.err().map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::LeaseLost));
        }
        let head = cx.head("a").await;
        assert_eq!(head.commit_id, Some(winners[0].0));
        let next = turn.head.position.next_event_id + 1;
        assert_eq!(head.position.next_event_id, next);
    }
}

/// Of turns without a lease and claims of one instance at once, the claim comes first and the turns
/// are refused, or one turn comes first and the claim shows where it ended.
pub(crate) async fn unleased_turns_and_claims_exclude_each_other(cx: &Cx) {
    const ROUNDS: usize = 20;
    cx.running("a").await;
    for round in 0..ROUNDS {
        cx.poke("a").await;
        let head = cx.head("a").await;
        let answers = at_once(8, |number| {
            let (cx, commit) = (cx.clone(), cx.unleased(&head).append(1).build());
            async move {
                // Where tasks run one after the other, each kind comes first at times.
                if (number + round).is_multiple_of(2) {
                    (Some((commit.commit_id, cx.try_turn(commit).await)), None)
                } else {
                    (None, cx.claim_with(&one_turn()).await.items.pop())
                }
            }
        })
        .await;

        let (turns, claimed): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        let claimed: Vec<_> = claimed.into_iter().flatten().collect();
        let turns = turns.into_iter().flatten();
        let (winners, losers): (Vec<_>, Vec<_>) = turns.partition(|(_, answer)| answer.is_ok());
        assert!(winners.len() <= 1 && claimed.len() <= 1, "LEA-01");
        assert!(winners.len() + claimed.len() > 0, "one of them came first");
        for (_, answer) in losers {
            let kind = answer.expect_err("it lost").kind();
            let is_late = kind == ErrorKind::PositionConflict && !winners.is_empty();
            let is_held_up = kind == ErrorKind::LeaseLost && !claimed.is_empty();
            assert!(is_late || is_held_up, "{kind:?}");
        }
        let turn = match claimed.into_iter().next() {
            Some(turn) => turn,
            None => cx.claim_only("a").await,
        };
        assert_eq!(turn.messages.len(), 1);
        let committed = winners.first().map(|(commit_id, _)| *commit_id);
        assert_eq!(turn.head.commit_id, committed.or(head.commit_id));
        let next = head.position.next_event_id + winners.len() as u64;
        assert_eq!(turn.head.position.next_event_id, next);
        cx.apply(cx.turn(&turn).append(1)).await;
    }
    let mut end = 1;
    for chunk in cx.history("a", 1).await {
        assert_eq!(chunk.first_event_id, end, "no gap");
        end = chunk.next_event_id();
    }
    assert_eq!(cx.position("a").await.next_event_id, end);
}

/// Of eight repeats of one commit at once all succeed, and one does it.
pub(crate) async fn one_of_many_repeats_does_it(cx: &Cx) {
    cx.running("a").await;
    for _ in 0..10 {
        let turn = cx.poke_and_claim("a").await;
        let commit = cx.turn(&turn).append(1).build();

        let answers = at_once(8, |_| {
            let (cx, commit) = (cx.clone(), commit.clone());
            async move { cx.try_turn(commit).await }
        })
        .await;

        let first = answers
            .into_iter()
            .filter(|answer| !answer.as_ref().expect("a repeat succeeds").repeated)
            .count();
        assert_eq!(first, 1);
    }
    assert_eq!(cx.history("a", 1).await.len(), 11);
}

/// However an outcome races with the cancellation of its activity, one of them wins.
pub(crate) async fn an_outcome_races_with_a_cancellation(cx: &Cx) {
    for round in 0..40 {
        let name = format!("{round}");
        cx.running_with_activities(&name, 1).await;
        let work = cx.work_only().await;
        let turn = cx.poke_and_claim(&name).await;
        let worker = cx.clone();
        let lease = work.lease.clone();
        let message = cx.message();
        let outcome = tokio::spawn(async move { worker.try_finish(&lease, Some(message)).await });
        let committed = cx.apply(cx.turn(&turn).append(1).cancel_one(1)).await;

        let outcome = promptly("the outcome", outcome).await.expect("no panic");

        if outcome.is_ok() {
            assert_eq!(committed.cancelled, [], "its outcome came first");
            cx.claim_only(&name).await;
        } else {
            assert_eq!(committed.cancelled, [work.lease]);
            cx.claim_nothing().await;
        }
    }
}

/// However the renewal of leases races with the commits that rest on them, the leases are held and
/// each commit is applied.
pub(crate) async fn renewals_disturb_no_commit(cx: &Cx) {
    const ACTIVITIES: usize = 20;
    for round in 0..20 {
        let name = format!("{round}");
        cx.running_with_activities(&name, ACTIVITIES as u64).await;
        let work = cx.work(ACTIVITIES).await;
        let turn = cx.poke_and_claim(&name).await;
        let of_work = work
            .iter()
            .map(|it| Lease::Activity(it.lease.clone()).into());
        // In calls of their own: a store may do what is about one instance one after the other.
        let calls = [
            of_work.collect(),
            vec![Renew::from(Lease::Turn(turn.lease.clone()))],
        ];
        let (renewer, until) = (cx.clone(), Arc::new(AtomicBool::new(false)));
        let is_over = Arc::clone(&until);
        let renewals = tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                for leases in &calls {
                    renewer.provider().renew(leases, LEASE).await;
                }
                yield_now().await;
            }
        });

        let outcomes = work.into_iter().map(|it| {
            Commit::Activity(ActivityOutcome {
                message: Some(cx.message_to_execution(1)),
                lease: it.lease,
            })
        });
        let answers = cx.batch(outcomes.collect()).await;
        cx.apply(cx.turn(&turn).append(1)).await;

        until.store(true, Ordering::Relaxed);
        promptly("the renewals", renewals).await.expect("no panic");
        for answer in answers {
            answer.expect("a lease that is renewed is held");
        }
        let turn = cx.claim_only(&name).await;
        assert_eq!(turn.messages.len(), ACTIVITIES);
        cx.apply(cx.turn(&turn).append(1)).await;
    }
}

/// Two handles see one store: what one writes the other reads, and what one holds the other does
/// not get.
pub(crate) async fn handles_share_one_store(cx: &Cx) {
    let other = cx.connect().await;
    cx.running("a").await;
    let message = other.poke("a").await;
    assert_eq!(other.head("a").await, cx.head("a").await);

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [message]);
    other.claim_nothing().await;
    let lease = Lease::Turn(turn.lease.clone());
    assert_eq!(other.renew(lease, LEASE).await, Renewal::Renewed);
    other.apply(other.turn(&turn).append(1).activity(2)).await;

    assert_eq!(cx.head("a").await.position.next_event_id, 3);
    let work = cx.work_only().await;
    other.work_nothing().await;
    let message = other.finish(&work.lease).await;
    assert_eq!(cx.claim_only("a").await.messages, [message]);
}

/// A lease that another handle took over is lost, whatever this one remembers.
pub(crate) async fn handles_take_leases_over(cx: &Cx) {
    let other = cx.connect().await;
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.elapse(LEASE).await;
    let stolen = other.claim_only("a").await;
    assert_eq!(stolen.attempt, 2);

    cx.refuse(cx.turn(&turn).append(1), ErrorKind::LeaseLost)
        .await;
    other.apply(other.turn(&stolen).append(1)).await;
    cx.refuse(cx.turn(&turn).append(1), ErrorKind::LeaseLost)
        .await;

    assert_eq!(cx.position("a").await.next_event_id, 3);
}

/// A handle that is dropped leaves its leases behind, and whoever knows their tokens may go on.
pub(crate) async fn leases_outlive_their_handle(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let other = cx.connect().await;
    let turn = other.poke_and_claim("a").await;
    let work = other.work_only().await;

    let other = other.reconnect().await;

    other.claim_nothing().await;
    cx.work_nothing().await;
    cx.apply(cx.turn(&turn).append(1)).await;
    other.finish(&work.lease).await;
    cx.claim_only("a").await;
}

/// Claimers on two handles share fifty instances.
pub(crate) async fn claimers_on_two_handles_share_the_instances(cx: &Cx) {
    let other = cx.connect().await;
    for number in 0..50 {
        cx.start(&format!("{number}")).await;
    }

    let handle = |number: usize| if number.is_multiple_of(2) { cx } else { &other };
    let mut claimed = at_once(8, |number| claim_all(handle(number).clone()))
        .await
        .concat();

    assert_eq!(claimed.len(), 50, "each of them once");
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), 50, "each of them");
}

/// Work that one handle makes ends the wait of the other, at the latest when that looks again.
pub(crate) async fn a_handle_hears_of_the_others_work(cx: &Cx) {
    let other = cx.connect().await;
    cx.running("a").await;
    let mut wait = other.wait(Cx::turns(), SECOND * 20);
    wait.goes_on().await;

    let message = cx.send(to("a", cx.message())).await;

    wait.ends_as_time_passes(SECOND)
        .await
        .expect("a wait succeeds");
    assert_eq!(other.claim_only("a").await.messages, [message]);
}
