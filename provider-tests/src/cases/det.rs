//! Details of activities, and notes on instances: what a holder of a lease leaves to the next one.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::limits::{
    ACTIVITY_DETAILS_BYTES_MAX, DETAILS_BYTES_PER_CALL_MAX, RELEASE_NOTE_BYTES_MAX,
};
use duroxide_core::providers::{
    ActivityLease, DeleteMode, ErrorKind, InstanceFilter, Lease, ListOrder, Release,
    ReleasedAttempts, Renew, Renewal, Turn, Until, ValueKey, Watch,
};

use super::lim::names;
use crate::support::{Cx, LEASE, id, random_token, refused};

fn bytes(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

impl Cx {
    /// Renews the lease of an activity, and brings these details.
    pub(crate) async fn bring(&self, lease: &ActivityLease, details: impl Into<Bytes>) -> Renewal {
        let renew = Renew::with_details(lease.clone(), details.into());
        let mut answers = self.provider().renew(&[renew], LEASE).await;
        assert_eq!(answers.len(), 1, "each member has one answer");
        answers.remove(0).expect("the details are within the limit")
    }

    /// Gives the lease of an activity back, and brings these details, if there are any.
    async fn hand_back(&self, lease: ActivityLease, details: Option<Bytes>) {
        let release = released(Lease::Activity(lease)).with_details(details);
        self.try_release(release).await.expect("the lease is held");
    }

    /// Gives the lease of a turn back, and leaves this note, if there is one.
    async fn leave(&self, turn: Turn, note: Option<Bytes>) {
        let release = released(Lease::Turn(turn.lease)).with_details(note);
        self.try_release(release).await.expect("the lease is held");
    }

    async fn note(&self, instance: &str) -> Option<Bytes> {
        self.settle().await;
        self.head(instance).await.note
    }
}

fn released(lease: Lease) -> Release {
    Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep)
}

/// Whatever bytes a renewal or a release has brought last come with the next claim.
pub(crate) async fn details_come_with_the_next_claim(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    assert_eq!(work.details, None);
    assert_eq!(cx.bring(&work.lease, "first").await, Renewal::Renewed);
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    assert_eq!(
        cx.bring(&work.lease, all_bytes.clone()).await,
        Renewal::Renewed
    );
    cx.elapse(LEASE).await;

    let work = cx.work_only().await;
    assert_eq!((work.details, work.attempt), (Some(all_bytes.into()), 2));
    cx.hand_back(work.lease, bytes("released")).await;
    let again = cx.work_only().await;
    assert_eq!((again.details, again.attempt), (bytes("released"), 3));
    assert_eq!(again.body, work.body);
    // None are something else than some of no length.
    cx.hand_back(again.lease, bytes("")).await;
    assert_eq!(cx.work_only().await.details, bytes(""));
}

/// Renewals, releases, claims and lost leases leave the details as they are.
pub(crate) async fn what_brings_nothing_leaves_the_details(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    cx.bring(&work.lease, "kept").await;
    let lease = Lease::Activity(work.lease.clone());
    assert_eq!(cx.renew(lease, LEASE).await, Renewal::Renewed);
    cx.hand_back(work.lease, None).await;
    for _ in 0..2 {
        let work = cx.work_only().await;
        assert_eq!(work.details, bytes("kept"));
        cx.elapse(LEASE).await;
    }
    let work = cx.work_only().await;
    assert_eq!(work.details, bytes("kept"));
    // It is held for as long as one that brings nothing.
    cx.elapse_most_of(LEASE).await;
    cx.bring(&work.lease, "extended").await;
    cx.elapse_most_of(LEASE).await;
    cx.work_nothing().await;
}

