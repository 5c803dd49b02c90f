//! Faults of activities, cancellation, reading and management.

use bytes::Bytes;
use duroxide_core::providers::{
    Commit, DeleteMode, ErrorKind, ExecutionStatus, ProviderError, Renewal, TaskQueue,
};
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;
use super::{each_turn, each_turn_answer, forgive};

pub(crate) const ACTIVITIES: &[Mutant] = &[
    Mutant::inside(
        "new_activity_waits",
        &["ACT-01"],
        "An activity is claimable a second after its turn.",
        &[Defect::NewActivitiesWait],
    ),
    Mutant::inside(
        "activity_keys_come_twice",
        &["ACT-01"],
        "An activity is replaced by another one with its key.",
        &[Defect::KeysComeTwice],
    ),
    Mutant::outside(
        "reservation_is_ignored",
        &["ACT-02"],
        "An activity that is reserved for the committing node is everybody's.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                for activity in &mut turn.activities {
                    activity.reservation = None;
                }
            });
        }),
    ),
    Mutant::inside(
        "reservation_is_not_counted",
        &["ACT-02"],
        "A reserved activity's first attempt is not counted.",
        &[Defect::ReservationIsUncounted],
    ),
    Mutant::inside(
        "messages_are_a_second_step",
        &["ACT-03", "COM-01", "CXL-01"],
        "What an outcome or a turn sends follows in a step of its own, which a dropped call never \
         makes.",
        &[Defect::SendsLater],
    )
    .fault(18),
    Mutant::outside(
        "outcome_sends_nothing",
        &["ACT-03"],
        "The activity goes, and nobody hears of its end.",
        Rewrite::AskCommit(|commit| {
            if let Commit::Activity(outcome) = commit {
                outcome.message = None;
            }
        }),
    ),
    Mutant::inside(
        "outcome_of_nothing_is_sent",
        &["ACT-04", "IDM-04"],
        "An outcome sends its message though there is no activity to remove.",
        &[Defect::OutcomeSendsAnyway],
    )
    .fault(19),
    Mutant::inside(
        "outcome_ignores_expiry",
        &["ACT-04"],
        "An outcome is taken though its lease has expired.",
        &[Defect::OutcomeIgnoresExpiry],
    )
    .fault(20),
    Mutant::outside(
        "activity_has_no_body",
        &["ACT-05"],
        "A claimed activity lacks what it was created with.",
        Rewrite::Activities(|claimed| {
            for activity in &mut claimed.items {
                activity.body.clear();
            }
        }),
    ),
    Mutant::outside(
        "activity_has_another_queue",
        &["ACT-05"],
        "A claimed activity does not say from which queue it is.",
        Rewrite::Activities(|claimed| {
            for activity in &mut claimed.items {
                activity.queue = TaskQueue::default();
            }
        }),
    ),
    Mutant::inside(
        "leased_activities_are_not_cancelled",
        &["CAN-01", "CAN-02"],
        "Cancelling leaves the activities that somebody works on, which come back.",
        &[Defect::CancelSparesLeased],
    )
    .fault(26),
    Mutant::outside(
        "cancelled_activities_are_not_named",
        &["CAN-02"],
        "A commit does not say which leased activities it removed.",
        Rewrite::Committed(|answers| {
            each_turn_answer(answers, |turn| turn.cancelled.clear());
        }),
    ),
    Mutant::outside(
        "cancelled_activity_is_renewed",
        &["CAN-03"],
        "A worker does not hear that its activity was cancelled.",
        Rewrite::Renewed(|answers| answers.fill_with(|| Ok(Renewal::Renewed))),
    ),
    Mutant::inside(
        "cancelling_nothing_is_an_error",
        &["CAN-04"],
        "A turn that cancels an activity which has ended is refused.",
        &[Defect::CancelWantsAnActivity],
    ),
    Mutant::inside(
        "cancelling_reaches_other_executions",
        &["CAN-05"],
        "Cancelling one execution's activities takes those of others.",
        &[Defect::CancelCrossesExecutions],
    )
    .fault(28),
];

