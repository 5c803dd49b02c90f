//! What keeps this node from running what it has claimed, and is no fault of the item's.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::give_back::{Delays, GivenBack, Returned};
use super::node::Node;
use super::options::MismatchPolicy;
use crate::event::{ConfigErrorKind, ErrorDetails};
use crate::frame::DecodeError;
use crate::limits::RELEASE_NOTE_BYTES_MAX;
use crate::message::Notice;
use crate::providers::ProviderError;
use crate::unfit_input::UnfitInput;

/// Why an item is given back.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// The deployed code does not fit.
    Mismatch(ErrorDetails),
    /// The deployed code takes another input.
    UnfitInput(UnfitInput),
    /// A later duroxide wrote what this one does not know.
    NewerFormat {
        what: &'static str,
        error: DecodeError,
    },
    /// The store fails, or does not have what it must have.
    Store(ProviderError),
}

/// The kinds of obstacles that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObstacleKind {
    NotRegistered,
    Nondeterminism,
    UnfitInput,
    NewerFormat,
    Store,
}

impl Obstacle {
    pub(super) fn kind(&self) -> ObstacleKind {
        match self {
            Self::Mismatch(ErrorDetails::Configuration {
                kind: ConfigErrorKind::Nondeterminism,
                ..
            }) => ObstacleKind::Nondeterminism,
            Self::Mismatch(_) => ObstacleKind::NotRegistered,
            Self::UnfitInput(_) => ObstacleKind::UnfitInput,
            Self::NewerFormat { .. } => ObstacleKind::NewerFormat,
            Self::Store(_) => ObstacleKind::Store,
        }
    }

    /// What would have to change, the same for all items that wait for the same.
    pub(super) fn missing(&self) -> String {
        match self {
            Self::Mismatch(ErrorDetails::Configuration {
                kind,
                resource,
                message,
            }) => match kind {
                ConfigErrorKind::UnregisteredOrchestration => {
                    format!("orchestration {resource:?} is not registered")
                }
                ConfigErrorKind::UnregisteredActivity => {
                    format!("activity {resource:?} is not registered")
                }
                ConfigErrorKind::MissingVersion { requested_version } => {
                    format!(
                        "version {requested_version} of orchestration {resource:?} is not registered"
                    )
                }
                ConfigErrorKind::Nondeterminism => format!(
                    "the code of orchestration {resource:?} does not fit its history: {}",
                    message.as_deref().unwrap_or("it is nondeterministic")
                ),
            },
            Self::Mismatch(details) => details.display_message(),
            Self::UnfitInput(unfit) => unfit.mismatch(),
            Self::NewerFormat { what, error } => format!("{what}: {error}"),
            Self::Store(error) => format!("the store fails: {error}"),
        }
    }

    /// Whether a deployment removes it, so that whoever waits for the instance should hear of it.
    pub(super) fn concerns_deployment(&self) -> bool {
        !matches!(self, Self::Store(_))
    }
}

impl Node {
    /// Notes that an item is given back, says so in the log now and then, and answers for how long.
    pub(super) fn note_given_back(&self, returned: Returned, obstacle: &Obstacle) -> GivenBack {
        self.metrics.given_back(obstacle.kind());
        let delays = match self.options.mismatch_policy {
            MismatchPolicy::GiveBack {
                delay_min,
                delay_max,
            } => Delays {
                min: delay_min,
                max: delay_max,
            },
            MismatchPolicy::FailAtOnce => Delays {
                min: MismatchPolicy::DELAY_MIN,
                max: MismatchPolicy::DELAY_MAX,
            },
        };
        let missing = obstacle.missing();
        let example = returned.item.to_string();
        let now_ms = self.clock.now_ms();
        let given_back = self.give_backs.note(returned, &missing, delays, now_ms);
        if given_back.is_passed_on {
            self.pause_claims(now_ms);
        }
        if let Some(waiting) = given_back.warn_of {
            tracing::warn!(
                target: "duroxide::runtime",
                worker_id = self.worker_id,
                waiting,
                example,
                "work is given back until another node or a deployment can run it: {missing}"
            );
        }
        given_back
    }

    /// Has the next claim wait for a moment, so that another node may have what is given back now.
    pub(super) fn pause_claims(&self, now_ms: u64) {
        if self.may_pause_claims(now_ms) {
            self.claims_paused.store(true, Ordering::Release);
        }
    }

    /// Whether claims may pause for what was passed on: a crowd of such items would slow everything.
    fn may_pause_claims(&self, now_ms: u64) -> bool {
        const EVERY_MS: u64 = 1_000;
        let paused_ms = self.claims_paused_ms.load(Ordering::Relaxed);
        let may_pause = now_ms.abs_diff(paused_ms) >= EVERY_MS;
        if may_pause {
            self.claims_paused_ms.store(now_ms, Ordering::Relaxed);
        }
        may_pause
    }

    /// What to tell whoever waits for an instance: what is missing, and where.
    pub(super) fn notice(&self, missing: &str) -> String {
        format!("{} (said by {})", shown(missing), self.worker_id)
    }

    /// The same as a note on an instance; `None` if the node's name is so long that there is no room.
    pub(super) fn note(&self, missing: &str) -> Option<Bytes> {
        let notice = Notice {
            reason: self.notice(missing),
            activity_id: None,
            at_ms: self.clock.now_ms(),
        };
        let note = notice.encode();
        (note.len() <= RELEASE_NOTE_BYTES_MAX).then_some(note)
    }
}

/// As much of what is missing as a notice or a note tells: both are small.
fn shown(missing: &str) -> &str {
    const MISSING_BYTES_MAX: usize = 512;
    let end = missing.floor_char_boundary(MISSING_BYTES_MAX);
    missing.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::providers::InstanceId;
    use crate::runtime::attempts::Item;
    use crate::runtime::observability::CapturedLogs;
    use crate::runtime::one_activity;

    fn returned(instance: &str) -> Returned {
        Returned {
            item: Item::Turn(InstanceId::new(instance).unwrap()),
            stands_at: None,
            unfit: None,
        }
    }

    fn unregistered() -> Obstacle {
        Obstacle::Mismatch(ErrorDetails::Configuration {
            kind: ConfigErrorKind::UnregisteredOrchestration,
            resource: "Order".to_owned(),
            message: None,
        })
    }

    #[tokio::test]
    async fn the_log_says_what_is_missing_and_how_many_wait_for_it() {
        let clock = ManualClock::at_ms(1_700_000_000_000);
        let node = one_activity::idle_node(&clock);
        let (logs, _capturing) = CapturedLogs::begin();
        for instance in ["i1", "i2", "i3"] {
            node.note_given_back(returned(instance), &unregistered());
        }
        // The backlog is gathered before it is spoken of.
        assert_eq!(logs.take(), [""; 0]);
        clock.advance(Duration::from_secs(1));
        node.note_given_back(returned("i2"), &unregistered());
        assert_eq!(
            logs.take(),
            [
                "WARN work is given back until another node or a deployment can run it: \
                 orchestration \"Order\" is not registered worker_id=\"a node\" waiting=3 \
                 example=\"turn of i2\""
            ]
        );
    }
}
