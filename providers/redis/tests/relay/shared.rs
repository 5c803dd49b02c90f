//! Parts of a state that many states have in common.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

pub(super) fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = Mixer(1);
    value.hash(&mut hasher);
    hasher.finish()
}

/// A hash that costs little without optimisation: a state has some twenty parts.
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        // The multiplier and the shift of the last step of SplitMix64, for each word.
        let mixed = (self.0 ^ value).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = (mixed ^ (mixed >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A value that is hashed once. Two that have the same hash are taken for equal, as states are.
#[derive(Debug)]
pub(super) struct Shared<T> {
    value: Rc<T>,
    pub(super) hash: u64,
}

impl<T: Hash> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            hash: hash_of(&value),
            value: Rc::new(value),
        }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self {
            value: Rc::clone(&self.value),
            hash: self.hash,
        }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
