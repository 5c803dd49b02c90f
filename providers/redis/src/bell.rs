//! What other processes tell.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::InstanceId;
use futures_util::StreamExt as _;
use redis::RedisResult;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::codec;
use crate::codes::Id;
use crate::connection;
use crate::error::Failure;
use crate::hub::{By, News};
use crate::partition::Partition;
use crate::setup::Setup;

/// How long to wait before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(500);

/// What one process tells the others.
#[derive(Deserialize)]
struct Bell {
    from: Id,
    seq: u64,
    turns: Vec<(Arc<str>, u64)>,
    activities: Vec<(Arc<str>, u64)>,
    changed: Vec<String>,
}

/// Listens until everything is closed, and again after a connection was lost. `heard` is told once it is
/// listened, or cannot be.
pub(crate) async fn listen(
    setup: Arc<Setup>,
    partition: Arc<Partition>,
    heard: oneshot::Sender<()>,
) {
    let mut heard = Some(heard);
    loop {
        tokio::select! {
            biased;
            () = setup.hub.closed() => return,
            ended = hear(&setup, &partition, &mut heard) => {
                if let Err(failure) = ended {
                    tracing::debug!(
                        target: "duroxide::redis",
                        ?failure,
                        "others are not heard; their work is asked for"
                    );
                }
            }
        }
        // Who waits for the first attempt waits no longer.
        heard = None;
        setup.hub.set_listening(partition.index, false);
        tokio::select! {
            biased;
            () = setup.hub.closed() => return,
            () = SystemClock.sleep(PAUSE) => {}
        }
    }
}

/// Listens by one connection until that is lost.
async fn hear(
    setup: &Setup,
    partition: &Partition,
    heard: &mut Option<oneshot::Sender<()>>,
) -> Result<(), Failure> {
    let of_server = |cause| Failure::connect(cause, &setup.location.server);
    let client = connection::client(setup).await?;
    let connecting = tokio::time::timeout(setup.options.connect_timeout, client.get_async_pubsub());
    let connected = connecting.await.unwrap_or_else(|_| Err(timed_out()));
    let subscription = connected.map_err(of_server)?;
    let (mut asking, mut messages) = subscription.split();
    let channel = &partition.bell;
    in_time(setup, asking.subscribe(channel)).await?;
    setup.hub.set_listening(partition.index, true);
    if let Some(heard) = heard.take() {
        heard.send(()).ok();
    }
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => understand(setup, partition, message.get_payload_bytes()),
                None => return Ok(()),
            },
            // Where nothing comes, that may be since nothing comes through any more.
            () = SystemClock.sleep(setup.options.answer_timeout) => {
                in_time(setup, asking.ping::<redis::Value>()).await?;
            }
        }
    }
}

/// What the server answers, or that it does not.
async fn in_time<T>(
    setup: &Setup,
    answer: impl Future<Output = RedisResult<T>>,
) -> Result<T, Failure> {
    let answered = tokio::time::timeout(setup.options.answer_timeout, answer).await;
    let answered = answered.unwrap_or_else(|_| Err(timed_out()));
    answered.map_err(|cause| Failure::of_call(cause, &setup.location.server))
}

fn timed_out() -> redis::RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn understand(setup: &Setup, partition: &Partition, message: &[u8]) {
    match codec::decode::<Bell>(message) {
        Ok(bell) if bell.from == setup.node => {}
        Ok(bell) => take_in(setup, partition, bell),
        // It is from another version: anything may have happened.
        Err(_) => setup.hub.forget(partition.index),
    }
}

fn take_in(setup: &Setup, partition: &Partition, bell: Bell) {
    setup.hub.set_peers(partition.index, true);
    let news = News {
        sequence: bell.seq,
        turns: bell.turns,
        activities: bell.activities,
    };
    setup.hub.arrive(partition.index, &news, By::Another);
    let changed = bell.changed.into_iter();
    let changed = changed.filter_map(|id| Some((InstanceId::new(id).ok()?, None)));
    setup.hub.watchers.wake(changed.collect());
}
