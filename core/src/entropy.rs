//! The door through which randomness comes.

use std::time::Duration;

use uuid::Uuid;

use crate::providers::{CommitId, LeaseToken, MessageId};

/// Fresh random identifiers, from the operating system. A generator within the process would draw the
/// same ones again where the process is forked, or a machine is restored from a snapshot twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entropy;

impl Entropy {
    /// A fresh proof for a lease (LEA-02).
    #[must_use]
    pub fn lease_token(self) -> LeaseToken {
        LeaseToken(Uuid::new_v4())
    }

    /// A fresh id for a turn commit (IDM-01).
    #[must_use]
    pub fn commit_id(self) -> CommitId {
        CommitId(Uuid::new_v4())
    }

    /// A fresh id for a client's message.
    #[must_use]
    pub fn message_id(self) -> MessageId {
        MessageId(Uuid::new_v4())
    }

    /// Between half of a pause and all of it, so that those who failed together do not come back
    /// together.
    #[must_use]
    pub fn jittered(self, pause: Duration) -> Duration {
        const PARTS: u32 = 1 << 10;
        let (drawn, ..) = Uuid::new_v4().as_fields();
        pause / 2 + pause / 2 / PARTS * (drawn % PARTS)
    }

    /// A seed for what an orchestration draws in one step.
    #[must_use]
    pub fn seed(self) -> u128 {
        Uuid::new_v4().as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jittered_pause_is_at_least_half_as_long_and_never_longer() {
        let pause = Duration::from_millis(100);
        let mut drawn = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let jittered = Entropy.jittered(pause);
            assert!(jittered >= pause / 2 && jittered <= pause, "{jittered:?}");
            drawn.insert(jittered);
        }
        assert!(drawn.len() > 10);
    }
}
