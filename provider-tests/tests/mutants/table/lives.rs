//! Faults of starts in the place of what has ended, and of expiry.

use duroxide_core::providers::{Commit, IfExists, Recipient};
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;
use super::{each_turn, floor};

pub(crate) const LIVES: &[Mutant] = &[
    Mutant::outside(
        "nobody_is_replaced",
        &["STA-08"],
        "A start is refused beside whatever there is.",
        Rewrite::AskCommit(|commit| {
            if let Commit::Send(envelope) = commit
                && let Recipient::NewInstance(newborn) = &mut envelope.recipient
            {
                newborn.if_exists = IfExists::Refuse;
            }
        }),
    ),
    Mutant::inside(
        "the_living_are_replaced",
        &["STA-08"],
        "A start takes the place of an instance that has not ended.",
        &[Defect::ReplacesTheLiving],
    ),
    Mutant::inside(
        "what_is_held_is_not_replaced",
        &["STA-08"],
        "An ended instance that somebody holds stands in the way of a start.",
        &[Defect::ReplacementFearsLeases],
    ),
    Mutant::inside(
        "a_repeated_start_replaces",
        &["STA-08", "IDM-03"],
        "A start that is repeated takes the place of the instance that it began, once that has ended.",
        &[Defect::ReplacesItself],
    ),
    Mutant::inside(
        "turns_replace",
        &["STA-08", "STA-03"],
        "A turn's start takes the place of an instance that has ended.",
        &[Defect::TurnsReplace],
    ),
    Mutant::inside(
        "replacing_takes_two_steps",
        &["STA-08", "CXL-01"],
        "The old instance goes first, and a dropped call never brings the new one.",
        &[Defect::ReplacementTakesTwoSteps],
    )
    .in_case("required::sta_replace::a_dropped_replacement_happened_or_did_not"),
    Mutant::outside(
        "nothing_expires",
        &["EXP-01", "EXP-03"],
        "The end of an instance says nothing of its expiry.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.expire_after = None)),
    ),
    Mutant::outside(
        "expiry_is_rounded_down",
        &["EXP-01"],
        "An instance expires up to a millisecond before its time.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                turn.expire_after = turn.expire_after.map(floor)
            });
        }),
    ),
    Mutant::outside(
        "the_time_of_expiry_is_not_read",
        &["EXP-01"],
        "The head does not say when the instance expires.",
        Rewrite::Heads(|head| head.expires_at_ms = None),
    ),
    Mutant::inside(
        "any_turn_expires",
        &["EXP-01"],
        "A turn that leaves the instance running has it expire.",
        &[Defect::AnyTurnExpires],
    ),
    Mutant::inside(
        "expiry_is_forgotten",
        &["EXP-01"],
        "A commit without executions, as one that clears an inbox is, takes the time back.",
        &[Defect::ExpiryIsForgotten],
    ),
    Mutant::inside(
        "what_runs_again_expires",
        &["EXP-01"],
        "The time stays when the instance goes on.",
        &[Defect::ReopenedExpire],
    ),
    Mutant::inside(
        "the_expired_are_gone_at_once",
        &["EXP-02"],
        "An instance is removed when its time has come, by whichever operation comes next.",
        &[Defect::ExpiredAreGoneAtOnce],
    ),
    Mutant::inside(
        "what_is_held_does_not_expire",
        &["EXP-02"],
        "Maintenance leaves an expired instance that somebody holds.",
        &[Defect::MaintenanceSparesLeased],
    ),
    Mutant::inside(
        "maintenance_overlooks_control",
        &["DEL-05", "EXP-02"],
        "Maintenance removes an expired instance for which a control message is due.",
        &[Defect::MaintenanceSparesNobody],
    ),
    Mutant::inside(
        "a_deletion_overlooks_control",
        &["DEL-05"],
        "A deletion that is not forced removes an instance for which a control message is due.",
        &[Defect::DeletionSparesNobody],
    ),
    Mutant::inside(
        "a_replacement_overlooks_control",
        &["DEL-05", "STA-08"],
        "A start takes the place of an ended instance for which a control message is due.",
        &[Defect::ReplacementSparesNobody],
    ),
    Mutant::inside(
        "maintenance_removes_the_ended",
        &["EXP-02"],
        "Maintenance removes what has ended, whether it expires or not.",
        &[Defect::MaintenanceRemovesTheEnded],
    ),
    Mutant::inside(
        "maintenance_forgets_the_rest",
        &["EXP-03"],
        "Maintenance removes some, and does not ask to be called again.",
        &[Defect::MaintenanceForgetsTheRest],
    ),
    Mutant::inside(
        "maintenance_reads_every_instance",
        &["EXP-03"],
        "Maintenance looks at every instance there is.",
        &[Defect::MaintenanceReadsEveryInstance],
    ),
];
