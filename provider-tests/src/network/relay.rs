//! One connection through a proxy.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::framing::{Framing, FramingError};
use super::plan::{Action, Boundary, Direction, Place};
use super::state::{Cutting, Shared};
use super::upstream::{Reader, Writer};

/// How large a message may be. It is held in memory until it is complete.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Why a connection ends for both sides at once.
enum End {
    Cut,
    Broken,
    Problem(FramingError),
}

impl From<io::Error> for End {
    /// One side is gone, which is its right.
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// One connection through a proxy.
pub(super) struct Relay<F> {
    shared: Arc<Shared>,
    framing: Mutex<F>,
    is_stalled: watch::Sender<bool>,
    cutting: Mutex<Option<Cutting>>,
}

impl<F: Framing> Relay<F> {
    pub(super) fn new(shared: Arc<Shared>, framing: F) -> Self {
        Self {
            shared,
            framing: Mutex::new(framing),
            is_stalled: watch::Sender::new(false),
            cutting: Mutex::new(None),
        }
    }

    /// Forwards until both sides have closed or the connection is cut.
    pub(super) async fn run(self, client: (Reader, Writer), server: (Reader, Writer)) {
        let (mut from_client, mut to_client) = client;
        let (mut from_server, mut to_server) = server;
        let end = tokio::try_join!(
            self.pump(Direction::ToServer, &mut from_client, &mut to_server),
            self.pump(Direction::ToClient, &mut from_server, &mut to_client),
        );
        let Err(end) = end else { return };
        if let End::Problem(problem) = end {
            self.shared.report(problem.to_string());
        }
        drop((from_client, to_client));
        // The server sees the end of its input only after everything that was forwarded, and is
        // heard out, so that it is known when it has done what it does with that.
        if to_server.shutdown().await.is_ok() {
            tokio::io::copy(&mut from_server, &mut tokio::io::sink())
                .await
                .ok();
        }
    }

    /// Forwards what comes from one side until this side closes.
    async fn pump(
        &self,
        direction: Direction,
        from: &mut Reader,
        to: &mut Writer,
    ) -> Result<(), End> {
        let mut buffer = BytesMut::new();
        loop {
            while let Some(bytes) = self.first_message(direction, &buffer)? {
                let message = buffer.split_to(bytes);
                self.forward(direction, &message, to).await?;
            }
            if from.read_buf(&mut buffer).await? == 0 {
                break;
            }
        }
        // What has no end was torn by its sender, or ends with the connection.
        to.write_all(&buffer).await?;
        to.shutdown().await?;
        Ok(())
    }

    /// The length of the first message, if it is complete.
    fn first_message(&self, direction: Direction, buffer: &[u8]) -> Result<Option<usize>, End> {
        let answer = self.framing.lock().first_message(direction, buffer);
        match answer.map_err(End::Problem)? {
            Some(bytes) if bytes == 0 || bytes > buffer.len() => {
                Err(End::Problem(FramingError::new(format!(
                    "the framing found a message of {bytes} bytes in {} bytes",
                    buffer.len()
                ))))
            }
            None if buffer.len() > MESSAGE_BYTES_MAX => Err(End::Problem(FramingError::new(
                format!("a message is larger than {MESSAGE_BYTES_MAX} bytes"),
            ))),
            answer => Ok(answer),
        }
    }

    async fn forward(
        &self,
        direction: Direction,
        message: &[u8],
        to: &mut Writer,
    ) -> Result<(), End> {
        self.flowing().await;
        let (number, has_cut) = self.shared.count(direction);
        if has_cut {
            *self.cutting.lock() = Some(Cutting::begin(&self.shared));
        }
        let at = |place| Boundary {
            direction,
            message: number,
            place,
        };
        let (head, tail) = message.split_at(message.len() / 2);
        self.act(at(Place::Before)).await?;
        to.write_all(head).await?;
        self.act(at(Place::Middle)).await?;
        to.write_all(tail).await?;
        self.act(at(Place::After)).await
    }

    /// Does what is to happen here.
    async fn act(&self, here: Boundary) -> Result<(), End> {
        for action in self.shared.take(here) {
            match action {
                Action::Cut => return Err(End::Cut),
                Action::Stall => {
                    self.is_stalled.send_replace(true);
                    let stalled = self.is_stalled.clone();
                    self.shared
                        .ledger
                        .send_modify(|ledger| ledger.stalled.push(stalled));
                }
                Action::Delay(by) => self.shared.clock.sleep(by).await,
            }
        }
        self.flowing().await;
        Ok(())
    }

    async fn flowing(&self) {
        let mut stalled = self.is_stalled.subscribe();
        // It cannot fail: the sender lives as long as `self`.
        stalled.wait_for(|stalled| !stalled).await.ok();
    }
}
