//! Instances that have ended and are opened again.

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityCancel, ErrorKind, ExecutionStatus, ExecutionUpdate, HistoryChunk, InstanceStatus,
    Lease, Position, Renewal, Turn,
};

use crate::support::{Cx, LEASE, SECOND, refused, to};

impl Cx {
    /// An instance that failed with this error, two events long.
    pub(crate) async fn failed(&self, instance: &str, error: &'static str) {
        self.running(instance).await;
        let turn = self.poke_and_claim(instance).await;
        let output = Some(Bytes::from_static(error.as_bytes()));
        let turn = self
            .turn(&turn)
            .append(1)
            .end(ExecutionStatus::Failed, output);
        self.apply(turn).await;
    }

    /// Claims an instance that has ended, by a control message.
    async fn claim_ended(&self, instance: &str) -> Turn {
        self.send(to(instance, self.control())).await;
        self.claim_only(instance).await
    }
}

/// The next execution is the current one, and runs; of the one before nothing changes.
pub(crate) async fn an_ended_instance_is_opened_again(cx: &Cx) {
    cx.failed("a", "error").await;
    let before = cx.history("a", 1).await;
    let turn = cx.claim_ended("a").await;
    let incarnation = turn.head.incarnation;
    cx.apply(cx.turn(&turn).next(3)).await;

    let head = cx.head("a").await;
    let position = Position {
        execution: 2,
        next_event_id: 4,
    };
    assert_eq!(head.position, position);
    assert_eq!(head.status, InstanceStatus::Running);
    assert_eq!(head.output, None);
    assert_eq!(head.incarnation, incarnation);
    assert_eq!(cx.history("a", 1).await, before);
    assert_eq!(cx.history("a", 2).await.len(), 1);
    cx.claim_nothing().await;

    // A completed one can be opened as well, and by several executions at once.
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).complete()).await;
    let turn = cx.claim_ended("a").await;
    let opened = cx.turn(&turn).next(1).continue_as_new();
    cx.apply(opened).await;
    assert_eq!(cx.head("a").await.position.execution, 4);
    assert_eq!(cx.head("a").await.status, InstanceStatus::Running);
}

/// What it waits for wakes it, it can be suspended, its activities run, and it ends again.
pub(crate) async fn an_opened_instance_awaits_and_ends(cx: &Cx) {
    cx.failed("a", "error").await;
    let turn = cx.claim_ended("a").await;
    let opened = cx.turn(&turn).next(2).activity(2).awaiting(&["t"]);
    cx.apply(opened).await;
    assert_eq!(cx.work_only().await.lease.key.execution, 2);
    let mail = cx.send(to("a", cx.mail("t"))).await;
    let turn = cx.claim_only("a").await;
    assert!(turn.has_mail);
    let suspended = cx.turn(&turn).append(1).consume([mail.id]).suspend(true);
    cx.apply(suspended).await;
    cx.poke("a").await;
    cx.claim_nothing().await;
    cx.send(to("a", cx.control())).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).suspend(false)).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).complete()).await;
    let head = cx.head("a").await;
    assert_eq!(head.status, InstanceStatus::Completed);
    assert_eq!(head.output.as_deref(), Some(&b"result"[..]));
    assert_eq!(head.position.execution, 2);
}

/// One that runs, or has not begun, has its current execution closed first; nothing is skipped.
pub(crate) async fn only_the_ended_are_opened(cx: &Cx) {
    cx.start("pending").await;
    let pending = cx.claim_only("pending").await;
    cx.refuse(cx.turn(&pending).next(1), ErrorKind::InvalidInput)
        .await;
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let before = cx.view(&["a", "pending"]).await;
    let error = cx.try_turn(cx.turn(&turn).next(1)).await;
    let error = refused(error, ErrorKind::InvalidInput);
    assert!(!error.is_retryable());
    assert_eq!(cx.view(&["a", "pending"]).await, before);
    cx.apply(cx.turn(&turn).complete()).await;

    let turn = cx.claim_ended("a").await;
    let before = cx.view(&["a"]).await;
    let skipping = ExecutionUpdate {
        execution: 3,
        chunk: Some(HistoryChunk {
            first_event_id: 1,
            event_count: 1,
            body: Bytes::from_static(b"third"),
        }),
        status: ExecutionStatus::Running,
        output: None,
    };
    cx.refuse(cx.turn(&turn).execution(skipping), ErrorKind::InvalidInput)
        .await;
    assert_eq!(cx.view(&["a"]).await, before);
    cx.apply(cx.turn(&turn).next(1)).await;
}

/// Mail that was refused after the end is taken again, and what was there before is still there.
pub(crate) async fn mail_reaches_an_opened_instance(cx: &Cx) {
    cx.running("a").await;
    let early = cx.send(to("a", cx.mail("t"))).await;
    let turn = cx.poke_and_claim("a").await;
    let failed = cx.turn(&turn).append(1);
    cx.apply(failed.end(ExecutionStatus::Failed, None)).await;
    let late = cx.try_send(to("a", cx.mail("t"))).await;
    refused(late, ErrorKind::Ended);

    let turn = cx.claim_ended("a").await;
    cx.apply(cx.turn(&turn).next(2).awaiting(&["t"])).await;
    let turn = cx.claim_only("a").await;
    assert!(turn.has_mail);
    let again = cx.send(to("a", cx.mail("t"))).await;
    let taken = cx
        .turn(&turn)
        .append(1)
        .consume([early.id])
        .awaiting(&["t"]);
    cx.apply(taken).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).consume([again.id])).await;
    cx.claim_nothing().await;
}

