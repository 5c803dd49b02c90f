use std::collections::VecDeque;

use super::{Framing, FramingError, line};
use crate::network::Direction;

/// How many requests may wait for their responses; each is remembered.
const REQUESTS_WAITING_MAX: usize = 1_024;

/// The requests and responses of HTTP/1.1, with bodies by length or in chunks. A response whose
/// body ends with the connection is forwarded without being counted.
#[derive(Debug, Clone, Default)]
pub struct Http {
    /// Whether each request that has no final response yet is a `HEAD`.
    heads: VecDeque<bool>,
}

/// The lines before the body.
struct Preamble<'a> {
    first: &'a [u8],
    content_length: Option<usize>,
    is_chunked: bool,
    bytes: usize,
}

impl Framing for Http {
    fn first_message(
        &mut self,
        direction: Direction,
        bytes: &[u8],
    ) -> Result<Option<usize>, FramingError> {
        let Some(preamble) = preamble(bytes)? else {
            return Ok(None);
        };
        let body = bytes.get(preamble.bytes..).unwrap_or_default();
        match direction {
            Direction::ToServer => {
                let length = body_length(&preamble, body, Some(0))?;
                if length.is_some() && self.heads.len() == REQUESTS_WAITING_MAX {
                    return Err(FramingError::new(format!(
                        "more than {REQUESTS_WAITING_MAX} HTTP requests wait for a response"
                    )));
                }
                if length.is_some() {
                    self.heads.push_back(preamble.first.starts_with(b"HEAD "));
                }
                Ok(length.map(|length| preamble.bytes + length))
            }
            Direction::ToClient => {
                let status = status(preamble.first)?;
                let is_head = self.heads.front().copied().unwrap_or(false);
                let has_none = is_head || status < 200 || status == 204 || status == 304;
                let length = if has_none {
                    Some(0)
                } else {
                    body_length(&preamble, body, None)?
                };
                if length.is_some() && status >= 200 {
                    self.heads.pop_front();
                }
                Ok(length.map(|length| preamble.bytes + length))
            }
        }
    }
}

fn preamble(bytes: &[u8]) -> Result<Option<Preamble<'_>>, FramingError> {
    let Some((first, mut rest)) = line(bytes) else {
        return Ok(None);
    };
    let mut preamble = Preamble {
        first,
        content_length: None,
        is_chunked: false,
        bytes: 0,
    };
    loop {
        let Some((header, after)) = line(rest) else {
            return Ok(None);
        };
        rest = after;
        if header.is_empty() {
            preamble.bytes = bytes.len() - rest.len();
            return Ok(Some(preamble));
        }
        let header = String::from_utf8_lossy(header).to_ascii_lowercase();
        match header
            .split_once(':')
            .map(|(name, value)| (name, value.trim()))
        {
            Some(("content-length", value)) => {
                let length = value.parse::<u32>().ok();
                let length = length.and_then(|length| usize::try_from(length).ok());
                preamble.content_length = Some(length.ok_or_else(|| {
                    FramingError::new("an HTTP message has a Content-Length that is no number")
                })?);
            }
            Some(("transfer-encoding", value)) => preamble.is_chunked = value.ends_with("chunked"),
            Some(_) => {}
            None => return Err(FramingError::new("an HTTP header has no colon")),
        }
    }
}

/// The bytes of the body, if all of it is there. `unsaid` is its length if the message does not
/// say any; without that it lasts as long as the connection.
fn body_length(
    preamble: &Preamble<'_>,
    body: &[u8],
    unsaid: Option<usize>,
) -> Result<Option<usize>, FramingError> {
    if preamble.is_chunked {
        return chunks_length(body);
    }
    let length = preamble.content_length.or(unsaid);
    Ok(length.filter(|length| body.len() >= *length))
}

fn chunks_length(body: &[u8]) -> Result<Option<usize>, FramingError> {
    let mut rest = body;
    loop {
        let Some((head, after)) = line(rest) else {
            return Ok(None);
        };
        let digits = head.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok();
        let size = size.and_then(|text| u32::from_str_radix(text.trim(), 16).ok());
        let size = size.and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| FramingError::new("an HTTP chunk has no size"))?;
        if size == 0 {
            return Ok(after_trailers(after).map(|end| body.len() - end.len()));
        }
        match after.get(size + 2..) {
            Some(next) => rest = next,
            None => return Ok(None),
        }
    }
}

fn after_trailers(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (trailer, rest) = line(bytes)?;
        bytes = rest;
        if trailer.is_empty() {
            return Some(bytes);
        }
    }
}

fn status(first: &[u8]) -> Result<u16, FramingError> {
    let text = String::from_utf8_lossy(first);
    let status = text
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1));
    status
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| FramingError::new("an HTTP response has no status line"))
}
