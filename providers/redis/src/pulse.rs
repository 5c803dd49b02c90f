//! The sign of life of a process: others tell what they do to those who are alive.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use crate::codes::Id;
use crate::error::Failure;
use crate::hub::{Due, Dues};
use crate::lane::Lane;
use crate::partition::Partition;
use crate::relay::make_rounds;
use crate::script::Script;
use crate::setup::Setup;

/// How often a process says that it is alive, and looks for what it may not have heard.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often sentinels are asked whether another server has taken over.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
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
    /// How many processes are found to have vanished, which may have left messages to other partitions.
    vanished: usize,
}

/// Has the hub learn when something becomes claimable.
pub(crate) async fn ask(setup: &Setup, partition: &Partition) -> Result<(), Failure> {
    let (turns, activities) = setup.hub.queues(partition.index);
    let request = Request {
        node: setup.node,
        bell: &partition.bell,
        turns,
        activities,
    };
    let call = setup.call(partition, Lane::Leases, Script::Dues, &request);
    let answer: Answer = call.await?;
    partition.set_absent(false);
    setup.hub.set_peers(partition.index, answer.has_peers);
    if answer.vanished > 0 {
        setup.rounds.hurry(partition.index);
    }
    let dues = Dues {
        at_ms: answer.now,
        sequence: answer.seq,
        turns: answer.turns_due,
        activities: answer.activities_due,
    };
    setup.hub.learn(partition.index, dues);
    Ok(())
}

/// Says again and again in a partition that the process is alive, until everything is closed.
pub(crate) async fn run(setup: Arc<Setup>, partition: Arc<Partition>) {
    let mut heard_at = SystemClock.elapsed();
    let mut looked_at = heard_at;
    loop {
        tokio::select! {
            biased;
            () = setup.hub.closed() => return,
            () = SystemClock.sleep(INTERVAL) => {}
        }
        let now = SystemClock.elapsed();
        if setup.topology.must_be_looked_at() && now.saturating_sub(looked_at) >= LOOK_INTERVAL {
            looked_at = now;
            setup.topology.doubt(partition.slot);
        }
        if ask(&setup, &partition).await.is_err() {
            // Whoever calls anything hears of it.
            continue;
        }
        let by_clock = setup.access.options.clock.elapsed();
        if setup.rounds.is_due(partition.index, by_clock) {
            tokio::spawn(make_rounds(Arc::clone(&setup)));
        }
        let now = SystemClock.elapsed();
        if now.saturating_sub(heard_at) > SILENT_MAX {
            setup.hub.forget(partition.index);
        }
        heard_at = now;
        if !setup.hub.is_listening(partition.index) {
            setup.hub.pulse.notify_waiters();
        }
    }
}
