//! A turn under the watch.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::running_turn::RunningTurn;
use crate::runtime::node::Node;

/// The work of a turn, which the node's watch sees from the beginning to the end. It comes to `None`
/// if the watch has given the turn up; nothing of it is left then.
pub(in crate::runtime) struct WatchedTurn<F> {
    /// Dropped before the turn leaves the list: that may run the user's code as well.
    work: Option<F>,
    listed: Listed,
}

/// A turn's place on the list of the watch.
struct Listed {
    node: Arc<Node>,
    turn: Arc<RunningTurn>,
}

impl<F> WatchedTurn<F> {
    pub(in crate::runtime) fn new(node: Arc<Node>, turn: Arc<RunningTurn>, work: F) -> Self {
        node.watch.begin(&turn);
        Self {
            work: Some(work),
            listed: Listed { node, turn },
        }
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.listed.node
    }
}

impl<F: Future + Unpin> Future for WatchedTurn<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { work, listed } = &mut *self;
        let Listed { node, turn } = listed;
        node.watch.enter(turn);
        let polled = match work {
            Some(work) => Pin::new(work).poll(cx).map(Some),
            None => Poll::Ready(None),
        };
        let polled = if turn.is_taken() {
            Poll::Ready(None)
        } else {
            polled
        };
        if polled.is_ready() {
            // Dropping it may run the user's code.
            *work = None;
        }
        node.watch.leave(turn);
        polled
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.node.watch.end(&self.turn);
        drop(self.turn.take_slot());
    }
}
