//! The execution that a part of a turn belongs to.

use bytes::Bytes;

use super::draft::refused;
use crate::event::{DecodeError, ErrorDetails};
use crate::message::{CoreState, Origin, ParentLink};
use crate::orchestration::StartOptions;
use crate::providers::{Incarnation, InstanceHead, InstanceId, TaskQueue};
use crate::queue_name;
use crate::replay::child_instance;

/// The execution that a part of a draft belongs to. It is made in a box, since it is large and is handed
/// through several futures.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) instance: InstanceId,
    pub(super) incarnation: Incarnation,
    /// That of its turns, which what it schedules goes to as well unless the code says otherwise.
    pub(super) queue: TaskQueue,
    pub(super) execution: u64,
    pub(super) orchestration: String,
    pub(super) version: String,
    pub(super) core_state: CoreState,
    /// The bytes that the head has for it, and what they say, if anything.
    stored: (Bytes, Option<Box<CoreState>>),
}

impl Scope {
    /// What the head says of the current execution.
    ///
    /// # Errors
    /// If its core state cannot be understood: to go on without it would be to lose it.
    pub(super) fn of(head: &InstanceHead) -> Result<Box<Self>, DecodeError> {
        let core_state = CoreState::decode(&head.core_state)?;
        let says_something = core_state != CoreState::default();
        let said = says_something.then(|| Box::new(core_state.clone()));
        Ok(Box::new(Self {
            core_state,
            stored: (head.core_state.clone(), said),
            ..*Self::without_core_state(head)
        }))
    }

    /// The same for a head whose core state is damaged. Its bytes are kept as they are.
    pub(super) fn without_core_state(head: &InstanceHead) -> Box<Self> {
        Box::new(Self {
            instance: head.instance.clone(),
            incarnation: head.incarnation,
            queue: head.queue.clone(),
            execution: head.position.execution,
            orchestration: head.orchestration.clone(),
            version: head.version.clone().unwrap_or_default(),
            core_state: CoreState::default(),
            stored: (head.core_state.clone(), None),
        })
    }

    /// The core state for the head: where nothing has changed, byte for byte what was there.
    pub(super) fn encoded_core_state(&self) -> Bytes {
        let (bytes, said) = &self.stored;
        let is_the_same = match said {
            Some(said) => self.core_state == **said,
            None => self.core_state == CoreState::default(),
        };
        if is_the_same {
            bytes.clone()
        } else {
            self.core_state.encode()
        }
    }

    /// The queue that the code has named for something, or else its own.
    pub(super) fn queue_or(&self, named: Option<&String>) -> Result<TaskQueue, ErrorDetails> {
        match named {
            Some(name) => queue_name::checked(name).map_err(refused),
            None => Ok(self.queue.clone()),
        }
    }

    /// What a child of this event tells how it ends.
    pub(super) fn parent_link(&self, event_id: u64) -> ParentLink {
        ParentLink {
            instance: self.instance.clone(),
            incarnation: self.incarnation,
            execution: self.execution,
            event_id,
        }
    }

    /// What a child is started with. It goes when its parent does, or before: what came of it is in the
    /// parent's history.
    pub(super) fn for_child(&self, mut options: StartOptions) -> StartOptions {
        options.expire_after = options.expire_after.or(self.core_state.expire_after());
        options
    }

    /// Whether this execution began the child, and none that it was rewound from: a child is named after
    /// that.
    pub(super) fn has_begun(&self, event_id: u64, child: &InstanceId) -> bool {
        let own = child_instance(
            self.instance.as_str(),
            self.incarnation.0,
            self.execution,
            event_id,
        );
        child.as_str() == own
    }

    /// Where the messages of this event come from.
    pub(super) fn origin(&self, event_id: u64) -> Origin {
        Origin {
            incarnation: self.incarnation,
            execution: self.execution,
            event_id,
        }
    }
}
