//! The cases of the areas `workers` and `pairs` have teeth: a provider with a defect is found out,
//! soon, and by the invariant that it breaks.
//!
//! The in-memory provider has no threads, so that a run follows from its seed alone and a finding
//! comes again. On a provider with threads the seed still draws what the workers do, but which of
//! several calls under way is served first is the provider's affair.

mod defective;

use defective::{Defect, subject, subject_inside};
use duroxide_memory::Defect as Fault;
use duroxide_provider_tests::{CATALOGUE, Case, Outcome, RunOptions, Seed, Subject, run_case};

/// In so many runs each defect is found.
const ROUNDS: u32 = 30;

fn case(id: &str) -> &'static Case {
    let mut cases = CATALOGUE.iter().copied().flatten();
    let Some(case) = cases.find(|case| case.id == id) else {
        panic!("{id} is not in the table");
    };
    case
}

/// The text of the failure, if the case fails.
fn failure_of(id: &str, defect: Defect, seed: u64, rounds: u32) -> Option<String> {
    failure_on(&subject(defect), id, seed, rounds)
}

fn failure_on(subject: &Subject, id: &str, seed: u64, rounds: u32) -> Option<String> {
    let mut options = RunOptions::default();
    options.seed = Seed(seed);
    options.rounds = Some(rounds);
    match run_case(case(id), subject, &options) {
        Outcome::Passed => None,
        Outcome::Failed(failure) => Some(failure.message),
        other @ (Outcome::Skipped(_) | Outcome::Unavailable(_) | Outcome::NotSupported) => {
            panic!("{id}: {}", other.name())
        }
    }
}

const WORKERS: &str = "random::workers::invariants_hold";
const CRASHING_WORKERS: &str = "random::workers::invariants_hold_with_crashes";

/// Checks that the workers find a defect, and by which invariant.
fn workers_find(defect: Defect, invariant: &str) {
    let failure = failure_of(WORKERS, defect, 1, ROUNDS);
    let failure = failure.unwrap_or_else(|| panic!("{defect:?} was not found"));
    let expected = format!("{invariant}: ");
    assert!(failure.starts_with(&expected), "{defect:?}: {failure}");
}

/// The same for a fault inside the provider.
fn workers_find_inside(fault: Fault, invariant: &str) {
    let failure = failure_on(&subject_inside(fault), WORKERS, 1, ROUNDS);
    let failure = failure.unwrap_or_else(|| panic!("{fault:?} was not found"));
    let expected = format!("{invariant}: ");
    assert!(failure.starts_with(&expected), "{fault:?}: {failure}");
}

#[test]
fn the_wrapper_alone_breaks_nothing() {
    for id in [WORKERS, CRASHING_WORKERS] {
        assert_eq!(failure_of(id, Defect::None, 1, 3), None);
    }
}

macro_rules! teeth {
    ($($name:ident: $defect:ident breaks $invariant:literal,)+) => {
        $(
            #[test]
            fn $name() {
                workers_find(Defect::$defect, $invariant);
            }
        )+
    };
}

teeth! {
    late_messages_that_are_consumed: ConsumesWhatArrivedLate breaks "I1",
    changed_messages: ChangesBodies breaks "I2",
    cut_histories: CutsHistories breaks "I3",
    a_double_claim: ClaimsTwice breaks "I4",
    a_commit_without_a_fence: IgnoresTheFence breaks "I5",
    a_refusal_that_is_applied: AppliesWhatItRefuses breaks "I5",
    a_commit_without_its_consumption: ConsumesNothing breaks "I6",
    late_messages_that_are_forgotten: ForgetsLateMessages breaks "I7",
    forgotten_delays: ForgetsDelays breaks "I8",
    cancelled_activities_that_stay: CancelsNothing breaks "I9",
    lost_outputs: LosesOutputs breaks "I10",
    reversed_messages: ReversesMessages breaks "I11",
    deletions_that_delete_nothing: DeletesNothing breaks "I12",
    attempts_that_are_not_counted: CountsNoAttempts breaks "I13",
    rows_that_are_left_behind: LeavesEventsBehind breaks "I14",
}

