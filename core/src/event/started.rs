//! The event that begins an execution, for tests: each says the fields that it is about.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::announcement::CancelAnnouncement;
use super::forked::Forked;
use super::kind::EventKind;
use super::rewound::Rewound;

/// The fields of [`EventKind::OrchestrationStarted`] that tests have a say in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Started {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) input: &'static str,
    pub(crate) history_events_max: Option<u64>,
    pub(crate) rules: Option<u8>,
    pub(crate) taken: Vec<Uuid>,
    pub(crate) announced: Option<Box<CancelAnnouncement>>,
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) rewound: Option<Box<Rewound>>,
    pub(crate) forked: Option<Box<Forked>>,
}

impl From<Started> for EventKind {
    fn from(started: Started) -> Self {
        Self::OrchestrationStarted {
            name: started.name.to_owned(),
            version: started.version.to_owned(),
            input: started.input.to_owned(),
            parent_instance: None,
            parent_id: None,
            history_events_max: started.history_events_max,
            rules: started.rules,
            taken: started.taken,
            announced: started.announced,
            values: started.values,
            rewound: started.rewound,
            forked: started.forked,
        }
    }
}
