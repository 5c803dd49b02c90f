//! Deleting an instance with the children that it had.
//!
//! The store deletes one instance at a time, so a deletion may stop half way. The instance itself goes first,
//! since one that goes on meanwhile would miss its children; then the children, each before its own, which
//! it would miss as well. By force the deepest go first. Whoever asks again finds what is left by its parent,
//! or by the id of the parent that it had.

use std::collections::BTreeMap;

use super::check;
use super::client::Client;
use super::error::ClientError;
use crate::providers::{
    Channel, DeleteMode, ErrorKind, Incarnation, Inspect, InstanceFilter, InstanceHead, InstanceId,
    MessageRecord, Parent,
};

/// How many instances are looked at for children, before more are.
const CHILDREN_FIRST_MAX: usize = 10;

impl Client {
    /// Removes an instance and all that belongs to it, with its children and theirs. Its id may be
    /// used again.
    ///
    /// A child that has not ended stays, with its own children, unless the deletion is forced; it
    /// was told to end when its parent did, and a second deletion removes it then. Orchestrations
    /// that were started detached are nobody's children.
    ///
    /// If this fails half way, the instance itself may be gone and some of its children with it. The same
    /// call removes the rest of them, and answers `NotFound` then.
    ///
    /// # Errors
    /// `Provider` with the kind `NotFound` if there is no such instance, `InvalidInput` if the deletion is not
    /// forced and the instance has not ended, or may be about to go on: somebody manages it, which a runtime
    /// has yet to take in.
    pub async fn delete_instance(
        &self,
        instance: &str,
        mode: DeleteMode,
    ) -> Result<(), ClientError> {
        let id = check::instance_id(instance)?;
        // A parent at work, or one that is about to go on, would never hear of children that are gone; so
        // it goes first.
        let deleted = self.admin().delete_instance(&id, mode).await;
        let is_gone = match &deleted {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        // It may have been gone before, and have left children. Where children are at work, each sweep may
        // find further ones.
        if is_gone {
            while self.sweep_children(&id, None, mode).await?.met > 0 && mode == DeleteMode::Force {
            }
        }
        Ok(deleted?)
    }

    /// Removes the ended children of an instance that has ended, and theirs: it is about to be replaced,
    /// and nobody would look for them then. Answers whether it may be replaced: one for which control is
    /// due may go on (DEL-05), and would miss its children. The store is asked for that only where one has
    /// ended; it refuses what comes behind this look.
    pub(super) async fn sweep_children_of_ended(
        &self,
        id: &InstanceId,
    ) -> Result<bool, ClientError> {
        let head = self.trying_again(|| self.store.read_head(id)).await?;
        let Some(head) = head.filter(|head| head.status.is_terminal()) else {
            return Ok(true);
        };
        if self.awaits_control(id).await? {
            return Ok(false);
        }
        let life = Some(head.incarnation);
        self.sweep_children(id, life, DeleteMode::TerminalOnly)
            .await?;
        Ok(true)
    }

    /// Whether a control message is due for an instance. It is by this process's clock, which may differ
    /// from the store's: that one decides in the end.
    async fn awaits_control(&self, id: &InstanceId) -> Result<bool, ClientError> {
        // Control comes first, and of it what is due first.
        let first = Inspect {
            items_max: 1,
            ..Inspect::new(id.clone())
        };
        let looked_at = self.trying_again(|| self.admin().inspect(&first)).await?;
        let messages = looked_at.map(|it| it.messages).unwrap_or_default();
        let now_ms = self.clock.now_ms();
        let is_due = |it: &MessageRecord| it.channel == Channel::Control && it.due_at_ms <= now_ms;
        Ok(messages.first().is_some_and(is_due))
    }

    /// Removes the children that may be removed of an instance whose lives are over, but for the one that
    /// lives, unless that is about to go: and theirs. What is below one that stays, stays.
    pub(super) async fn sweep_children(
        &self,
        root: &InstanceId,
        goes: Option<Incarnation>,
        mode: DeleteMode,
    ) -> Result<Swept, ClientError> {
        let admin = self.admin();
        let mut doomed = self.doomed_children(root, goes, mode).await?;
        let mut swept = Swept {
            met: doomed.len(),
            refused: Vec::new(),
        };
        // The id of a child begins with that of its parent, and so comes after it.
        if mode == DeleteMode::Force {
            doomed.reverse();
        }
        for child in &doomed {
            if swept.refused.iter().any(|it| is_below(child, it)) {
                continue;
            }
            match admin.delete_instance(child, mode).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // It goes on, or is about to.
                Err(error)
                    if error.kind() == ErrorKind::InvalidInput
                        && mode == DeleteMode::TerminalOnly =>
                {
                    swept.refused.push(child.clone());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(swept)
    }

    /// The descendants of an instance that are to go with it, in the order of their ids.
    async fn doomed_children(
        &self,
        root: &InstanceId,
        goes: Option<Incarnation>,
        mode: DeleteMode,
    ) -> Result<Vec<InstanceId>, ClientError> {
        let admin = self.admin();
        let mut filter = InstanceFilter {
            id_prefix: format!("{root}::sub::"),
            // Most instances have few children, and what comes after them is somebody else.
            instances_max: CHILDREN_FIRST_MAX,
            ..InstanceFilter::default()
        };
        let mut family = Family::of(root, mode);
        loop {
            let page = admin.list_instances(&filter).await?;
            if !page.instances.is_empty() {
                // After the page, so that the parents of all on it began before.
                let living = self.store.read_head(root).await?;
                let living = living.map(|head| head.incarnation);
                family.stays = living.filter(|life| Some(*life) != goes);
            }
            page.instances.iter().for_each(|it| family.meet(&it.head));
            filter.after = page.next;
            if filter.after.is_none() {
                return Ok(family.doomed);
            }
            filter.instances_max = InstanceFilter::default().instances_max;
        }
    }
}

/// What became of the children of an instance.
pub(super) struct Swept {
    /// How many were to go.
    pub(super) met: usize,
    /// Those of them that go on, or are about to.
    pub(super) refused: Vec<InstanceId>,
}

/// Whether an id is that of a child of this instance, or of a child of one, and so on.
pub(super) fn is_below(id: &InstanceId, parent: &InstanceId) -> bool {
    let below = id.strip_prefix(parent.as_str());
    below.is_some_and(|rest| rest.starts_with("::sub::"))
}

/// The instances below one that is deleted, as far as they were met: in the order of their ids,
/// which is that of the generations.
struct Family<'a> {
    root: &'a InstanceId,
    mode: DeleteMode,
    /// The life of the root that lives and stays: whoever waits for it is there.
    stays: Option<Incarnation>,
    /// Which life of each lives, and whether it goes.
    met: BTreeMap<InstanceId, (Incarnation, bool)>,
    doomed: Vec<InstanceId>,
}

impl<'a> Family<'a> {
    fn of(root: &'a InstanceId, mode: DeleteMode) -> Self {
        Self {
            root,
            mode,
            stays: None,
            met: BTreeMap::new(),
            doomed: Vec::new(),
        }
    }

    fn meet(&mut self, head: &InstanceHead) {
        let is_doomed = self.dooms(head);
        if is_doomed {
            self.doomed.push(head.instance.clone());
        }
        let life = (head.incarnation, is_doomed);
        self.met.insert(head.instance.clone(), life);
    }

    fn dooms(&self, head: &InstanceHead) -> bool {
        let may_go = self.mode == DeleteMode::Force || head.status.is_terminal();
        let parent = head.parent.as_ref();
        may_go && parent.is_some_and(|parent| self.loses(parent))
    }

    /// Whether this parent is deleted, or was, so that nobody waits for its children. Only an id
    /// below the root's is looked for: what the child says of another one is not known here.
    fn loses(&self, parent: &Parent) -> bool {
        if parent.instance == *self.root {
            return self.stays != Some(parent.incarnation);
        }
        match self.met.get(&parent.instance) {
            Some((incarnation, is_doomed)) => *is_doomed || *incarnation != parent.incarnation,
            None => is_below(&parent.instance, self.root),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::fake::{Fake, head};
    use super::*;
    use crate::message::Output;
    use crate::providers::{InstanceStatus, ProviderError};

    const RUNNING: InstanceStatus = InstanceStatus::Running;
    const ENDED: InstanceStatus = InstanceStatus::Completed;

    fn life(number: u128) -> Incarnation {
        Incarnation(Uuid::from_u128(number))
    }

    /// An instance in its first life, perhaps the child of another one in this life.
    fn instance(id: &str, status: InstanceStatus, parent: Option<(&str, u128)>) -> InstanceHead {
        let parent = parent.map(|(instance, number)| {
            Box::new(Parent {
                instance: InstanceId::new(instance).unwrap(),
                incarnation: life(number),
            })
        });
        let output = (status == ENDED).then(|| Output::Completed(String::new()));
        InstanceHead {
            incarnation: life(1),
            parent,
            ..head(id, status, output)
        }
    }

    fn store(heads: impl IntoIterator<Item = InstanceHead>) -> Fake {
        let fake = Fake::default();
        heads.into_iter().for_each(|head| fake.put(head));
        fake
    }

    async fn left(fake: &Fake) -> Vec<String> {
        fake.client().list_all_instances().await.unwrap()
    }

    /// And nobody is asked to start what was to be deleted.
    fn is_not_found(result: Result<(), ClientError>) -> bool {
        matches!(
            result,
            Err(ClientError::Provider(it)) if it.kind() == ErrorKind::NotFound
                && it.message().contains("not found")
                && !it.message().contains("start it")
        )
    }

    #[tokio::test]
    async fn ended_children_go_with_their_parent_and_nobody_else_does() {
        let fake = store([
            instance("a", ENDED, None),
            instance("a::sub::2", ENDED, Some(("a", 1))),
            instance("a::sub::2::sub::3", ENDED, Some(("a::sub::2", 1))),
            // A child that works on, and what belongs to it.
            instance("a::sub::3", RUNNING, Some(("a", 1))),
            instance("a::sub::3::sub::2", ENDED, Some(("a::sub::3", 1))),
            // Somebody chose such an id.
            instance("a::sub::4", ENDED, None),
            instance("a::sub::4::sub::2", ENDED, Some(("a::sub::4", 1))),
            instance("a::sub::5", ENDED, Some(("elsewhere", 1))),
            instance("a::suburb", ENDED, None),
            instance("ab", ENDED, None),
        ]);
        let client = fake.client();

        client
            .delete_instance("a", DeleteMode::TerminalOnly)
            .await
            .unwrap();

        let expected = [
            "a::sub::3",
            "a::sub::3::sub::2",
            "a::sub::4",
            "a::sub::4::sub::2",
            "a::sub::5",
            "a::suburb",
            "ab",
        ];
        assert_eq!(left(&fake).await, expected);
        // The one that worked on has ended.
        fake.put(instance("a::sub::3", ENDED, Some(("a", 1))));
        assert!(is_not_found(
            client.delete_instance("a", DeleteMode::TerminalOnly).await
        ));
        assert_eq!(left(&fake).await, expected[2..]);
    }

    /// It may go on, and would begin its children anew.
    #[tokio::test]
    async fn a_child_that_control_waits_for_keeps_its_children() {
        let family = [
            instance("a", ENDED, None),
            instance("a::sub::2", ENDED, Some(("a", 1))),
            instance("a::sub::2::sub::2", ENDED, Some(("a::sub::2", 1))),
            instance(
                "a::sub::2::sub::2::sub::3",
                ENDED,
                Some(("a::sub::2::sub::2", 1)),
            ),
            instance("a::sub::3", ENDED, Some(("a", 1))),
            instance("a::sub::3::sub::2", ENDED, Some(("a::sub::3", 1))),
        ];
        for (mode, expected) in [
            (
                DeleteMode::TerminalOnly,
                vec![
                    "a::sub::2",
                    "a::sub::2::sub::2",
                    "a::sub::2::sub::2::sub::3",
                ],
            ),
            (DeleteMode::Force, vec![]),
        ] {
            let fake = store(family.clone());
            fake.put_control("a::sub::2", 0);
            fake.client().delete_instance("a", mode).await.unwrap();
            assert_eq!(left(&fake).await, expected, "{mode:?}");
        }
    }

    #[tokio::test]
    async fn children_at_work_go_by_force_alone() {
        let fake = store([
            instance("a", RUNNING, None),
            instance("a::sub::2", ENDED, Some(("a", 1))),
            instance("a::sub::3", RUNNING, Some(("a", 1))),
            instance("a::sub::3::sub::2", RUNNING, Some(("a::sub::3", 1))),
            instance("b", RUNNING, None),
        ]);
        let client = fake.client();

        let refused = client.delete_instance("a", DeleteMode::TerminalOnly).await;
        assert!(matches!(
            refused,
            Err(ClientError::Provider(it)) if it.kind() == ErrorKind::InvalidInput
        ));
        assert_eq!(left(&fake).await.len(), 5);

        client
            .delete_instance("a", DeleteMode::Force)
            .await
            .unwrap();
        assert_eq!(left(&fake).await, ["b"]);
    }

    /// Wherever it stops, the same call finishes it.
    #[tokio::test]
    async fn a_deletion_that_stopped_half_way_is_finished_by_the_next_one() {
        let family = || {
            [
                instance("a", ENDED, None),
                instance("a::sub::2", ENDED, Some(("a", 1))),
                instance("a::sub::2::sub::2", ENDED, Some(("a::sub::2", 1))),
                instance("a::sub::3", ENDED, Some(("a", 1))),
                instance("b", ENDED, None),
            ]
        };
        for deleted in 0..4 {
            let fake = store(family());
            let client = fake.client();
            fake.fail_deletion_after(deleted, ProviderError::retryable("delete_instance", "cut"));
            let cut = client.delete_instance("a", DeleteMode::TerminalOnly).await;
            assert!(cut.unwrap_err().is_retryable());
            assert_eq!(left(&fake).await.len(), 5 - deleted);
            let again = client.delete_instance("a", DeleteMode::TerminalOnly).await;
            // The instance itself went first.
            assert_eq!(again.is_ok(), deleted == 0, "after {deleted}");
            assert!(deleted == 0 || is_not_found(again));
            assert_eq!(left(&fake).await, ["b"], "after {deleted}");
        }
    }

    #[test]
    fn children_of_a_life_that_stays_are_not_lost() {
        let root = InstanceId::new("a").unwrap();
        let mut family = Family::of(&root, DeleteMode::TerminalOnly);
        family.stays = Some(life(2));
        family.meet(&instance("a::sub::2", ENDED, Some(("a", 1))));
        family.meet(&instance("a::sub::3", ENDED, Some(("a", 2))));
        let doomed: Vec<_> = family.doomed.iter().map(InstanceId::as_str).collect();
        assert_eq!(doomed, ["a::sub::2"]);
    }

    #[tokio::test]
    async fn orphans_of_an_absent_parent_are_swept_before_it_is_not_found() {
        let fake = store([
            instance("a::sub::2::sub::2", ENDED, Some(("a::sub::2", 1))),
            instance("a::sub::3", ENDED, Some(("a", 1))),
        ]);
        let client = fake.client();
        assert!(is_not_found(
            client.delete_instance("a", DeleteMode::TerminalOnly).await
        ));
        assert!(left(&fake).await.is_empty());
    }

    #[tokio::test]
    async fn what_a_former_life_left_behind_goes_too() {
        let fake = store([
            instance("a", ENDED, None),
            instance("a::sub::2", ENDED, Some(("a", 9))),
            instance("a::sub::3", RUNNING, Some(("a", 1))),
            instance("a::sub::3::sub::2", ENDED, Some(("a::sub::3", 9))),
        ]);
        let client = fake.client();
        client
            .delete_instance("a", DeleteMode::TerminalOnly)
            .await
            .unwrap();
        assert_eq!(left(&fake).await, ["a::sub::3"]);
    }

    #[tokio::test]
    async fn an_id_that_leaves_no_room_for_children_is_deleted_as_well() {
        let id = "x".repeat(InstanceId::BYTES_MAX);
        let fake = store([instance(&id, ENDED, None)]);
        let client = fake.client();
        client
            .delete_instance(&id, DeleteMode::TerminalOnly)
            .await
            .unwrap();
        assert!(left(&fake).await.is_empty());
    }
}