/// In one call each activity gets its own, and those that bring nothing are renewed beside them.
pub(crate) async fn details_are_of_one_activity(cx: &Cx) {
    cx.running_with_activities("a", 3).await;
    cx.running_with_activities("b", 2).await;
    let mut work = cx.work(10).await;
    work.sort_by(|a, b| a.lease.key.cmp(&b.lease.key));
    let turn = cx.poke_and_claim("a").await;
    let text = |number: usize| format!("details of {number}");
    let mut renewals = vec![Renew::from(Lease::Turn(turn.lease.clone()))];
    for (number, work) in work.iter().enumerate() {
        renewals.push(match number {
            1 => Renew::from(Lease::Activity(work.lease.clone())),
            _ => Renew::with_details(work.lease.clone(), text(number).into()),
        });
    }
    renewals.reverse();
    cx.elapse_most_of(LEASE).await;
    let answers = cx.provider().renew(&renewals, LEASE).await;
    let answers: Vec<_> = answers.into_iter().map(|a| a.expect("answered")).collect();
    assert_eq!(answers, [Renewal::Renewed; 6]);
    cx.elapse_most_of(LEASE).await;
    cx.work_nothing().await;
    cx.claim_nothing().await;

    // Releases in one call as well.
    let releases = work.iter().enumerate().map(|(number, work)| {
        let details = (number == 2).then(|| Bytes::from_static(b"released"));
        released(Lease::Activity(work.lease.clone())).with_details(details)
    });
    let mut releases: Vec<Release> = releases.collect();
    releases.push(released(Lease::Turn(turn.lease)).with_details(bytes("a note")));
    for answer in cx.provider().release(releases).await {
        answer.expect("the lease is held");
    }
    let mut work = cx.work(10).await;
    work.sort_by(|a, b| a.lease.key.cmp(&b.lease.key));
    let details: Vec<_> = work.into_iter().map(|it| it.details).collect();
    let expected = [
        Some(Bytes::from(text(0))),
        None,
        bytes("released"),
        Some(Bytes::from(text(3))),
        Some(Bytes::from(text(4))),
    ];
    assert_eq!(details, expected);
    assert_eq!(cx.note("a").await, bytes("a note"));
    assert_eq!(cx.note("b").await, None);
}

/// Whoever has lost a lease changes neither details nor notes, whether somebody has taken over or not.
pub(crate) async fn a_lost_lease_leaves_nothing(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    cx.bring(&work.lease, "kept").await;
    let turn = cx.poke_and_claim("a").await;
    let lost_release = |lease: Lease| released(lease).with_details(bytes("late"));
    let forged = ActivityLease {
        token: random_token(),
        ..work.lease.clone()
    };
    assert_eq!(cx.bring(&forged, "forged").await, Renewal::Lost);
    let lease = Lease::Activity(forged);
    refused(
        cx.try_release(lost_release(lease)).await,
        ErrorKind::LeaseLost,
    );
    cx.elapse(LEASE).await;
    for _ in 0..2 {
        assert_eq!(cx.bring(&work.lease, "late").await, Renewal::Lost);
        for lease in [
            Lease::Activity(work.lease.clone()),
            Lease::Turn(turn.lease.clone()),
        ] {
            refused(
                cx.try_release(lost_release(lease)).await,
                ErrorKind::LeaseLost,
            );
        }
        assert_eq!(cx.note("a").await, None);
        // The first time nobody has taken over yet, and then somebody has.
        cx.elapse(LEASE).await;
        assert_eq!(cx.work_only().await.details, bytes("kept"));
        cx.claim_only("a").await;
    }
}

/// Details end with their activity, and what comes after it has none.
pub(crate) async fn details_go_with_their_activity(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    let work = cx.work(2).await;
    for work in &work {
        cx.bring(&work.lease, "old").await;
    }
    cx.finish(&work[0].lease).await;
    let turn = cx.claim_only("a").await;
    let cancelled = work[1].lease.key.activity_id;
    cx.apply(cx.turn(&turn).append(1).cancel_one(cancelled))
        .await;
    for work in &work {
        assert_eq!(cx.bring(&work.lease, "late").await, Renewal::Lost);
    }
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1).activities(5..=8)).await;
    let details: Vec<_> = cx.work(10).await.into_iter().map(|it| it.details).collect();
    assert_eq!(details, [const { None }; 4]);
}

/// The same where the instance was deleted, and another life of it has an activity of that name.
pub(crate) async fn another_life_has_neither_details_nor_notes(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    cx.bring(&work.lease, "old").await;
    let turn = cx.poke_and_claim("a").await;
    cx.leave(turn, bytes("old")).await;
    let deleted = cx
        .admin()
        .delete_instance(&id("a"), DeleteMode::Force)
        .await;
    deleted.expect("any instance can be deleted by force");
    assert_eq!(cx.bring(&work.lease, "late").await, Renewal::Lost);

    cx.start("a").await;
    assert_eq!(cx.note("a").await, None);
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).append(1).activities(1..=1)).await;
    let again = cx.work_only().await;
    assert_eq!(again.lease.key.activity_id, work.lease.key.activity_id);
    assert_eq!(again.details, None);
    assert_eq!(cx.bring(&work.lease, "late").await, Renewal::Lost);
    cx.hand_back(again.lease, None).await;
    assert_eq!(cx.work_only().await.details, None);
}

