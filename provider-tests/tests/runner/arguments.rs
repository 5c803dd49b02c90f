//! What is not understood is refused, and runs nothing.

use std::process::ExitCode;

use duroxide_provider_tests::Subject;

use super::broken::{Broken, Defect};
use super::outcome::say;

/// A provider that would fail, to see that it is not asked.
fn subject() -> Subject {
    Subject::new(Broken(Defect::OpeningHangs))
}

#[test]
fn what_is_not_understood_is_a_usage_error() {
    for arguments in [
        &["--profile", "requird"][..],
        &["--case", "no such case"],
        &["--clause", "LEA-99"],
        &["--clause", "ERR-03"],
        &["--profile=durable", "--case=required::"],
        &["--no-such-flag", "1"],
        &["--seed", "one"],
        &["--repeat", "0"],
        &["--rounds=-1"],
        &["--jobs", "0"],
        &["--time-limit", "NaN"],
        &["--time-limit", "0"],
        &["--format", "yaml"],
        &["--seed"],
        &["walk"],
        &["run", "run"],
        &["-x"],
        &["list", "--clause", "LEA-99"],
        &["--output", "no/such/folder/report"],
    ] {
        assert_eq!(
            say(subject(), arguments).code,
            ExitCode::from(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn help_and_the_list_need_no_provider() {
    for arguments in [
        &["--help"][..],
        &["run", "-h"],
        &["list"],
        &["list", "--case", "lea"],
    ] {
        assert_eq!(
            say(subject(), arguments).code,
            ExitCode::SUCCESS,
            "{arguments:?}"
        );
    }
}

#[test]
fn a_name_that_does_not_exist_is_answered_with_those_most_like_it() {
    for (arguments, says) in [
        (["--profile", "requird"], "similar value exists: 'required'"),
        (
            ["--case", "an_expired_trun_comes_back"],
            "did you mean required::lea::an_expired_turn_comes_back",
        ),
        (["--clause", "LEA-99"], "did you mean LEA-"),
        (
            ["--clause", "ERR-03"],
            "no case shows ERR-03: needs a fault between",
        ),
        (["--sead", "1"], "similar argument exists: '--seed'"),
    ] {
        let said = say(subject(), &arguments);
        assert!(said.err.contains(says), "{}", said.err);
        assert_eq!(said.out, "");
    }
}

#[test]
fn the_list_has_the_clauses_and_is_filtered() {
    let said = say(subject(), &["list", "--clause", "lea-03"]);

    let mut lines = said.out.lines();
    assert!(lines.clone().count() > 2, "{}", said.out);
    assert!(lines.all(|line| line.contains("LEA-03")), "{}", said.out);
}
