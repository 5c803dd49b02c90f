use std::ops::RangeInclusive;

use super::{Framing, FramingError};
use crate::network::Direction;

const CANCEL_REQUEST: u32 = 80_877_102;
const TLS_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const VERSION_MAJOR: u32 = 3;
/// What the server itself takes at most, so that another protocol is noticed by its first bytes.
const STARTUP_BYTES_MAX: u32 = 10_000;
/// What the server itself takes at most.
const MESSAGE_BYTES_MAX: u32 = 0x3fff_ffff;

/// The messages of PostgreSQL, protocol version 3, not encrypted: the client must connect with
/// `sslmode=disable`, or with `prefer` to a server without TLS.
#[derive(Debug, Clone, Default)]
pub struct Postgres {
    client: Client,
    server: Server,
}

/// What the client sends next.
#[derive(Debug, Clone, Copy, Default)]
enum Client {
    /// A message without a type.
    #[default]
    Startup,
    Typed,
}

/// What the server sends next.
#[derive(Debug, Clone, Copy, Default)]
enum Server {
    #[default]
    Typed,
    /// One byte: whether it encrypts.
    Answer,
    /// Nothing that can be understood.
    Encrypted,
}

impl Framing for Postgres {
    fn first_message(
        &mut self,
        direction: Direction,
        bytes: &[u8],
    ) -> Result<Option<usize>, FramingError> {
        match (direction, self.client, self.server) {
            (_, _, Server::Encrypted) => Err(FramingError::new(
                "the connection to PostgreSQL is encrypted: connect with sslmode=disable",
            )),
            (Direction::ToServer, Client::Startup, _) => self.startup(bytes),
            (Direction::ToClient, _, Server::Answer) => Ok(self.answer(bytes)),
            (Direction::ToServer, Client::Typed, _) | (Direction::ToClient, _, Server::Typed) => {
                typed(bytes)
            }
        }
    }
}

impl Postgres {
    fn startup(&mut self, bytes: &[u8]) -> Result<Option<usize>, FramingError> {
        let (Some(length), Some(code)) = (number(bytes, 0), number(bytes, 4)) else {
            return Ok(None);
        };
        let length = complete(bytes, length, 8..=STARTUP_BYTES_MAX)?;
        if length.is_none() {
            return Ok(None);
        }
        match code {
            TLS_REQUEST | GSS_REQUEST => self.server = Server::Answer,
            CANCEL_REQUEST => {}
            version if version >> 16 == VERSION_MAJOR => self.client = Client::Typed,
            _ => {
                return Err(FramingError::new(
                    "a PostgreSQL client begins with a version other than 3",
                ));
            }
        }
        Ok(length)
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<usize> {
        self.server = match bytes.first()? {
            b'S' | b'G' => Server::Encrypted,
            _ => Server::Typed,
        };
        Some(1)
    }
}

/// A type of one byte and a length that counts itself.
fn typed(bytes: &[u8]) -> Result<Option<usize>, FramingError> {
    let Some(length) = number(bytes, 1) else {
        return Ok(None);
    };
    Ok(complete(
        bytes.get(1..).unwrap_or_default(),
        length,
        4..=MESSAGE_BYTES_MAX,
    )?
    .map(|length| 1 + length))
}

/// This length, if so many bytes are there.
fn complete(
    bytes: &[u8],
    length: u32,
    possible: RangeInclusive<u32>,
) -> Result<Option<usize>, FramingError> {
    if !possible.contains(&length) {
        return Err(FramingError::new(format!(
            "a PostgreSQL message says that it has {length} bytes"
        )));
    }
    Ok(usize::try_from(length)
        .ok()
        .filter(|length| bytes.len() >= *length))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}
