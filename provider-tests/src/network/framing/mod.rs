//! Where one message ends and the next begins.

mod every_bytes;
mod http;
mod postgres;
mod resp;

use super::plan::Direction;

pub use every_bytes::EveryBytes;
pub use http::Http;
pub use postgres::Postgres;
pub use resp::Resp;

/// Finds the messages in what goes through one connection, in both directions.
pub trait Framing: Send + 'static {
    /// The length of the first message in bytes, or `None` if it is not complete yet. `bytes`
    /// begins where the last message that went this way ended.
    ///
    /// It is asked again, with more bytes, after `None`, so it remembers something about a message
    /// only when it returns its length.
    ///
    /// # Errors
    /// [`FramingError`] when no message of the protocol begins so.
    fn first_message(
        &mut self,
        direction: Direction,
        bytes: &[u8],
    ) -> Result<Option<usize>, FramingError>;
}

/// What goes through a connection is not the protocol that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FramingError(String);

impl FramingError {
    /// Says what is wrong, without the bytes themselves, which may be secret.
    #[must_use]
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// The text up to the next carriage return and line feed, and the bytes after them, if there is a
/// whole line.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((bytes.get(..end)?, bytes.get(end + 2..)?))
}
