//! Where one message on a connection ends and the next begins.

use duroxide_provider_tests::network::{Direction, Framing, FramingError, Http, Postgres, Resp};

use crate::text::check_discreet;

const ERROR_BYTES_MAX: usize = 200;

/// The lengths of the messages that were found in one direction, and what ended the search.
type Found = (Vec<usize>, Option<FramingError>);

/// The first three bytes say which protocol, what part goes to the server, and how much each read
/// yields; the rest goes through the connection.
pub(crate) fn run(bytes: &[u8]) {
    let Some((&[protocol, share, read], bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let requests = bytes.len() * usize::from(share) / usize::from(u8::MAX);
    let conversation = bytes.split_at(requests);
    let read_bytes = 1 + usize::from(read);
    match protocol % 3 {
        0 => check(&Postgres::default(), conversation, read_bytes),
        1 => check(&Resp, conversation, read_bytes),
        _ => check(&Http::default(), conversation, read_bytes),
    }
}

/// Messages are the same however the bytes arrive, and each is there and has a length.
fn check<F: Framing + Clone>(framing: &F, conversation: (&[u8], &[u8]), read_bytes: usize) {
    let (requests, responses) = conversation;
    let (mut at_once, mut in_reads) = (framing.clone(), framing.clone());
    for (direction, bytes) in [
        (Direction::ToServer, requests),
        (Direction::ToClient, responses),
    ] {
        let whole = messages(&mut at_once, direction, bytes, bytes.len().max(1));
        let pieces = messages(&mut in_reads, direction, bytes, read_bytes);
        assert_eq!(whole, pieces, "{direction:?}: it matters how bytes arrive");
        if let Some(error) = whole.1 {
            check_discreet(&error.to_string(), ERROR_BYTES_MAX);
            return;
        }
    }
}

/// Does as the proxy does: asks after each read, and for as long as there are messages.
fn messages<F: Framing>(
    framing: &mut F,
    direction: Direction,
    bytes: &[u8],
    read_bytes: usize,
) -> Found {
    let (mut begin, mut end) = (0, 0);
    let mut lengths = Vec::new();
    loop {
        match framing.first_message(direction, &bytes[begin..end]) {
            Err(error) => return (lengths, Some(error)),
            Ok(Some(length)) => {
                assert!(length > 0, "a message of no bytes never ends");
                assert!(length <= end - begin, "a message that is not there yet");
                begin += length;
                lengths.push(length);
            }
            Ok(None) if end == bytes.len() => return (lengths, None),
            Ok(None) => end = bytes.len().min(end + read_bytes),
        }
    }
}
