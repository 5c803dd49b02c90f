//! Why an instance that was waited for in vain cannot go on, as the nodes have noted it.

use std::collections::VecDeque;

use super::client::Client;
use crate::event::{decode_entries, open_children};
use crate::limits::{BLOCKED_CHILDREN_MAX, BLOCKED_EVENTS_MAX, HISTORY_PAGE_BYTES_MAX};
use crate::message::{CoreState, Notice};
use crate::providers::{InstanceHead, InstanceId, ReadHistory};

/// For how long it holds that nobody runs an activity, after a node has said so. It says so again as
/// long as it is true, the next time within half of this.
const ACTIVITY_NOTICE_MS_MAX: u64 = 600_000;

impl Client {
    /// What keeps an instance from going on, or a child that it waits for, if a node has said so. A
    /// store that fails has nothing to say.
    pub(super) async fn why_blocked(&self, instance: &InstanceId) -> Option<String> {
        let head = self.store.read_head(instance).await.ok()??;
        match self.blocked_reason(&head) {
            Some(reason) => Some(reason),
            None => self.blocked_descendant(head).await,
        }
    }

    /// What its head says of an instance that cannot go on as things are: that it is suspended, or what
    /// a node has noted.
    pub(super) fn blocked_reason(&self, head: &InstanceHead) -> Option<String> {
        if head.suspended {
            return Some("it is suspended; `resume_instance` lets it go on".to_owned());
        }
        self.noted_reason(head)
    }

    /// What a node has noted: with the last release of a turn, or of an activity.
    ///
    /// What was said of an activity holds only for a while: another node may have begun to run it,
    /// which the head does not say.
    pub(super) fn noted_reason(&self, head: &InstanceHead) -> Option<String> {
        if let Some(note) = &head.note {
            return Some(Notice::decode(note).ok()?.reason);
        }
        let notice = CoreState::decode(&head.core_state).ok()?.notice?;
        let said_for_ms = self.clock.now_ms().saturating_sub(notice.at_ms);
        (said_for_ms <= ACTIVITY_NOTICE_MS_MAX).then_some(notice.reason)
    }

    /// Why an instance has ended and was not rewound, though somebody wanted that: the wish waits, or it was
    /// given up.
    pub(super) fn not_rewound_reason(head: &InstanceHead) -> Option<String> {
        if !head.status.is_terminal() {
            return None;
        }
        // Nothing else is left of an instance that has ended.
        let notice = match &head.note {
            Some(note) => Notice::decode(note).ok(),
            None => given_up(head),
        };
        notice.map(|it| format!("it was not rewound: {}", it.reason))
    }

    /// The first of an instance's open children, or of theirs, of which a node has said that it
    /// cannot go on. Each is asked with one read, up to a limit.
    async fn blocked_descendant(&self, head: InstanceHead) -> Option<String> {
        let mut parents = VecDeque::from([head]);
        let mut asked = 0;
        while let Some(parent) = parents.pop_front() {
            for (event_id, child) in self.children_of(&parent).await {
                if asked == BLOCKED_CHILDREN_MAX {
                    return None;
                }
                asked += 1;
                let Ok(Some(head)) = self.store.read_head(&child).await else {
                    continue;
                };
                if head.status.is_terminal() || !is_child(&head, &parent, event_id) {
                    continue;
                }
                if let Some(reason) = self.blocked_reason(&head) {
                    return Some(format!("it waits for its child {child}: {reason}"));
                }
                parents.push_back(head);
            }
        }
        None
    }

    /// The open children that the last events of an instance's execution tell of.
    async fn children_of(&self, head: &InstanceHead) -> Vec<(u64, InstanceId)> {
        let end = head.position.next_event_id;
        let mut request = ReadHistory {
            instance: head.instance.clone(),
            execution: head.position.execution,
            from_event_id: end.saturating_sub(BLOCKED_EVENTS_MAX).max(1),
            bytes_max: HISTORY_PAGE_BYTES_MAX,
        };
        let mut entries = Vec::new();
        while request.from_event_id < end {
            let Ok(page) = self.store.read_history(&request).await else {
                break;
            };
            let Some(last) = page.chunks.last() else {
                break;
            };
            request.from_event_id = last.next_event_id();
            let decoded = page.chunks.iter().filter_map(|it| decode_entries(it).ok());
            entries.extend(decoded.flatten());
            if !page.more {
                break;
            }
        }
        let children = open_children(&entries).into_iter();
        let named =
            children.map(|(event_id, child)| Some((event_id, InstanceId::new(child).ok()?)));
        named.flatten().collect()
    }
}

