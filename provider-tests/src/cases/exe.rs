//! Executions.

use bytes::Bytes;
use duroxide_core::providers::{
    Commit, ErrorKind, ExecutionStatus, ExecutionUpdate, HistoryChunk, InstanceStatus, Position,
};

use crate::support::{Cx, LEASE, SECOND, TurnBuilder, later, promptly, to};

fn update(execution: u64, status: ExecutionStatus) -> ExecutionUpdate {
    ExecutionUpdate {
        execution,
        chunk: Some(HistoryChunk {
            first_event_id: 1,
            event_count: 1,
            body: Bytes::from(format!("execution {execution}")),
        }),
        status,
        output: None,
    }
}

/// One commit ends an execution and opens the next, where the position is then.
pub(crate) async fn a_turn_continues_as_new(cx: &Cx) {
    let first = cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;

    cx.apply(cx.turn(&turn).continue_as_new()).await;

    let head = cx.head("a").await;
    let position = Position {
        execution: 2,
        next_event_id: 2,
    };
    assert_eq!(head.position, position);
    assert_eq!(head.status, InstanceStatus::Running);
    assert_eq!(head.output, None);
    assert_eq!(head.incarnation, first.incarnation);
    assert_eq!(cx.history("a", 1).await.len(), 2);
    assert_eq!(cx.history("a", 2).await.len(), 1);
}

/// Inputs that arrive before the claim, under the lease, in the batch and afterwards all stay.
pub(crate) async fn inputs_survive_continue_as_new(cx: &Cx) {
    cx.running("a").await;
    let mut kept = vec![cx.poke("a").await];
    let turn = cx.claim_only("a").await;
    cx.send(to("a", cx.message_to_execution(1))).await;
    kept.push(cx.poke("a").await);
    let timer = cx.poke_later("a", SECOND).await;
    let shared = cx.message();
    kept.push(shared.clone());

    // The runtime leaves what it has not processed and purges what is of the old execution.
    let commit = cx
        .turn(&turn)
        .consume([])
        .continue_as_new()
        .purge_through(1);
    let answers = cx
        .batch(vec![
            Commit::Send(to("a", shared)),
            Commit::Turn(commit.build()),
        ])
        .await;
    for answer in answers {
        answer.expect("both are valid");
    }
    kept.push(cx.poke("a").await);
    kept.push(timer);
    cx.elapse(SECOND).await;

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, kept);
    assert_eq!(turn.head.position.execution, 2);
}

/// Late completions and timers of the old execution are gone, those of the new one are not.
pub(crate) async fn old_timers_do_not_survive_continue_as_new(cx: &Cx) {
    cx.running("a").await;
    cx.send(later("a", cx.message_to_execution(1), SECOND))
        .await;
    let turn = cx.poke_and_claim("a").await;
    let timer = cx.message_to_execution(2);
    let commit = cx.turn(&turn).continue_as_new().purge_through(1);

    cx.apply(commit.send(later("a", timer.clone(), SECOND)))
        .await;

    cx.elapse(SECOND).await;
    assert_eq!(cx.claim_only("a").await.messages, [timer]);
}

/// Each execution's history stays readable, byte for byte, while the next ones are written.
pub(crate) async fn earlier_histories_stay(cx: &Cx) {
    cx.running("a").await;
    let mut histories = Vec::new();
    for execution in 1..=11 {
        let turn = cx.poke_and_claim("a").await;
        cx.apply(cx.turn(&turn).continue_as_new()).await;
        histories.push(cx.history("a", execution).await);
    }

    for (execution, history) in (1..).zip(histories) {
        let bodies: Vec<_> = history.iter().map(|chunk| chunk.body.clone()).collect();
        let written = [1, 2].map(|event| format!("chunk {execution}/{event}"));
        assert_eq!(bodies, written);
        assert_eq!(cx.history("a", execution).await, history);
    }
    assert_eq!(cx.position("a").await.execution, 12);
}

/// One commit may open several executions, the last of which is current.
pub(crate) async fn a_turn_may_run_through_executions(cx: &Cx) {
    let commit = cx.creation("a").executions(vec![
        update(1, ExecutionStatus::ContinuedAsNew),
        update(2, ExecutionStatus::ContinuedAsNew),
        update(3, ExecutionStatus::Completed),
    ]);
    cx.apply(commit).await;

    let head = cx.head("a").await;
    assert_eq!(head.position.execution, 3);
    assert_eq!(head.status, InstanceStatus::Completed);
    for execution in 1..=3 {
        let body = format!("execution {execution}");
        assert_eq!(cx.history("a", execution).await[0].body, body);
    }
}

/// Gaps, steps back and repetitions are refused.
pub(crate) async fn executions_follow_one_another(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).continue_as_new()).await;
    let turn = cx.poke_and_claim("a").await;
    let before = cx.view(&["a"]).await;
    let closed =
        |builder: TurnBuilder| builder.append(1).end(ExecutionStatus::ContinuedAsNew, None);
    let running = ExecutionStatus::Running;
    let mut back = update(1, running);
    back.chunk = None;

    let turns = [
        cx.turn(&turn).execution(update(4, running)),
        closed(cx.turn(&turn)).execution(update(4, running)),
        cx.turn(&turn).execution(back.clone()),
        cx.turn(&turn).append(1).execution(back),
    ];
    for commit in turns {
        cx.refuse(commit, ErrorKind::InvalidInput).await;
    }

    assert_eq!(cx.view(&["a"]).await, before);
    let gap_at_birth = cx.creation("b").execution(update(2, running));
    cx.refuse(gap_at_birth, ErrorKind::InvalidInput).await;
    assert_eq!(cx.head_if_any("b").await, None);
    cx.apply(cx.turn(&turn).append(1)).await;
}

/// However inputs race with turns that continue as new, each of them is claimed until a turn has
/// consumed it, and in order.
pub(crate) async fn no_input_is_lost_by_continuing_as_new(cx: &Cx) {
    const INPUTS: usize = 100;
    cx.running("a").await;
    let sender = cx.clone();
    let send = tokio::spawn(async move {
        let mut sent = Vec::new();
        for _ in 0..INPUTS {
            sent.push(sender.poke("a").await);
        }
        sent
    });

    let mut consumed = Vec::new();
    while consumed.len() < INPUTS {
        promptly("the next input", cx.wait(Cx::turns(), LEASE).ends())
            .await
            .expect("a wait succeeds");
        let turn = cx.claim_only("a").await;
        let execution = turn.head.position.execution;
        let commit = cx.turn(&turn).continue_as_new();
        cx.apply(commit.purge_through(execution)).await;
        consumed.extend(turn.messages);
    }

    let sent = promptly("the sends", send).await.expect("they succeed");
    assert_eq!(consumed, sent);
    cx.claim_nothing().await;
}
