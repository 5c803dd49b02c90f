//! What messages, activities and heads say: the bodies that a provider carries unopened.
//!
//! These are wire types. Their encodings have golden files under `core/tests/golden/`, which are
//! never edited: a new field needs a default, a new meaning a new name.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::clock::millis_ceil;
use crate::event::{CancelAnnouncement, ErrorDetails};
use crate::frame::{self, DecodeError};
use crate::providers::{Channel, Incarnation, InstanceId, Message, MessageId, Topic};

/// What a message to an instance says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum MessageBody {
    /// Begin the instance, or its next execution.
    Start(Start),
    /// An activity ended with a result.
    ActivityCompleted { activity_id: u64, result: String },
    /// An activity failed.
    ActivityFailed {
        activity_id: u64,
        details: ErrorDetails,
    },
    /// A timer's time has come.
    TimerFired { timer_id: u64, fire_at_ms: u64 },
    /// Somebody raised an event.
    ExternalEvent { name: String, data: String },
    /// A child ended with a result.
    ChildCompleted { child_id: u64, result: String },
    /// A child failed.
    ChildFailed {
        child_id: u64,
        details: ErrorDetails,
    },
    /// Somebody wants the instance to stop until it is resumed.
    #[serde(rename = "SuspendInstance")]
    Suspend,
    /// Somebody wants the instance to go on.
    #[serde(rename = "ResumeInstance")]
    Resume,
    /// Somebody wants the instance, which has failed, to go back and on from there.
    #[serde(rename = "RewindInstance")]
    Rewind { to: RewindTarget },
    /// Begin the instance; or, if this parent has begun it before, go on from where it failed, and tell the
    /// parent anew how it ends.
    StartAgain(Start),
    /// Begin the instance with a copy of the history of another one.
    Fork(Fork),
    /// Somebody cancels the instance.
    Cancel {
        reason: String,
        /// The execution that there was when it was announced, if it was: a rewind takes it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        announced_in: Option<u64>,
    },
    /// Somebody cancels the instance so long after its code has heard of it.
    CancelLater { reason: String, grace_ms: u64 },
    /// The instance will be cancelled at that time.
    CancelAnnounced {
        reason: String,
        cancel_at_ms: u64,
        /// The execution that there was then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        announced_in: Option<u64>,
    },
    /// Look at the instance, since something outside has interfered with its code, or since a node
    /// has something to say of it. No event.
    Nudge {
        /// What keeps the instance from going on; a field, so that a node that does not know it
        /// still takes the rest for what it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Notice>,
    },
}

impl MessageBody {
    /// A cancellation that nobody was told of before.
    pub(crate) fn cancel(reason: String) -> Self {
        Self::Cancel {
            reason,
            announced_in: None,
        }
    }

    /// The message that says this, on the channel that it belongs to.
    pub(crate) fn into_message(self, id: MessageId, execution: Option<u64>) -> Message {
        Message {
            id,
            channel: self.channel(),
            execution,
            body: self.encode(),
        }
    }

    fn channel(&self) -> Channel {
        match self {
            Self::Cancel { .. }
            | Self::CancelLater { .. }
            | Self::Suspend
            | Self::Resume
            | Self::Rewind { .. } => Channel::Control,
            Self::ExternalEvent { name, .. } => Channel::Topic(Topic::from(name.as_str())),
            // A nudge is for the code. On control it would use up the quota of those who manage.
            Self::Start(_)
            | Self::StartAgain(_)
            | Self::Fork(_)
            | Self::Nudge { .. }
            | Self::CancelAnnounced { .. }
            | Self::ActivityCompleted { .. }
            | Self::ActivityFailed { .. }
            | Self::TimerFired { .. }
            | Self::ChildCompleted { .. }
            | Self::ChildFailed { .. } => Channel::System,
        }
    }

