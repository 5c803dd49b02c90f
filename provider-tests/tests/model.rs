//! The model test itself: it reaches what it is there for, and finds what is planted.

#[path = "model/wrapped.rs"]
mod wrapped;

use std::panic::{AssertUnwindSafe, catch_unwind};

use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::model::{At, Known, Op, Part, Parts, Queue, Span, Who, replay};
use duroxide_provider_tests::{CATALOGUE, Outcome, RunOptions, Seed, Subject, run_case};
use wrapped::{Defect, WrappedFixture};

fn with(defect: Defect) -> Subject {
    Subject::new(WrappedFixture::new(defect)).with_reference(MemoryFixture)
}

/// Runs the model test with so many sequences.
fn run(subject: &Subject, seed: u64, rounds: u32) -> Outcome {
    let id = "random::model::the_reference_does_the_same";
    let mut cases = CATALOGUE.iter().copied().flatten();
    let Some(case) = cases.find(|case| case.id == id) else {
        panic!("{id} is not in the table");
    };
    let mut options = RunOptions::default();
    options.seed = Seed(seed);
    options.rounds = Some(rounds);
    run_case(case, subject, &options)
}

/// What the model test says of a defect.
fn report_of(defect: Defect, seed: u64) -> String {
    let outcome = run(&with(defect), seed, 200);
    let Outcome::Failed(failure) = outcome else {
        panic!("{defect:?}: {}", outcome.name());
    };
    failure.message
}

/// The operations that the report prints, one for each line.
fn printed_ops(report: &str) -> Vec<&str> {
    let lines = report
        .lines()
        .skip_while(|line| !line.contains("let ops = ["));
    let ops = lines.skip(1).take_while(|line| !line.contains("];"));
    ops.map(|line| line.trim().trim_end_matches(',')).collect()
}

/// What a replay says, if it finds a difference.
fn replayed(subject: &Subject, ops: &[Op]) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| replay(subject, ops))).err()?;
    let Ok(text) = panic.downcast::<String>() else {
        panic!("a replay says what differs");
    };
    Some(*text)
}

#[test]
fn an_overlooked_cancellation_is_found() {
    let report = report_of(Defect::CancelsNothing, 7);

    let ops = printed_ops(&report);
    assert!(ops.len() <= 8, "{report}");
    for expected in ["Op::ClaimTurns", "Part::CancelAll", "Part::Schedule"] {
        assert!(ops.iter().any(|op| op.contains(expected)), "{report}");
    }
    assert!(report.contains("DUROXIDE_TEST_SEED="), "{report}");
    assert!(report.contains("--case random::model::"), "{report}");
}

#[test]
fn a_lost_delay_is_found() {
    let report = report_of(Defect::LosesDelays, 1);
    assert!(printed_ops(&report).len() <= 8, "{report}");
}

#[test]
fn an_attempt_that_is_counted_wrongly_is_found() {
    for (defect, release, attempts) in [
        (Defect::TakesNothingBack, "Release", "TakeBack"),
        (Defect::ResetsNoTurns, "ReleaseTurn", "Reset"),
        (Defect::ResetsNoActivities, "ReleaseActivity", "Reset"),
    ] {
        let report = report_of(defect, 1);
        let ops = printed_ops(&report);
        assert!(ops.len() <= 8, "{report}");
        let is_named = ops
            .iter()
            .any(|op| op.contains(release) && op.contains(&format!("Attempts::{attempts}")));
        assert!(is_named, "{report}");
    }
}

#[test]
fn a_panic_is_found() {
    let report = report_of(Defect::Panics, 1);
    assert!(report.contains("the planted panic"), "{report}");
    assert_eq!(printed_ops(&report).len(), 1, "{report}");
}

#[test]
fn the_same_seed_finds_the_same() {
    let report = report_of(Defect::CancelsNothing, 1);
    assert_eq!(report, report_of(Defect::CancelsNothing, 1));
}

/// The operations here are as a report printed them.
#[test]
fn what_was_printed_fails_the_same_way() {
    let ops = [
        Op::Start {
            instance: Who::Odd,
            queue: Queue::Default,
            message: 0,
        },
        Op::ClaimTurns {
            queues: Queue::Both,
            turns_max: 10,
            messages_max: 100,
            bytes_max: 10000,
            total_bytes_max: 10_000,
            lease: Span::Lease,
        },
        Op::Commit {
            turn: 0,
            at: At::Head,
            parts: Parts(vec![Part::Schedule {
                queue: Queue::Default,
            }]),
        },
        Op::CommitUnleased {
            turn: 0,
            known: Known::Now,
            parts: Parts(vec![Part::CancelAll { executions_ago: 0 }]),
        },
    ];
    let printed: Vec<_> = ops.iter().map(|op| format!("{op:?}")).collect();
    assert_eq!(
        printed.last().map(String::as_str),
        Some(
            "Op::CommitUnleased { turn: 0, known: Known::Now, parts: \
             Parts(vec![Part::CancelAll { executions_ago: 0 }]) }"
        )
    );

    let text = replayed(&with(Defect::CancelsNothing), &ops).expect("the defect is there");
    assert!(
        text.contains("after operation 4, Op::CommitUnleased"),
        "{text}"
    );
    assert!(text.contains("worker_queue: 1"), "{text}");
    assert!(text.contains("-> Ok("), "the calls are shown: {text}");
    assert_eq!(replayed(&with(Defect::Nothing), &ops), None);
}

#[test]
fn there_are_enough_kinds_of_operations() {
    assert!(Op::KINDS.len() >= 30, "{:?}", Op::KINDS);
    assert!(Part::KINDS.len() >= 20, "{:?}", Part::KINDS);
}

/// A comparison of stores in which nothing happens would pass as well.
#[test]
fn what_is_drawn_reaches_all_that_can_happen() {
    let fixture = WrappedFixture::new(Defect::Nothing);
    let subject = Subject::new(fixture.clone()).with_reference(MemoryFixture);
    let outcome = run(&subject, 1, 150);
    assert!(matches!(outcome, Outcome::Passed), "{outcome:?}");
    let counts = fixture.counts.lock();
    for (what, times) in counts.iter() {
        assert!(*times > 2, "{what}: only {times} times in {counts:#?}");
    }
    assert_eq!(counts.len(), 30, "{counts:#?}");
}
