//! The invariants, each a function that says what contradicts it.

mod details;
mod drained;
mod history;
mod leases;
mod mail;
mod messages;
mod order;
mod sends;
mod standing;
mod store;

use super::drain::Contents;
use super::facts::Facts;
use super::log::Entry;
use super::report::{Finding, Violation};

type Check = fn(&Facts<'_>) -> Result<(), Finding>;

/// What must hold of every run, whatever the workers did. The order is that in which they are
/// checked: what explains other findings comes first.
const INVARIANTS: &[(&str, Check)] = &[
    (
        "I5: what rests on a lost lease or a stale position changes nothing (FEN-01, FEN-02, \
         FEN-05, ACT-04, LEA-05, LEA-07)",
        leases::refusals_change_nothing,
    ),
    (
        "I17: one commit goes on from another, and without a lease only where nobody else may (FEN-02, \
         FEN-07)",
        standing::one_goes_on,
    ),
    (
        "I4: at most one valid lease of an instance or an activity (LEA-01, CLM-01)",
        leases::one_holder,
    ),
    (
        "I18: heads say what the commits say of what is awaited and of the suspension (HEA-02, MAI-05, \
         SUS-02)",
        standing::heads_follow_commits,
    ),
    (
        "I3: a history is contiguous, each part written once and never changed (HIS-01, HIS-05)",
        history::histories_are_sound,
    ),
    (
        "I2: nothing is delivered that was not sent like this (MSG-01, MSG-02, MSG-05, MSG-06, \
         MAI-02)",
        messages::no_ghosts,
    ),
    (
        "I8: nothing is delivered before its time (CLM-04, DLY-01, MAI-02)",
        messages::not_before_its_time,
    ),
    (
        "I12: nothing comes back of what was deleted (DEL-01)",
        store::no_resurrection,
    ),
    (
        "I6: a commit is applied with all of its parts or with none (COM-01)",
        history::commits_are_whole,
    ),
    (
        "I7: nothing is stuck (WAK-01, COM-04, LEA-03, MAI-05)",
        drained::nothing_is_stuck,
    ),
    (
        "I1: every acknowledged message is consumed exactly once or still there (MSG-03, COM-02)",
        messages::exactly_once,
    ),
    (
        "I16: a claim carries no mail and says whether there is some, and of a suspended instance it \
         carries control alone (CLM-01, CLM-11, SUS-01)",
        mail::claims_carry_what_they_may,
    ),
    (
        "I19: a read of mail gives all that is there, of this life alone (MAI-02, MAI-03, MAI-04)",
        mail::mail_is_read_in_full,
    ),
    (
        "I9: an activity is executed, and its result recorded once, not after it was cancelled \
         (ACT-01, ACT-03, IDM-04, CAN-01)",
        store::one_result,
    ),
    (
        "I10: an ended instance stays as it ended, unless it is opened again (HEA-01, HEA-02, EXE-04)",
        history::ends_are_final,
    ),
    (
        "I22: heads have the status that the commits say, opened instances among them (HEA-01, HEA-02, \
         EXE-04)",
        standing::statuses_follow_commits,
    ),
    (
        "I11: the events of one sender stay in order (MSG-04)",
        order::senders_stay_in_order,
    ),
    (
        "I20: what is refused is refused for a reason, and nothing is taken that nobody reads (STA-04, \
         STA-06, LIM-03)",
        sends::refusals_have_reasons,
    ),
    (
        "I13: attempts are counted from the last commit on (ATT-01, ATT-02, ATT-03)",
        leases::attempts_are_counted,
    ),
    (
        "I21: an activity is claimed with the details that were brought last (DET-01, DET-02, DET-03, \
         DET-04)",
        details::the_last_come_with_a_claim,
    ),
    (
        "I14: nothing is left when all is done and deleted (DEL-01, ADM-03)",
        drained::nothing_is_left,
    ),
];

/// The invariants of other stores that no run of this contract can break, and why.
#[cfg(test)]
const NOT_APPLICABLE: &[(&str, &str)] = &[(
    "I15: after a rollback the state is some prefix of the commits",
    "an acknowledged commit survives what `durability` names (DUR-01), and no capability lets a \
     provider take one back afterwards",
)];

/// Checks all of them, and returns the first that does not hold.
pub(super) fn check(entries: &[Entry], contents: &Contents) -> Result<(), Violation> {
    let facts = Facts::new(entries, contents);
    for (invariant, holds) in INVARIANTS {
        holds(&facts).map_err(|finding| Violation { invariant, finding })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{INVARIANTS, NOT_APPLICABLE};

    #[test]
    fn each_of_them_is_checked_or_excused() {
        let checked = INVARIANTS.iter().map(|(text, _)| *text);
        let excused = NOT_APPLICABLE.iter().map(|(text, _)| *text);
        let texts: Vec<_> = checked.chain(excused).collect();
        for number in 1..=22 {
            let start = format!("I{number}: ");
            let found = texts.iter().filter(|text| text.starts_with(&start));
            assert_eq!(found.count(), 1, "{start}");
        }
        assert!(NOT_APPLICABLE.iter().all(|(_, reason)| !reason.is_empty()));
    }
}
