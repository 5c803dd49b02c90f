//! Faults of claims, leases and attempts.

use std::time::Duration;

use duroxide_core::limits::CLAIM_QUEUES_MAX;
use duroxide_core::providers::{
    ErrorKind, Fence, ProviderError, Recipient, ReleasedAttempts, Renewal, TaskQueue,
};
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;
use super::{YEAR, each_envelope, each_turn, floor, forgive};

pub(crate) const CLAIMS: &[Mutant] = &[
    Mutant::inside(
        "claim_ignores_leases",
        &["CLM-01", "LEA-01"],
        "An instance is claimed though somebody holds it.",
        &[Defect::ClaimIgnoresLeases],
    )
    .fault(11),
    Mutant::outside(
        "lease_is_born_expired",
        &["CLM-01", "LEA-01", "FEN-01"],
        "A lease of a turn has no time.",
        Rewrite::AskTurns(|request| request.lease = Duration::ZERO),
    )
    .fault(14),
    Mutant::outside(
        "turn_without_core_state",
        &["CLM-02"],
        "The head of a claimed turn lacks what core wrote into it.",
        Rewrite::Turns(|claimed| {
            for turn in &mut claimed.items {
                turn.head.core_state.clear();
                turn.head.version = None;
            }
        }),
    ),
    Mutant::outside(
        "limit_of_messages_is_ignored",
        &["CLM-02"],
        "A turn carries all of its messages, however many were asked for.",
        Rewrite::AskTurns(|request| request.messages_max = usize::MAX),
    ),
    Mutant::outside(
        "limit_of_bytes_is_ignored",
        &["CLM-02"],
        "A turn carries all of its messages, however long they are.",
        Rewrite::AskTurns(|request| request.bytes_max = usize::MAX),
    ),
    Mutant::outside(
        "nobody_is_claimed_by_name",
        &["CLM-14"],
        "A claim that names an instance is made as one of its queues.",
        Rewrite::AskTurns(|request| request.only = None),
    ),
    Mutant::inside(
        "named_are_claimed_twice",
        &["CLM-14"],
        "A claim that names an instance takes it from whoever holds it.",
        &[Defect::NamedAreClaimedTwice],
    ),
    Mutant::inside(
        "named_are_of_the_queue",
        &["CLM-14"],
        "A claim that names an instance finds it in its queues alone.",
        &[Defect::NamedAreOfTheQueue],
    ),
    Mutant::inside(
        "named_are_alive",
        &["CLM-14"],
        "A claim that names an instance leaves one that has ended.",
        &[Defect::NamedAreAlive],
    ),
    Mutant::inside(
        "named_have_work",
        &["CLM-14"],
        "A claim that names an instance finds it only if there is something to do.",
        &[Defect::NamedHaveWork],
    ),
    Mutant::outside(
        "named_claim_says_more",
        &["CLM-14"],
        "A claim that found an instance says that there are others.",
        Rewrite::Turns(|claimed| claimed.more |= !claimed.items.is_empty()),
    ),
    Mutant::inside(
        "claim_takes_what_is_not_due",
        &["CLM-04"],
        "A claim returns messages whose delay has not passed.",
        &[Defect::ClaimTakesInvisible],
    )
    .fault(12),
    Mutant::inside(
        "claim_reads_every_instance",
        &["CLM-05"],
        "A claim looks at every instance, however few have anything to do.",
        &[Defect::ClaimReadsEveryInstance],
    ),
    Mutant::inside(
        "claim_reads_every_activity",
        &["CLM-05"],
        "A claim looks at every activity, of whichever queue.",
        &[Defect::ClaimReadsEveryActivity],
    ),
    Mutant::outside(
        "delay_is_rounded_down",
        &["CLM-04", "DLY-01"],
        "The part of a delay that is less than a millisecond is forgotten.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| envelope.delay = floor(envelope.delay));
        }),
    ),
    Mutant::outside(
        "claim_turns_the_order_round",
        &["CLM-06"],
        "Whoever became claimable last is claimed first.",
        Rewrite::Turns(|claimed| claimed.items.reverse()),
    ),
    Mutant::outside(
        "claim_turns_the_order_of_activities_round",
        &["CLM-06"],
        "The activity that became claimable last is claimed first.",
        Rewrite::Activities(|claimed| claimed.items.reverse()),
    ),
    Mutant::inside(
        "sender_moves_its_receiver_back",
        &["CLM-06"],
        "A message to an instance that waits for its turn sends it to the end of the queue.",
        &[Defect::SenderMovesItsReceiverBack],
    ),
    Mutant::outside(
        "claim_waits_for_work",
        &["CLM-07"],
        "A claim that finds nothing waits for an hour.",
        Rewrite::BeforeAnEmptyClaim(|provider| {
            Box::pin(async move {
                let queues = duroxide_core::providers::Queues {
                    turns: vec![TaskQueue::default()],
                    activities: Vec::new(),
                };
                let waited = provider.wait_for_work(&queues, Duration::from_hours(1));
                waited.await.ok();
            })
        }),
    ),
    Mutant::outside(
        "claim_returns_one_too_many",
        &["CLM-08"],
        "A claim returns one turn more than was asked for.",
        Rewrite::AskTurns(|request| request.turns_max += 1),
    ),
    Mutant::outside(
        "claim_does_not_say_more",
        &["CLM-08"],
        "A claim never says that others were claimable.",
        Rewrite::Turns(|claimed| claimed.more = false),
    ),
    Mutant::outside(
        "claim_of_activities_always_says_more",
        &["CLM-08"],
        "A claim of activities always says that others were claimable.",
        Rewrite::Activities(|claimed| claimed.more = true),
    ),
    Mutant::outside(
        "claim_takes_other_queues",
        &["CLM-09"],
        "Every worker is given the activities of the default queue.",
        Rewrite::AskActivities(|request| request.queues.push(TaskQueue::default())),
    ),
    Mutant::outside(
        "claim_of_turns_takes_other_queues",
        &["CLM-09"],
        "Every service is given the turns of the default queue.",
        Rewrite::AskTurns(|request| request.queues.push(TaskQueue::default())),
    ),
    Mutant::outside(
        "every_instance_is_in_one_queue",
        &["CLM-09", "STA-07"],
        "A start does not say in which queue the instance is.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                if let Recipient::NewInstance(newborn) = &mut envelope.recipient {
                    newborn.queue = TaskQueue::default();
                }
            });
        }),
    ),
    Mutant::outside(
        "a_turn_creates_in_the_default_queue",
        &["STA-07"],
        "A turn that creates an instance does not say in which queue.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                if let Fence::Absent { queue, .. } = &mut turn.fence {
                    *queue = TaskQueue::default();
                }
            });
        }),
    ),
    Mutant::outside(
        "the_head_forgets_its_queue",
        &["STA-07"],
        "A head does not say which queue the instance is in.",
        Rewrite::Heads(|head| head.queue = TaskQueue::default()),
    ),
    Mutant::inside(
        "a_backlog_starves_other_queues",
        &["CLM-12"],
        "A claim of several queues takes what became claimable first, whichever queue it is in.",
        &[Defect::QueuesHaveNoShares],
    ),
    Mutant::inside(
        "a_share_is_all_there_is",
        &["CLM-12"],
        "A claim of several queues leaves free what one of them does not use of its share.",
        &[Defect::SharesAreNotPassedOn],
    ),
    Mutant::outside(
        "a_claim_forgets_queues_beyond_the_limit",
        &["LIM-05"],
        "A claim of too many queues serves some of them.",
        Rewrite::AskTurns(|request| request.queues.truncate(CLAIM_QUEUES_MAX)),
    ),
    Mutant::outside(
        "long_names_of_queues_are_cut",
        &["LIM-05"],
        "A start in a queue with too long a name goes to one with a shorter one.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                if let Recipient::NewInstance(newborn) = &mut envelope.recipient {
                    let name: String = newborn.queue.as_str().chars().take(128).collect();
                    newborn.queue = TaskQueue::from(&*name);
                }
            });
        }),
    ),
    Mutant::inside(
        "claimed_activity_changes_its_queue",
        &["CLM-09", "ACT-05"],
        "An activity that comes back is everybody's.",
        &[Defect::ClaimedActivityChangesQueue],
    )
    .fault(59),
    Mutant::inside(
        "poison_stops_others",
        &["CLM-10"],
        "An instance that was claimed three times in vain stops those behind it.",
        &[Defect::PoisonStopsOthers],
    )
    .fault(33),
    Mutant::outside(
        "undecodable_message_vanishes",
        &["CLM-10", "HIS-07"],
        "A message that is no text is left out.",
        Rewrite::Turns(|claimed| {
            for turn in &mut claimed.items {
                turn.messages
                    .retain(|message| std::str::from_utf8(&message.body).is_ok());
            }
        }),
    )
    .fault(32),
    Mutant::inside(
        "tokens_come_again",
        &["LEA-02"],
        "Every lease has the same token.",
        &[Defect::TokensComeAgain],
    ),
    Mutant::outside(
        "turn_leases_do_not_expire",
        &["LEA-03", "CXL-02"],
        "A lease of a turn is held for a year.",
        Rewrite::AskTurns(|request| request.lease = YEAR),
    )
    .fault(13),
    Mutant::outside(
        "activity_leases_do_not_expire",
        &["LEA-03", "CXL-02"],
        "A lease of an activity is held for a year.",
        Rewrite::AskActivities(|request| request.lease = YEAR),
    ),
    Mutant::outside(
        "renewal_does_nothing",
        &["LEA-04"],
        "A renewal extends by nothing.",
        Rewrite::AskRenew(|extend_by| *extend_by = Duration::ZERO),
    ),
    Mutant::inside(
        "renewal_shortens",
        &["LEA-04"],
        "A renewal sets the time, even to an earlier one.",
        &[Defect::RenewShortens],
    )
    .fault(17),
    Mutant::outside(
        "renewal_is_rounded_down",
        &["LEA-04"],
        "The part of a renewal that is less than a millisecond is forgotten.",
        Rewrite::AskRenew(|extend_by| *extend_by = floor(*extend_by)),
    ),
    Mutant::inside(
        "expired_lease_is_renewed",
        &["LEA-05"],
        "A lease that expired is held again.",
        &[Defect::RenewRevives],
    )
    .fault(16),
    Mutant::outside(
        "lost_lease_seems_renewed",
        &["LEA-05"],
        "A renewal of a lost lease is answered as if it were held.",
        Rewrite::Renewed(|answers| answers.fill_with(|| Ok(Renewal::Renewed))),
    ),
    Mutant::outside(
        "release_forgets_its_delay",
        &["LEA-06"],
        "A released item is claimable at once, whatever delay was asked for.",
        Rewrite::AskRelease(|release| release.delay = Duration::ZERO),
    )
    .fault(21),
    Mutant::outside(
        "release_is_rounded_down",
        &["LEA-06"],
        "The part of a release's delay that is less than a millisecond is forgotten.",
        Rewrite::AskRelease(|release| release.delay = floor(release.delay)),
    ),
    Mutant::outside(
        "release_backs_off_unasked",
        &["LEA-06"],
        "A released item is claimable a second later than was asked for.",
        Rewrite::AskRelease(|release| release.delay += Duration::from_secs(1)),
    ),
    Mutant::inside(
        "release_ignores_the_token",
        &["LEA-07"],
        "Whoever asks can release a lease.",
        &[Defect::ReleaseIgnoresToken],
    ),
    Mutant::outside(
        "release_of_a_lost_lease_succeeds",
        &["LEA-07"],
        "A release of a lease that is not held is answered with success.",
        Rewrite::Released(|answers| forgive(answers, ErrorKind::LeaseLost, ())),
    ),
    Mutant::outside(
        "renewals_are_answered_backwards",
        &["LEA-08"],
        "The answers to a batch of renewals come in the opposite order.",
        Rewrite::Renewed(|answers| answers.reverse()),
    ),
    Mutant::outside(
        "one_release_fails_all",
        &["LEA-08"],
        "One release that fails makes all of its batch fail.",
        Rewrite::Released(|answers| {
            if answers.iter().any(Result::is_err) {
                answers.fill_with(|| {
                    let kind = ErrorKind::LeaseLost;
                    Err(ProviderError::new(
                        kind,
                        "release",
                        "one of the leases was lost",
                    ))
                });
            }
        }),
    ),
    Mutant::inside(
        "claim_acts_on_what_it_saw",
        &["CON-01", "LEA-01"],
        "A claim looks, and leases later without looking again.",
        &[Defect::ClaimsFromASnapshot],
    )
    .in_case("required::con::claimers_share_the_instances")
    .fault(48),
    Mutant::inside(
        "claim_returns_an_old_inbox",
        &["CON-01"],
        "A claim returns the messages that it read before it had the lease.",
        &[Defect::InboxFromASnapshot],
    )
    .in_case("required::con::every_message_is_processed_once")
    .fault(10),
    Mutant::outside(
        "claims_are_not_counted",
        &["ATT-01"],
        "Every attempt is the first one.",
        Rewrite::Turns(|claimed| {
            for turn in &mut claimed.items {
                turn.attempt = 1;
            }
        }),
    )
    .fault(23),
    Mutant::outside(
        "attempts_of_activities_are_not_counted",
        &["ATT-01"],
        "Every attempt of an activity is the first one.",
        Rewrite::Activities(|claimed| {
            for activity in &mut claimed.items {
                activity.attempt = 1;
            }
        }),
    ),
    Mutant::inside(
        "attempts_stay",
        &["ATT-02"],
        "A commit does not begin the count of attempts anew.",
        &[Defect::AttemptsStay],
    ),
    Mutant::outside(
        "release_keeps_no_attempt",
        &["ATT-03"],
        "A release takes its attempt back though it should count.",
        Rewrite::AskRelease(|release| {
            if release.attempts == ReleasedAttempts::Keep {
                release.attempts = ReleasedAttempts::TakeBack;
            }
        }),
    ),
    Mutant::outside(
        "release_keeps_its_attempt",
        &["ATT-03"],
        "A release never takes its attempt back.",
        Rewrite::AskRelease(|release| {
            if release.attempts == ReleasedAttempts::TakeBack {
                release.attempts = ReleasedAttempts::Keep;
            }
        }),
    )
    .fault(22),
    Mutant::outside(
        "release_resets_one_attempt",
        &["ATT-03"],
        "A release that should reset the count takes its own attempt back alone.",
        Rewrite::AskRelease(|release| {
            if release.attempts == ReleasedAttempts::Reset {
                release.attempts = ReleasedAttempts::TakeBack;
            }
        }),
    ),
];
