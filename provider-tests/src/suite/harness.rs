//! Runs a case: its own thread, its own runtime, a time limit, and a report when it fails.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};

use duroxide_core::clock::{Clock as _, SystemClock};
use tokio::runtime::{Builder, Runtime};

use super::options::RunOptions;
use super::outcome::{Failure, Outcome};
use super::subject::{Subject, offers};
use crate::case::{CATALOGUE, Case, Profile};
use crate::fixture::{Pace, Unavailable};
use crate::real_time::needs_virtual_time;
use crate::support::{Cx, NothingToShow, Setting};
use crate::transcript::Transcript;

/// Runs one case on a fresh store.
///
/// A provider that panics or hangs fails its case: the case has a thread of its own, which is left
/// behind if it does not end in time.
#[must_use]
pub fn run_case(case: &'static Case, subject: &Subject, options: &RunOptions) -> Outcome {
    let transcript = Transcript::default();
    let failed = |message: String| {
        Outcome::Failed(Failure {
            message,
            transcript: transcript.clone(),
        })
    };
    let needs_reference = case.profile == Profile::Random;
    if needs_reference && subject.reference.is_none() {
        return Outcome::Skipped("no reference was given to compare the provider with".to_owned());
    }
    let (report, reports) = channel();
    let setting = Setting {
        subject: subject.clone(),
        options: options.clone(),
        transcript: transcript.clone(),
    };
    let spawned = std::thread::Builder::new()
        .name(case.id.to_owned())
        .spawn(move || {
            // Nobody listens any more once the time limit has passed.
            let ended = run_on_this_thread(case, setting, &report);
            report.send(Report::Ended(ended)).ok();
        });
    if let Err(error) = spawned {
        return failed(format!("no thread for the case: {error}"));
    }
    let mut time_limit = options.time_limit.unwrap_or_else(|| case.time_limit());
    loop {
        return match reports.recv_timeout(time_limit) {
            Ok(Report::IsSlow) => {
                if options.time_limit.is_none() {
                    time_limit *= SLOW_FACTOR;
                }
                continue;
            }
            Ok(Report::Ended(Ok(()))) => Outcome::Passed,
            Ok(Report::Ended(Err(Stop::Unavailable(remedy)))) => {
                Outcome::Unavailable(remedy.to_string())
            }
            Ok(Report::Ended(Err(Stop::Skipped(reason)))) => Outcome::Skipped(reason.to_owned()),
            Ok(Report::Ended(Err(Stop::NothingToShow))) => Outcome::NotSupported,
            Ok(Report::Ended(Err(Stop::Failed(message)))) => failed(message),
            Err(RecvTimeoutError::Timeout) => {
                failed(format!("the case did not end within {time_limit:?}"))
            }
            Err(RecvTimeoutError::Disconnected) => failed("the thread of the case died".to_owned()),
        };
    }
}

/// By how much longer a case may take on a store that lives in real time, where leases and delays
/// take their part of a second each, or that takes so long to be made: some cases make dozens.
const SLOW_FACTOR: u32 = 10;
const SLOW_TO_MAKE_MS: u64 = 20;

/// What the thread of a case tells.
enum Report {
    /// The store takes more time than one in the same process.
    IsSlow,
    Ended(Result<(), Stop>),
}

/// Why a case did not pass.
enum Stop {
    Unavailable(Unavailable),
    Skipped(&'static str),
    NothingToShow,
    Failed(String),
}

fn run_on_this_thread(
    case: &'static Case,
    setting: Setting,
    report: &Sender<Report>,
) -> Result<(), Stop> {
    let runtime = runtime().map_err(Stop::Failed)?;
    let run = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let began_ms = SystemClock.now_ms();
            let cx = Cx::open(setting).await.map_err(Stop::Unavailable)?;
            let took_ms = SystemClock.now_ms().saturating_sub(began_ms);
            let is_real = matches!(cx.pace(), Pace::Real { .. });
            if let Some(reason) = needs_virtual_time(case.id).filter(|_| is_real) {
                return Err(Stop::Skipped(reason));
            }
            if is_real || took_ms >= SLOW_TO_MAKE_MS {
                report.send(Report::IsSlow).ok();
            }
            (case.run)(&cx).await;
            Ok(())
        })
    }));
    runtime.shutdown_background();
    match run {
        Ok(ended) => ended,
        Err(panic) if panic.is::<NothingToShow>() => Err(Stop::NothingToShow),
        Err(panic) => Err(Stop::Failed(text_of(&*panic))),
    }
}

/// Runs the case of this name and panics unless it passes: the body of a generated test.
///
/// # Panics
/// When the case does not pass, with what failed and the calls that led there.
pub fn run_named(id: &str, subject: &Subject) {
    let Some(case) = CATALOGUE.iter().copied().flatten().find(|c| c.id == id) else {
        panic!("there is no case {id}");
    };
    let options = RunOptions::from_env().unwrap_or_else(|message| panic!("{message}"));
    match run_case(case, subject, &options) {
        Outcome::Passed => {}
        Outcome::Failed(failure) => panic!(
            "{id} shows that {} is broken: {failure}",
            case.clauses.join(", ")
        ),
        Outcome::Unavailable(remedy) => panic!("{id} had no store to run on: {remedy}"),
        Outcome::Skipped(reason) => panic!("{id} was not run: {reason}"),
        // It was run, and there is nothing in the provider that it could show anything by. Whoever
        // needs to know reads the report, where this is no pass.
        Outcome::NotSupported => {}
    }
}

/// Checks that a provider's capabilities say what the test file declares.
///
/// # Panics
/// When a profile is claimed falsely, or one that the provider must show is dropped quietly.
pub fn check_declaration(subject: &Subject, declared: &[Profile]) {
    let runtime = runtime().unwrap_or_else(|message| panic!("{message}"));
    let provider = runtime.block_on(async {
        let store = subject.fixture.create().await?;
        store.connect().await
    });
    let provider = provider.unwrap_or_else(|remedy| panic!("there is no store: {remedy}"));
    for profile in Profile::ALL {
        let is_a_choice = matches!(profile, Profile::EndToEnd | Profile::Random);
        let is_declared = declared.contains(profile);
        assert!(
            is_a_choice || is_declared == offers(&*provider, *profile),
            "the profile `{}` is {}, and the provider's capabilities say the opposite",
            profile.name(),
            if is_declared {
                "declared"
            } else {
                "not declared"
            },
        );
    }
}

/// The name of the threads that work for a case, besides the one that is named after it.
pub(crate) const WORKER_THREADS: &str = "conformance worker";

pub(crate) fn runtime() -> Result<Runtime, String> {
    Builder::new_multi_thread()
        .thread_name(WORKER_THREADS)
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime for the case: {error}"))
}

/// What a panic said.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panicked without a text".to_owned())
}
