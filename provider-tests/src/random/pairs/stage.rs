//! A store in which each of the paired operations has something to do, mostly on one instance.

use duroxide_core::providers::{
    ActivityKey, ActivityLease, ActivityOutcome, Envelope, Incarnation, Lease, ReadMail,
    ReadValues, TopicCursor, TurnCommit, Until, ValueKey, Watch,
};

use super::shape::{head_text, mail_text, refusal_or, values_text};
use crate::support::{Cx, LEASE, SECOND, id, later, random_token, to};

/// The instance whose turn is claimed: it has an earlier execution, a message, two leased
/// activities and one that is not.
pub(super) const HELD: &str = "held";
/// Two instances that wait to be claimed, so that a claim leaves one for a wait.
const WAITING: [&str; 2] = ["waiting", "waiting too"];
/// What the mail of the instance with the claimed turn is about.
const TOPIC: &str = "topic";
/// The keys of the values of that instance.
const VALUES: [&str; 3] = ["old", "new", "gone"];
/// The instance that has ended, and that somebody holds.
const ENDED: &str = "ended";
/// An instance that has ended, and that nobody holds.
pub(super) const FREE_ENDED: &str = "free_ended";
/// An instance that is not there until the start.
const ABSENT: &str = "absent";

/// A prepared store, and what the operations ask of it. In a twin all ids are the same.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) cx: Cx,
    pub(super) turn: TurnCommit,
    /// Of the holder before, whose lease has expired.
    pub(super) stale_turn: TurnCommit,
    /// Of somebody who has not claimed it, and comes too early unless the lease is released before.
    pub(super) unleased_turn: TurnCommit,
    pub(super) cancelling_turn: TurnCommit,
    pub(super) event: Envelope,
    /// Of a topic of which there is some.
    pub(super) mail: Envelope,
    /// Takes the oldest mail, and waits for more.
    pub(super) taking_turn: TurnCommit,
    pub(super) suspending_turn: TurnCommit,
    /// Sets one value anew and one more, and removes the third.
    pub(super) showing_turn: TurnCommit,
    /// For a value that this turn sets.
    pub(super) watch: Watch,
    /// Opens the instance that has ended, by somebody who has not claimed it.
    pub(super) opening_turn: TurnCommit,
    /// The same by somebody else.
    pub(super) other_opening_turn: TurnCommit,
    /// For the instance that has ended.
    pub(super) late_mail: Envelope,
    incarnation: Incarnation,
    pub(super) start: Envelope,
    pub(super) outcome: ActivityOutcome,
    pub(super) turn_lease: Lease,
    pub(super) activity_lease: Lease,
    /// Only where the pair is about it.
    ended: Option<Ended>,
}

/// What is asked of an instance that has ended and expired, and that somebody holds.
#[derive(Debug)]
pub(super) struct Ended {
    /// Of two clients, in its place.
    pub(super) starts: [Envelope; 2],
    /// Of the holder, with an activity and a message to the instance.
    pub(super) turn: TurnCommit,
    pub(super) outcome: ActivityOutcome,
    pub(super) lease: Lease,
    pub(super) event: Envelope,
}

impl Ended {
    async fn prepare(cx: &Cx) -> Self {
        // What others hold a lock on makes a claim say that there is more, so that there is one to claim.
        cx.work_only().await;
        let token = random_token();
        let end = cx.creation(ENDED).reserved(1, token, LEASE).activity(2);
        let end = end.set("old", "1").complete().expire_after(SECOND);
        cx.apply(end).await;
        cx.send(to(ENDED, cx.message())).await;
        // Those that wait are leased with it, so that whoever claims gets a new life or nothing.
        let mut turns = cx.claim(10).await.into_iter();
        let turn = turns.find(|turn| &*turn.head.instance == ENDED);
        let turn = turn.expect("it has a message");
        let key = ActivityKey {
            instance: id(ENDED),
            incarnation: turn.head.incarnation,
            execution: 1,
            activity_id: 1,
        };
        cx.elapse(SECOND).await;
        let message = to(ENDED, cx.message());
        let late = cx.turn(&turn).activity(7).set("old", "2").send(message);
        Self {
            starts: [cx.replacing_start_of(ENDED), cx.replacing_start_of(ENDED)],
            turn: late.build(),
            outcome: ActivityOutcome {
                lease: ActivityLease { key, token },
                message: Some(cx.message()),
            },
            lease: Lease::Turn(turn.lease),
            event: to(ENDED, cx.message()),
        }
    }
}