    /// Which message it is, for people.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "a start",
            Self::ActivityCompleted { .. } | Self::ActivityFailed { .. } => "an activity's outcome",
            Self::TimerFired { .. } => "a timer",
            Self::ExternalEvent { .. } => "an event",
            Self::ChildCompleted { .. } | Self::ChildFailed { .. } => "a child's outcome",
            Self::Cancel { .. } => "a cancellation",
            Self::CancelLater { .. } => "a cancellation with grace",
            Self::CancelAnnounced { .. } => "the announcement of a cancellation",
            Self::Suspend => "a suspension",
            Self::Resume => "a resumption",
            Self::Rewind { .. } => "a rewind",
            Self::StartAgain(_) => "another start",
            Self::Fork(_) => "the start of a fork",
            Self::Nudge { .. } => "a nudge",
        }
    }
}

/// How an execution begins. By default it is the first one, of an instance that nobody waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) orchestration: String,
    /// The version asked for; `None` is up to the registry's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) input: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<ParentLink>,
    /// Events that the execution before received and did not use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) carried: Vec<CarriedEvent>,
    /// The messages that brought the last events of the executions before, so that one which is sent
    /// again is not taken for another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) taken: Vec<Uuid>,
    /// The cancellation that was announced to the execution before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) announced: Option<Box<CancelAnnouncement>>,
    /// The values that the executions before have set, by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, String>,
}

/// How an instance begins that is a fork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fork {
    /// What a fork is started with as well. Its version is that of the copy unless it names one, and its
    /// input is empty: the copy has it.
    pub(crate) start: Start,
    /// The instance whose history is copied, in the life that was meant.
    pub(crate) source: InstanceId,
    pub(crate) incarnation: Incarnation,
    /// The execution whose history it is.
    pub(crate) execution: u64,
    pub(crate) cut: ForkCut,
}

/// Where the copy ends that a fork begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ForkCut {
    /// Where a rewind of the execution would go on, which has failed.
    LastFailedStep,
    /// Before this event, within the step that it belongs to.
    Before(u64),
}

/// Where a rewound instance goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RewindTarget {
    /// Just before its last step failed.
    LastFailedStep,
}

/// Who waits for a child, and at which event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParentLink {
    pub(crate) instance: InstanceId,
    pub(crate) incarnation: Incarnation,
    pub(crate) execution: u64,
    pub(crate) event_id: u64,
}

impl ParentLink {
    /// Whether it is a later execution of the same parent that waits here, at the same event: one that was
    /// rewound.
    pub(crate) fn renews(&self, known: &Self) -> bool {
        self.instance == known.instance
            && self.incarnation == known.incarnation
            && self.event_id == known.event_id
            && self.execution > known.execution
    }
}

/// An external event on its way from one execution to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CarriedEvent {
    pub(crate) name: String,
    pub(crate) data: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<Uuid>,
}

/// The message that announces what a request to cancel with grace will bring: the same for one that is
/// taken in again.
pub(crate) fn announcement_of(request: MessageId) -> MessageId {
    caused_by(request, Cause::CancelAnnouncement)
}

/// The message that cancels the instance in the end.
pub(crate) fn cancellation_of(announcement: MessageId) -> MessageId {
    caused_by(announcement, Cause::Cancel)
}

fn caused_by(message: MessageId, cause: Cause) -> MessageId {
    let origin = Origin {
        incarnation: message.incarnation(),
        execution: 1,
        event_id: 1,
    };
    origin.message_id(cause)
}

/// What an activity is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityBody {
    pub(crate) name: String,
    pub(crate) input: String,
    pub(crate) orchestration: String,
    pub(crate) version: String,
    /// How long an attempt may run, from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start_to_close_ms: Option<u64>,
    /// How long an attempt may be silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) heartbeat_ms: Option<u64>,
}

/// What is kept with an activity beside its body, and changes while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityDetails {
    /// What its code has said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<String>,
    /// What later versions keep here. It is written back as it was read.
    #[serde(flatten)]
    pub(crate) unknown: serde_json::Map<String, serde_json::Value>,
}

/// A value of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueBody {
    /// What the code has set.
    pub(crate) value: String,
}

impl ValueBody {
    pub(crate) fn of(value: &str) -> Self {
        let value = value.to_owned();
        Self { value }
    }
}

