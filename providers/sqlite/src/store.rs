//! A database that is open: its threads and what they share.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use duroxide_core::providers::{Durability, ProviderError};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::clock::StoreClock;
use crate::error;
use crate::hub::Hub;
use crate::identity::FileId;
use crate::location::Location;
use crate::options::SqliteOptions;
use crate::reader::Readers;
use crate::room::Rooms;
use crate::stats::Counters;
use crate::worker::Worker;
use crate::writer::{Order, Setup, Writer};

/// A database that is open, for any number of handles.
pub(crate) struct Store {
    pub(crate) setup: Arc<Setup>,
    /// Dropped before the writer, so that the connection that writes is the last one.
    pub(crate) readers: Readers,
    pub(crate) writer: Worker<Order>,
    pub(crate) rooms: Rooms,
    pub(crate) durability: Durability,
    /// The file that its path led to when it was opened.
    file: Option<FileId>,
    /// How many handles are open. One that has lost them all gets no other.
    handles: Mutex<usize>,
}

impl Store {
    /// Opens a database, for a first handle.
    pub(crate) async fn open(
        location: Location,
        options: SqliteOptions,
    ) -> Result<Self, ProviderError> {
        let setup = Arc::new(Setup {
            clock: Arc::new(StoreClock::new(options.clock_or_system())),
            location,
            options,
            counters: Arc::new(Counters::default()),
            hub: Arc::new(Hub::default()),
        });
        let (reply, opened) = oneshot::channel();
        let writer = Worker::spawn("duroxide-sqlite-write", {
            let setup = Arc::clone(&setup);
            move |orders| write(&setup, reply, orders)
        })?;
        let durability = opened
            .await
            .unwrap_or_else(|_| Err(error::abandoned("open", false)))?;
        Ok(Self {
            readers: Readers::open(&setup)?,
            file: setup.location.path().and_then(FileId::of),
            setup,
            writer,
            rooms: Rooms::new(),
            durability,
            handles: Mutex::new(1),
        })
    }

    /// Counts another handle, unless the store is closing, has failed, or has lost its file.
    pub(crate) fn join(&self) -> bool {
        let is_in_place = self.setup.location.path().and_then(FileId::of) == self.file;
        let is_open = is_in_place && self.setup.hub.check_open("open").is_ok();
        let mut handles = self.handles.lock();
        if !is_open || *handles == 0 {
            return false;
        }
        *handles += 1;
        true
    }

    /// Counts one handle less.
    pub(crate) fn leave(&self) {
        let mut handles = self.handles.lock();
        *handles = handles.saturating_sub(1);
    }

    /// Ends the threads once there is no handle.
    pub(crate) async fn close_if_abandoned(&self) {
        let is_abandoned = *self.handles.lock() == 0;
        if is_abandoned {
            self.setup.hub.close();
            // The writer's connection is the last one, which leaves a single file behind.
            self.readers.close().await;
            self.writer.close().await;
        }
    }
}

/// The life of the writer's thread.
fn write(
    setup: &Arc<Setup>,
    reply: oneshot::Sender<Result<Durability, ProviderError>>,
    orders: &Receiver<Order>,
) {
    // Nobody may wait for a writer that is gone, even if it ended by a panic.
    struct CloseAtEnd<'a>(&'a Hub);
    impl Drop for CloseAtEnd<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }
    let _close_at_end = CloseAtEnd(&setup.hub);
    match Writer::open(Arc::clone(setup)) {
        Ok((writer, durability)) => {
            // If the caller has gone away, there are no orders and this ends at once.
            reply.send(Ok(durability)).ok();
            writer.serve(orders);
        }
        Err(error) => {
            reply.send(Err(error)).ok();
        }
    }
}
