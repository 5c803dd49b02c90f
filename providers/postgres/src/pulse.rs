//! Looking, now and then, for what nobody told of, and telling others that this process lives.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};

use crate::read::ReadJob;
use crate::setup::Setup;

/// How often is looked while others' work is heard of: a bell may be lost with its sender.
const LISTENING: Duration = Duration::from_secs(2);
/// The first pause while it is not; each one is twice the one before.
const ASKING_FIRST: Duration = Duration::from_millis(25);
/// How often others are told that this process lives, and for how long they believe it. The process
/// hears its own heartbeat.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);
pub(crate) const ALIVE: Duration = Duration::from_secs(30);

/// Runs as long as the provider is open.
pub(crate) async fn run(setup: Arc<Setup>) {
    let hub = &setup.hub;
    let mut pause = ASKING_FIRST;
    let mut seen = hub.since();
    let mut heartbeat = SystemClock.sleep(Duration::ZERO);
    loop {
        let interval = if hub.is_listening() { LISTENING } else { pause };
        tokio::select! {
            biased;
            () = hub.closed() => return,
            // By real time: it is the server, not the store's clock, that others believe.
            () = &mut heartbeat => {
                heartbeat = SystemClock.sleep(HEARTBEAT);
                let alive = setup.listen.is_some().then_some(ALIVE);
                setup.reads.push(ReadJob::Poll { alive }).ok();
            }
            () = setup.options.clock.sleep(interval) => {
                if hub.is_waited_for() {
                    setup.reads.push(ReadJob::Poll { alive: None }).ok();
                    hub.pulse.notify_waiters();
                }
                // Where something was going on, more may come soon.
                let now = hub.since();
                pause = if now.is_later_than(seen) {
                    ASKING_FIRST
                } else {
                    (pause * 2)
                        .min(setup.options.poll_interval_max)
                        .max(ASKING_FIRST)
                };
                seen = now;
            }
        }
    }
}
