//! Messages, activities, heads and outputs.

use bytes::Bytes;
use duroxide_core::event::DecodeError;
use duroxide_core::fuzzing::{BODIES, framed};

use crate::text::check_discreet;

const ERROR_BYTES_MAX: usize = 200;

/// The frame's mark and version, and the bytes of its checksum.
const HEADER: &[u8] = &[b'D', 1];
const HEADER_BYTES: usize = 6;

/// Decodes as they are, and once more with the checksum put right, which chance does not find.
pub(crate) fn run(bytes: &[u8]) {
    for bytes in [bytes, &reframed(bytes)] {
        for round_trip in BODIES {
            if let Err(error) = round_trip(bytes) {
                check_error(&error);
            }
        }
    }
}

/// The same content in a frame with the right checksum.
pub(crate) fn reframed(bytes: &[u8]) -> Bytes {
    let json = bytes
        .strip_prefix(HEADER)
        .and_then(|_| bytes.get(HEADER_BYTES..));
    framed(json.unwrap_or(bytes))
}

/// Checks the text of an error in every way that it is shown, with all its sources.
pub(crate) fn check_error(error: &DecodeError) {
    check_discreet(&format!("{error:?}"), ERROR_BYTES_MAX);
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        check_discreet(&error.to_string(), ERROR_BYTES_MAX);
        cause = error.source();
    }
}
