//! What a claim costs beside much that has nothing to do: a ratio, in which the machine cancels out.

use std::time::{Duration, Instant};

use duroxide_core::providers::{ClaimActivities, ClaimTurns, Commit, Envelope, TaskQueue};

use crate::support::{Cx, LEASE};

/// How much there is in the one store and in the other.
const FEW: u64 = 100;
const MANY: u64 = 20_000;
/// A claim that looks at everything takes up to 200 times as long in the store with much. One that
/// searches an index takes little longer.
const RATIO_MAX: u32 = 8;
/// The shortest of so many claims is taken in each store, which is one that nothing came between.
const ROUNDS: usize = 20;
/// A ratio that is too high must be so each time.
const TRIES: usize = 4;
/// More than any case lasts.
const SLEEP: Duration = Duration::from_hours(10_000);
/// No more than a call may hold, and little enough to be told apart in a transcript.
const BATCH: usize = 500;
const ACTIVITIES_OF_A_TURN: u64 = 1_000;

/// The shortest claim of a turn and of an activity.
#[derive(Debug, Clone, Copy)]
struct Cost {
    turn: Duration,
    activity: Duration,
}

impl Cost {
    const HIGHEST: Self = Self {
        turn: Duration::MAX,
        activity: Duration::MAX,
    };

    fn or_less(self, other: Self) -> Self {
        Self {
            turn: self.turn.min(other.turn),
            activity: self.activity.min(other.activity),
        }
    }

    fn is_in_proportion_to(self, few: Self) -> bool {
        self.turn <= few.turn * RATIO_MAX && self.activity <= few.activity * RATIO_MAX
    }
}

/// A claim takes as long beside 20,000 instances that sleep and as many activities of another queue
/// as beside a hundred of each.
pub(crate) async fn a_claim_looks_at_no_sleeper(cx: &Cx) {
    let (few, many) = (cx.twin().await, cx.twin().await);
    fill(&few, FEW).await;
    fill(&many, MANY).await;

    let mut measured = Vec::new();
    for _ in 0..TRIES {
        cx.forget_calls();
        let (mut of_few, mut of_many) = (Cost::HIGHEST, Cost::HIGHEST);
        for _ in 0..ROUNDS {
            // They take turns, so that a busy machine is as busy for either.
            of_few = of_few.or_less(claim(&few).await);
            of_many = of_many.or_less(claim(&many).await);
        }
        if of_many.is_in_proportion_to(of_few) {
            return;
        }
        measured.push((of_few, of_many));
    }
    panic!(
        "beside {MANY} instances that sleep and activities of another queue a claim takes more than \
         {RATIO_MAX} times as long as beside {FEW}: {measured:?}"
    );
}

/// Fills a store with instances that sleep, with activities that nobody here can run, and with one
/// instance that works.
async fn fill(cx: &Cx, count: u64) {
    let mut sleepers = (0..count).map(|number| {
        let start = cx.start_of(&format!("sleeper {number}"));
        Commit::Send(Envelope {
            delay: SLEEP,
            ..start
        })
    });
    let batch_max = cx.limits().commit_operations_max.min(BATCH);
    loop {
        let batch: Vec<_> = sleepers.by_ref().take(batch_max).collect();
        if batch.is_empty() {
            break;
        }
        for answer in cx.batch(batch).await {
            answer.expect("a start is stored");
        }
        cx.forget_calls();
    }
    for turn in 0..count.div_ceil(ACTIVITIES_OF_A_TURN) {
        let activities = ACTIVITIES_OF_A_TURN.min(count);
        let creation = cx.creation(&format!("waits {turn}")).append(activities);
        let creation = (1..=activities).fold(creation, |creation, activity_id| {
            creation.activity_in("elsewhere", activity_id)
        });
        cx.apply(creation).await;
        cx.forget_calls();
    }
    cx.running("works").await;
}

/// Claims a turn and an activity, and makes both anew.
async fn claim(cx: &Cx) -> Cost {
    cx.poke("works").await;
    cx.settle().await;
    let claim_turns = ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, LEASE)
    };
    let (claimed, turn_took) = timed(cx.provider().claim_turns(&claim_turns)).await;
    let turn = claimed.expect("a claim of turns succeeds").items.remove(0);
    assert_eq!(&*turn.head.instance, "works");
    let activity_id = turn.head.position.next_event_id;
    cx.apply(cx.turn(&turn).append(1).activity(activity_id))
        .await;

    cx.settle().await;
    let claim_activities = ClaimActivities::new(vec![TaskQueue::default()], 1, LEASE);
    let (claimed, activity_took) = timed(cx.provider().claim_activities(&claim_activities)).await;
    let claimed = claimed.expect("a claim of activities succeeds");
    let work = claimed.items.first().expect("the activity is claimable");
    cx.try_finish(&work.lease, None)
        .await
        .expect("the lease is held");
    Cost {
        turn: turn_took,
        activity: activity_took,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a claim costs is real time, whatever clock the store goes by"
)]
async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let answer = call.await;
    (answer, began.elapsed())
}