pub(crate) const READS: &[Mutant] = &[
    Mutant::outside(
        "history_is_of_the_first_execution",
        &["HIS-01", "EXE-02"],
        "Whichever execution is asked for, the first one's history is read.",
        Rewrite::AskHistory(|request| request.execution = 1),
    )
    .fault(29),
    Mutant::outside(
        "history_is_ordered_as_text",
        &["HIS-01"],
        "The chunk at event 10 comes before the one at event 9.",
        Rewrite::History(|_, page| {
            if let Ok(page) = page {
                page.chunks
                    .sort_by_key(|chunk| chunk.first_event_id.to_string());
            }
        }),
    )
    .fault(30),
    Mutant::outside(
        "history_ends_with_its_first_page",
        &["HIS-02"],
        "A page that is not the last one says that it is.",
        Rewrite::History(|_, page| {
            if let Ok(page) = page {
                page.more = false;
            }
        }),
    )
    .fault(31),
    Mutant::outside(
        "page_has_no_limit",
        &["HIS-02"],
        "A page holds the whole history, however long.",
        Rewrite::AskHistory(|request| request.bytes_max = usize::MAX),
    ),
    Mutant::outside(
        "page_is_empty_if_a_chunk_is_too_long",
        &["HIS-02"],
        "A chunk that passes the limit is never read.",
        Rewrite::History(|request, page| {
            if let Ok(page) = page {
                page.chunks
                    .retain(|chunk| chunk.body.len() <= request.bytes_max);
            }
        }),
    ),
    Mutant::outside(
        "history_is_read_from_the_beginning",
        &["HIS-03"],
        "A read from an event returns what is before it.",
        Rewrite::AskHistory(|request| request.from_event_id = 1),
    ),
    Mutant::outside(
        "history_begins_after_the_chunk",
        &["HIS-03"],
        "A read from the middle of a chunk leaves that chunk out.",
        Rewrite::History(|request, page| {
            if let Ok(page) = page {
                page.chunks
                    .retain(|chunk| chunk.first_event_id >= request.from_event_id);
            }
        }),
    ),
    Mutant::outside(
        "absent_history_is_an_error",
        &["HIS-04"],
        "A history that is not there cannot be read.",
        Rewrite::History(|_, page| {
            if page.as_ref().is_ok_and(|page| page.chunks.is_empty()) {
                let kind = ErrorKind::NotFound;
                *page = Err(ProviderError::new(kind, "read_history", "there is none"));
            }
        }),
    ),
    Mutant::outside(
        "damaged_chunk_is_an_error",
        &["HIS-07"],
        "A history with bytes that are no text cannot be read.",
        Rewrite::History(|_, page| {
            let is_damaged = page.as_ref().is_ok_and(|page| {
                let mut chunks = page.chunks.iter();
                chunks.any(|chunk| std::str::from_utf8(&chunk.body).is_err())
            });
            if is_damaged {
                let kind = ErrorKind::Corrupt;
                *page = Err(ProviderError::new(kind, "read_history", "it is no text"));
            }
        }),
    ),
    Mutant::outside(
        "head_does_not_know_the_output",
        &["HEA-01"],
        "The head of an ended instance lacks its output.",
        Rewrite::Heads(|head| head.output = None::<Bytes>),
    ),
    Mutant::outside(
        "only_an_end_has_an_output",
        &["HEA-03"],
        "The head of a running instance has no output.",
        Rewrite::Heads(|head| {
            if !head.status.is_terminal() {
                head.output = None::<Bytes>;
            }
        }),
    ),
    Mutant::outside(
        "continued_execution_stays_open",
        &["EXE-01", "ADM-02"],
        "An execution that handed over is listed as running.",
        Rewrite::Executions(|executions| {
            for execution in executions {
                if execution.status == ExecutionStatus::ContinuedAsNew {
                    execution.status = ExecutionStatus::Running;
                }
            }
        }),
    ),
];

pub(crate) const MANAGEMENT: &[Mutant] = &[
    Mutant::outside(
        "filter_is_ignored",
        &["ADM-01"],
        "Instances of every status are listed.",
        Rewrite::AskInstances(|filter| filter.statuses.clear()),
    ),
    Mutant::outside(
        "list_is_out_of_order",
        &["ADM-01"],
        "Instances are listed backwards.",
        Rewrite::Instances(|page| page.instances.reverse()),
    ),
    Mutant::outside(
        "list_ends_with_its_first_page",
        &["ADM-01"],
        "A page of instances never says that others follow.",
        Rewrite::Instances(|page| page.next = None),
    ),
    Mutant::outside(
        "executions_have_no_output",
        &["ADM-02"],
        "A listed execution lacks its output.",
        Rewrite::Executions(|executions| {
            for execution in executions {
                execution.output = None;
            }
        }),
    ),
    Mutant::outside(
        "metrics_miss_one",
        &["ADM-03"],
        "One event is not counted.",
        Rewrite::Metrics(|metrics| {
            let events = &mut metrics.totals.total_events;
            *events = events.saturating_sub(1);
        }),
    ),
    Mutant::outside(
        "depths_count_timers_as_messages",
        &["ADM-03"],
        "A message whose delay has not passed is counted among the visible ones.",
        Rewrite::Metrics(|metrics| {
            let depths = &mut metrics.depths;
            depths.orchestrator_queue += std::mem::take(&mut depths.timer_queue);
        }),
    ),
    Mutant::inside(
        "deleting_leaves_activities",
        &["DEL-01", "STA-08", "EXP-02"],
        "The activities of a deleted instance can be claimed.",
        &[Defect::DeleteLeavesActivities],
    )
    .fault(43),
    Mutant::inside(
        "late_commit_revives",
        &["DEL-01"],
        "A turn of a deleted instance creates it again.",
        &[Defect::LateCommitRevives],
    )
    .fault(44),
    Mutant::outside(
        "living_instance_is_deleted",
        &["DEL-02"],
        "An instance that has not ended is deleted unforced.",
        Rewrite::AskDelete(|mode| *mode = DeleteMode::Force),
    ),
    Mutant::inside(
        "pruning_takes_the_current_execution",
        &["DEL-03"],
        "Pruning that keeps none does not keep the current execution.",
        &[Defect::PruneTakesCurrent],
    )
    .fault(45),
    Mutant::outside(
        "pruning_keeps_one_more",
        &["DEL-03"],
        "Pruning keeps one execution more than it was asked to.",
        Rewrite::AskPrune(|keep_last| *keep_last += 1),
    ),
    Mutant::outside(
        "absent_instance_is_deleted",
        &["DEL-04"],
        "Deleting an absent instance is answered with success.",
        Rewrite::Deleted(|deleted| forgive(std::slice::from_mut(deleted), ErrorKind::NotFound, ())),
    ),
];
