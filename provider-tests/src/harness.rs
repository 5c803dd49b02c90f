//! Runs a case: its own thread, its own runtime, a time limit, and a report when it fails.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use duroxide_core::providers::Durability;
use tokio::runtime::{Builder, Runtime};

use crate::case::{CATALOGUE, Case, Profile};
use crate::fixture::Fixture;
use crate::support::Cx;
use crate::transcript::Transcript;

/// The real time that a case may take. None comes near it unless the provider hangs.
pub const CASE_TIME_LIMIT: Duration = Duration::from_secs(10);

/// Why a case failed.
#[derive(Debug)]
pub struct Failure {
    /// What was expected and what happened.
    pub message: String,
    /// The calls up to there.
    pub transcript: Transcript,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\ncalls:\n{}", self.message, self.transcript)
    }
}

impl std::error::Error for Failure {}

/// Runs one case on a fresh store, for so much real time at most.
///
/// # Errors
/// [`Failure`], also when the provider panics or hangs: the case has a thread of its own, which is
/// left behind if it does not end in time.
pub fn run_case(
    case: &'static Case,
    fixture: Arc<dyn Fixture>,
    time_limit: Duration,
) -> Result<(), Failure> {
    let transcript = Transcript::default();
    let failure = |message: String| Failure {
        message,
        transcript: transcript.clone(),
    };
    let (report, verdict) = channel();
    let calls = transcript.clone();
    std::thread::Builder::new()
        .name(case.id.to_owned())
        .spawn(move || {
            let result = runtime().and_then(|runtime| {
                let run = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(async {
                        let cx = Cx::open(fixture, calls).await;
                        (case.run)(&cx).await;
                    });
                }));
                runtime.shutdown_background();
                run.map_err(|panic| text_of(&*panic))
            });
            // Nobody listens any more once the time limit has passed.
            report.send(result).ok();
        })
        .map_err(|error| failure(format!("no thread for the case: {error}")))?;
    match verdict.recv_timeout(time_limit) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(message)) => Err(failure(message)),
        Err(RecvTimeoutError::Timeout) => Err(failure(format!(
            "the case did not end within {time_limit:?}"
        ))),
        Err(RecvTimeoutError::Disconnected) => {
            Err(failure("the thread of the case died".to_owned()))
        }
    }
}

/// Runs the case of this name and panics if it fails: the body of a generated test.
///
/// # Panics
/// When the case fails, with what failed and the calls that led there.
pub fn run_named(id: &str, fixture: impl Fixture) {
    let Some(case) = CATALOGUE.iter().copied().flatten().find(|c| c.id == id) else {
        panic!("there is no case {id}");
    };
    if let Err(failure) = run_case(case, Arc::new(fixture), CASE_TIME_LIMIT) {
        panic!(
            "{id} shows that {} is broken: {failure}",
            case.clauses.join(", ")
        );
    }
}

/// Checks that a provider's capabilities say what the test file declares.
///
/// # Panics
/// When a profile is claimed falsely, or dropped quietly.
pub fn check_declaration(fixture: &impl Fixture, declared: &[Profile]) {
    let (capabilities, admin) = match runtime() {
        Ok(runtime) => runtime.block_on(async {
            let store = fixture.create().await;
            let provider = store.connect().await;
            (provider.capabilities(), provider.admin().is_some())
        }),
        Err(message) => panic!("{message}"),
    };
    let offered = [
        (Profile::Required, true),
        (Profile::Management, admin),
        (
            Profile::Durable,
            capabilities.durability > Durability::Volatile,
        ),
        (Profile::MultiHandle, capabilities.multi_process),
    ];
    for (profile, offered) in offered {
        assert_eq!(
            declared.contains(&profile),
            offered,
            "the profile `{}`: what is declared (left) differs from what the provider says (right)",
            profile.name()
        );
    }
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime for the case: {error}"))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panicked without a text".to_owned())
}
