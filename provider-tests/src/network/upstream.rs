//! Where a proxy forwards to.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// The address of the real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    #[cfg(unix)]
    Unix(PathBuf),
}

/// What comes from one side of a connection.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// What goes to one side of a connection.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

impl Upstream {
    pub(super) async fn connect(&self) -> io::Result<(Reader, Writer)> {
        match self {
            Self::Tcp(address) => tcp_halves(TcpStream::connect(address).await?),
            #[cfg(unix)]
            Self::Unix(path) => {
                let (reader, writer) = UnixStream::connect(path).await?.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }
}

pub(super) fn tcp_halves(stream: TcpStream) -> io::Result<(Reader, Writer)> {
    // A message that waits to be sent together with the next one would be counted too early.
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((Box::new(reader), Box::new(writer)))
}
