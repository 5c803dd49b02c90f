//! The sign of life of a process: others tell what they do to those who are alive.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use crate::codes::Id;
use crate::error::Failure;
use crate::hub::{Due, Dues};
use crate::lane::Lane;
use crate::script::Script;
use crate::setup::Setup;

/// How often a process says that it is alive, and looks for what it may not have heard.
const INTERVAL: Duration = Duration::from_secs(1);
/// Who was silent for this long may have been forgotten, and has to ask for everything. The server
/// forgets after 15 s.
const SILENT_MAX: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Request<'a> {
    node: Id,
    bell: &'a str,
    turns: Vec<Arc<str>>,
    activities: Vec<Arc<str>>,
}

#[derive(Deserialize)]
struct Answer {
    now: u64,
    seq: u64,
    turns_due: Vec<Due>,
    activities_due: Vec<Due>,
    has_peers: bool,
}

/// Has the hub learn when something becomes claimable.
pub(crate) async fn ask(setup: &Setup) -> Result<(), Failure> {
    let (turns, activities) = setup.hub.queues();
    let request = Request {
        node: setup.node,
        bell: &setup.bell,
        turns,
        activities,
    };
    let answer: Answer = setup.call(Lane::Leases, Script::Dues, &request).await?;
    setup.hub.set_peers(answer.has_peers);
    setup.hub.learn(Dues {
        at_ms: answer.now,
        sequence: answer.seq,
        turns: answer.turns_due,
        activities: answer.activities_due,
    });
    Ok(())
}

/// Says again and again that the process is alive, until everything is closed.
pub(crate) async fn run(setup: Arc<Setup>) {
    let mut heard_at = SystemClock.elapsed();
    loop {
        tokio::select! {
            biased;
            () = setup.hub.closed() => return,
            () = SystemClock.sleep(INTERVAL) => {}
        }
        if ask(&setup).await.is_err() {
            // Whoever calls anything hears of it.
            continue;
        }
        let now = SystemClock.elapsed();
        if now.saturating_sub(heard_at) > SILENT_MAX {
            setup.hub.forget();
        }
        heard_at = now;
        if !setup.hub.is_listening() {
            setup.hub.pulse.notify_waiters();
        }
    }
}