/// As many as may be are kept, and one byte more is refused, of its member alone.
pub(crate) async fn details_have_a_limit(cx: &Cx) {
    let of = |count| Bytes::from(vec![7; count]);
    cx.running_with_activities("a", 2).await;
    let work = cx.work(2).await;
    let leases = [work[0].lease.clone(), work[1].lease.clone()];
    for lease in &leases {
        cx.bring(lease, of(ACTIVITY_DETAILS_BYTES_MAX)).await;
    }
    let too_many = of(ACTIVITY_DETAILS_BYTES_MAX + 1);
    cx.elapse_most_of(LEASE).await;
    let renewals = [
        Renew::with_details(leases[0].clone(), too_many.clone()),
        Renew::with_details(leases[1].clone(), Bytes::from_static(b"beside it")),
    ];
    let mut answers = cx.provider().renew(&renewals, LEASE).await;
    assert_eq!(answers.len(), 2, "each member has one answer");
    let second = answers.remove(1).expect("it is within the limit");
    assert_eq!(second, Renewal::Renewed);
    let error = refused(answers.remove(0), ErrorKind::LimitExceeded);
    names(&error, "ACTIVITY_DETAILS_BYTES_MAX");
    let release = |lease: &ActivityLease| released(Lease::Activity(lease.clone()));
    let refusal = cx.try_release(release(&leases[1]).with_details(Some(too_many)));
    names(
        &refused(refusal.await, ErrorKind::LimitExceeded),
        "ACTIVITY_DETAILS_BYTES_MAX",
    );

    // The first lease was not extended, and the second was not given back.
    cx.elapse_most_of(LEASE).await;
    let again = cx.work_only().await;
    assert_eq!(again.lease.key, leases[0].key);
    assert!(again.details == Some(of(ACTIVITY_DETAILS_BYTES_MAX)));
    let full = of(ACTIVITY_DETAILS_BYTES_MAX);
    cx.hand_back(leases[1].clone(), Some(full.clone())).await;
    assert!(cx.work_only().await.details == Some(full));
}

/// A call brings so much in all, and with more it does nothing.
pub(crate) async fn a_call_has_a_limit_of_details(cx: &Cx) {
    let count = DETAILS_BYTES_PER_CALL_MAX / ACTIVITY_DETAILS_BYTES_MAX;
    cx.running_with_activities("a", count as u64 + 1).await;
    let work = cx.work(count + 1).await;
    assert_eq!(work.len(), count + 1);
    let full = Bytes::from(vec![7; ACTIVITY_DETAILS_BYTES_MAX]);
    let mut renewals: Vec<Renew> = work
        .iter()
        .map(|it| Renew::with_details(it.lease.clone(), full.clone()))
        .collect();
    renewals[count].details = Some(Bytes::from_static(b"7"));
    cx.elapse_most_of(LEASE).await;
    for answer in cx.provider().renew(&renewals, LEASE).await {
        names(
            &refused(answer, ErrorKind::LimitExceeded),
            "DETAILS_BYTES_PER_CALL_MAX",
        );
    }
    let releases = renewals
        .iter()
        .map(|it| released(it.lease.clone()).with_details(it.details.clone()));
    for answer in cx.provider().release(releases.collect()).await {
        names(
            &refused(answer, ErrorKind::LimitExceeded),
            "DETAILS_BYTES_PER_CALL_MAX",
        );
    }
    cx.work_nothing().await;
    renewals[count].details = None;
    for answer in cx.provider().renew(&renewals[..1], LEASE).await {
        assert_eq!(answer.expect("within the limit"), Renewal::Renewed);
    }
    // None of the others was extended.
    cx.elapse_most_of(LEASE).await;
    let again = cx.work(count + 1).await;
    assert_eq!(again.len(), count);
    assert!(
        again.iter().all(|it| it.details.is_none()),
        "nothing was kept"
    );

    for (renew, work) in renewals[1..].iter_mut().zip(&again) {
        renew.lease = Lease::Activity(work.lease.clone());
        renew.details = Some(full.clone());
    }
    for answer in cx.provider().renew(&renewals[1..], LEASE).await {
        assert_eq!(answer.expect("within the limit"), Renewal::Renewed);
    }
}

/// An instance has no details; a note comes with the release.
pub(crate) async fn an_instances_renewal_brings_nothing(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let renew = Renew {
        details: bytes("a note"),
        ..Renew::from(Lease::Turn(turn.lease))
    };
    cx.elapse_most_of(LEASE).await;
    let answer = cx.provider().renew(&[renew], LEASE).await.remove(0);
    refused(answer, ErrorKind::InvalidInput);
    assert_eq!(cx.note("a").await, None);
    cx.elapse_most_of(LEASE).await;
    cx.claim_only("a").await;
}

