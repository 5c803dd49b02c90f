//! The contract between the runtime and a store.
//!
//! A backend implements [`Provider`]; the normative text is `docs/provider-contract.md`, whose
//! clause ids the documentation here cites.

pub mod check;
pub mod error;
pub mod page;
pub mod refusal;
pub mod room;
pub mod share;
pub mod watchers;

mod activity;
mod admin;
mod capabilities;
mod commit;
mod cursor;
mod head;
mod history;
mod id;
mod inspect;
mod lease;
mod listing;
mod mail;
mod message;
mod metrics;
mod provider;
mod turn;
mod value;
mod wait;

pub use activity::{
    ActivityCancel, ActivityKey, ActivityOutcome, ClaimActivities, ClaimedActivity, NewActivity,
    Reservation,
};
pub use admin::{DeleteMode, ExecutionRecord, ProviderAdmin};
pub use capabilities::{Capabilities, Durability, Limits, ProviderInfo};
pub use commit::{Commit, Committed};
pub use cursor::PageCursor;
pub use error::{ErrorKind, ProviderError, Retry};
pub use head::{ExecutionStatus, InstanceHead, InstanceStatus, Parent, Position};
pub use history::{HistoryChunk, HistoryPage, ReadHistory};
pub use id::{
    CommitId, Incarnation, InstanceId, InvalidInstanceId, LeaseToken, MessageId, TaskQueue, Topic,
    ValueKey,
};
pub use inspect::{
    ActivityPage, ActivityRecord, Inspect, Inspection, ListActivities, MessageRecord, Standing,
};
pub use lease::{
    ActivityLease, Claimed, Lease, Release, ReleasedAttempts, Renew, Renewal, TurnLease,
};
pub use listing::{InstanceFilter, InstancePage, InstanceRecord, Labels, ListOrder, prefix_end};
pub use mail::{Mail, MailMark, MailPage, ReadMail, TopicCursor};
pub use message::{Channel, Delivery, Envelope, IfExists, Message, NewInstance, Recipient};
pub use metrics::{QueueDepths, QueueLoad, StoreMetrics, SystemMetrics};
pub use provider::Provider;
pub use turn::{ClaimTurns, ExecutionUpdate, Fence, HeadUpdate, Turn, TurnCommit, TurnCommitted};
pub use value::{InstanceValue, NewValue, ReadValues, ValueKeys, ValueUpdate};
pub use wait::{Queues, Until, Watch};
