//! Deleting many ended instances.

use std::collections::{BTreeMap, BTreeSet};

use super::client::Client;
use super::delete::is_below;
use super::error::ClientError;
use crate::limits::{DELETION_LOOKS_MAX, PAGE_ROWS_MAX};
use crate::providers::{
    DeleteMode, ErrorKind, Incarnation, InstanceFilter, InstanceHead, InstanceId, InstanceStatus,
    PageCursor,
};

/// Which ended instances [`Client::delete_instances`] removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionFilter {
    /// Only those of this orchestration.
    pub orchestration: Option<String>,
    /// Only those that ended so: [`Completed`](InstanceStatus::Completed) or
    /// [`Failed`](InstanceStatus::Failed). No instance that has not ended is removed, whatever stands here.
    pub status: Option<InstanceStatus>,
    /// Only those that have ended, and were last written to, before this time: in milliseconds since the
    /// Unix epoch, by the store's clock.
    pub ended_before: Option<u64>,
    /// Where the call before has stopped: its [`Deletion::next`].
    pub after: Option<PageCursor>,
    /// So many at most, not counting their children, and one at least.
    pub instances_max: usize,
}

impl Default for DeletionFilter {
    /// The first thousand ended instances there are.
    fn default() -> Self {
        Self {
            orchestration: None,
            status: None,
            ended_before: None,
            after: None,
            instances_max: 1_000,
        }
    }
}

/// How far a [`Client::delete_instances`] came.
#[derive(Debug, Default)]
pub struct Deletion {
    /// How many instances it removed, not counting their children.
    pub deleted: usize,
    /// Those that it could not remove, and why: one for which a control message is due as well, such as a
    /// rewind that has not begun. It went on with the others.
    pub failed: Vec<(String, ClientError)>,
    /// Where to go on, as [`DeletionFilter::after`]; `None` once all instances were looked at.
    pub next: Option<PageCursor>,
}

impl Client {
    /// Removes ended instances, each as [`delete_instance`](Self::delete_instance) does: with all that
    /// belongs to it and with its ended children. A child goes with its parent only, unless that is gone.
    ///
    /// One call removes as many as the filter says at most, and looks at
    /// [`DELETION_LOOKS_MAX`](crate::limits::DELETION_LOOKS_MAX) at most. The answer says where the next
    /// call goes on. Whoever stops between two calls, or loses an answer, may begin anew at any time:
    /// what is gone is not found again. To remove a set for certain, call until `next` is `None`:
    ///
    /// ```
    /// # async fn tidy(client: &duroxide_core::Client) -> Result<(), duroxide_core::ClientError> {
    /// use duroxide_core::DeletionFilter;
    ///
    /// let mut filter = DeletionFilter {
    ///     orchestration: Some("NightlyReport".to_owned()),
    ///     ..DeletionFilter::default()
    /// };
    /// loop {
    ///     let deletion = client.delete_instances(&filter).await?;
    ///     for (instance, error) in deletion.failed {
    ///         eprintln!("{instance} is left: {error}");
    ///     }
    ///     if deletion.next.is_none() {
    ///         break;
    ///     }
    ///     filter.after = deletion.next;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// For instances that are to go some time after their end there is
    /// [`expire_after`](crate::StartOptions::expire_after), which nobody has to call.
    ///
    /// # Errors
    /// `Provider` if instances cannot be listed, with the kind `InvalidInput` for a cursor of another list.
    /// That one cannot be removed is in the answer. `InvalidInput` if
    /// [`instances_max`](DeletionFilter::instances_max) is 0: no number of such calls would come to an end.
    pub async fn delete_instances(&self, filter: &DeletionFilter) -> Result<Deletion, ClientError> {
        if filter.instances_max == 0 {
            let message = "instances_max is 0, so that nothing can be removed: it is 1 at least";
            return Err(ClientError::InvalidInput {
                message: message.to_owned(),
            });
        }
        let mut listing = filter.listing();
        let mut deletion = Deletion::default();
        let mut families = Families::default();
        for _ in 0..DELETION_LOOKS_MAX / PAGE_ROWS_MAX {
            // No page has more than may be removed, so that the next call goes on behind a whole one.
            let tried = deletion.deleted + deletion.failed.len();
            listing.instances_max = filter.instances_max.saturating_sub(tried);
            if listing.instances_max == 0 {
                break;
            }
            let page = self.admin().list_instances(&listing).await?;
            for record in page.instances {
                let head = record.head;
                if !filter.takes(&head) {
                    continue;
                }
                match self.delete_ended(filter, &head, &mut families).await {
                    Ok(is_deleted) => deletion.deleted += usize::from(is_deleted),
                    Err(error) => {
                        let instance = head.instance.as_str().to_owned();
                        deletion.failed.push((instance, error));
                    }
                }
            }
            listing.after = page.next;
            if listing.after.is_none() {
                break;
            }
        }
        deletion.next = listing.after;
        Ok(deletion)
    }

