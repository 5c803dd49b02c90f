//! The scripts, each put together from its parts.

use std::sync::OnceLock;

use crate::server::Kind;

/// A script of this provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Turns, outcomes and sends.
    Commit,
    /// Claims of turns and activities.
    Claim,
    /// When the first items of some queues became claimable.
    Fronts,
    /// Renewals and releases.
    Leases,
    /// When the next item of each queue is due; also the process's sign of life.
    Dues,
    /// Reads of single instances.
    Read,
    /// Looks of management.
    Look,
    /// Removals, by request and by time.
    Sweep,
    /// Where partitions stand with one another, and what one has for another.
    Relay,
    /// What other partitions have sent.
    Deliver,
}

const TIME: &str = include_str!("../lua/time.lua");
const TEST_TIME: &str = include_str!("../lua/test_time.lua");
/// Reaches everybody who is connected to this server.
const PUBLISH: &str = "local PUBLISH = 'PUBLISH'";
/// Stays within the slot's primary and its replicas, while the other command reaches all servers of a Cluster.
const SHARDED_PUBLISH: &str = "local PUBLISH = 'SPUBLISH'";
const STORE: &str = include_str!("../lua/store.lua");
const INBOX: &str = include_str!("../lua/inbox.lua");
const ACTIVITY: &str = include_str!("../lua/activity.lua");
const INSTANCE: &str = include_str!("../lua/instance.lua");
const RELAY: &str = include_str!("../lua/relay.lua");
const OUTBOX: &str = include_str!("../lua/outbox.lua");
const TAKE: &str = include_str!("../lua/take.lua");
const GHOSTS: &str = include_str!("../lua/ghosts.lua");
const DELIVER: &str = include_str!("../lua/deliver.lua");
const SEND: &str = include_str!("../lua/send.lua");
const VALUE: &str = include_str!("../lua/value.lua");
const TURN: &str = include_str!("../lua/turn.lua");
const BELL: &str = include_str!("../lua/bell.lua");
const COMMIT: &str = include_str!("../lua/commit.lua");
const CLAIM: &str = include_str!("../lua/claim.lua");
const FRONT: &str = include_str!("../lua/front.lua");
const FRONTS: &str = include_str!("../lua/fronts.lua");
const LEASES: &str = include_str!("../lua/leases.lua");
const DUES: &str = include_str!("../lua/dues.lua");
const SHOWN: &str = include_str!("../lua/shown.lua");
const MAIL: &str = include_str!("../lua/mail.lua");
const HISTORY: &str = include_str!("../lua/history.lua");
const READ: &str = include_str!("../lua/read.lua");
const INSPECT: &str = include_str!("../lua/inspect.lua");
const LISTING: &str = include_str!("../lua/listing.lua");
const METRICS: &str = include_str!("../lua/metrics.lua");
const LOOK: &str = include_str!("../lua/look.lua");
const SWEEP: &str = include_str!("../lua/sweep.lua");

impl Script {
    pub(crate) const ALL: [Self; 10] = [
        Self::Commit,
        Self::Claim,
        Self::Fronts,
        Self::Leases,
        Self::Dues,
        Self::Read,
        Self::Look,
        Self::Sweep,
        Self::Relay,
        Self::Deliver,
    ];

    /// What the server is told of it. Without `allow-oom` a script that the server's memory has no room
    /// for is refused before it runs; what ends leases or frees memory runs all the same.
    fn header(self) -> &'static str {
        match self {
            Self::Commit | Self::Claim | Self::Deliver => "#!lua",
            Self::Fronts | Self::Leases | Self::Dues | Self::Sweep | Self::Relay => {
                "#!lua flags=allow-oom"
            }
            Self::Read | Self::Look => "#!lua flags=no-writes",
        }
    }

    fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Commit => &[
                STORE, INBOX, ACTIVITY, INSTANCE, SEND, RELAY, OUTBOX, VALUE, TURN, BELL, COMMIT,
            ],
            Self::Claim => &[STORE, INBOX, ACTIVITY, FRONT, CLAIM],
            Self::Fronts => &[STORE, ACTIVITY, FRONT, FRONTS],
            Self::Leases => &[STORE, ACTIVITY, BELL, LEASES],
            Self::Dues => &[STORE, DUES],
            Self::Read => &[STORE, VALUE, SHOWN, MAIL, HISTORY, READ],
            Self::Look => &[
                STORE, INBOX, ACTIVITY, INSTANCE, SHOWN, INSPECT, LISTING, METRICS, LOOK,
            ],
            Self::Sweep => &[STORE, INBOX, ACTIVITY, INSTANCE, SWEEP],
            Self::Relay => &[STORE, RELAY, TAKE],
            Self::Deliver => &[
                STORE, INBOX, ACTIVITY, INSTANCE, SEND, RELAY, GHOSTS, BELL, DELIVER,
            ],
        }
    }
}

/// By which clock the scripts of a provider go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeSource {
    /// The server's.
    Server,
    /// A key that tests move.
    #[cfg_attr(
        not(feature = "conformance"),
        expect(dead_code, reason = "for the suite")
    )]
    Test,
}

/// The texts of all scripts.
#[derive(Debug)]
pub(crate) struct Scripts {
    texts: Vec<String>,
    /// By which the server knows each of them, once it was told.
    hashes: OnceLock<Vec<String>>,
}

impl Scripts {
    /// Those for a store of so many partitions.
    pub(crate) fn new(time: TimeSource, kind: Kind, partitions: usize) -> Self {
        let partitions = format!("local PARTITIONS = {partitions}");
        let publish = match kind {
            Kind::Single => PUBLISH,
            Kind::Cluster => SHARDED_PUBLISH,
        };
        let time = match time {
            TimeSource::Server => TIME,
            TimeSource::Test => TEST_TIME,
        };
        let text = |script: Script| {
            let parts = [script.header(), publish, &*partitions, time];
            let parts = parts.iter().chain(script.parts());
            parts.copied().collect::<Vec<_>>().join("\n")
        };
        Self {
            texts: Script::ALL.into_iter().map(text).collect(),
            hashes: OnceLock::new(),
        }
    }

    /// All texts, in the order of [`Script::ALL`].
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }

    pub(crate) fn text(&self, script: Script) -> &str {
        of(&self.texts, script).map_or("", String::as_str)
    }

    pub(crate) fn set_hashes(&self, hashes: Vec<String>) {
        // They are those of the texts, whoever told them first.
        self.hashes.set(hashes).ok();
    }

    /// By which the server knows the script, if it was told.
    pub(crate) fn hash(&self, script: Script) -> Option<&str> {
        of(self.hashes.get()?, script).map(String::as_str)
    }
}

fn of(list: &[String], script: Script) -> Option<&String> {
    let place = Script::ALL.iter().position(|it| *it == script)?;
    list.get(place)
}