teeth! {
    mail_that_stays: KeepsMail breaks "I6",
    changed_mail: ChangesMail breaks "I2",
    reversed_mail: ReversesMail breaks "I11",
    lost_mail: LosesMail breaks "I19",
    mail_that_is_left_untold: ForgetsMoreMail breaks "I19",
    mail_of_which_there_is_always_more: TellsOfMoreMail breaks "I19",
    pages_that_are_too_long: ReadsTooMuchMail breaks "I19",
    mail_of_other_topics: ReadsOtherTopics breaks "I19",
    dropped_mail: DropsMail breaks "I1",
    claimed_mail: ClaimsMail breaks "I2",
    mail_that_is_always_announced: AnnouncesMail breaks "I16",
    mail_that_is_never_announced: HidesMail breaks "I16",
    mail_that_wakes_nobody: SleepsOverMail breaks "I7",
    a_suspension_that_is_none: SuspendsNothing breaks "I18",
    topics_that_are_not_awaited: AwaitsNothing breaks "I18",
    control_that_comes_last: ClaimsControlLast breaks "I11",
    a_mailbox_without_room: HasNoRoom breaks "I20",
    mail_to_a_life_that_is_over: ConfusesLives breaks "I2",
    an_instance_that_is_not_found: FindsNobody breaks "I20",
}

macro_rules! teeth_inside {
    ($($name:ident: $fault:ident breaks $invariant:literal,)+) => {
        $(
            #[test]
            fn $name() {
                workers_find_inside(Fault::$fault, $invariant);
            }
        )+
    };
}

teeth_inside! {
    a_suspended_instance_gets_everything: SuspendedGetEverything breaks "I16",
    awaited_topics_that_add_up: AwaitedAddsUp breaks "I18",
    an_end_that_leaves_the_record: EndsLeaveTheRecord breaks "I18",
    mail_of_another_life: MailOfAnyLife breaks "I19",
    mail_for_the_ended: EndedTakeMail breaks "I20",
    mail_in_the_wrong_order: TiesComeBackwards breaks "I11",
    repeats_that_are_stored: StoresRepeats breaks "I2",
    an_opened_instance_that_has_ended: OpenedHaveEnded breaks "I22",
    details_that_are_taken: DetailsAreTaken breaks "I21",
    details_of_another_activity: DetailsAreInherited breaks "I21",
    details_of_a_lost_lease: LostLeasesLeaveDetails breaks "I21",
    an_unleased_turn_of_the_suspended: UnleasedIgnoresSuspension breaks "I17",
    an_unleased_turn_of_the_leased: UnleasedIgnoresLeases breaks "I17",
    an_unleased_turn_of_what_is_held_back: UnleasedIgnoresBackOff breaks "I17",
    an_unleased_turn_after_another_commit: UnleasedIgnoresCommits breaks "I17",
}

/// A failure says how to repeat its run alone, and that run fails in the same way.
#[test]
fn the_same_seed_finds_the_same() {
    let first = failure_of(WORKERS, Defect::ConsumesWhatArrivedLate, 1, ROUNDS);
    let first = first.expect("it is found");
    let seed = first.split("DUROXIDE_TEST_SEED=").nth(1);
    let seed = seed.and_then(|rest| rest.split(' ').next());
    let seed = seed.and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.expect("the failure names its seed");

    let again = failure_of(WORKERS, Defect::ConsumesWhatArrivedLate, seed, 1);
    let again = again.expect("it is found again");

    assert_eq!(without_tokens(&first), without_tokens(&again));
}

/// Tokens are the only thing in a report that is random.
fn without_tokens(report: &str) -> String {
    let parts: Vec<_> = report
        .split("lease ")
        .map(|part| part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
        .collect();
    parts.join("lease ")
}

#[test]
fn a_failure_can_be_read() {
    let failure = failure_of(WORKERS, Defect::ClaimsTwice, 1, ROUNDS).expect("it is found");
    for part in [
        "finding: ",
        "DUROXIDE_TEST_ROUNDS=1 cargo test --test conformance random::workers::invariants_hold",
        "duroxide conformance --backend URL --case random::workers::invariants_hold --seed ",
        "claim turns -> [",
    ] {
        assert!(failure.contains(part), "{part} in {failure}");
    }
}

/// Checks that the pairs find a defect, and what they say.
fn pairs_find(id: &str, defect: Defect, text: &str) {
    let failure = failure_of(id, defect, 1, 1);
    let failure = failure.unwrap_or_else(|| panic!("{defect:?} was not found"));
    assert!(failure.contains(text), "{defect:?}: {failure}");
}

#[test]
fn a_lock_across_an_await_is_found() {
    let text = "does not end while another caller rests at commit_turn@1";
    let id = "random::pairs::commits_are_atomic";
    pairs_find(id, Defect::LocksAcrossAwait, text);
}

#[test]
fn an_outcome_in_two_steps_is_found() {
    let text = "finish_activity@1, then cancel_by_turn to its end";
    let id = "random::pairs::sends_are_atomic";
    pairs_find(id, Defect::OutcomeInTwoSteps, text);
}