    /// Removes an ended instance, unless it is a child that goes with its parent, or is gone or living
    /// again by now. Answers whether it did.
    async fn delete_ended(
        &self,
        filter: &DeletionFilter,
        head: &InstanceHead,
        families: &mut Families,
    ) -> Result<bool, ClientError> {
        let id = &head.instance;
        if families.has_taken(head) || self.has_parent(head, families).await? {
            return Ok(false);
        }
        // The list may be minutes old: another life of the id, or what was rewound, is not what was meant.
        let now = self.store.read_head(id).await?;
        let is_meant = |now: InstanceHead| {
            now.incarnation == head.incarnation
                && now.position == head.position
                && filter.takes(&now)
        };
        if !now.is_some_and(is_meant) {
            return Ok(false);
        }
        // First itself, as one that is about to go on would miss its children. What is left of them if this
        // stops here has no parent, and goes by itself.
        let deleted = self.admin().delete_instance(id, DeleteMode::TerminalOnly);
        match deleted.await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let life = Some(head.incarnation);
        let swept = self
            .sweep_children(id, life, DeleteMode::TerminalOnly)
            .await?;
        families.gone.insert(id.clone(), head.incarnation);
        families.refused.extend(swept.refused);
        Ok(true)
    }

    /// Whether an instance is a child whose parent is there.
    async fn has_parent(
        &self,
        head: &InstanceHead,
        families: &mut Families,
    ) -> Result<bool, ClientError> {
        let Some(parent) = &head.parent else {
            return Ok(false);
        };
        let life = match families.lives.get(&parent.instance) {
            Some(life) => *life,
            None => {
                let found = self.store.read_head(&parent.instance).await?;
                let life = found.map(|head| head.incarnation);
                families.lives.insert(parent.instance.clone(), life);
                life
            }
        };
        Ok(life == Some(parent.incarnation))
    }
}

/// What a call knows of the families that it comes across: it asks for no parent twice, and for nobody who
/// went with one.
#[derive(Default)]
struct Families {
    /// The lives of the parents that were looked for.
    lives: BTreeMap<InstanceId, Option<Incarnation>>,
    /// What the call has removed.
    gone: BTreeMap<InstanceId, Incarnation>,
    /// Children of those that did not go with them.
    refused: BTreeSet<InstanceId>,
}

impl Families {
    /// Whether a listed instance, which had ended then, has gone with its parent since. One whose id is not
    /// below its parent's is not found by that, and goes by itself.
    fn has_taken(&mut self, head: &InstanceHead) -> bool {
        let Some(parent) = &head.parent else {
            return false;
        };
        let is_taken = self.gone.get(&parent.instance) == Some(&parent.incarnation)
            && is_below(&head.instance, &parent.instance)
            && !self.refused.contains(&head.instance);
        if is_taken {
            self.gone.insert(head.instance.clone(), head.incarnation);
        }
        is_taken
    }
}

