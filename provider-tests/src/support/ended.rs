//! An instance that has ended and left everything behind that one can.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ClaimedActivity, ErrorKind, Incarnation, Lease, MailPage, ReadMail, Release, ReleasedAttempts,
    Renewal, TopicCursor, Turn,
};

use super::{Cx, LEASE, SECOND, id, later, refused, to};

const TOPIC: &str = "topic";

/// What is under way for an instance that has ended.
pub(crate) struct Leftovers {
    pub(crate) incarnation: Incarnation,
    /// A turn that somebody holds.
    turn: Turn,
    /// An activity that somebody holds.
    work: ClaimedActivity,
}

impl Cx {
    /// Runs the instance `a` to its end, in two executions, with a value and mail, an activity that is
    /// leased and one that is not, a delayed message, and a turn that is leased.
    pub(crate) async fn ended_at_work(&self, expire_after: Option<Duration>) -> Leftovers {
        self.running_with_activities("a", 2).await;
        let work = self.work(1).await.remove(0);
        self.send(to("a", self.mail(TOPIC))).await;
        let turn = self.poke_and_claim("a").await;
        let next = self.turn(&turn).continue_as_new().set("value", "old");
        self.apply(next).await;
        let turn = self.poke_and_claim("a").await;
        let mut end = self.turn(&turn).complete();
        if let Some(after) = expire_after {
            end = end.expire_after(after);
        }
        self.apply(end).await;
        self.poke_later("a", SECOND).await;
        let turn = self.poke_and_claim("a").await;
        Leftovers {
            incarnation: turn.head.incarnation,
            turn,
            work,
        }
    }

    /// Checks that whoever is at work for the instance learns that it is over, and changes nothing.
    pub(crate) async fn comes_too_late(&self, leftovers: Leftovers) {
        let Leftovers { turn, work, .. } = leftovers;
        let before = self.view(&["a"]).await;
        let late = self
            .turn(&turn)
            .append(1)
            .activity(7)
            .set("value", "late")
            .send(to("a", self.message()));
        self.refuse(late, ErrorKind::LeaseLost).await;
        let late = self.unleased(&turn.head).append(1).activity(8);
        self.refuse(late, ErrorKind::LeaseLost).await;
        let outcome = self.try_finish(&work.lease, Some(self.message())).await;
        refused(outcome, ErrorKind::LeaseLost);
        for lease in [Lease::Turn(turn.lease), Lease::Activity(work.lease)] {
            let renewal = self.renew(lease.clone(), LEASE).await;
            assert_ne!(renewal, Renewal::Renewed, "what is late is not renewed");
            let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep);
            refused(self.try_release(release).await, ErrorKind::LeaseLost);
        }
        assert_eq!(
            self.view(&["a"]).await,
            before,
            "what is late changes nothing"
        );
    }

    /// Checks that nothing can be seen of the instance `a` but its head, by whatever read.
    pub(crate) async fn has_nothing_of(&self, incarnation: Incarnation) {
        for execution in 1..=2 {
            assert_eq!(self.history("a", execution).await, [], "{execution}");
        }
        assert_eq!(self.values("a", &["value"]).await, []);
        let current = self.head_if_any("a").await.map(|head| head.incarnation);
        for incarnation in current.into_iter().chain([incarnation]) {
            let request = ReadMail {
                instance: id("a"),
                incarnation,
                topics: vec![TopicCursor {
                    topic: TOPIC.into(),
                    after: None,
                }],
                per_topic_max: 10,
                bytes_max: 1 << 20,
            };
            let page = self.provider().read_mail(&request).await;
            assert_eq!(page.expect("mail can be read"), MailPage::default());
        }
    }

    /// Maintains the store until it no longer asks to be called again at once.
    pub(crate) async fn maintain(&self) {
        const CALLS_MAX: usize = 10_000;
        for _ in 0..CALLS_MAX {
            let maintained = self.provider().maintain(SECOND).await;
            let next = maintained.expect("maintenance succeeds");
            if next.is_none_or(|next| !next.is_zero()) {
                return;
            }
        }
        panic!("after {CALLS_MAX} calls maintenance still asks for another one at once");
    }

    /// Sends an instance a control message that is due after so long.
    pub(crate) async fn send_control(&self, instance: &str, delay: Duration) {
        self.send(later(instance, self.control(), delay)).await;
    }

    /// Creates an instance that has ended, by a turn of its own.
    pub(crate) async fn end_at_once(&self, instance: &str, expire_after: Option<Duration>) {
        let mut creation = self.creation(instance).complete();
        if let Some(after) = expire_after {
            creation = creation.expire_after(after);
        }
        self.apply(creation.core_state(Bytes::from_static(b"ended")))
            .await;
    }
}