/// A note is read with the head, and with nothing else, until the instance goes on.
pub(crate) async fn a_note_stays_until_the_next_commit(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    let head = cx.head("a").await;
    cx.leave(turn, bytes("first")).await;
    assert_eq!(cx.note("a").await, bytes("first"));
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.head, head, "a claim is without it");
    let watch = Watch {
        instance: id("a"),
        until: Until::ValueOtherThan {
            key: ValueKey::from("x"),
            version: Some(cx.commit_id()),
        },
    };
    let seen = cx
        .provider()
        .wait_for_change(&[watch], Duration::ZERO)
        .await;
    assert_eq!(seen.expect("a head can be awaited"), [head]);
    assert_eq!(turn.attempt, 2);
    cx.leave(turn, None).await;
    assert_eq!(cx.note("a").await, bytes("first"));
    let turn = cx.claim_only("a").await;
    cx.leave(turn, bytes("second")).await;
    assert_eq!(cx.note("a").await, bytes("second"));
    let turn = cx.claim_only("a").await;
    let refused = cx.turn(&turn).at(random_token(), turn.head.position);
    cx.refuse(refused, ErrorKind::LeaseLost).await;
    assert_eq!(cx.note("a").await, bytes("second"));

    cx.apply(cx.turn(&turn).append(1)).await;
    assert_eq!(cx.note("a").await, None);
    // It does not come back.
    let turn = cx.poke_and_claim("a").await;
    cx.leave(turn, None).await;
    assert_eq!(cx.note("a").await, None);
}

/// A list is of heads as claims bring them: the note is for who looks at this one instance.
pub(crate) async fn a_list_shows_no_notes(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.leave(turn, bytes("a note")).await;
    let head = cx.head("a").await;
    assert_eq!(head.note, bytes("a note"));
    for order in [ListOrder::ById, ListOrder::NewestFirst] {
        for with_outputs in [false, true] {
            let filter = InstanceFilter {
                order,
                with_outputs,
                ..InstanceFilter::default()
            };
            let listed = cx.list(filter).await;
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].head.note, None, "{order:?}");
            assert_eq!(listed[0].head.commit_id, head.commit_id);
        }
    }
}

/// One that does not change the history is a commit as well, and a repeat is none.
pub(crate) async fn any_commit_ends_a_note(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let commit = cx.turn(&turn).build();
    cx.apply(commit.clone()).await;
    let turn = cx.poke_and_claim("a").await;
    cx.leave(turn, bytes("kept")).await;
    let repeated = cx.try_turn(commit).await.expect("it is repeated");
    assert!(repeated.repeated);
    assert_eq!(cx.note("a").await, bytes("kept"));
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn)).await;
    assert_eq!(cx.note("a").await, None);

    let turn = cx.poke_and_claim("a").await;
    let consumed: Vec<_> = turn.messages.iter().map(|it| it.message.id).collect();
    cx.leave(turn, bytes("again")).await;
    let head = cx.head("a").await;
    assert_eq!(head.note, bytes("again"));
    cx.apply(cx.unleased(&head).append(1).consume(consumed))
        .await;
    assert_eq!(cx.note("a").await, None);
}

/// A note of as many bytes as may be is left, and of one more is refused, of its member alone.
pub(crate) async fn a_note_has_a_limit(cx: &Cx) {
    let of = |count| Some(Bytes::from(vec![7; count]));
    cx.running("a").await;
    cx.running("b").await;
    let turns = [cx.poke_and_claim("a").await, cx.poke_and_claim("b").await];
    let leases = turns.map(|turn| Lease::Turn(turn.lease));
    let releases = leases
        .iter()
        .zip([RELEASE_NOTE_BYTES_MAX + 1, RELEASE_NOTE_BYTES_MAX]);
    let releases = releases.map(|(lease, count)| released(lease.clone()).with_details(of(count)));
    let mut answers = cx.provider().release(releases.collect()).await;
    assert_eq!(answers.len(), 2, "each member has one answer");
    answers.remove(1).expect("it is within the limit");
    let error = refused(answers.remove(0), ErrorKind::LimitExceeded);
    names(&error, "RELEASE_NOTE_BYTES_MAX");
    assert_eq!(cx.note("a").await, None);
    assert_eq!(cx.note("b").await, of(RELEASE_NOTE_BYTES_MAX));
    // The refused one is still held.
    cx.claim_only("b").await;
}

/// What a holder has left is there for whoever comes after the process.
pub(crate) async fn details_and_notes_survive_the_process(cx: &Cx) {
    let process = cx.twin().await;
    process.running_with_activities("a", 1).await;
    let work = process.work_only().await;
    process.bring(&work.lease, "renewed").await;
    let turn = process.poke_and_claim("a").await;
    process.leave(turn, bytes("a note")).await;
    let process = process.crash().await;
    process.elapse(LEASE).await;
    let work = process.work_only().await;
    assert_eq!(work.details, bytes("renewed"));
    process.hand_back(work.lease, bytes("released")).await;
    let process = process.crash().await;
    process.elapse(LEASE).await;
    assert_eq!(process.work_only().await.details, bytes("released"));
    assert_eq!(process.note("a").await, bytes("a note"));
}
