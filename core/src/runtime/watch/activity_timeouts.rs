//! Enforces the timeouts of activities from the runtime's own thread, so that code which blocks its
//! thread is bound by them as well.

use std::convert::Infallible;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::timed_attempt::TimedAttempt;
use crate::runtime::activity_worker;
use crate::runtime::node::Node;

/// An attempt and the end of its code, which no message marks but the loss of the other end.
#[derive(Debug)]
struct Watched {
    attempt: Arc<TimedAttempt>,
    ended: oneshot::Receiver<Infallible>,
}

/// The attempts that have timeouts.
#[derive(Debug)]
pub(in crate::runtime) struct ActivityTimeouts {
    started: mpsc::UnboundedSender<Watched>,
    to_watch: Mutex<Option<mpsc::UnboundedReceiver<Watched>>>,
}

/// The code of an attempt is running as long as this lives.
#[derive(Debug)]
pub(in crate::runtime) struct CodeRuns(
    #[expect(dead_code, reason = "only its drop says something")] oneshot::Sender<Infallible>,
);

impl Default for ActivityTimeouts {
    fn default() -> Self {
        let (started, to_watch) = mpsc::unbounded_channel();
        Self {
            started,
            to_watch: Mutex::new(Some(to_watch)),
        }
    }
}

impl ActivityTimeouts {
    /// Watches an attempt from now on, until its code has ended.
    pub(in crate::runtime) fn watch(&self, attempt: &Arc<TimedAttempt>) -> CodeRuns {
        let (runs, ended) = oneshot::channel();
        let attempt = Arc::clone(attempt);
        // Without the runtime's thread there is nobody left who could report a timeout.
        self.started.send(Watched { attempt, ended }).ok();
        CodeRuns(runs)
    }

    /// Enforces the timeouts for ever.
    pub(in crate::runtime) async fn run(&self, node: &Node) {
        let Some(mut to_watch) = self.to_watch.lock().take() else {
            return;
        };
        let mut watched = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(attempt) = to_watch.recv() => watched.push(enforce(node, attempt)),
                Some(()) = watched.next() => {}
                else => return,
            }
        }
    }
}

async fn enforce(node: &Node, watched: Watched) {
    let Watched { attempt, ended } = watched;
    let message = tokio::select! {
        biased;
        _ = ended => return,
        message = attempt.expired() => message,
    };
    if !attempt.conclude() {
        return;
    }
    log(&attempt, message, &node.worker_id);
    attempt.cancel.cancel();
    activity_worker::time_out(node, &attempt.claimed, message).await;
}

/// Names the activity as its own lines do.
fn log(attempt: &TimedAttempt, message: &str, worker_id: &str) {
    let key = &attempt.claimed.lease.key;
    tracing::warn!(
        target: "duroxide::runtime",
        instance_id = %key.instance,
        execution_id = key.execution,
        orchestration_name = %attempt.orchestration,
        orchestration_version = %attempt.version,
        activity_name = %attempt.activity,
        activity_id = key.activity_id,
        worker_id,
        "{message}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel_token::CancelToken;
    use crate::clock::{Clock, ManualClock};
    use crate::message::ActivityBody;
    use crate::runtime::observability::CapturedLogs;
    use crate::runtime::one_activity;

    #[test]
    fn a_timeout_is_logged_with_the_names_of_the_activity_and_its_orchestration() {
        let body = ActivityBody {
            name: "Charge".to_owned(),
            input: "secret".to_owned(),
            orchestration: "Order".to_owned(),
            version: "1.2.0".to_owned(),
            start_to_close_ms: Some(1),
            heartbeat_ms: None,
        };
        let claimed = one_activity::claimed(one_activity::key("order-17", 3), &body);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_ms(0));
        let attempt = TimedAttempt::start(&claimed, &body, &CancelToken::default(), &clock);
        let (logs, _capturing) = CapturedLogs::begin();
        log(&attempt.unwrap(), "timeout: activity timed out", "worker-1");
        assert_eq!(
            logs.take(),
            [
                "WARN timeout: activity timed out instance_id=order-17 execution_id=3 \
                 orchestration_name=Order orchestration_version=1.2.0 activity_name=Charge \
                 activity_id=2 worker_id=\"worker-1\""
            ]
        );
    }
}
