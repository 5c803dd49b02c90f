//! The harness itself: a case that panics or hangs fails, with the calls that led there.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::Provider;
use duroxide_memory::{MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{
    CATALOGUE, Case, Failure, Fixture, Outcome, Profile, RunOptions, Store, Subject, TestClock,
    Unavailable, check_declaration, run_case, run_named,
};

/// A store whose time does not pass for the provider, as if a fixture had mixed up its clocks.
struct StoppedClock;

struct StoppedStore {
    clock: ManualClock,
    provider: Arc<MemoryProvider>,
}

#[async_trait]
impl Fixture for StoppedClock {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let options = MemoryOptions::default().clock(Arc::new(ManualClock::at_ms(1)));
        let provider = Arc::new(MemoryProvider::with_options(options));
        let clock = ManualClock::at_ms(1);
        Ok(Box::new(StoppedStore { clock, provider }))
    }
}

#[async_trait]
impl Store for StoppedStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::clone(&self.provider) as Arc<dyn Provider>)
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}

fn case(id: &str) -> &'static Case {
    let mut cases = CATALOGUE.iter().copied().flatten();
    let Some(case) = cases.find(|case| case.id == id) else {
        panic!("{id} is not in the table");
    };
    case
}

fn failure_of(case: &'static Case, options: &RunOptions) -> Failure {
    let outcome = run_case(case, &Subject::new(StoppedClock), options);
    let name = outcome.name();
    if let Outcome::Failed(failure) = outcome {
        return failure;
    }
    panic!("{} {name}", case.id)
}

/// As a server that nobody started.
struct NoServer;

#[async_trait]
impl Fixture for NoServer {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Err(Unavailable::new("start the server, or set its URL"))
    }
}

#[test]
#[should_panic(expected = "no store to run on: start the server, or set its URL")]
fn a_case_without_a_store_does_not_pass() {
    run_named(
        "required::lea::an_expired_turn_comes_back",
        &Subject::new(NoServer),
    );
}

#[test]
#[should_panic(expected = "was not run: no reference was given")]
fn a_case_without_a_reference_does_not_pass() {
    run_named(
        "random::model::the_reference_does_the_same",
        &Subject::new(StoppedClock),
    );
}

#[test]
fn a_failing_case_shows_its_calls() {
    let case = case("required::lea::an_expired_turn_comes_back");

    let failure = failure_of(case, &RunOptions::default());

    assert!(
        failure.message.contains("exactly this instance"),
        "{failure}"
    );
    let shown = failure.to_string();
    assert!(shown.contains("1. handle 1: commit [Send("), "{shown}");
    assert!(shown.contains("-> Ok(Claimed { items: []"), "{shown}");
}

#[test]
fn a_hanging_case_fails_in_time() {
    static HANGING: Case = Case {
        id: "a case that hangs",
        profile: Profile::Required,
        clauses: &[],
        run: |_| Box::pin(pending()),
    };
    let mut options = RunOptions::default();
    options.time_limit = Some(Duration::from_millis(100));

    let failure = failure_of(&HANGING, &options);

    assert!(
        failure.message.contains("did not end within 100ms"),
        "{failure}"
    );
}

#[test]
#[should_panic(expected = "shows that LEA-03 is broken")]
fn a_generated_test_names_the_clauses() {
    run_named(
        "required::lea::an_expired_turn_comes_back",
        &Subject::new(StoppedClock),
    );
}

#[test]
#[should_panic(expected = "the profile `durable`")]
fn a_false_declaration_fails() {
    let declared = [Profile::Required, Profile::Management, Profile::Durable];
    check_declaration(&Subject::new(StoppedClock), &declared);
}
