//! The operations of the pairs.

use std::time::Duration;

use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Commit, DeleteMode, InstanceId, Lease, Queues, Release,
    ReleasedAttempts, Renew, TaskQueue,
};

use super::shape::{activities_text, committed_text, refusal_or, renewal_text, turns_text};
use super::stage::{FREE_ENDED, HELD, Stage};
use crate::support::{Cx, LEASE, id};

/// One of the operations that are paired, each on what the stage has prepared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    ClaimTurns,
    ClaimActivities,
    CommitTurn,
    CommitStaleTurn,
    CommitUnleasedTurn,
    CancelByTurn,
    SendEvent,
    SendMail,
    ReadMail,
    TakeMail,
    Suspend,
    SetValues,
    ReadValues,
    WaitForValue,
    Start,
    FinishActivity,
    RenewTurn,
    ReleaseTurn,
    ReleaseActivity,
    WaitForWork,
    DeleteInstance,
    PruneExecutions,
    ReplaceEnded,
    ReplaceEndedToo,
    CommitLateTurn,
    FinishLateActivity,
    RenewLateTurn,
    SendToEnded,
    Maintain,
    ClaimEnded,
    OpenEnded,
    OpenEndedToo,
    SendMailToEnded,
}

impl Operation {
    pub(super) const ALL: &'static [Self] = &[
        Self::ClaimTurns,
        Self::ClaimActivities,
        Self::CommitTurn,
        Self::CommitStaleTurn,
        Self::CommitUnleasedTurn,
        Self::CancelByTurn,
        Self::SendEvent,
        Self::SendMail,
        Self::ReadMail,
        Self::TakeMail,
        Self::Suspend,
        Self::SetValues,
        Self::ReadValues,
        Self::WaitForValue,
        Self::Start,
        Self::FinishActivity,
        Self::RenewTurn,
        Self::ReleaseTurn,
        Self::ReleaseActivity,
        Self::WaitForWork,
        Self::DeleteInstance,
        Self::PruneExecutions,
        Self::ClaimEnded,
        Self::OpenEnded,
        Self::OpenEndedToo,
        Self::SendMailToEnded,
    ];

    /// Those about an instance that has ended, and expires.
    pub(super) const LIVES: &[Self] = &[
        Self::ReplaceEnded,
        Self::ReplaceEndedToo,
        Self::CommitLateTurn,
        Self::FinishLateActivity,
        Self::RenewLateTurn,
        Self::SendToEnded,
        Self::Maintain,
        Self::ClaimTurns,
        Self::ClaimActivities,
    ];

    /// Its name in the names of schedule points.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ClaimTurns => "claim_turns",
            Self::ClaimActivities => "claim_activities",
            Self::CommitTurn => "commit_turn",
            Self::CommitStaleTurn => "commit_stale_turn",
            Self::CommitUnleasedTurn => "commit_unleased_turn",
            Self::CancelByTurn => "cancel_by_turn",
            Self::SendEvent => "send_event",
            Self::SendMail => "send_mail",
            Self::ReadMail => "read_mail",
            Self::TakeMail => "take_mail",
            Self::Suspend => "suspend",
            Self::SetValues => "set_values",
            Self::ReadValues => "read_values",
            Self::WaitForValue => "wait_for_value",
            Self::Start => "start",
            Self::FinishActivity => "finish_activity",
            Self::RenewTurn => "renew_turn",
            Self::ReleaseTurn => "release_turn",
            Self::ReleaseActivity => "release_activity",
            Self::WaitForWork => "wait_for_work",
            Self::DeleteInstance => "delete_instance",
            Self::PruneExecutions => "prune_executions",
            Self::ReplaceEnded => "replace_ended",
            Self::ReplaceEndedToo => "replace_ended_too",
            Self::CommitLateTurn => "commit_late_turn",
            Self::FinishLateActivity => "finish_late_activity",
            Self::RenewLateTurn => "renew_late_turn",
            Self::SendToEnded => "send_to_ended",
            Self::Maintain => "maintain",
            Self::ClaimEnded => "claim_ended",
            Self::OpenEnded => "open_ended",
            Self::OpenEndedToo => "open_ended_too",
            Self::SendMailToEnded => "send_mail_to_ended",
        }
    }

    /// Whether it is about the instance that has ended.
    pub(super) fn is_of_ended(self) -> bool {
        let is_of_both = matches!(self, Self::ClaimTurns | Self::ClaimActivities);
        !is_of_both && Self::LIVES.contains(&self)
    }

    /// Runs it through this handle, and returns its answer without what is random or a time.
    pub(super) async fn run(self, stage: &Stage, cx: &Cx) -> String {
        match self {
            Self::ClaimTurns => claim_turns(cx, None).await,
            Self::ClaimActivities => claim_activities(cx).await,
            Self::CommitTurn => commit(cx, Commit::Turn(stage.turn.clone())).await,
            Self::CommitStaleTurn => commit(cx, Commit::Turn(stage.stale_turn.clone())).await,
            Self::CommitUnleasedTurn => commit(cx, Commit::Turn(stage.unleased_turn.clone())).await,
            Self::CancelByTurn => commit(cx, Commit::Turn(stage.cancelling_turn.clone())).await,
            Self::SendEvent => commit(cx, Commit::Send(stage.event.clone())).await,
            Self::SendMail => commit(cx, Commit::Send(stage.mail.clone())).await,
            Self::ReadMail => stage.mail_text(cx).await,
            Self::TakeMail => commit(cx, Commit::Turn(stage.taking_turn.clone())).await,
            Self::Suspend => commit(cx, Commit::Turn(stage.suspending_turn.clone())).await,
            Self::SetValues => commit(cx, Commit::Turn(stage.showing_turn.clone())).await,
            Self::ReadValues => stage.values_text(cx).await,
            Self::WaitForValue => wait_for_value(cx, stage).await,
            Self::Start => commit(cx, Commit::Send(stage.start.clone())).await,
            Self::FinishActivity => commit(cx, Commit::Activity(stage.outcome.clone())).await,
            Self::RenewTurn => renew(cx, &stage.turn_lease).await,
            Self::ReleaseTurn => release(cx, &stage.turn_lease).await,
            Self::ReleaseActivity => release(cx, &stage.activity_lease).await,
            Self::WaitForWork => wait_for_work(cx).await,
            Self::ClaimEnded => claim_turns(cx, Some(id(FREE_ENDED))).await,
            Self::OpenEnded => commit(cx, Commit::Turn(stage.opening_turn.clone())).await,
            Self::OpenEndedToo => commit(cx, Commit::Turn(stage.other_opening_turn.clone())).await,
            Self::SendMailToEnded => commit(cx, Commit::Send(stage.late_mail.clone())).await,
            Self::DeleteInstance => {
                let admin = cx.admin();
                let deleted = admin.delete_instance(&id(HELD), DeleteMode::Force).await;
                refusal_or(deleted, |()| "deleted".to_owned())
            }
            Self::PruneExecutions => {
                let pruned = cx.admin().prune_executions(&id(HELD), 1).await;
                refusal_or(pruned, |count| format!("pruned {count}"))
            }
            Self::ReplaceEnded => commit(cx, Commit::Send(stage.ended().starts[0].clone())).await,
            Self::ReplaceEndedToo => {
                commit(cx, Commit::Send(stage.ended().starts[1].clone())).await
            }
            Self::CommitLateTurn => commit(cx, Commit::Turn(stage.ended().turn.clone())).await,
            Self::FinishLateActivity => {
                commit(cx, Commit::Activity(stage.ended().outcome.clone())).await
            }
            Self::RenewLateTurn => renew(cx, &stage.ended().lease).await,
            Self::SendToEnded => commit(cx, Commit::Send(stage.ended().event.clone())).await,
            Self::Maintain => {
                // When the store wants to be called again is its own affair.
                let maintained = cx.provider().maintain(LEASE).await;
                refusal_or(maintained, |_| "maintained".to_owned())
            }
        }
    }
}