/// What was said when the last wish to rewind an instance was given up.
pub(super) fn given_up(head: &InstanceHead) -> Option<Notice> {
    CoreState::decode(&head.core_state).ok()?.not_rewound
}

/// Whether an instance is the child that this event of a parent has scheduled.
fn is_child(head: &InstanceHead, parent: &InstanceHead, event_id: u64) -> bool {
    let link = CoreState::decode(&head.core_state).ok();
    link.and_then(|it| it.parent).is_some_and(|link| {
        link.instance == parent.instance
            && link.incarnation == parent.incarnation
            && link.execution == parent.position.execution
            && link.event_id == event_id
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::super::error::ClientError;
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::event::{Entry, EventKind};
    use crate::message::ParentLink;
    use crate::providers::InstanceStatus;

    /// A child of an instance in its third execution, with what a node has left of it.
    fn child(id: &str, parent: &str, event_id: u64, reason: Option<&str>) -> InstanceHead {
        let running = head(id, InstanceStatus::Running, None);
        let core_state = CoreState {
            parent: Some(ParentLink {
                instance: InstanceId::new(parent).unwrap(),
                incarnation: running.incarnation,
                execution: running.position.execution,
                event_id,
            }),
            ..CoreState::default()
        };
        InstanceHead {
            core_state: core_state.encode(),
            note: reason.map(note),
            ..running
        }
    }

    fn note(reason: &str) -> Bytes {
        let notice = Notice {
            reason: reason.to_owned(),
            activity_id: None,
            at_ms: 0,
        };
        notice.encode()
    }

    /// A running instance that has scheduled these children.
    fn put_parent(fake: &Fake, running: InstanceHead, children: &[String]) {
        let scheduled = children
            .iter()
            .map(|child| EventKind::SubOrchestrationScheduled {
                name: "Child".to_owned(),
                instance: child.clone(),
                input: String::new(),
                queue: None,
            });
        let entries: Vec<Entry> = (1..)
            .zip(scheduled)
            .map(|(event_id, kind)| Entry {
                event_id,
                source_event_id: None,
                timestamp_ms: 0,
                message_id: None,
                kind,
            })
            .collect();
        fake.put_history(running, &entries);
    }

    async fn wait(fake: &Fake) -> ClientError {
        let client = fake.client();
        let waited = client.wait_for_orchestration("p", Duration::from_secs(1));
        waited.await.unwrap_err()
    }

    #[tokio::test]
    async fn a_blocked_grandchild_is_named_with_its_reason() {
        let fake = Fake::default();
        let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
        put_parent(
            &fake,
            head("p", InstanceStatus::Running, None),
            &ids(&["a", "b", "c"]),
        );
        // An instance that somebody else has started under such an id, and one that has ended.
        fake.put(child("a", "elsewhere", 1, Some("not this")));
        let ended = InstanceHead {
            status: InstanceStatus::Failed,
            ..child("b", "p", 2, Some("nor this"))
        };
        fake.put(ended);
        put_parent(&fake, child("c", "p", 3, None), &ids(&["d"]));
        assert!(matches!(wait(&fake).await, ClientError::Timeout));
        fake.put(child("d", "c", 1, Some("no node has its code")));
        assert_eq!(
            wait(&fake).await.to_string(),
            "timed out waiting; the instance cannot go on: it waits for its child d: no node has \
             its code"
        );
    }

    #[tokio::test]
    async fn the_suspended_cannot_go_on() {
        let fake = Fake::default();
        put_parent(
            &fake,
            head("p", InstanceStatus::Running, None),
            &["c".to_owned()],
        );
        fake.put(InstanceHead {
            suspended: true,
            ..child("c", "p", 1, None)
        });
        let said = "it is suspended; `resume_instance` lets it go on";
        assert!(
            wait(&fake)
                .await
                .to_string()
                .ends_with(&format!("its child c: {said}"))
        );
        fake.put(InstanceHead {
            suspended: true,
            ..head("p", InstanceStatus::Running, None)
        });
        assert!(
            wait(&fake)
                .await
                .to_string()
                .ends_with(&format!("cannot go on: {said}"))
        );
    }

    #[tokio::test]
    async fn only_so_many_children_are_asked() {
        let fake = Fake::default();
        let ids: Vec<String> = (1..=500).map(|number| format!("c{number}")).collect();
        put_parent(&fake, head("p", InstanceStatus::Running, None), &ids);
        for (event_id, id) in (1..).zip(&ids) {
            fake.put(child(id, "p", event_id, None));
        }
        assert!(matches!(wait(&fake).await, ClientError::Timeout));
        assert_eq!(fake.heads_read(), 1 + BLOCKED_CHILDREN_MAX);
    }
}
