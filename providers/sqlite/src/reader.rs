//! Reading, beside the writer.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use duroxide_core::providers::ProviderError;
use tokio::sync::oneshot;

use crate::connection;
use crate::error;
use crate::provider::SqliteProvider;
use crate::sql::Sql;
use crate::worker::{Closed, Worker};
use crate::writer::{Order, Setup, Writer};

type Read = Box<dyn FnOnce(&Sql) + Send>;

/// How large a part of the store a read looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One instance, or the front of a queue.
    Narrow,
    /// Perhaps everything. It must not hold up the others.
    Wide,
}

/// Threads with a connection of their own each. A store in memory has none, since only its one
/// connection sees it: the writer reads too.
pub(crate) struct Readers {
    narrow: Option<Worker<Read>>,
    wide: Option<Worker<Read>>,
}

impl Readers {
    pub(crate) fn open(setup: &Setup) -> Result<Self, ProviderError> {
        Ok(Self {
            narrow: spawn("duroxide-sqlite-read", setup)?,
            wide: spawn("duroxide-sqlite-scan", setup)?,
        })
    }

    pub(crate) async fn close(&self) {
        for worker in [&self.narrow, &self.wide].into_iter().flatten() {
            worker.close().await;
        }
    }
}

fn spawn(name: &'static str, setup: &Setup) -> Result<Option<Worker<Read>>, ProviderError> {
    let Some(path) = setup.location.path() else {
        return Ok(None);
    };
    let connection = connection::open_reader(path, setup.options.busy_timeout)?;
    let sql = Sql::new(connection, Arc::clone(&setup.counters));
    let serve = move |reads: &Receiver<Read>| {
        while let Ok(read) = reads.recv() {
            read(&sql);
        }
    };
    Worker::spawn(name, serve).map(Some)
}

impl SqliteProvider {
    /// Reads what is committed, beside the writer where that is possible.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        operation: &'static str,
        reach: Reach,
        read: impl FnOnce(&Sql) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.check_open(operation)?;
        let (worker, room) = match reach {
            Reach::Narrow => (&self.store.readers.narrow, &self.store.rooms.narrow_reads),
            Reach::Wide => (&self.store.readers.wide, &self.store.rooms.wide_reads),
        };
        let room = room.take(1).await;
        let read = move |sql: &Sql| {
            let outcome = read(sql);
            drop(room);
            outcome
        };
        let Some(worker) = worker else {
            let read = move |writer: &mut Writer| read(&writer.session.sql);
            return self.aside(operation, read).await;
        };
        let (reply, answer) = oneshot::channel();
        let order = Box::new(move |sql: &Sql| {
            if !reply.is_closed() {
                reply.send(read(sql)).ok();
            }
        });
        let sent = worker.send(order);
        settle(operation, sent, answer).await
    }

    /// Has the writer do something between two batches.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut Writer) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.check_open(operation)?;
        let (reply, answer) = oneshot::channel();
        let order = Order::Aside(Box::new(move |writer: &mut Writer| {
            if !reply.is_closed() {
                let outcome = writer.repair().and_then(|()| task(writer));
                reply.send(outcome).ok();
            }
        }));
        let sent = self.store.writer.send(order);
        settle(operation, sent, answer).await
    }
}

async fn settle<T>(
    operation: &'static str,
    sent: Result<(), Closed>,
    answer: oneshot::Receiver<rusqlite::Result<T>>,
) -> Result<T, ProviderError> {
    if sent.is_err() {
        return Err(error::closed(operation));
    }
    match answer.await {
        Ok(outcome) => outcome.map_err(|cause| error::of_store(operation, cause)),
        Err(_) => Err(error::abandoned(operation, false)),
    }
}