/// The messages that are addressed to no execution, and timers for the next one, outlive the opening;
/// those of the ended one can be purged with it.
pub(crate) async fn what_waits_for_an_ended_instance_stays(cx: &Cx) {
    cx.failed("a", "error").await;
    let unaddressed = cx.poke("a").await;
    let control = cx.send(to("a", cx.control())).await;
    cx.send(to("a", cx.message_to_execution(1))).await;
    let timer = cx.poke_later("a", SECOND).await;
    let turn = cx.claim_only("a").await;
    let opened = cx.turn(&turn).consume([]).next(1).purge_through(1);
    cx.apply(opened).await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [control, unaddressed]);
    cx.apply(cx.turn(&turn)).await;
    cx.elapse(SECOND).await;
    assert_eq!(cx.claim_only("a").await.messages, [timer]);
}

/// What is opened again runs, and so it expires no more, whatever its end has said.
pub(crate) async fn an_opened_instance_does_not_expire(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let failed = cx.turn(&turn).append(1).end(ExecutionStatus::Failed, None);
    cx.apply(failed.expire_after(LEASE * 2)).await;
    assert_ne!(cx.head("a").await.expires_at_ms, None);
    let turn = cx.claim_ended("a").await;
    cx.apply(cx.turn(&turn).next(1)).await;

    assert_eq!(cx.head("a").await.expires_at_ms, None);
    cx.elapse(LEASE * 3).await;
    cx.maintain().await;
    let head = cx.head("a").await;
    assert_eq!(head.status, InstanceStatus::Running);
    assert_eq!(head.position.execution, 2);
    assert_ne!(cx.history("a", 1).await, []);
}

/// Whoever knows how an ended instance stands opens it as any other turn is committed, and nobody does who
/// knows less.
pub(crate) async fn an_ended_instance_is_opened_without_a_claim(cx: &Cx) {
    cx.failed("a", "error").await;
    let ended = cx.head("a").await;
    let executions = cx.admin().list_executions(&ended.instance).await;
    cx.apply(cx.unleased(&ended).next(2).awaiting(&["t"])).await;

    let opened = cx.head("a").await;
    assert_eq!(opened.status, InstanceStatus::Running);
    let position = Position {
        execution: 2,
        next_event_id: 3,
    };
    assert_eq!((opened.position, &opened.output), (position, &None));
    let before = executions.expect("executions can be listed");
    let after = cx.admin().list_executions(&ended.instance).await;
    let after = after.expect("executions can be listed");
    assert_eq!(after[..1], before);
    // It is not opened twice, and what runs is not opened at all.
    let again = cx.unleased(&ended).next(1);
    cx.refuse(again, ErrorKind::PositionConflict).await;
    let running = cx.unleased(&opened).next(1);
    cx.refuse(running, ErrorKind::InvalidInput).await;
    cx.send(to("a", cx.mail("t"))).await;
    let turn = cx.claim_only("a").await;
    assert!(turn.has_mail);
    // While somebody holds it, it is not opened either.
    cx.apply(cx.turn(&turn).complete()).await;
    let turn = cx.claim_ended("a").await;
    let held = cx.unleased(&turn.head).next(1);
    cx.refuse(held, ErrorKind::LeaseLost).await;
    cx.apply(cx.turn(&turn).next(1)).await;
}

/// An opening does with activities what any turn does: it ends and cancels those that are left of the
/// ended execution, and begins its own.
pub(crate) async fn an_opening_ends_activities(cx: &Cx) {
    cx.running_with_activities("a", 3).await;
    let mut work = cx.work(2).await;
    work.sort_by(|a, b| a.lease.key.cmp(&b.lease.key));
    let turn = cx.poke_and_claim("a").await;
    let failed = cx.turn(&turn).append(1);
    cx.apply(failed.end(ExecutionStatus::Failed, None)).await;

    let turn = cx.claim_ended("a").await;
    let [ended, cancelled] = [&work[0].lease, &work[1].lease];
    let opened = cx.turn(&turn).complete_activity(ended.clone()).next(1);
    let opened = opened.cancel(ActivityCancel::AllOfExecution(1)).activity(9);
    let committed = cx.apply(opened).await;

    assert_eq!(committed.cancelled, std::slice::from_ref(cancelled));
    for lease in [ended, cancelled] {
        let lease = Lease::Activity(lease.clone());
        assert_eq!(cx.renew(lease, LEASE).await, Renewal::Lost);
    }
    let own = cx.work_only().await.lease.key;
    assert_eq!((own.execution, own.activity_id), (2, 9));
    assert_eq!(cx.head("a").await.status, InstanceStatus::Running);
}
