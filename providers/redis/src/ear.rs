//! A connection by which a server tells what happens in its partitions.

use std::sync::Arc;

use duroxide_core::clock::{Clock as _, SystemClock};
use futures_util::future::join_all;
use redis::{PushInfo, PushKind, RedisResult, Value, cmd};
use tokio::sync::mpsc;

use crate::bell::{self, Wanted};
use crate::connection::{self, Connected};
use crate::error::Failure;
use crate::location::Node;
use crate::partition::Partition;
use crate::setup::Setup;

/// How many partitions are asked for at a time.
const BATCH_MAX: usize = 64;

/// Listens at a server to the partitions that it is given, until the connection is lost. Those that it does not
/// hear, or not any more, it gives back.
pub(crate) async fn run(
    setup: Arc<Setup>,
    node: Node,
    mut wanted: mpsc::UnboundedReceiver<Wanted>,
    lost: mpsc::UnboundedSender<Arc<Partition>>,
) {
    let mut ear = Ear {
        setup: &setup,
        heard: Vec::new(),
        lost,
    };
    if let Err(failure) = ear.listen(&node, &mut wanted).await {
        tracing::debug!(
            target: "duroxide::redis",
            ?failure,
            "others are not heard; their work is asked for"
        );
    }
    wanted.close();
    while let Some(wanted) = wanted.recv().await {
        ear.give_back(&wanted.partition);
    }
    for partition in std::mem::take(&mut ear.heard) {
        ear.give_back(&partition);
    }
}

struct Ear<'a> {
    setup: &'a Setup,
    heard: Vec<Arc<Partition>>,
    lost: mpsc::UnboundedSender<Arc<Partition>>,
}

impl Ear<'_> {
    fn give_back(&self, partition: &Arc<Partition>) {
        self.setup.hub.set_listening(partition.index, false);
        self.setup.topology.doubt(partition.slot);
        // Nobody takes it back once everything is closed.
        self.lost.send(Arc::clone(partition)).ok();
    }

    /// Listens by one connection until that is lost, or one of its partitions has gone elsewhere: what the
    /// server says of that could be taken for an answer to something else.
    async fn listen(
        &mut self,
        node: &Node,
        wanted: &mut mpsc::UnboundedReceiver<Wanted>,
    ) -> Result<(), Failure> {
        let access = &self.setup.access;
        let (tell, mut told) = mpsc::unbounded_channel();
        let hear = move |push| {
            // Nobody listens any more.
            tell.send(push).ok();
        };
        let connected = connection::connect_and_hear(access, node, hear).await?;
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                push = told.recv() => match push {
                    Some(push) if !is_end(&push.kind) => self.take_in(&push),
                    _ => return Ok(()),
                },
                count = wanted.recv_many(&mut batch, BATCH_MAX) => {
                    if count == 0 {
                        return Ok(());
                    }
                    self.subscribe(&connected, std::mem::take(&mut batch)).await?;
                }
                // Where nothing comes, that may be since nothing comes through any more.
                () = SystemClock.sleep(access.options.answer_timeout) => {
                    let mut connection = connected.connection.clone();
                    let answer: RedisResult<Value> = cmd("PING").query_async(&mut connection).await;
                    answer.map_err(|cause| Failure::of_call(cause, &node.name))?;
                }
            }
        }
    }

    /// Begins to listen to partitions.
    async fn subscribe(
        &mut self,
        connected: &Connected,
        wanted: Vec<Wanted>,
    ) -> Result<(), Failure> {
        let topology = &self.setup.topology;
        let command = if topology.is_cluster() {
            "SSUBSCRIBE"
        } else {
            "SUBSCRIBE"
        };
        let answers = wanted.iter().map(|it| {
            let mut connection = connected.connection.clone();
            async move {
                let mut subscribe = cmd(command);
                subscribe.arg(&it.partition.bell);
                let answer: RedisResult<Value> = subscribe.query_async(&mut connection).await;
                answer.map_err(|cause| Failure::of_call(cause, &connected.node.name))
            }
        });
        let answers = join_all(answers).await;
        let mut broken = Ok(());
        for (wanted, answer) in wanted.into_iter().zip(answers) {
            let partition = wanted.partition;
            let Err(failure) = answer else {
                self.setup.hub.set_listening(partition.index, true);
                self.heard.push(partition);
                if let Some(first) = wanted.first {
                    first.send(()).ok();
                }
                continue;
            };
            self.give_back(&partition);
            if let Some((host, port)) = failure.moved_to() {
                topology.moved(partition.slot, connected.node.beside(host, port));
            } else if failure.breaks_connection() {
                broken = Err(failure);
            }
        }
        broken
    }

    fn take_in(&self, push: &PushInfo) {
        if !matches!(push.kind, PushKind::Message | PushKind::SMessage) {
            return;
        }
        let [Value::BulkString(channel), Value::BulkString(message)] = &*push.data else {
            return;
        };
        let mut heard = self.heard.iter();
        if let Some(partition) = heard.find(|it| it.bell.as_bytes() == channel) {
            bell::understand(self.setup, partition, message);
        }
    }
}

/// Whether it says that something is not heard any more.
fn is_end(kind: &PushKind) -> bool {
    use PushKind::{Disconnection, SUnsubscribe, Unsubscribe};
    matches!(kind, Disconnection | SUnsubscribe | Unsubscribe)
}
