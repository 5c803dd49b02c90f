//! Asking a provider who it is, before anything is run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::case::Profile;
use crate::report::{Implementation, Time};
use crate::suite::{Subject, WORKER_THREADS, offers, runtime, text_of};

/// Enough to start a server and open a store in.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What a provider says about itself.
pub(super) struct Probe {
    pub(super) implementation: Implementation,
    pub(super) time: Time,
    pub(super) offered: Vec<Profile>,
}

/// Why a provider could not be asked.
pub(super) enum Silent {
    /// There is no store; the text says what to install or to set.
    Unavailable(String),
    /// It panicked, or did not answer in time.
    Broken(String),
}

/// Opens a store and asks.
pub(super) fn probe(subject: &Subject, time_limit: Option<Duration>) -> Result<Probe, Silent> {
    let subject = subject.clone();
    let asked = apart(time_limit, move || ask(&subject));
    asked.unwrap_or_else(|why| Err(Silent::Broken(why)))
}

/// Does something with a store on a thread of its own, which is left behind if it does not end; the
/// error says that it panicked, or took too long.
pub(super) fn apart<T: Send + 'static>(
    time_limit: Option<Duration>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let time_limit = time_limit.unwrap_or(TIME_LIMIT);
    let (report, answer) = channel();
    thread::Builder::new()
        .name(WORKER_THREADS.to_owned())
        .spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(work)).map_err(|panic| text_of(&*panic));
            // Nobody listens any more once the time limit has passed.
            report.send(done).ok();
        })
        .map_err(|error| format!("no thread to open a store on: {error}"))?;
    answer
        .recv_timeout(time_limit)
        .unwrap_or_else(|_| Err(format!("no store was opened within {time_limit:?}")))
}

fn ask(subject: &Subject) -> Result<Probe, Silent> {
    let runtime = runtime().map_err(Silent::Broken)?;
    let probe = runtime.block_on(async {
        let store = subject.fixture.create().await?;
        let provider = store.connect().await?;
        let probe = Probe {
            implementation: Implementation::of(&*provider, subject.fixture.mode()),
            time: store.clock().pace().into(),
            offered: Profile::ALL
                .iter()
                .copied()
                .filter(|profile| offers(&*provider, *profile))
                .collect(),
        };
        provider.close().await;
        Ok(probe)
    });
    runtime.shutdown_background();
    probe.map_err(|unavailable: crate::Unavailable| Silent::Unavailable(unavailable.to_string()))
}
