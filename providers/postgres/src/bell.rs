//! What a process tells the others on their channel, and how it is written there.
//!
//! A bell says that something happened, never what: whoever hears it asks the server. So it can be
//! coalesced, lost or heard twice. It is rung outside the transactions that it tells of, since NOTIFY
//! takes a lock of the whole server until its own transaction is committed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::InstanceId;
use uuid::Uuid;

use crate::read::ReadJob;
use crate::schema::fingerprint;
use crate::setup::Setup;

/// The version of the text. A process that does not know it takes everything to have changed.
const VERSION: &str = "1";

/// More than so many instances are not told apart: the server takes less than 8,000 bytes.
const CHANGED_MAX: usize = 300;

/// At most one bell is rung in this time.
const GAP: Duration = Duration::from_millis(10);

/// What others want to hear of.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Bell {
    /// Something became claimable, now or later, sooner perhaps than they know.
    pub(crate) turns: bool,
    pub(crate) activities: bool,
    /// Whose heads have changed, by fingerprint.
    changed: BTreeSet<u64>,
    /// More heads have changed than can be listed.
    changed_all: bool,
}

impl Bell {
    pub(crate) fn everything() -> Self {
        Self {
            turns: true,
            activities: true,
            changed: BTreeSet::new(),
            changed_all: true,
        }
    }

    pub(crate) fn change(&mut self, instance: &str) {
        self.changed.insert(fingerprint(instance));
        self.limit();
    }

    pub(crate) fn has_changed(&self, instance: &InstanceId) -> bool {
        self.changed_all || self.changed.contains(&fingerprint(instance))
    }

    pub(crate) fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.turns |= other.turns;
        self.activities |= other.activities;
        self.changed_all |= other.changed_all;
        self.changed.extend(other.changed);
        self.limit();
    }

    fn limit(&mut self) {
        if self.changed_all || self.changed.len() > CHANGED_MAX {
            self.changed_all = true;
            self.changed.clear();
        }
    }

    /// The text that goes over the channel.
    pub(crate) fn write(&self, node: Uuid) -> String {
        let mut changed: Vec<String> = self.changed.iter().map(|it| format!("{it:x}")).collect();
        if self.changed_all {
            changed = vec!["*".to_owned()];
        }
        format!(
            "{VERSION} {} {}{}- {}",
            node.simple(),
            if self.turns { "t" } else { "" },
            if self.activities { "a" } else { "" },
            changed.join(",")
        )
    }

    /// Reads what came over the channel; `None` for what this process has written itself.
    pub(crate) fn read(text: &str, node: Uuid) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let [VERSION, sender, kinds, changed] = words.as_slice() else {
            return Some(Self::everything());
        };
        if *sender == node.simple().to_string() {
            return None;
        }
        let mut bell = Self {
            turns: kinds.contains('t'),
            activities: kinds.contains('a'),
            ..Self::default()
        };
        for one in changed.split(',').filter(|it| !it.is_empty()) {
            match u64::from_str_radix(one, 16) {
                Ok(fingerprint) => {
                    bell.changed.insert(fingerprint);
                }
                Err(_) => bell.changed_all = true,
            }
        }
        bell.limit();
        Some(bell)
    }
}

/// Rings as long as the provider is open: the first news at once, what comes soon after together.
pub(crate) async fn ring(setup: Arc<Setup>) {
    let hub = &setup.hub;
    loop {
        tokio::select! {
            biased;
            () = hub.closed() => return,
            () = hub.ring.notified() => {}
        }
        let bell = hub.take_bell();
        if bell.is_silent() {
            continue;
        }
        let text = bell.write(setup.node);
        if setup.reads.push(ReadJob::Ring(text)).is_err() {
            return;
        }
        tokio::select! {
            biased;
            () = hub.closed() => return,
            () = SystemClock.sleep(GAP) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_others_and_not_by_oneself() {
        let (node, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut bell = Bell {
            turns: true,
            ..Bell::default()
        };
        bell.change("a");
        bell.change("b");
        let text = bell.write(node);
        assert_eq!(
            text,
            "1 00000000000000000000000000000001 t- af63df4c8601f1a5,af63dc4c8601ec8c".replace(
                "af63df4c8601f1a5,af63dc4c8601ec8c",
                &{
                    let mut both = [fingerprint("a"), fingerprint("b")];
                    both.sort_unstable();
                    format!("{:x},{:x}", both[0], both[1])
                }
            )
        );
        assert_eq!(Bell::read(&text, node), None);
        assert_eq!(Bell::read(&text, other), Some(bell.clone()));
        assert!(bell.has_changed(&InstanceId::new("b").unwrap()));
        assert!(!bell.has_changed(&InstanceId::new("c").unwrap()));
    }

    #[test]
    fn a_bell_stays_short_and_one_that_is_not_understood_means_everything() {
        let node = Uuid::from_u128(1);
        let mut bell = Bell::default();
        for number in 0..10_000 {
            bell.change(&format!("instance {number}"));
            assert!(bell.write(node).len() < 8_000);
        }
        assert!(bell.has_changed(&InstanceId::new("any").unwrap()));
        for text in ["", "2 x y", "nonsense", "1 2 3"] {
            assert_eq!(Bell::read(text, node), Some(Bell::everything()), "{text}");
        }
    }
}
