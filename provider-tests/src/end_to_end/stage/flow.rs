//! The flow of time.

use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use tokio::task::JoinHandle;

use crate::fixture::Pace;
use crate::support::Cx;
use crate::under_way::UnderWay;

/// How often a virtual clock is moved, in real time, and by how much.
const EVERY: Duration = Duration::from_millis(1);
const STEP: Duration = Duration::from_millis(20);
/// In how many steps a case lets a longer time pass, so that whoever is to renew a lease in the
/// meantime is woken several times.
const STEPS_OF_A_PASSAGE: u32 = 10;
/// A call that has taken so long, in real time, is a slow one: the disk or the machine is busy.
const SLOW: Duration = Duration::from_millis(50);
/// For so long time stands still for a slow call, so that nobody loses a lease by it. One that takes longer
/// may itself wait for time to pass.
const PATIENCE: Duration = Duration::from_secs(3);

/// Lets the time of a store pass as everybody's does, only faster: a virtual clock takes small
/// steps as long as this lives, and pauses for slow calls. Real time needs no help.
///
/// The runtime, the client and the store all wait by this clock, so that nothing would ever happen
/// while it stands still: polls, back-offs and renewals as little as timers.
pub(super) struct Flow(Option<JoinHandle<()>>);

impl Flow {
    pub(super) fn of(cx: &Cx) -> Self {
        let Pace::Virtual = cx.pace() else {
            return Self(None);
        };
        let (store, under_way) = (cx.store(), cx.under_way().clone());
        Self(Some(tokio::spawn(async move {
            loop {
                SystemClock.sleep(EVERY).await;
                let longest = under_way.longest().unwrap_or_default();
                if !(SLOW..PATIENCE).contains(&longest) {
                    store.clock().elapse(STEP).await;
                }
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

/// Lets this much time pass at once: on a virtual clock it takes no more than some milliseconds, and what
/// the calls take that are made meanwhile.
pub(super) async fn pass(cx: &Cx, time: Duration) {
    let Pace::Virtual = cx.pace() else {
        return cx.elapse(time).await;
    };
    for _ in 0..STEPS_OF_A_PASSAGE {
        cx.elapse(time / STEPS_OF_A_PASSAGE).await;
        SystemClock.sleep(EVERY).await;
        answered(cx.under_way()).await;
    }
}

/// Waits for the calls that are under way, and not for those that begin meanwhile.
async fn answered(under_way: &UnderWay) {
    let asked = SystemClock.elapsed();
    let begun_before = |longest: Duration| {
        let waited = SystemClock.elapsed().saturating_sub(asked);
        longest > waited && longest < PATIENCE
    };
    while under_way.longest().is_some_and(begun_before) {
        SystemClock.sleep(EVERY).await;
    }
}
