//! One run with one crash.

use std::sync::Arc;
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::ledger::Ledger;
use crate::line::Line;
use crate::point::Point;
use crate::record::Record;
use crate::script;
use crate::stage::Stage;

/// The real time after which a run is taken to be stuck. It mostly waits for 2 ms.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any lease.
const DOWNTIME: Duration = Duration::from_secs(60);

/// What came of a trial.
pub(crate) struct Trial {
    pub(crate) record: Record,
    /// Whether the crash came, or the run ended before it.
    pub(crate) has_crashed: bool,
}

/// Runs the script once, on an executor of its own: what the dead process left there ends with it.
pub(crate) fn run(point: Option<Point>) -> Trial {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    executor.block_on(async {
        let trial = timeout(PATIENCE, trial(point)).await;
        trial.expect("the run is stuck")
    })
}

async fn trial(point: Option<Point>) -> Trial {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store = Arc::new(MemoryProvider::with_options(options));
    let mut stage = Stage {
        line: Arc::new(Line::new(store, point)),
        clock,
        slow: Arc::new(watch::Sender::new(0)),
        is_mended: Arc::default(),
    };
    let mut ledger = Ledger::default();
    let has_died = tokio::select! {
        biased;
        () = stage.line.death() => true,
        () = to_the_end(&stage, &mut ledger) => false,
    };
    let (has_crashed, store) = (stage.line.has_crashed(), stage.line.store());
    if has_died {
        ledger.check(Arc::clone(&store)).await;
        stage.clock.advance(DOWNTIME);
        stage.line = Arc::new(Line::new(Arc::clone(&store), None));
        to_the_end(&stage, &mut ledger).await;
    }
    ledger.check(Arc::clone(&store)).await;
    Trial {
        record: Record::take(&store, &ledger).await,
        has_crashed,
    }
}

async fn to_the_end(stage: &Stage, ledger: &mut Ledger) {
    tokio::select! {
        biased;
        never = stage.tick() => never,
        () = script::play(stage, ledger) => {}
    }
}
