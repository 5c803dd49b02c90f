//! Reads, and the small statements that go with them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::room::Taken;
use duroxide_core::providers::{
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, ProviderError, ReadHistory,
    ReadMail, ReadValues, ValueKey,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};
use tokio::sync::oneshot;

use crate::bell::Bell;
use crate::codes::millis;
use crate::error::{self, Failure};
use crate::head;
use crate::history;
use crate::hub::Dues;
use crate::lane::Job;
use crate::mail;
use crate::queue::{BatchMax, Queue, Weighted};
use crate::session::Session;
use crate::setup::Setup;
use crate::value::{self, Version};

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, ProviderError>>;

/// Something that is read by an index, or as small.
pub(crate) enum ReadJob {
    Heads {
        operation: &'static str,
        instances: Vec<InstanceId>,
        reply: Reply<Vec<InstanceHead>>,
        room: Taken,
    },
    History {
        request: ReadHistory,
        reply: Reply<HistoryPage>,
        room: Taken,
    },
    Mail {
        request: ReadMail,
        reply: Reply<MailPage>,
        room: Taken,
    },
    Values {
        request: ReadValues,
        reply: Reply<Vec<InstanceValue>>,
        room: Taken,
    },
    Versions {
        asked: Vec<(InstanceId, ValueKey)>,
        reply: Reply<Vec<Version>>,
        room: Taken,
    },
    /// When something becomes claimable; the hub takes it in.
    Ask { reply: Reply<()> },
    /// The same, for nobody in particular, and says that this process lives.
    Poll { alive: Option<Duration> },
    /// Tells other processes.
    Ring(String),
}

impl Weighted for ReadJob {
    fn parts(&self) -> usize {
        match self {
            Self::Heads { instances, .. } => instances.len().max(1),
            Self::History { .. }
            | Self::Mail { .. }
            | Self::Values { .. }
            | Self::Versions { .. }
            | Self::Ask { .. }
            | Self::Poll { .. }
            | Self::Ring(_) => 1,
        }
    }

    fn bytes(&self) -> usize {
        0
    }
}

/// Whose heads are asked for, by which operation, and where they go.
struct HeadsRequest {
    operation: &'static str,
    instances: Vec<InstanceId>,
    reply: Reply<Vec<InstanceHead>>,
    _room: Taken,
}

/// Which values are asked for, and where they go.
type ValuesRequest = (ReadValues, Reply<Vec<InstanceValue>>, Taken);

/// Of which values the versions are asked for, and where they go.
type VersionsRequest = (Vec<(InstanceId, ValueKey)>, Reply<Vec<Version>>, Taken);

/// What one batch of reads asks for.
#[derive(Default)]
struct Batch {
    heads: Vec<HeadsRequest>,
    histories: Vec<(ReadHistory, Reply<HistoryPage>, Taken)>,
    mail: Vec<(ReadMail, Reply<MailPage>, Taken)>,
    values: Vec<ValuesRequest>,
    versions: Vec<VersionsRequest>,
    asks: Vec<Reply<()>>,
    must_poll: bool,
    alive: Option<Duration>,
    bells: Vec<String>,
}

impl Job for ReadJob {
    const BATCH_MAX: BatchMax = BatchMax {
        parts: 2_048,
        bytes: usize::MAX,
    };

    fn queue(setup: &Setup) -> &Queue<Self> {
        &setup.reads
    }

    async fn serve(jobs: Vec<Self>, session: &mut Session) {
        let mut batch = Batch::default();
        for job in jobs {
            match job {
                Self::Heads {
                    operation,
                    instances,
                    reply,
                    room,
                } => batch.heads.push(HeadsRequest {
                    operation,
                    instances,
                    reply,
                    _room: room,
                }),
                Self::History {
                    request,
                    reply,
                    room,
                } => batch.histories.push((request, reply, room)),
                Self::Mail {
                    request,
                    reply,
                    room,
                } => batch.mail.push((request, reply, room)),
                Self::Values {
                    request,
                    reply,
                    room,
                } => batch.values.push((request, reply, room)),
                Self::Versions { asked, reply, room } => {
                    batch.versions.push((asked, reply, room));
                }
                Self::Ask { reply } => batch.asks.push(reply),
                Self::Poll { alive } => {
                    batch.must_poll = true;
                    batch.alive = alive.or(batch.alive);
                }
                Self::Ring(text) => batch.bells.push(text),
            }
        }
        for text in batch.bells.drain(..) {
            ring(session, &text).await;
        }
        // Nobody may wait for it any more.
        batch.asks.retain(|reply| !reply.is_closed());
        if batch.must_poll || !batch.asks.is_empty() {
            poll(session, batch.alive, batch.asks).await;
        }
        if !batch.heads.is_empty() {
            heads(session, batch.heads).await;
        }
        for (request, reply, room) in batch.histories {
            let setup = Arc::clone(&session.setup);
            let rows = session
                .fetch_again(|| history::statement(&setup, &request))
                .await;
            let page = decoded("read_history", rows, history::of_rows);
            reply.send(page).ok();
            drop(room);
        }
        for (request, reply, room) in batch.mail {
            let setup = Arc::clone(&session.setup);
            let rows = session
                .fetch_again(|| mail::statement(&setup, &request))
                .await;
            let page = decoded("read_mail", rows, |rows| mail::of_rows(rows, &request));
            reply.send(page).ok();
            drop(room);
        }
        values(session, batch.values).await;
        versions(session, batch.versions).await;
    }
}

