//! In which slot of a Cluster a key is.

/// How many slots a Cluster has.
pub(crate) const COUNT: u16 = 16_384;

/// The slot of a key: what its first braces hold says it, or all of it where they hold nothing.
pub(crate) fn of(key: &str) -> u16 {
    let behind = key.split_once('{').and_then(|(_, it)| it.split_once('}'));
    let tag = behind.map(|(tag, _)| tag).filter(|tag| !tag.is_empty());
    crc16(tag.unwrap_or(key).as_bytes()) % COUNT
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0, nothing reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // The check value of the catalogue of CRCs, which the specification of Redis Cluster repeats.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
        // As `CLUSTER KEYSLOT` answers.
        assert_eq!(of("foo"), 12_182);
        assert_eq!(of("bar"), 5_061);
        assert_eq!(of("{foo}:bar"), 12_182);
        assert_eq!(of("a{foo}{bar}"), 12_182);
        assert_eq!(of("{}foo"), 9_500);
    }
}
