//! Faults of commits: the fence, the parts of a turn, batches, repeats and limits.

use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{CommitId, Committed, ErrorKind, ProviderError, TurnCommitted};
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;
use super::{each_turn, each_turn_answer, forgive};

pub(crate) const COMMITS: &[Mutant] = &[
    Mutant::inside(
        "commit_ignores_its_token",
        &["FEN-01"],
        "A turn is applied whoever commits it.",
        &[Defect::CommitIgnoresToken],
    )
    .fault(1),
    Mutant::inside(
        "commit_ignores_expiry",
        &["FEN-01"],
        "A turn is applied though its lease has expired.",
        &[Defect::CommitIgnoresExpiry],
    )
    .fault(2),
    Mutant::inside(
        "commit_ignores_the_position",
        &["FEN-02"],
        "A turn is applied wherever the history ends.",
        &[Defect::CommitIgnoresPosition],
    )
    .fault(3),
    Mutant::inside(
        "commit_ignores_its_fence",
        &["FEN-01", "FEN-02"],
        "A turn is applied whoever commits it and wherever the history ends.",
        &[Defect::CommitIgnoresToken, Defect::CommitIgnoresPosition],
    )
    .fault(4),
    Mutant::inside(
        "position_comes_before_the_lease",
        &["FEN-02"],
        "A turn whose lease is lost hears of the position.",
        &[Defect::PositionBeforeLease],
    ),
    Mutant::inside(
        "creation_overwrites",
        &["FEN-03"],
        "A turn that creates an instance is applied to the one that is there.",
        &[Defect::AbsentFenceIsIgnored],
    ),
    Mutant::inside(
        "completed_activities_are_not_fenced",
        &["FEN-04"],
        "A turn ends activities whose leases it does not hold.",
        &[Defect::CompletedIsUnchecked],
    )
    .fault(53),
    Mutant::inside(
        "head_is_written_first",
        &["FEN-05"],
        "A refused turn has written its part of the head.",
        &[Defect::HeadIsWrittenFirst],
    )
    .fault(50),
    Mutant::inside(
        "refused_turn_consumes",
        &["FEN-05", "COM-01"],
        "A refused turn has removed the messages that it consumed.",
        &[Defect::ConsumesFirst],
    )
    .fault(42),
    Mutant::inside(
        "two_turns_share_a_batch",
        &["FEN-06"],
        "Two turns of one instance are applied one after the other.",
        &[Defect::TwoTurnsPass],
    )
    .fault(38),
    Mutant::inside(
        "unleased_turn_ignores_leases",
        &["FEN-07"],
        "A turn without a lease is applied though somebody holds the instance.",
        &[Defect::UnleasedIgnoresLeases],
    ),
    Mutant::inside(
        "unleased_turn_ignores_the_delay_of_a_release",
        &["FEN-07"],
        "A turn without a lease is applied though a release holds the instance back.",
        &[Defect::UnleasedIgnoresBackOff],
    ),
    Mutant::inside(
        "unleased_turn_ignores_the_life",
        &["FEN-07"],
        "A turn without a lease is applied to whichever life of the instance there is.",
        &[Defect::UnleasedIgnoresLife],
    ),
    Mutant::inside(
        "unleased_turn_ignores_the_position",
        &["FEN-07"],
        "A turn without a lease is applied wherever the history ends.",
        &[Defect::UnleasedIgnoresPosition],
    ),
    Mutant::inside(
        "unleased_turn_hears_of_the_position_first",
        &["FEN-07"],
        "A turn without a lease hears of the position though somebody holds the instance.",
        &[Defect::UnleasedPositionFirst],
    ),
    Mutant::inside(
        "unleased_turn_is_stopped_by_an_expired_lease",
        &["FEN-07"],
        "A turn without a lease is refused for a lease that has expired.",
        &[Defect::UnleasedFearsTheExpired],
    ),
    Mutant::inside(
        "consumption_is_a_second_step",
        &["COM-01", "CXL-01"],
        "What a turn consumed is removed in a step of its own, which a dropped call never makes.",
        &[Defect::ConsumesLater],
    )
    .in_case("required::cxl::a_dropped_turn_happened_or_did_not")
    .fault(5),
    Mutant::outside(
        "turn_loses_its_activities",
        &["COM-01", "ACT-01"],
        "A turn's new activities are not stored.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.activities.clear())),
    ),
    Mutant::outside(
        "turn_completes_nothing",
        &["COM-01"],
        "The activities that a turn ends stay.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.completed.clear())),
    ),
    Mutant::inside(
        "turn_empties_the_inbox",
        &["COM-02"],
        "A turn removes all messages of its instance.",
        &[Defect::ConsumesEverything],
    )
    .fault(6),
    Mutant::inside(
        "turn_consumes_by_time",
        &["COM-02"],
        "A turn removes what is visible instead of what it names.",
        &[Defect::ConsumesWhatIsVisible],
    )
    .fault(7),
    Mutant::outside(
        "turn_purges_nothing",
        &["COM-03"],
        "The messages to a finished execution stay.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.purge_through = None)),
    ),
    Mutant::outside(
        "turn_purges_one_execution_more",
        &["COM-03"],
        "The messages to the execution after the finished one go.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                turn.purge_through = turn.purge_through.map(|execution| execution + 1);
            });
        }),
    ),
    Mutant::inside(
        "purge_takes_events",
        &["COM-03"],
        "A purge takes the messages that are addressed to no execution.",
        &[Defect::PurgesUnaddressed],
    ),
    Mutant::inside(
        "release_forgets_arrivals",
        &["COM-04", "COM-06", "WAK-01"],
        "A release does not see the messages that are left.",
        &[Defect::ReleaseForgetsArrivals],
    )
    .fault(8),
    Mutant::inside(
        "release_races_with_sends",
        &["WAK-01", "COM-04"],
        "A release acts on what it saw in the inbox a moment before.",
        &[Defect::ReleaseRacesWithSends],
    )
    .in_case("required::wak::no_message_is_left_behind_by_a_release")
    .fault(9),
    Mutant::outside(
        "one_refusal_refuses_all",
        &["COM-05"],
        "One refused member makes all of its batch fail.",
        Rewrite::Committed(|answers| {
            if answers.iter().any(Result::is_err) {
                answers.fill_with(|| {
                    let kind = ErrorKind::LeaseLost;
                    Err(ProviderError::new(
                        kind,
                        "commit",
                        "one of them was refused",
                    ))
                });
            }
        }),
    )
    .fault(36),
    Mutant::outside(
        "batch_is_answered_backwards",
        &["COM-05"],
        "The answers to a batch come in the opposite order.",
        Rewrite::Committed(|answers| answers.reverse()),
    )
    .fault(37),
    Mutant::outside(
        "turn_sends_nothing",
        &["COM-07", "COM-01"],
        "A turn's messages are lost.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.messages.clear())),
    ),
    Mutant::outside(
        "sent_messages_are_late",
        &["COM-07"],
        "A turn's messages become visible a tick after they should.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                for envelope in &mut turn.messages {
                    envelope.delay += std::time::Duration::from_millis(1);
                }
            });
        }),
    ),
    Mutant::inside(
        "purge_comes_last",
        &["COM-08"],
        "A turn purges what it has just sent.",
        &[Defect::PurgesLast],
    ),
    Mutant::inside(
        "cancellation_comes_last",
        &["COM-08"],
        "A turn cancels what it has just scheduled.",
        &[Defect::CancelsLast],
    )
    .fault(27),
    Mutant::inside(
        "repeated_turn_is_unknown",
        &["IDM-01"],
        "A repeated turn is refused for its lease.",
        &[Defect::RepeatIsUnknown],
    ),
    Mutant::inside(
        "repeated_turn_sends_again",
        &["IDM-01"],
        "A repeated turn sends its messages a second time.",
        &[Defect::RepeatSendsAgain],
    )
    .fault(40),
    Mutant::outside(
        "repeat_does_not_show",
        &["IDM-01"],
        "A repeated turn is not told that it is one.",
        Rewrite::Committed(|answers| each_turn_answer(answers, |turn| turn.repeated = false)),
    ),
    Mutant::outside(
        "stranger_is_taken_for_a_repeat",
        &["FEN-01"],
        "A turn whose lease is lost is told that it was applied before.",
        Rewrite::Committed(|answers| {
            let repeated = TurnCommitted {
                repeated: true,
                ..TurnCommitted::default()
            };
            forgive(answers, ErrorKind::LeaseLost, Committed::Turn(repeated));
        }),
    )
    .fault(41),
    Mutant::outside(
        "commit_ids_are_replaced",
        &["IDM-01", "IDM-02"],
        "The store gives each commit an id of its own.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| turn.commit_id = Entropy.commit_id());
        }),
    ),
    Mutant::outside(
        "head_does_not_name_the_commit",
        &["IDM-02"],
        "The head names no commit.",
        Rewrite::Heads(|head| head.commit_id = None::<CommitId>),
    ),
    Mutant::outside(
        "repeated_outcome_succeeds",
        &["IDM-04", "ACT-04"],
        "An outcome whose activity is gone is answered with success.",
        Rewrite::Committed(|answers| {
            let committed = Committed::Activity {
                messages_dropped: 0,
            };
            forgive(answers, ErrorKind::LeaseLost, committed);
        }),
    ),
    Mutant::inside(
        "transaction_stays_open",
        &["CXL-01"],
        "A commit that was dropped keeps everybody out.",
        &[Defect::TransactionStaysOpen],
    )
    .fault(39),
    Mutant::inside(
        "executions_are_not_checked",
        &["EXE-03", "HIS-05", "HIS-06"],
        "Executions and chunks are stored as they come.",
        &[Defect::ExecutionsAreUnchecked],
    ),
    Mutant::inside(
        "running_instances_are_opened",
        &["EXE-03"],
        "A turn opens the next execution of an instance that has not ended.",
        &[Defect::OpeningIsUnchecked],
    ),
    Mutant::inside(
        "the_ended_are_not_opened",
        &["EXE-04"],
        "A turn that opens an instance which has ended is refused.",
        &[Defect::OpeningIsRefused],
    ),
    Mutant::inside(
        "opening_takes_the_output",
        &["EXE-04"],
        "The execution that has ended loses its output when the next one is opened.",
        &[Defect::OpeningTakesTheOutput],
    ),
    Mutant::inside(
        "the_opened_have_ended",
        &["EXE-04"],
        "An instance that was opened again has the status with which it had ended.",
        &[Defect::OpenedHaveEnded],
    ),
    Mutant::inside(
        "the_opened_expire",
        &["EXE-04"],
        "The time that an instance was to expire at stays when it is opened again.",
        &[Defect::OpenedExpire],
    ),
    Mutant::inside(
        "opening_wants_a_claim",
        &["EXE-04"],
        "A turn without a lease does not open an instance which has ended.",
        &[Defect::OpeningWantsAClaim],
    ),
    Mutant::inside(
        "opening_leaves_activities",
        &["EXE-04"],
        "A turn that opens an instance leaves the activities that it completes.",
        &[Defect::OpeningLeavesActivities],
    ),
    Mutant::inside(
        "continuing_loses_inputs",
        &["EXE-01"],
        "The messages to no execution in particular go when the next one begins.",
        &[Defect::ContinueForgetsInputs],
    ),
    Mutant::inside(
        "continuing_loses_history",
        &["EXE-02"],
        "The history of an execution goes when the next one begins.",
        &[Defect::ContinueForgetsHistory],
    ),
    Mutant::inside(
        "turn_means_running",
        &["HEA-02"],
        "A turn that names no execution sets the status.",
        &[Defect::TurnMeansRunning],
    ),
    Mutant::outside(
        "large_turn_is_cut",
        &["LIM-02"],
        "Of the parts of a turn only the first hundred are applied.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                turn.messages.truncate(100);
                turn.activities.truncate(100);
            });
        }),
    )
    .fault(47),
    Mutant::outside(
        "limit_of_bodies_is_not_kept",
        &["LIM-01"],
        "The declared limit of a body is one byte less than the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.body_bytes_max -= 1),
    ),
    Mutant::outside(
        "limit_of_commits_is_not_kept",
        &["LIM-01"],
        "The declared limit of a commit is half of the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.commit_bytes_max /= 2),
    ),
    Mutant::outside(
        "limit_of_core_state_is_not_kept",
        &["LIM-01"],
        "The declared limit of what core writes into the head is half of the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.core_state_bytes_max /= 2),
    ),
    Mutant::outside(
        "limit_of_operations_is_not_kept",
        &["LIM-01", "CAP-01"],
        "The declared limit of a call's operations is half of the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.commit_operations_max /= 2),
    ),
    Mutant::outside(
        "limit_of_topics_is_not_kept",
        &["LIM-03"],
        "The declared limit of a topic is half of the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.topic_messages_max /= 2),
    ),
    Mutant::outside(
        "limit_of_mail_is_not_kept",
        &["LIM-03"],
        "The declared limit of all mail is less than the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.mail_messages_max -= 1),
    ),
    Mutant::inside(
        "full_inbox_refuses_repeats",
        &["LIM-03"],
        "A full inbox refuses a message that is in it, when it comes again.",
        &[Defect::FullInboxRefusesRepeats],
    ),
    Mutant::inside(
        "full_inbox_loses_messages",
        &["LIM-03"],
        "A full inbox loses the messages of turns and outcomes.",
        &[Defect::FullInboxLosesMessages],
    ),
    Mutant::outside(
        "limit_of_events_is_not_kept",
        &["HIS-06"],
        "The declared limit of a history is half of the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.history_events_max /= 2),
    ),
    Mutant::outside(
        "refusals_have_another_kind",
        &["ERR-01"],
        "Whatever is refused is reported as a bug.",
        Rewrite::Committed(|answers| {
            for answer in answers {
                if let Err(error) = answer {
                    let message = error.message().to_owned();
                    *error = ProviderError::new(ErrorKind::Unexpected, "commit", message);
                }
            }
        }),
    ),
    Mutant::outside(
        "refusals_advise_a_retry",
        &["ERR-01"],
        "What can never succeed is to be tried again.",
        Rewrite::Committed(|answers| {
            for answer in answers {
                if let Err(error) = answer {
                    let message = error.message().to_owned();
                    *error = ProviderError::new(error.kind(), "commit", message)
                        .with_retry(duroxide_core::providers::Retry::Later);
                }
            }
        }),
    ),
    Mutant::outside(
        "closed_store_does_not_know",
        &["ERR-02", "MNT-02"],
        "A closed provider says that a commit may have happened.",
        Rewrite::Committed(|answers| {
            for answer in answers {
                if let Err(error) = answer
                    && error.kind() == ErrorKind::Unavailable
                {
                    let message = "the store did not answer";
                    *error = ProviderError::new(ErrorKind::CommitUnknown, "commit", message);
                }
            }
        }),
    ),
];
