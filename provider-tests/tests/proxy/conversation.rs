//! A little server that counts, and a client that lets it count to three.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duroxide_provider_tests::network::Upstream;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// What the client sends for one count, a Redis command.
const COMMAND: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\nx\r\n";
/// Nothing here takes long; this only keeps a mistake from hanging.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// How often it does so in one operation.
pub(crate) const COMMANDS: u64 = 3;

/// A server that answers each whole command, and knows how many it has seen.
pub(crate) struct Counter {
    pub(crate) address: SocketAddr,
    seen: Arc<AtomicU64>,
}

impl Counter {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(count(stream, Arc::clone(&counted)));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn upstream(&self) -> Upstream {
        Upstream::Tcp(self.address)
    }

    /// How many commands arrived whole since this was asked last.
    pub(crate) fn take_seen(&self) -> u64 {
        self.seen.swap(0, Ordering::SeqCst)
    }
}

/// Answers until the client closes or breaks off.
pub(crate) async fn count<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, seen: Arc<AtomicU64>) {
    let mut command = vec![0; COMMAND.len()];
    while stream.read_exact(&mut command).await.is_ok() {
        assert_eq!(command, COMMAND);
        let now = seen.fetch_add(1, Ordering::SeqCst) + 1;
        let reply = format!(":{now}\r\n");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            break;
        }
    }
}

/// Sends the commands one after another; answers how many whole replies came before the connection
/// ended, and how many bytes of a torn one.
pub(crate) async fn operation(address: SocketAddr) -> (u64, usize) {
    let conversation = timeout(LIMIT, converse(address));
    conversation.await.expect("the connection hangs")
}

async fn converse(address: SocketAddr) -> (u64, usize) {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let mut replies = 0;
    let mut reply = String::new();
    for _ in 0..COMMANDS {
        if stream.get_mut().write_all(COMMAND).await.is_err() {
            break;
        }
        reply.clear();
        if stream.read_line(&mut reply).await.is_err() || !reply.ends_with("\r\n") {
            return (replies, reply.len());
        }
        replies += 1;
    }
    (replies, 0)
}