async fn claim_turns(cx: &Cx, only: Option<InstanceId>) -> String {
    let request = ClaimTurns {
        only,
        queues: vec![TaskQueue::default()],
        turns_max: 1,
        messages_max: 10,
        bytes_max: 1 << 20,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, LEASE)
    };
    let claimed = cx.provider().claim_turns(&request).await;
    refusal_or(claimed, |claimed| turns_text(&claimed))
}

async fn claim_activities(cx: &Cx) -> String {
    let request = ClaimActivities::new(vec![TaskQueue::default()], 2, LEASE);
    let claimed = cx.provider().claim_activities(&request).await;
    refusal_or(claimed, |claimed| activities_text(&claimed))
}

async fn commit(cx: &Cx, operation: Commit) -> String {
    refusal_or(cx.commit(operation).await, |answer| committed_text(&answer))
}

async fn renew(cx: &Cx, lease: &Lease) -> String {
    // Details are as much a part of what a renewal does as its time.
    let leases = [match lease {
        Lease::Activity(lease) => Renew::with_details(lease.clone(), "renewed".into()),
        Lease::Turn(_) => Renew::from(lease.clone()),
    }];
    let mut answers = cx.provider().renew(&leases, LEASE * 2).await;
    refusal_or(answers.remove(0), renewal_text)
}

async fn release(cx: &Cx, lease: &Lease) -> String {
    let release = Release::new(lease.clone(), Duration::ZERO, ReleasedAttempts::Keep)
        .with_details(Some("released".into()));
    refusal_or(cx.try_release(release).await, |()| "released".to_owned())
}

async fn wait_for_value(cx: &Cx, stage: &Stage) -> String {
    let watched = [stage.watch.clone()];
    let waited = cx
        .provider()
        .wait_for_change(&watched, Duration::ZERO)
        .await;
    // Which of two states the head is of, beside the value, is open.
    refusal_or(waited, |heads| format!("{} changed", heads.len()))
}

async fn wait_for_work(cx: &Cx) -> String {
    let queues = Queues {
        turns: vec![TaskQueue::default()],
        activities: vec![TaskQueue::default()],
    };
    let waited = cx.provider().wait_for_work(&queues, LEASE).await;
    refusal_or(waited, |()| "there is work".to_owned())
}