impl DeletionFilter {
    /// What is listed for it, from its beginning on.
    fn listing(&self) -> InstanceFilter {
        let ended = || vec![InstanceStatus::Completed, InstanceStatus::Failed];
        InstanceFilter {
            statuses: self.status.map_or_else(ended, |status| vec![status]),
            orchestration: self.orchestration.clone(),
            after: self.after.clone(),
            ..InstanceFilter::default()
        }
    }

    fn takes(&self, head: &InstanceHead) -> bool {
        head.status.is_terminal() && self.ended_before.is_none_or(|ms| head.updated_at_ms < ms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, head};
    use super::*;
    use crate::providers::{Parent, ProviderError};

    fn instance(id: &str, status: InstanceStatus, parent: Option<&str>) -> InstanceHead {
        let plain = head(id, status, None);
        let parent = parent.map(|parent| Parent {
            instance: InstanceId::new(parent).unwrap(),
            incarnation: plain.incarnation,
        });
        InstanceHead {
            parent: parent.map(Box::new),
            ..plain
        }
    }

    fn store() -> Fake {
        let fake = Fake::default();
        let (running, ended) = (InstanceStatus::Running, InstanceStatus::Completed);
        fake.put(instance("a", ended, None));
        fake.put(instance("b", running, None));
        fake.put(instance("b::sub::2", ended, Some("b")));
        fake.put(instance("c", InstanceStatus::Failed, None));
        fake.put(InstanceHead {
            orchestration: "Other".to_owned(),
            ..instance("d", ended, None)
        });
        fake.put(InstanceHead {
            updated_at_ms: 9,
            ..instance("e", ended, None)
        });
        fake.put(instance("e::sub::2", ended, Some("e")));
        fake.put(instance("f::sub::2", ended, Some("f")));
        fake
    }

    async fn delete(fake: &Fake, filter: &DeletionFilter) -> Deletion {
        fake.client().delete_instances(filter).await.unwrap()
    }

    async fn left(fake: &Fake) -> Vec<String> {
        fake.client().list_all_instances().await.unwrap()
    }

    #[tokio::test]
    async fn the_ended_go_with_their_children_and_orphans_too() {
        let fake = store();
        let deletion = delete(&fake, &DeletionFilter::default()).await;
        assert_eq!((deletion.deleted, deletion.next), (5, None));
        assert!(deletion.failed.is_empty());
        assert_eq!(left(&fake).await, ["b", "b::sub::2"]);
    }

    #[tokio::test]
    async fn nobody_is_asked_for_twice() {
        let fake = Fake::default();
        fake.list_in_pages_of(100);
        let ended = InstanceStatus::Completed;
        fake.put(instance("a", ended, None));
        for child in ["a::sub::2", "a::sub::3", "a::sub::4"] {
            fake.put(instance(child, ended, Some("a")));
            fake.put(instance(&format!("{child}::sub::2"), ended, Some(child)));
        }
        fake.put(instance("b", InstanceStatus::Running, None));
        for child in ["b::sub::2", "b::sub::3"] {
            fake.put(instance(child, ended, Some("b")));
            fake.put(instance(&format!("{child}::sub::2"), ended, Some(child)));
        }
        let deletion = delete(&fake, &DeletionFilter::default()).await;
        assert_eq!((deletion.deleted, deletion.next), (1, None));
        assert_eq!(left(&fake).await.len(), 5);
        // The first one itself, before it goes and for its children, and the parents that stay.
        assert_eq!(fake.heads_read(), 2 + 3);
    }

    /// It may go on, and would begin its children anew: whoever deletes learns of it.
    #[tokio::test]
    async fn what_control_waits_for_stays_with_its_children_and_is_told_of() {
        let fake = Fake::default();
        let ended = InstanceStatus::Failed;
        fake.put(instance("a", ended, None));
        fake.put(instance("a::sub::2", ended, Some("a")));
        fake.put(instance("b", ended, None));
        fake.put(instance("b::sub::2", ended, Some("b")));
        fake.put(instance("b::sub::2::sub::2", ended, Some("b::sub::2")));
        fake.put(instance("b::sub::3", ended, Some("b")));
        fake.put_control("a", 0);
        fake.put_control("b::sub::2", 0);
        let deletion = delete(&fake, &DeletionFilter::default()).await;
        assert_eq!((deletion.deleted, deletion.next), (1, None));
        let failed: Vec<_> = deletion.failed.iter().map(|(id, _)| &**id).collect();
        assert_eq!(failed, ["a", "b::sub::2"]);
        let why = deletion.failed[0].1.to_string();
        assert!(why.contains("control message"), "{why}");
        let expected = ["a", "a::sub::2", "b::sub::2", "b::sub::2::sub::2"];
        assert_eq!(left(&fake).await, expected);
    }

    /// A child whose id is not below its parent's does not go with it.
    #[tokio::test]
    async fn who_does_not_go_with_the_parent_goes_alone() {
        let fake = Fake::default();
        fake.list_in_pages_of(100);
        let ended = InstanceStatus::Completed;
        fake.put(instance("a", ended, None));
        fake.put(instance("elsewhere", ended, Some("a")));
        let deletion = delete(&fake, &DeletionFilter::default()).await;
        assert_eq!(deletion.deleted, 2);
        assert!(left(&fake).await.is_empty());
    }

    #[tokio::test]
    async fn a_call_that_may_remove_nothing_is_refused() {
        let fake = store();
        for after in [None, Some(PageCursor::of(&"a"))] {
            let filter = DeletionFilter {
                after,
                instances_max: 0,
                ..DeletionFilter::default()
            };
            let refused = fake.client().delete_instances(&filter).await.unwrap_err();
            assert!(refused.to_string().contains("instances_max"), "{refused}");
        }
        assert_eq!(left(&fake).await.len(), 8);
    }

    #[tokio::test]
    async fn a_filter_leaves_the_others() {
        let all = DeletionFilter::default;
        let filters = [
            (
                DeletionFilter {
                    status: Some(InstanceStatus::Failed),
                    ..all()
                },
                vec!["c"],
            ),
            (
                DeletionFilter {
                    orchestration: Some("Other".to_owned()),
                    ..all()
                },
                vec!["d"],
            ),
            (
                DeletionFilter {
                    ended_before: Some(9),
                    ..all()
                },
                vec!["a", "c", "d", "f::sub::2"],
            ),
            (
                DeletionFilter {
                    status: Some(InstanceStatus::Running),
                    ..all()
                },
                vec![],
            ),
        ];
        for (filter, gone) in filters {
            let fake = store();
            let before = left(&fake).await;
            delete(&fake, &filter).await;
            let left = left(&fake).await;
            let found: Vec<_> = before.iter().filter(|id| !left.contains(id)).collect();
            assert_eq!(found, gone, "{filter:?}");
        }
    }

    #[tokio::test]
    async fn a_limit_is_kept_and_the_next_call_goes_on() {
        let fake = store();
        let mut filter = DeletionFilter {
            instances_max: 2,
            ..DeletionFilter::default()
        };
        let mut counts = Vec::new();
        loop {
            let deletion = delete(&fake, &filter).await;
            counts.push(deletion.deleted);
            filter.after = deletion.next;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(counts, [2, 2, 1]);
        assert_eq!(left(&fake).await, ["b", "b::sub::2"]);
    }

    #[tokio::test]
    async fn one_that_fails_is_told_of_and_stops_nobody() {
        let fake = store();
        fake.fail_deletion_after(1, ProviderError::retryable("delete_instance", "cut"));
        let deletion = delete(&fake, &DeletionFilter::default()).await;
        assert_eq!((deletion.deleted, deletion.next), (4, None));
        let failed: Vec<_> = deletion.failed.iter().map(|(id, _)| &**id).collect();
        assert_eq!(failed, ["c"]);
        assert_eq!(left(&fake).await, ["b", "b::sub::2", "c"]);
    }
}
