//! Where an execution comes from that was rewound.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a rewound execution goes back on: it begins with a copy of the history of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewound {
    /// The execution whose history it begins with.
    pub execution: u64,
    /// The first event of that one which is not repeated here.
    pub event_id: u64,
    /// The message that asked for it.
    pub request: Uuid,
}
