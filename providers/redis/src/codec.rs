//! How requests and answers are written: as MessagePack, in the form that scripts understand.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest number that a script holds exactly.
const NUMBER_MAX: u64 = 1 << 53;

/// Writes a request. Numbers beyond what a script holds become the largest one, and are limits that do not
/// limit in either case.
///
/// # Errors
/// Why it cannot be written, which is a bug.
pub(crate) fn encode(request: &impl Serialize) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let encoded = rmp_serde::to_vec_named(request);
    encoded.map(|mut bytes| {
        adapt(&mut bytes);
        bytes
    })
}

/// Reads an answer.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(bytes)
}

/// The request for a list of things that are written already, under this name.
pub(crate) fn list(name: &str, items: &[Vec<u8>]) -> Vec<u8> {
    let mut request = Vec::with_capacity(items.iter().map(Vec::len).sum::<usize>() + 64);
    // A map of one pair: a short text, and a list with its length in four bytes.
    request.push(0x81);
    request.push(0xa0 | u8::try_from(name.len() & 0x1f).unwrap_or(0));
    request.extend(name.as_bytes().iter().take(0x1f));
    request.push(0xdd);
    request.extend(u32::try_from(items.len()).unwrap_or(u32::MAX).to_be_bytes());
    items.iter().for_each(|item| request.extend(item));
    request
}

/// Turns what is binary into text, item by item, and bounds numbers: a script takes the largest ones of all
/// for negative. The servers' `cmsgpack` is older than the distinction:
/// it knows text, of any bytes. Both have the same lengths, so that the markers alone are changed
/// (<https://github.com/msgpack/msgpack/blob/master/spec.md>).
fn adapt(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(marker) = bytes.get(at).copied() {
        let (length_bytes, is_text) = match marker {
            0xc4 | 0xd9 => (1, true),
            0xc5 | 0xda => (2, true),
            0xc6 | 0xdb => (4, true),
            _ => (0, false),
        };
        if let (0xc4..=0xc6, Some(byte)) = (marker, bytes.get_mut(at)) {
            *byte = marker + (0xd9 - 0xc4);
        }
        at += 1;
        let digits = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<8>);
        if let (0xcf, Some(digits)) = (marker, digits) {
            *digits = u64::from_be_bytes(*digits).min(NUMBER_MAX).to_be_bytes();
        }
        if is_text {
            let length = bytes.get(at..at + length_bytes).unwrap_or_default();
            let length = length
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            at += length_bytes + length;
            continue;
        }
        // What is in a list or a map follows as items of its own.
        at += match marker {
            0xa0..=0xbf => usize::from(marker & 0x1f),
            0xcc | 0xd0 => 1,
            0xcd | 0xd1 | 0xdc | 0xde => 2,
            0xca | 0xce | 0xd2 | 0xdd | 0xdf => 4,
            0xcb | 0xcf | 0xd3 => 8,
            _ => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde::Deserialize;

    use super::*;

    #[test]
    fn a_list_is_made_of_what_is_written() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Reads {
            reads: Vec<String>,
        }
        let reads = ["a", "b".repeat(300).as_str()].map(str::to_owned).to_vec();
        let items: Vec<Vec<u8>> = reads.iter().map(|it| encode(it).unwrap()).collect();
        let listed = decode::<Reads>(&list("reads", &items)).unwrap();
        assert_eq!(listed, Reads { reads });
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        text: String,
        bytes: Vec<Bytes>,
        numbers: Vec<u64>,
        negative: i64,
        fraction: f64,
        nothing: Option<u8>,
        yes: bool,
    }

    #[test]
    fn bytes_of_any_length_are_text_and_come_back() {
        let lengths = [0, 1, 31, 32, 255, 256, 65_535, 65_536];
        let everything = Everything {
            text: "\u{c4}\u{c5}".repeat(200),
            bytes: lengths.map(|length| vec![0xc4; length].into()).to_vec(),
            numbers: vec![0, 127, 128, 255, 256, 65_536, 1 << 40],
            negative: -70_000,
            fraction: 0.5,
            nothing: None,
            yes: true,
        };
        let encoded = encode(&everything).unwrap();
        let unchanged = rmp_serde::to_vec_named(&everything).unwrap();
        let changed = encoded.iter().zip(&unchanged).filter(|(a, b)| a != b);
        assert_eq!(changed.count(), lengths.len(), "the markers alone");
        assert_eq!(decode::<Everything>(&encoded).unwrap(), everything);
    }

    #[test]
    fn numbers_stay_exact_or_become_the_largest() {
        for (number, expected) in [
            (NUMBER_MAX - 1, NUMBER_MAX - 1),
            (NUMBER_MAX + 1, NUMBER_MAX),
            (u64::MAX, NUMBER_MAX),
        ] {
            let encoded = encode(&(number, number)).unwrap();
            let read: (u64, u64) = decode(&encoded).unwrap();
            assert_eq!(read, (expected, expected));
        }
    }
}
