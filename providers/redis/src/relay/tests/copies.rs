//! Copies of a partition, which is put back to one as a failover does.

use super::pair::{Pair, tag};

/// The keys of a partition, as they were.
#[derive(Debug, Clone)]
pub(super) struct Copy(Vec<(Vec<u8>, Vec<u8>)>);

impl Pair {
    /// All keys of a partition, but for the time, which goes on.
    async fn keys(&mut self, part: usize) -> Vec<Vec<u8>> {
        let pattern = tag(part) + "*";
        let keys: Vec<Vec<u8>> = self.ask_server(&[b"KEYS", pattern.as_bytes()]).await;
        let clock = tag(part) + "test_clock";
        keys.into_iter()
            .filter(|key| key != clock.as_bytes())
            .collect()
    }

    pub(super) async fn copy(&mut self, part: usize) -> Copy {
        let mut copy = Vec::new();
        for key in self.keys(part).await {
            let value = self.ask_server(&[b"DUMP", &key]).await;
            copy.push((key, value));
        }
        Copy(copy)
    }

    /// Takes a partition back to how it was: what was written since is lost.
    pub(super) async fn roll_back(&mut self, part: usize, copy: &Copy) {
        for key in self.keys(part).await {
            self.ask_server::<()>(&[b"DEL", &key]).await;
        }
        for (key, value) in &copy.0 {
            self.ask_server::<()>(&[b"RESTORE", key, b"0", value]).await;
        }
    }
}
