//! The proxy.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use duroxide_core::clock::{Clock, SystemClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::framing::Framing;
use super::plan::{Counts, Fault};
use super::relay::Relay;
use super::state::{Ledger, Shared};
use super::upstream::{Upstream, tcp_halves};

/// A TCP proxy that counts messages and breaks connections where it is told to.
///
/// It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: AbortHandle,
}

impl Proxy {
    /// Listens on a free port of the loopback interface. `framing` makes the framing of each new
    /// connection. Must be called from a tokio runtime with I/O, on which it runs.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start<F: Framing>(
        upstream: Upstream,
        framing: impl Fn() -> F + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_with_clock(upstream, framing, SystemClock::shared()).await
    }

    /// Like [`start`](Self::start), with the clock by which it delays.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start_with_clock<F: Framing>(
        upstream: Upstream,
        framing: impl Fn() -> F + Send + 'static,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            clock,
            ledger: watch::Sender::new(Ledger::default()),
        });
        let listening = tokio::spawn(listen(listener, upstream, framing, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            listening: listening.abort_handle(),
        })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many messages have come in since the start or the last [`reset`](Self::reset), over all
    /// connections. One that a fault kept from going on is among them.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.ledger.borrow().counts
    }

    /// Adds a fault, which happens once.
    pub fn arm(&self, fault: Fault) {
        self.shared
            .ledger
            .send_modify(|ledger| ledger.armed.push(fault));
    }

    /// The faults that happened since the start or the last [`reset`](Self::reset), in order.
    #[must_use]
    pub fn fired(&self) -> Vec<Fault> {
        self.shared.ledger.borrow().fired.clone()
    }

    /// What went wrong with connections other than by faults: no server behind the proxy, or bytes
    /// that its framing does not understand. A test that wants the proxy to have done its work
    /// asserts that there is nothing.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.shared.ledger.borrow().problems.clone()
    }

    /// Counts from one again and forgets the faults, those armed and those that happened. Open
    /// connections stay as they are.
    pub fn reset(&self) {
        self.shared.ledger.send_modify(|ledger| {
            ledger.counts = Counts::default();
            ledger.armed.clear();
            ledger.fired.clear();
            ledger.problems.clear();
        });
    }

    /// Lets the stalled connections flow again, from where they stopped.
    pub fn heal(&self) {
        self.shared.ledger.send_modify(|ledger| {
            for stalled in ledger.stalled.drain(..) {
                stalled.send_replace(false);
            }
        });
    }

    /// Ends when every armed fault has happened. It may never end: give it a time limit.
    pub async fn until_fired(&self) {
        self.wait_for(|ledger| ledger.armed.is_empty()).await;
    }

    /// Ends when the server has closed every connection that was cut, and so has done whatever it
    /// does with what came through. From the first byte of a message with a cut ahead of it, this
    /// waits for that cut. It may never end: give it a time limit.
    pub async fn settled(&self) {
        self.wait_for(|ledger| ledger.cutting == 0).await;
    }

    async fn wait_for(&self, condition: impl FnMut(&Ledger) -> bool) {
        let mut ledger = self.shared.ledger.subscribe();
        // It cannot fail: the sender lives as long as `self`.
        ledger.wait_for(condition).await.map(drop).ok();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Serves every client. The connections end with this future.
async fn listen<F: Framing>(
    listener: TcpListener,
    upstream: Upstream,
    framing: impl Fn() -> F + Send,
    shared: Arc<Shared>,
) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let relay = Relay::new(Arc::clone(&shared), framing());
                let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    if let Err(error) = serve(relay, client, &upstream).await {
                        shared.report(format!("{upstream:?} cannot be reached: {error}"));
                    }
                });
            }
            Err(error) => shared.report(format!("a client was not accepted: {error}")),
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve<F: Framing>(
    relay: Relay<F>,
    client: TcpStream,
    upstream: &Upstream,
) -> io::Result<()> {
    let server = upstream.connect().await?;
    relay.run(tcp_halves(client)?, server).await;
    Ok(())
}
