//! Faults of values.

use std::collections::BTreeSet;

use duroxide_core::providers::{CommitId, Limits, TurnCommit, Until, ValueKey, ValueKeys};
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;
use super::{each_turn, floor};

/// Changes for how long the values of a turn are there.
fn each_expiry(turn: &mut TurnCommit, change: impl Fn(std::time::Duration) -> std::time::Duration) {
    let new = turn.values.iter_mut().filter_map(|it| it.value.as_mut());
    for new in new {
        new.expires_after = new.expires_after.map(&change);
    }
}

pub(crate) const VALUES: &[Mutant] = &[
    Mutant::outside(
        "values_are_not_written",
        &["VAL-01"],
        "What a commit sets and removes is not stored.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.values.clear())),
    ),
    Mutant::outside(
        "values_are_not_removed",
        &["VAL-01"],
        "A value that a commit removes stays.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| turn.values.retain(|it| it.value.is_some()));
        }),
    ),
    Mutant::outside(
        "values_need_executions",
        &["VAL-01"],
        "A commit without executions sets no values.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                if turn.executions.is_empty() {
                    turn.values.clear();
                }
            });
        }),
    ),
    Mutant::outside(
        "the_first_of_two_values_counts",
        &["VAL-01"],
        "A commit that names a value twice is taken, and the second one is lost.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                let mut named = BTreeSet::new();
                turn.values.retain(|it| named.insert(it.key.clone()));
            });
        }),
    ),
    Mutant::inside(
        "values_are_written_first",
        &["VAL-01"],
        "Values are written before the turn is checked.",
        &[Defect::ValuesAreWrittenFirst],
    ),
    Mutant::inside(
        "values_are_a_second_step",
        &["VAL-01"],
        "Values are written in a step of their own, which a dropped call never makes.",
        &[Defect::ValuesComeLater],
    )
    .in_case("required::val::a_dropped_turn_sets_all_of_its_values_or_none"),
    Mutant::outside(
        "values_come_backwards",
        &["VAL-02"],
        "Values are read in another order than they were asked for.",
        Rewrite::Values(|values| values.reverse()),
    ),
    Mutant::outside(
        "one_value_is_read",
        &["VAL-02"],
        "A read of several values gives the first.",
        Rewrite::AskValues(|request| {
            if let ValueKeys::Named(keys) = &mut request.keys {
                keys.truncate(1);
            }
        }),
    ),
    Mutant::outside(
        "empty_values_are_absent",
        &["VAL-02"],
        "A value without bytes is not read.",
        Rewrite::Values(|values| values.retain(|it| !it.value.is_empty())),
    ),
    Mutant::outside(
        "versions_are_all_the_same",
        &["VAL-02"],
        "The version of a value does not say which commit wrote it.",
        Rewrite::Values(|values| {
            for value in values {
                value.version = CommitId(Default::default());
            }
        }),
    ),
    Mutant::inside(
        "continuing_forgets_values",
        &["VAL-03"],
        "Values go when the next execution begins.",
        &[Defect::ContinueForgetsValues],
    ),
    Mutant::inside(
        "ends_take_the_values",
        &["VAL-03"],
        "Values go when their instance ends.",
        &[Defect::EndsTakeTheValues],
    ),
    Mutant::inside(
        "deleting_leaves_values",
        &["VAL-03", "DEL-01", "STA-08", "EXP-02"],
        "The next life of an id has the values of the one before.",
        &[Defect::DeleteLeavesValues],
    ),
    Mutant::outside(
        "values_never_expire",
        &["VAL-04"],
        "A value stays that was to expire.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| each_expiry(turn, |_| super::YEAR));
        }),
    ),
    Mutant::outside(
        "values_expire_early",
        &["VAL-04"],
        "A value is there for half of its time.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| each_expiry(turn, |after| after / 2));
        }),
    ),
    Mutant::outside(
        "times_of_values_are_rounded_down",
        &["VAL-04"],
        "The part of a millisecond is cut from the time that a value is there.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| each_expiry(turn, floor))),
    ),
    Mutant::inside(
        "values_are_not_counted",
        &["VAL-05"],
        "An instance keeps any number of values, of any size together.",
        &[Defect::ValuesAreUncounted],
    ),
    Mutant::inside(
        "values_that_expire_are_counted",
        &["VAL-05"],
        "Values that expire use up the room of those that do not.",
        &[Defect::ExpiringValuesCount],
    ),
    Mutant::outside(
        "long_values_are_cut",
        &["VAL-05"],
        "A value over the limit is stored as far as it fits.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                let max = Limits::default().value_bytes_max;
                for new in turn.values.iter_mut().filter_map(|it| it.value.as_mut()) {
                    new.value.truncate(max);
                }
            });
        }),
    ),
    Mutant::outside(
        "long_keys_are_cut",
        &["VAL-05"],
        "A key over the limit is stored as far as it fits.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                for update in &mut turn.values {
                    let cut: String = update
                        .key
                        .as_str()
                        .chars()
                        .take(ValueKey::BYTES_MAX)
                        .collect();
                    update.key = ValueKey::from(cut.as_str());
                }
            });
        }),
    ),
    Mutant::outside(
        "a_watch_of_a_value_hears_nothing",
        &["VAL-06"],
        "A watch of a value ends with its instance alone.",
        Rewrite::AskChange(|watched| {
            for watch in watched {
                watch.until = Until::Terminal;
            }
        }),
    ),
    Mutant::outside(
        "a_watch_of_a_value_knows_none",
        &["VAL-06"],
        "A watch of a value ends at once, whichever version is known.",
        Rewrite::AskChange(|watched| {
            for watch in watched {
                if let Until::ValueOtherThan { version, .. } = &mut watch.until {
                    *version = Some(CommitId(Default::default()));
                }
            }
        }),
    ),
];