/// What core keeps in an instance's head.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CoreState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<ParentLink>,
    /// Whether the parent has heard how the instance ended, before that was rewound: it keeps what it
    /// heard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) parent_is_told: bool,
    /// Whether the instance was ended before its code began, and its history does not say all that it was
    /// to begin with: only who started it can say that again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) start_is_lost: bool,
    /// The last execution that a rewind has begun: what was announced to an earlier one is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rewound_in: Option<u64>,
    /// What keeps the instance from going on, as the last node that could not run it put it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notice: Option<Notice>,
    /// Why the last wish to rewind the instance was given up, if that stands as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_rewound: Option<Notice>,
    /// How long after its end the instance expires; the runtime that ends it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expire_after_ms: Option<u64>,
    /// What later versions keep here. It is written back as it was read.
    #[serde(flatten)]
    pub(crate) unknown: serde_json::Map<String, serde_json::Value>,
}

impl CoreState {
    /// That of an instance with this parent, which expires so long after its end.
    pub(crate) fn of_new(parent: Option<ParentLink>, expire_after: Option<Duration>) -> Self {
        Self {
            parent,
            expire_after_ms: expire_after.map(millis_ceil),
            ..Self::default()
        }
    }

    /// Whether the head that these are the bytes of has lost its [start](Self::start_is_lost). Damage says
    /// nothing of that.
    pub(crate) fn has_lost_its_start(core_state: &[u8]) -> bool {
        Self::decode(core_state).is_ok_and(|it| it.start_is_lost)
    }

    /// How long after its end the instance expires, if that was said when it was started.
    pub(crate) fn expire_after(&self) -> Option<Duration> {
        self.expire_after_ms.map(Duration::from_millis)
    }

    /// Has this parent be told, which waits anew.
    pub(crate) fn renew_parent(&mut self, parent: ParentLink) {
        self.parent = Some(parent);
        self.parent_is_told = false;
    }
}

/// Why an instance waits for another deployment, for whoever waits for the instance: what a node has said of
/// an activity, in the head, or the note that it has left with the release of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// What is missing, and where.
    pub(crate) reason: String,
    /// The activity that nobody runs, if it is not the orchestration itself. The notice holds as
    /// long as that one is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) activity_id: Option<u64>,
    /// When it was said, in milliseconds since the Unix epoch, by the clock of the node.
    pub(crate) at_ms: u64,
}

/// The result or the error in an ended instance's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Output {
    Completed(String),
    Failed(ErrorDetails),
}

macro_rules! framed {
    ($($name:ident),*) => {$(
        impl $name {
            /// Encodes it for the store.
            pub(crate) fn encode(&self) -> Bytes {
                frame::encode(self)
            }

            /// Decodes what [`encode`](Self::encode) made.
            pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                frame::decode(bytes)
            }
        }
    )*};
}

framed!(
    MessageBody,
    ActivityBody,
    ActivityDetails,
    CoreState,
    Notice,
    Output,
    ValueBody
);

/// What a message that an execution causes is about; part of its derived id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    ActivityOutcome = 1,
    Timer = 2,
    Start = 3,
    ChildCancel = 4,
    ChildOutcome = 5,
    NextExecution = 6,
    Refused = 7,
    Event = 8,
    CancelAnnouncement = 9,
    Cancel = 10,
    OpenTry = 11,
}

/// The event that causes a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) incarnation: Incarnation,
    pub(crate) execution: u64,
    pub(crate) event_id: u64,
}

impl Origin {
    /// The id of the message it causes: the same whenever the same event causes it, so that a
    /// repeat is recognised (MSG-01).
    ///
    /// A name-based UUID (RFC 9562, version 5) in the namespace of the incarnation; that of an event for
    /// another instance says so by its version (8): a turn's commit sends it once, and no one sends it again
    /// later, as one whose id a client has given.
    pub(crate) fn message_id(self, cause: Cause) -> MessageId {
        let mut name = [0; 17];
        name[0] = cause as u8;
        name[1..9].copy_from_slice(&self.execution.to_le_bytes());
        name[9..].copy_from_slice(&self.event_id.to_le_bytes());
        let id = Uuid::new_v5(&self.incarnation.0, &name);
        MessageId(if matches!(cause, Cause::Event) {
            Builder::from_custom_bytes(id.into_bytes()).into_uuid()
        } else {
            id
        })
    }
}
