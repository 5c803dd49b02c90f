//! An address that leads to one server now and to another one later, as a name does that follows the
//! primary.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Forwards bytes to where it is told, until it is dropped.
#[derive(Debug)]
pub(crate) struct Forwarder {
    address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    listening: AbortHandle,
}

impl Forwarder {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (target, targets) = watch::channel(target);
        let listening = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(forward(client, targets.clone()));
            }
        });
        Self {
            address,
            target,
            listening: listening.abort_handle(),
        }
    }

    /// Leads elsewhere from now on. What is connected is cut off.
    pub(crate) fn switch(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn forward(mut client: TcpStream, mut targets: watch::Receiver<SocketAddr>) {
    let target = *targets.borrow_and_update();
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        ended = tokio::io::copy_bidirectional(&mut client, &mut server) => {
            // One side is gone, which is its right.
            ended.map(drop).ok();
        }
        // It fails where the forwarder is gone, which is the end as well.
        changed = targets.changed() => changed.unwrap_or_default(),
    }
}
