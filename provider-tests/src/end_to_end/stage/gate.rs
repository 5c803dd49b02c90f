//! Activities that a case holds back.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use duroxide_core::ActivityContext;
use tokio::sync::{Semaphore, watch};

use super::{Text, within};

type BoxFuture = Pin<Box<dyn Future<Output = Text> + Send>>;

/// An activity that says that it has begun and goes on when the case lets it. Clones are the same
/// gate.
#[derive(Clone)]
pub(crate) struct Gate {
    begun: Arc<watch::Sender<u32>>,
    cancelled: Arc<watch::Sender<u32>>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        Self {
            begun: Arc::new(watch::Sender::new(0)),
            cancelled: Arc::new(watch::Sender::new(0)),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    /// The activity: returns its input once the gate is open, or fails when it is cancelled.
    pub(crate) fn activity(
        &self,
    ) -> impl Fn(ActivityContext, String) -> BoxFuture + Send + Sync + use<> {
        let gate = self.clone();
        move |ctx, input| {
            let gate = gate.clone();
            Box::pin(async move { gate.pass(&ctx, input).await })
        }
    }

    async fn pass(&self, ctx: &ActivityContext, input: String) -> Text {
        self.count();
        tokio::select! {
            opened = self.open.acquire() => {
                opened.expect("a gate is never closed for good").forget();
                Ok(input)
            }
            () = unwanted(ctx) => {
                self.cancelled.send_modify(|runs| *runs += 1);
                Err("cancelled".to_owned())
            }
        }
    }

    /// Lets any number of activities through.
    pub(crate) fn open(&self) {
        const ENOUGH: usize = 100_000;
        self.open.add_permits(ENOUGH);
    }

    /// Counts a run of an activity of the case's own, and answers the how-manieth it is.
    pub(crate) fn count(&self) -> u32 {
        let mut runs = 0;
        self.begun.send_modify(|begun| {
            *begun += 1;
            runs = *begun;
        });
        runs
    }

    /// How many runs have begun.
    pub(crate) fn runs(&self) -> u32 {
        *self.begun.borrow()
    }

    /// Waits until so many runs have begun.
    pub(crate) async fn begun(&self, runs: u32) {
        let mut begun = self.begun.subscribe();
        let enough = begun.wait_for(|count| *count >= runs);
        let enough = within("the beginning of an activity", enough).await;
        enough.expect("the gate is still there");
    }

    /// Waits until so many runs were told that nobody wants their outcome.
    pub(crate) async fn cancelled(&self, runs: u32) {
        let mut cancelled = self.cancelled.subscribe();
        let enough = cancelled.wait_for(|count| *count >= runs);
        let enough = within("the cancellation of an activity", enough).await;
        enough.expect("the gate is still there");
    }
}

/// Ends when nobody wants the activity's outcome; a shutdown is no reason to end.
async fn unwanted(ctx: &ActivityContext) {
    ctx.cancelled().await;
    if ctx.is_shutting_down() {
        pending::<()>().await;
    }
}
