//! A connection that serves one queue, batch after batch.

use std::future::Future;
use std::sync::Arc;

use crate::queue::{BatchMax, Queue, Weighted};
use crate::session::Session;
use crate::setup::Setup;

/// What is served together by one kind of lane.
pub(crate) trait Job: Weighted + Send + Sized + 'static {
    /// What one batch may hold.
    const BATCH_MAX: BatchMax;

    /// The queue that it waits in.
    fn queue(setup: &Setup) -> &Queue<Self>;

    /// Does all of them, and answers whoever waits for them.
    fn serve(batch: Vec<Self>, session: &mut Session) -> impl Future<Output = ()> + Send;
}

/// Serves until the queue is closed and empty.
pub(crate) async fn run<J: Job>(setup: Arc<Setup>, mut session: Session) {
    while let Some(batch) = J::queue(&setup).take(J::BATCH_MAX).await {
        J::serve(batch, &mut session).await;
    }
    session.close().await;
}
