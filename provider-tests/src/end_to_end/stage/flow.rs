//! The flow of time.

use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use tokio::task::JoinHandle;

use crate::fixture::Pace;
use crate::support::Cx;

/// How often a virtual clock is moved, in real time, and by how much.
const EVERY: Duration = Duration::from_millis(1);
const STEP: Duration = Duration::from_millis(20);
/// In how many steps a case lets a longer time pass, so that whoever is to renew a lease in the
/// meantime is woken several times.
const STEPS_OF_A_PASSAGE: u32 = 10;

/// Lets the time of a store pass as everybody's does, only faster: a virtual clock takes small
/// steps as long as this lives. Real time needs no help.
///
/// The runtime, the client and the store all wait by this clock, so that nothing would ever happen
/// while it stands still: polls, back-offs and renewals as little as timers.
pub(super) struct Flow(Option<JoinHandle<()>>);

impl Flow {
    pub(super) fn of(cx: &Cx) -> Self {
        let Pace::Virtual = cx.pace() else {
            return Self(None);
        };
        let store = cx.store();
        Self(Some(tokio::spawn(async move {
            loop {
                SystemClock.sleep(EVERY).await;
                store.clock().elapse(STEP).await;
            }
        })))
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Lets this much time pass at once: on a virtual clock it takes no more than some milliseconds.
pub(super) async fn pass(cx: &Cx, time: Duration) {
    let Pace::Virtual = cx.pace() else {
        return cx.elapse(time).await;
    };
    for _ in 0..STEPS_OF_A_PASSAGE {
        cx.elapse(time / STEPS_OF_A_PASSAGE).await;
        SystemClock.sleep(EVERY).await;
    }
}