async fn values(session: &mut Session, requests: Vec<ValuesRequest>) {
    let setup = Arc::clone(&session.setup);
    for (request, reply, room) in requests {
        let rows = session
            .fetch_again(|| value::statement(&setup, &request))
            .await;
        let values = decoded("read_values", rows, |rows| value::of_rows(rows, &request));
        reply.send(values).ok();
        drop(room);
    }
}

async fn versions(session: &mut Session, requests: Vec<VersionsRequest>) {
    let setup = Arc::clone(&session.setup);
    for (asked, reply, room) in requests {
        let rows = session
            .fetch_again(|| value::versions_statement(&setup, &asked))
            .await;
        let versions = decoded("wait_for_change", rows, |rows| {
            value::versions_of_rows(rows, asked.len())
        });
        reply.send(versions).ok();
        drop(room);
    }
}

/// Rows, understood.
pub(crate) fn decoded<T>(
    operation: &'static str,
    rows: Result<Vec<PgRow>, Failure>,
    decode: impl FnOnce(&[PgRow]) -> Result<T, Error>,
) -> Result<T, ProviderError> {
    let rows = rows.map_err(|failure| failure.error(operation, false))?;
    decode(&rows).map_err(|cause| error::of_row(operation, cause))
}

async fn ring(session: &mut Session, text: &str) {
    let channel = session.setup.schema.channel();
    // Whoever is told asks; a bell that is lost with the server is none.
    let statement = sqlx::query(
        "SELECT set_config('synchronous_commit', 'off', true), pg_catalog.pg_notify($1, $2)",
    );
    let rung = session.fetch(statement.bind(channel).bind(text)).await;
    if let Err(failure) = rung {
        tracing::debug!(target: "duroxide::postgres", ?failure, "a bell was not rung");
    }
}

async fn poll(session: &mut Session, alive: Option<Duration>, asks: Vec<Reply<()>>) {
    let setup = Arc::clone(&session.setup);
    let (turn_queues, queues) = (setup.hub.turn_queues(), setup.hub.queues());
    let since = setup.hub.since();
    let statement = || {
        let call = setup.functions.poll.call().bind(setup.node);
        call.bind(names(&turn_queues))
            .bind(names(&queues))
            .bind(alive.map(millis))
            .bind(setup.schema.channel())
            .bind(Bell::default().write(setup.node))
    };
    let rows = session.fetch_again(statement).await;
    let answer = decoded("wait_for_work", rows, |rows| {
        let row = rows.first().ok_or(Error::RowNotFound)?;
        dues_of_row(row, &turn_queues, &queues)
    });
    match answer {
        Ok(dues) => {
            setup.hub.learn(&dues, since);
            for reply in asks {
                reply.send(Ok(())).ok();
            }
        }
        Err(error) if asks.is_empty() => {
            tracing::debug!(target: "duroxide::postgres", %error, "a look was in vain");
        }
        Err(error) => error::send_each(asks, &Arc::new(error)),
    }
}

pub(crate) fn names(queues: &[Arc<str>]) -> Vec<&str> {
    queues.iter().map(|queue| &**queue).collect()
}

/// Reads the columns in which a function says when things become claimable.
pub(crate) fn dues_of_row(
    row: &PgRow,
    turn_queues: &[Arc<str>],
    queues: &[Arc<str>],
) -> Result<Dues, Error> {
    let turns_ms: Vec<Option<i64>> = row.try_get("turn_dues")?;
    let activities_ms: Vec<Option<i64>> = row.try_get("queue_dues")?;
    Ok(Dues {
        at_ms: row.try_get("at_ms")?,
        turns_ms: turn_queues.iter().cloned().zip(turns_ms).collect(),
        activities_ms: queues.iter().cloned().zip(activities_ms).collect(),
        has_peers: row.try_get("has_peers")?,
    })
}

async fn heads(session: &mut Session, requests: Vec<HeadsRequest>) {
    let setup = Arc::clone(&session.setup);
    let mut ids: Vec<&str> = requests
        .iter()
        .flat_map(|request| request.instances.iter().map(InstanceId::as_str))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let rows = session
        .fetch_again(|| setup.functions.heads.call().bind(ids.clone()))
        .await;
    let operation = requests
        .first()
        .map_or("read_head", |request| request.operation);
    let found = decoded(operation, rows, |rows| {
        rows.iter()
            .map(head::with_note)
            .collect::<Result<Vec<_>, _>>()
    });
    match found {
        Ok(found) => {
            let found: HashMap<&InstanceId, &InstanceHead> =
                found.iter().map(|head| (&head.instance, head)).collect();
            for request in requests {
                let heads = request
                    .instances
                    .iter()
                    .filter_map(|id| found.get(id).copied());
                request.reply.send(Ok(heads.cloned().collect())).ok();
            }
        }
        Err(error) => {
            error::send_each(requests.into_iter().map(|it| it.reply), &Arc::new(error));
        }
    }
}

/// What a wide read does with its session.
type Work = Box<
    dyn for<'a> FnOnce(&'a mut Session) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send,
>;

/// Something that takes its time, for management.
pub(crate) struct WideJob {
    pub(crate) work: Work,
    pub(crate) _room: Taken,
}

impl Weighted for WideJob {
    fn parts(&self) -> usize {
        1
    }

    fn bytes(&self) -> usize {
        0
    }
}

impl Job for WideJob {
    const BATCH_MAX: BatchMax = BatchMax { parts: 1, bytes: 0 };

    fn queue(setup: &Setup) -> &Queue<Self> {
        &setup.wide_reads
    }

    async fn serve(jobs: Vec<Self>, session: &mut Session) {
        for job in jobs {
            (job.work)(session).await;
        }
    }
}
