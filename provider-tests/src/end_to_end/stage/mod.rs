//! What the scenarios are played on: a store, the nodes at work on it, a client, and time.

mod code;
mod flow;
mod gate;
mod history;
mod node;
mod process;
mod world;

use std::future::Future;
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use tokio::time::timeout;

pub(crate) use code::{Code, activity_output};
pub(crate) use gate::Gate;
pub(crate) use history::{count, types};
pub(crate) use node::{Habits, Node};
pub(crate) use process::Fuse;
pub(crate) use world::{Handles, World};

/// What an orchestration or an activity returns.
pub(crate) type Text = Result<String, String>;

/// For how long the nodes lease. On a clock that the flow of time moves this is more than a second
/// of real time, so that nobody loses a lease who is only slow.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// How long a step of a scenario may take in real time. It is only spent when a case fails, and is
/// less than the time limit of a case, so that the failure has a name.
const PATIENCE: Duration = Duration::from_secs(20);
/// The real time between two looks at the same thing.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The output of something that must end.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Looks until there is something to see.
pub(crate) async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(what, async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            SystemClock.sleep(LOOK_EVERY).await;
        }
    })
    .await
}
