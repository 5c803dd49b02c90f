use std::num::NonZeroUsize;

use super::{Framing, FramingError};
use crate::network::Direction;

/// Takes every so many bytes for a message, whatever the protocol. The rest at the end of a
/// connection is forwarded without being counted.
#[derive(Debug, Clone, Copy)]
pub struct EveryBytes(pub NonZeroUsize);

impl Framing for EveryBytes {
    fn first_message(&mut self, _: Direction, bytes: &[u8]) -> Result<Option<usize>, FramingError> {
        let length = self.0.get();
        Ok((bytes.len() >= length).then_some(length))
    }
}
