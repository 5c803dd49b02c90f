//! How far an activity is: what the attempt before has left, and what this one says.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::limits::{ACTIVITY_DETAILS_BYTES_MAX, ACTIVITY_PROGRESS_BYTES_MAX};
use crate::message::ActivityDetails;
use crate::providers::LeaseToken;

/// Whoever stores what an activity says of its progress, by the lease it runs under.
pub(crate) trait DetailsCarrier: Debug + Send + Sync {
    /// Takes details that are to be stored soon, instead of those it may still have.
    fn carry(&self, token: LeaseToken, details: Bytes);
}

/// The details of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    last: ActivityDetails,
    carrier: Option<(Arc<dyn DetailsCarrier>, LeaseToken)>,
}

impl Progress {
    pub(crate) fn new(
        last: ActivityDetails,
        carrier: Arc<dyn DetailsCarrier>,
        token: LeaseToken,
    ) -> Self {
        Self {
            last,
            carrier: Some((carrier, token)),
        }
    }

    /// What the last attempt that said something has said.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.progress.as_deref()
    }

    /// Has this stored soon; what else is kept with the activity stays.
    pub(crate) fn say(&self, progress: String) -> Result<(), String> {
        let alone = ActivityDetails {
            progress: Some(progress),
            ..ActivityDetails::default()
        };
        let mut encoded = alone.encode();
        let max = ACTIVITY_PROGRESS_BYTES_MAX;
        if encoded.len() > max {
            let bytes = encoded.len();
            return Err(format!(
                "the details have {bytes} bytes when they are encoded, and {max} are kept; say only \
                 where to go on, and store the rest elsewhere"
            ));
        }
        if !self.last.unknown.is_empty() {
            let unknown = self.last.unknown.clone();
            encoded = ActivityDetails { unknown, ..alone }.encode();
            // A store would refuse it, and with it the release that brings it: the lease would be held
            // until it expires.
            let (bytes, max) = (encoded.len(), ACTIVITY_DETAILS_BYTES_MAX);
            if bytes > max {
                return Err(format!(
                    "the details have {bytes} bytes with what a later version of the program keeps \
                     beside them, and {max} are kept; say less, or let a node of that version run it"
                ));
            }
        }
        if let Some((carrier, token)) = &self.carrier {
            carrier.carry(*token, encoded);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Default)]
    struct Carried(Mutex<Vec<Bytes>>);

    impl DetailsCarrier for Carried {
        fn carry(&self, _: LeaseToken, details: Bytes) {
            self.0.lock().push(details);
        }
    }

    fn progress(last: ActivityDetails) -> (Progress, Arc<Carried>) {
        let carried = Arc::new(Carried::default());
        let carrier = Arc::<Carried>::clone(&carried);
        (
            Progress::new(last, carrier, LeaseToken(Uuid::nil())),
            carried,
        )
    }

    #[test]
    fn too_much_is_refused_and_nothing_is_carried() {
        let (progress, carried) = progress(ActivityDetails::default());
        let error = progress
            .say("x".repeat(ACTIVITY_PROGRESS_BYTES_MAX))
            .unwrap_err();
        assert!(error.contains("61440 are kept"), "{error}");
        assert!(carried.0.lock().is_empty());
        // Quotes take two bytes each.
        progress
            .say("\"".repeat(ACTIVITY_PROGRESS_BYTES_MAX / 2))
            .unwrap_err();
        progress
            .say("x".repeat(ACTIVITY_PROGRESS_BYTES_MAX - 100))
            .unwrap();
        assert_eq!(carried.0.lock().len(), 1);
    }

    #[test]
    fn what_a_later_version_keeps_there_is_written_back() {
        let of_later = ActivityDetails::decode(&crate::frame::around(
            br#"{"progress":"a","retry":{"attempt":3}}"#,
        ));
        let (progress, carried) = progress(of_later.unwrap());
        assert_eq!(progress.last(), Some("a"));
        progress.say("b".to_owned()).unwrap();
        let written = carried.0.lock().remove(0);
        assert!(written.len() <= ACTIVITY_DETAILS_BYTES_MAX);
        let written = ActivityDetails::decode(&written).unwrap();
        assert_eq!(written.progress.as_deref(), Some("b"));
        assert_eq!(written.unknown["retry"]["attempt"], 3);
    }

    #[test]
    fn what_does_not_fit_beside_a_later_versions_is_refused() {
        let kept = "x".repeat(ACTIVITY_DETAILS_BYTES_MAX - ACTIVITY_PROGRESS_BYTES_MAX + 200);
        let text = format!(r#"{{"progress":"a","later":"{kept}"}}"#);
        let of_later = ActivityDetails::decode(&crate::frame::around(text.as_bytes()));
        let (progress, carried) = progress(of_later.unwrap());
        let long = "x".repeat(ACTIVITY_PROGRESS_BYTES_MAX - 100);
        let error = progress.say(long).unwrap_err();
        assert!(error.contains("a later version"), "{error}");
        assert!(carried.0.lock().is_empty());
        progress.say("x".repeat(1_000)).unwrap();
        let written = carried.0.lock().remove(0);
        let written = ActivityDetails::decode(&written).unwrap();
        assert_eq!(written.unknown["later"], kept);
    }
}