impl Stage {
    /// Its turn has a message to another instance, if that arrives in one step with the commit on the store
    /// that is looked at.
    pub(super) async fn prepare(cx: Cx, atomic_delivery: bool) -> Box<Self> {
        cx.failed(FREE_ENDED, "error").await;
        let ended = cx.head(FREE_ENDED).await;
        cx.start(HELD).await;
        let turn = cx.claim_only(HELD).await;
        cx.apply(cx.turn(&turn).continue_as_new()).await;
        let turn = cx.poke_and_claim(HELD).await;
        let shown = cx.turn(&turn).append(3).activities(1..=3);
        let shown = shown.set("old", "1").set("gone", "1").build();
        cx.apply(shown.clone()).await;
        let stale = cx.poke_and_claim(HELD).await;
        cx.elapse(LEASE).await;
        let turn = cx.claim_only(HELD).await;
        let activities = cx.work(2).await;
        for instance in WAITING {
            cx.start(instance).await;
            // Which of two comes first that are as old is open.
            cx.elapse(cx.tick()).await;
        }
        let oldest = cx.mail(TOPIC);
        cx.send(to(HELD, oldest.clone())).await;
        cx.send(to(HELD, cx.mail(TOPIC))).await;
        cx.settle().await;

        let timer = later(HELD, cx.message_to_execution(2), SECOND);
        let commit = cx.turn(&turn).append(2).activity(5).send(timer);
        let receiver = if atomic_delivery { WAITING[1] } else { HELD };
        let sent = to(receiver, cx.message());
        let lease = activities[0].lease.clone();
        let message = Some(cx.message_to_execution(2));
        let unleased = cx.unleased(&turn.head).append(1);
        let unleased = unleased.complete_activity(activities[1].lease.clone());
        Box::new(Self {
            turn: commit.send(sent).build(),
            stale_turn: cx.turn(&stale).append(1).build(),
            unleased_turn: unleased.build(),
            cancelling_turn: cx.turn(&turn).append(1).cancel_one(1).build(),
            event: to(HELD, cx.message()),
            mail: to(HELD, cx.mail(TOPIC)),
            taking_turn: cx
                .turn(&turn)
                .append(1)
                .consume([oldest.id])
                .awaiting(&[TOPIC])
                .build(),
            suspending_turn: cx.turn(&turn).suspend(true).build(),
            showing_turn: cx
                .turn(&turn)
                .append(1)
                .set("old", "2")
                .set("new", "2")
                .remove("gone")
                .build(),
            watch: Watch {
                instance: id(HELD),
                until: Until::ValueOtherThan {
                    key: VALUES[0].into(),
                    version: Some(shown.commit_id),
                },
            },
            opening_turn: cx.unleased(&ended).next(2).awaiting(&[TOPIC]).build(),
            other_opening_turn: cx.unleased(&ended).next(3).build(),
            late_mail: to(FREE_ENDED, cx.mail(TOPIC)),
            incarnation: turn.head.incarnation,
            start: cx.start_of(ABSENT),
            outcome: ActivityOutcome { lease, message },
            turn_lease: Lease::Turn(turn.lease),
            activity_lease: Lease::Activity(activities[1].lease.clone()),
            ended: None,
            cx,
        })
    }

    /// The same with an instance that has ended.
    pub(super) async fn prepare_with_ended(cx: Cx, atomic_delivery: bool) -> Box<Self> {
        let mut stage = Self::prepare(cx, atomic_delivery).await;
        stage.ended = Some(Ended::prepare(&stage.cx).await);
        stage
    }

    /// What is asked of the instance that has ended.
    pub(super) fn ended(&self) -> &Ended {
        let ended = self.ended.as_ref();
        ended.expect("the stage was prepared with one")
    }

    /// The mail that the instance with the claimed turn has.
    pub(super) async fn mail_text(&self, cx: &Cx) -> String {
        let request = ReadMail {
            instance: id(HELD),
            incarnation: self.incarnation,
            topics: vec![TopicCursor {
                topic: TOPIC.into(),
                after: None,
            }],
            per_topic_max: 10,
            bytes_max: 1 << 20,
        };
        let page = cx.provider().read_mail(&request).await;
        refusal_or(page, |page| mail_text(&page))
    }

    /// The values that the instance with the claimed turn shows, read at once.
    pub(super) async fn values_text(&self, cx: &Cx) -> String {
        let keys = VALUES.map(ValueKey::from).to_vec();
        let request = ReadValues::named(id(HELD), keys);
        let values = cx.provider().read_values(&request).await;
        refusal_or(values, |values| values_text(&values))
    }

    /// All that is stored, without what is random or a time. The store is of little use afterwards.
    pub(super) async fn contents(&self) -> String {
        let mut text = String::new();
        for instance in [HELD, WAITING[0], WAITING[1], ENDED, FREE_ENDED, ABSENT] {
            let head = self.cx.head_if_any(instance).await;
            text += &head.as_ref().map_or("absent".to_owned(), head_text);
            for execution in 1..=2 {
                let history = self.cx.history(instance, execution).await;
                text += &format!("\n  execution {execution}: {history:?}\n");
            }
        }
        text += &self.mail_text(&self.cx).await;
        text += &self.values_text(&self.cx).await;
        format!("{text}\n{:#?}", self.cx.dump().await)
    }
}
