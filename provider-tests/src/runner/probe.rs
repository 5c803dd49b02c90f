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

/// Opens a store and asks; on a thread of its own, which is left behind if it does not end.
pub(super) fn probe(subject: &Subject, time_limit: Option<Duration>) -> Result<Probe, Silent> {
    let time_limit = time_limit.unwrap_or(TIME_LIMIT);
    let (report, answer) = channel();
    let subject = subject.clone();
    let spawned = thread::Builder::new()
        .name(WORKER_THREADS.to_owned())
        .spawn(move || {
            let asked = catch_unwind(AssertUnwindSafe(|| ask(&subject)));
            let asked = asked.unwrap_or_else(|panic| Err(Silent::Broken(text_of(&*panic))));
            // Nobody listens any more once the time limit has passed.
            report.send(asked).ok();
        });
    if let Err(error) = spawned {
        return Err(Silent::Broken(format!(
            "no thread to open a store on: {error}"
        )));
    }
    answer.recv_timeout(time_limit).unwrap_or_else(|_| {
        let limit = format!("no store was opened within {time_limit:?}");
        Err(Silent::Broken(limit))
    })
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
