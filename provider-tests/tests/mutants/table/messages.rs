//! Faults of messages, delays, starts and waiting.

use std::time::Duration;

use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ClaimTurns, Committed, Durability, ErrorKind, Incarnation, InstanceId, InstanceStatus,
    MessageId, NewInstance, Queues, Recipient, TaskQueue,
};
use duroxide_memory::Defect;
use uuid::Uuid;

use super::super::mutant::{Mutant, Sharing};
use super::super::rewrite::Rewrite;
use super::{each_envelope, each_turn_answer, forgive};

pub(crate) const MESSAGES: &[Mutant] = &[
    Mutant::outside(
        "message_loses_its_execution",
        &["MSG-01"],
        "A message is delivered to no execution in particular.",
        Rewrite::Turns(|claimed| {
            for message in claimed.items.iter_mut().flat_map(|turn| &mut turn.messages) {
                message.message.execution = None;
            }
        }),
    ),
    Mutant::outside(
        "message_gets_another_id",
        &["MSG-01"],
        "A message is stored under an id of the store's.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                envelope.message.id = MessageId(Entropy.commit_id().0);
            });
        }),
    ),
    Mutant::outside(
        "message_loses_its_last_piece",
        &["MSG-01"],
        "A body is delivered up to 64 KiB.",
        Rewrite::Turns(|claimed| {
            for message in claimed.items.iter_mut().flat_map(|turn| &mut turn.messages) {
                message.message.body.truncate(64 * 1024);
            }
        }),
    )
    .fault(49),
    Mutant::inside(
        "waiting_message_is_stored_again",
        &["MSG-02"],
        "A message that comes twice is delivered twice.",
        &[Defect::StoresRepeats],
    )
    .fault(46),
    Mutant::inside(
        "claim_consumes",
        &["MSG-03", "LEA-03"],
        "A message is gone when it is claimed.",
        &[Defect::ClaimConsumes],
    ),
    Mutant::outside(
        "messages_come_backwards",
        &["MSG-04", "CLM-02"],
        "The last message comes first.",
        Rewrite::Turns(|claimed| {
            for turn in &mut claimed.items {
                turn.messages.reverse();
            }
        }),
    ),
    Mutant::inside(
        "messages_of_one_time_come_backwards",
        &["MSG-04"],
        "Of messages that became visible together the last one comes first.",
        &[Defect::TiesComeBackwards],
    )
    .fault(57),
    Mutant::outside(
        "dropped_messages_are_not_counted",
        &["MSG-05"],
        "A turn does not hear of messages that reached nobody.",
        Rewrite::Committed(|answers| {
            each_turn_answer(answers, |turn| turn.messages_dropped = 0);
        }),
    ),
    Mutant::inside(
        "lives_are_confused",
        &["MSG-05", "STA-04"],
        "A message to an earlier life of an id reaches the present one.",
        &[Defect::LivesAreConfused],
    ),
    Mutant::outside(
        "ids_end_at_a_colon",
        &["MSG-06"],
        "What is for `a:b` reaches `a`.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                let (Recipient::NewInstance(NewInstance { instance, .. })
                | Recipient::Instance { instance, .. }) = &mut envelope.recipient;
                let prefix = instance.as_str().split(':').next().unwrap_or_default();
                *instance = InstanceId::new(prefix).unwrap_or_else(|_| instance.clone());
            });
        }),
    )
    .fault(35),
    Mutant::outside(
        "ids_have_no_case",
        &["MSG-06"],
        "What is for `A` reaches `a`.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                let (Recipient::NewInstance(NewInstance { instance, .. })
                | Recipient::Instance { instance, .. }) = &mut envelope.recipient;
                let lower = instance.as_str().to_lowercase();
                *instance = InstanceId::new(lower).unwrap_or_else(|_| instance.clone());
            });
        }),
    ),
    Mutant::outside(
        "delays_are_dropped",
        &["DLY-01", "CLM-04"],
        "A timer fires at once.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| envelope.delay = Duration::ZERO);
        }),
    )
    .fault(24),
    Mutant::outside(
        "delays_count_twice",
        &["DLY-01"],
        "A timer fires after twice its time.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                envelope.delay = envelope.delay.saturating_mul(2);
            });
        }),
    )
    .fault(25),
    Mutant::inside(
        "delay_holds_back",
        &["DLY-02"],
        "A message waits for those that were sent before it.",
        &[Defect::DelayHoldsBack],
    ),
    Mutant::outside(
        "started_instance_is_running",
        &["STA-01"],
        "An instance is running before its first turn.",
        Rewrite::Heads(|head| {
            if head.status == InstanceStatus::Pending {
                head.status = InstanceStatus::Running;
            }
        }),
    ),
    Mutant::inside(
        "start_overwrites",
        &["STA-02"],
        "A second start of an id begins it anew.",
        &[Defect::StartOverwrites],
    )
    .fault(34),
    Mutant::outside(
        "second_start_succeeds",
        &["STA-02"],
        "A second start of an id is answered with success.",
        Rewrite::Committed(|answers| {
            forgive(answers, ErrorKind::AlreadyExists, Committed::Sent);
        }),
    ),
    Mutant::inside(
        "turns_start_of_an_existing_instance_vanishes",
        &["STA-03"],
        "A parent never hears that its child was there already.",
        &[Defect::ATurnsStartOfAnExistingIsDropped],
    ),
    Mutant::inside(
        "repeated_start_is_a_message",
        &["STA-03", "IDM-03"],
        "The start that created an instance is delivered again when it is repeated.",
        &[Defect::RepeatedStartIsNews],
    ),
    Mutant::outside(
        "message_to_nobody_succeeds",
        &["STA-04"],
        "A client's message to an absent instance is answered with success.",
        Rewrite::Committed(|answers| forgive(answers, ErrorKind::NotFound, Committed::Sent)),
    ),
    Mutant::outside(
        "every_life_is_the_same",
        &["STA-05"],
        "The incarnation is not the id of the start.",
        Rewrite::Heads(|head| head.incarnation = Incarnation(Uuid::nil())),
    ),
    Mutant::inside(
        "commit_wakes_nobody",
        &["WAK-02", "WAK-04"],
        "Whoever waits when something is committed goes on waiting.",
        &[Defect::CommitWakesNobody],
    ),
    Mutant::inside(
        "waiters_are_woken_too_early",
        &["WAK-01", "WAK-02"],
        "Whoever waits looks before the commit can be seen, and not again.",
        &[Defect::WakesTooEarly],
    )
    .in_case("required::wak::whatever_makes_work_ends_the_wait")
    .fault(56),
    Mutant::inside(
        "wait_ignores_the_clock",
        &["WAK-02"],
        "A wait does not end when a timer is due or a lease expires.",
        &[Defect::WaitIgnoresTheClock],
    ),
    Mutant::outside(
        "wait_ends_at_once",
        &["WAK-02"],
        "A wait does not wait.",
        Rewrite::AskWait(|max_wait| *max_wait = Duration::ZERO),
    ),
    Mutant::outside(
        "wait_has_no_end",
        &["WAK-02", "WAK-04"],
        "A wait takes a day whatever it was asked.",
        Rewrite::AskWait(|max_wait| *max_wait = Duration::from_hours(24)),
    ),
    Mutant::outside(
        "wait_claims",
        &["WAK-03"],
        "A wait takes the work that it waited for.",
        Rewrite::AfterWait(|provider| {
            Box::pin(async move {
                let claim = ClaimTurns {
                    messages_max: 1,
                    bytes_max: 1,
                    ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::ZERO)
                };
                provider.claim_turns(&claim).await.ok();
            })
        }),
    ),
    Mutant::outside(
        "watch_answers_nothing",
        &["WAK-04"],
        "A watch ends with the change, and does not say with which.",
        Rewrite::Changed(|heads| heads.clear()),
    ),
    Mutant::outside(
        "close_does_nothing",
        &["MNT-02"],
        "A closed provider works on.",
        Rewrite::NoClose,
    ),
    Mutant::inside(
        "close_leaves_the_waiters",
        &["MNT-02"],
        "Whoever waits when the provider is closed goes on waiting.",
        &[Defect::CloseLeavesWaiters],
    ),
    Mutant::outside(
        "maintenance_claims",
        &["MNT-01"],
        "Maintenance takes a turn to look at it.",
        Rewrite::AfterMaintain(|provider| {
            Box::pin(async move {
                let claim = ClaimTurns {
                    messages_max: 1,
                    bytes_max: 1,
                    ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_hours(1))
                };
                provider.claim_turns(&claim).await.ok();
            })
        }),
    ),
    Mutant::outside(
        "maintenance_has_no_end",
        &["MNT-01"],
        "Maintenance waits for work, whatever its budget.",
        Rewrite::AfterMaintain(|provider| {
            Box::pin(async move {
                let nothing = Queues::default();
                let waited = provider.wait_for_work(&nothing, Duration::from_hours(1));
                waited.await.ok();
            })
        }),
    ),
    Mutant::inside(
        "reopening_loses_messages",
        &["DUR-01"],
        "The messages are gone when the store is opened again.",
        &[Defect::ReopenForgetsMessages],
    ),
    Mutant::inside(
        "reopening_loses_commit_ids",
        &["DUR-01"],
        "A repeat is not recognised when the store was opened again.",
        &[Defect::ReopenForgetsCommits],
    ),
    Mutant::inside(
        "reopening_loses_attempts",
        &["ATT-04"],
        "The count of attempts begins anew when the store is opened again.",
        &[Defect::ReopenForgetsAttempts],
    ),
    Mutant::shared(
        "handle_keeps_it_to_itself",
        &["DUR-01", "ATT-04"],
        "What was acknowledged is kept when the handle is closed or dropped, and a process that is \
         killed does neither.",
        Sharing::KeptAtTheEnd,
    )
    .fault(61),
    Mutant::shared(
        "claims_are_kept_later",
        &["ATT-04"],
        "A claim is kept with the commit that comes next, and one that kills its process is never \
         counted.",
        Sharing::ClaimsAreKeptLater,
    )
    .fault(62),
    Mutant::outside(
        "durability_is_a_constant",
        &["DUR-02"],
        "The store reports the loss of power, though it was set to keep less.",
        Rewrite::Capabilities(|capabilities| {
            capabilities.durability = Durability::PowerLoss;
        }),
    )
    .fault(55),
    Mutant::outside(
        "reported_durability_is_a_guess",
        &["CAP-01"],
        "The store reports the loss of power, and when it is opened again no more than a crash.",
        Rewrite::Capabilities(|capabilities| {
            capabilities.durability = Durability::ProcessCrash;
        }),
    )
    .after_reopening(),
    Mutant::shared(
        "handles_have_copies",
        &["CON-01"],
        "Two handles do not see each other's work.",
        Sharing::Apart,
    ),
    Mutant::shared(
        "closed_handle_commits",
        &["ERR-02"],
        "What a closed handle refuses is applied all the same.",
        Sharing::ClosedHandlesCommit,
    ),
];
