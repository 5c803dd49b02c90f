use super::{Framing, FramingError, line};
use crate::network::Direction;

/// How deep replies may be nested.
const DEPTH_MAX: usize = 32;

/// The messages of Redis, RESP2 and RESP3: a command with its arguments is one message, and so is
/// a reply or a push with everything in it. Inline commands, which no client library sends, are
/// lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resp;

impl Framing for Resp {
    fn first_message(&mut self, _: Direction, bytes: &[u8]) -> Result<Option<usize>, FramingError> {
        let Some(rest) = after_value(bytes, 0)? else {
            return Ok(None);
        };
        Ok(Some(bytes.len() - rest.len()))
    }
}

/// What comes after the first value, if it is complete.
fn after_value(bytes: &[u8], depth: usize) -> Result<Option<&[u8]>, FramingError> {
    if depth > DEPTH_MAX {
        return Err(FramingError::new(format!(
            "a Redis value is nested more than {DEPTH_MAX} deep"
        )));
    }
    let Some((head, rest)) = line(bytes) else {
        return Ok(None);
    };
    let Some((kind, argument)) = head.split_first() else {
        // An empty line is an inline command that does nothing.
        return Ok(Some(rest));
    };
    match kind {
        b'$' | b'=' | b'!' => Ok(after_blob(rest, length(argument)?)),
        b'*' | b'~' | b'>' => after_values(rest, length(argument)?.unwrap_or(0), depth),
        b'%' => after_values(rest, 2 * length(argument)?.unwrap_or(0), depth),
        // Attributes belong to the value that follows them.
        b'|' => after_values(rest, 2 * length(argument)?.unwrap_or(0) + 1, depth),
        _ => Ok(Some(rest)),
    }
}

/// A blob, its line end and no more; a null has no blob.
fn after_blob(bytes: &[u8], length: Option<usize>) -> Option<&[u8]> {
    match length {
        Some(length) => bytes.get(length + 2..),
        None => Some(bytes),
    }
}

fn after_values(
    mut bytes: &[u8],
    count: usize,
    depth: usize,
) -> Result<Option<&[u8]>, FramingError> {
    for _ in 0..count {
        match after_value(bytes, depth + 1)? {
            Some(rest) => bytes = rest,
            None => return Ok(None),
        }
    }
    Ok(Some(bytes))
}

/// A length; `None` is the `-1` of a null.
fn length(argument: &[u8]) -> Result<Option<usize>, FramingError> {
    if argument == b"-1" {
        return Ok(None);
    }
    let number = std::str::from_utf8(argument)
        .ok()
        .and_then(|text| text.parse::<u32>().ok());
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.map(Some).ok_or_else(|| {
        FramingError::new("a Redis value has no length in digits (streamed values are not read)")
    })
}
