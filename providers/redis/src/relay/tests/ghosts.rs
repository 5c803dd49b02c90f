//! What becomes of messages and instances that a source has lost after they were delivered.

use duroxide_core::providers::{Commit, Envelope, Fence, Message, TaskQueue};

use super::pair::{Pair, SOURCE, TARGET};
use super::sender::{Sender, message};
use crate::relay::wire::{Ghosts, Start};

/// A parent that has started a child, and has been rolled back since.
struct Lost {
    pair: Pair,
    /// As it was before it started the child.
    parent: Sender,
    child: Sender,
    start: Message,
}

impl Lost {
    /// `live` is what becomes of the child before the source is rolled back.
    async fn after(live: impl AsyncFnOnce(&mut Pair, &Sender, &mut Sender)) -> Self {
        let mut pair = Pair::new().await;
        let parent = Sender::start(&mut pair, SOURCE, "parent").await;
        let copy = pair.copy(SOURCE).await;
        let mut parent_then = parent.clone();
        let start = message("go");
        let mut child = Sender::begun("child", start.id);
        let turn = parent_then.turn(vec![parent.child("child", "Child", start.clone())]);
        pair.commit(SOURCE, turn).await;
        pair.relay().await;
        assert_eq!(pair.said(TARGET, "child").await, ["go"]);
        live(&mut pair, &parent, &mut child).await;
        pair.elapse(1).await;
        pair.roll_back(SOURCE, &copy).await;
        Self {
            pair,
            parent,
            child,
            start,
        }
    }

    /// A child that has begun, and is found to be a ghost.
    async fn begun() -> Self {
        let mut lost = Self::after(async |pair, _, child| {
            let turn = child.turn(Vec::new());
            pair.commit(TARGET, turn).await;
        })
        .await;
        assert_eq!(lost.find_out().await.marked, ["child"]);
        lost
    }

    /// Has a relay compare links.
    async fn find_out(&mut self) -> Ghosts {
        let mut report = self.pair.relay().await;
        assert_eq!(report.starts, [Start::Back]);
        report.ghosts.remove(0)
    }

    /// The parent sends something in a turn, which is delivered.
    async fn send(&mut self, envelope: Envelope) {
        let turn = self.parent.turn(vec![envelope]);
        self.pair.commit(SOURCE, turn).await;
        self.pair.relay().await;
    }

    /// What the child is as a ghost.
    async fn mark(&mut self) -> Option<String> {
        self.pair.head(TARGET, "child").await.unwrap().ghost
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn an_instance_that_nobody_has_touched_is_removed() {
    let mut lost = Lost::after(async |_, _, _| {}).await;
    assert_eq!(lost.find_out().await.instances, ["child"]);
    assert_eq!(lost.pair.head(TARGET, "child").await, None);
    let listed: Vec<String> = lost
        .pair
        .ask_server(&[b"ZRANGE", b"{relay:1}:ids", b"0", b"-1"])
        .await;
    assert_eq!(listed.len(), 0, "{listed:?}");
    lost.pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_child_that_has_begun_tells_its_parent_nothing() {
    let mut lost = Lost::begun().await;
    assert_eq!(lost.mark().await.map(|it| it.len()), Some(16));
    // Other instances hear of it, and the parent in another life as well.
    let stranger = Sender::start(&mut lost.pair, SOURCE, "stranger").await;
    let another_life = Sender::begun("parent", message("").id);
    let messages = vec![
        stranger.told("hello"),
        lost.parent.told("done"),
        another_life.told("done"),
    ];
    let end = lost.child.end(messages);
    let committed = lost.pair.commit(TARGET, end).await;
    assert_eq!(committed.answers[0].dropped, 1);
    let head = lost.pair.head(TARGET, "child").await.unwrap();
    assert_eq!((&*head.status, head.ghost.as_deref()), ("C", Some("")));

    let report = lost.pair.relay_back().await;
    assert_eq!((report.applied, report.dropped), (2, 1));
    assert_eq!(lost.pair.said(SOURCE, "parent").await, ["start"]);
    assert_eq!(lost.pair.said(SOURCE, "stranger").await, ["start", "hello"]);
    // Its end is not heard any more, so that it is not adopted either.
    let envelope = lost.parent.child("child", "Child", lost.start.clone());
    lost.send(envelope).await;
    let anew = lost.pair.head(TARGET, "child").await.unwrap();
    assert_eq!((&*anew.status, &anew.ghost), ("P", &None));
    assert_ne!(anew.number, head.number);
    assert_eq!(lost.pair.said(TARGET, "child").await, ["go"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_parent_that_decides_the_same_again_adopts_its_child() {
    let mut lost = Lost::begun().await;
    let number = lost.pair.head(TARGET, "child").await.unwrap().number;
    let envelope = lost.parent.child("child", "Child", lost.start.clone());
    lost.send(envelope).await;
    let head = lost.pair.head(TARGET, "child").await.unwrap();
    assert_eq!(
        (head.number, head.ghost, head.control_count),
        (number, None, 0)
    );

    let end = lost.child.end(vec![lost.parent.told("done")]);
    let committed = lost.pair.commit(TARGET, end).await;
    assert_eq!(committed.answers[0].dropped, 0);
    lost.pair.relay_back().await;
    assert_eq!(lost.pair.said(SOURCE, "parent").await, ["start", "done"]);
    lost.pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_parent_that_decides_otherwise_finds_the_id_free() {
    // An event's start has the same id, whatever it starts.
    let mut lost = Lost::begun().await;
    let number = lost.pair.head(TARGET, "child").await.unwrap().number;
    let mut other = lost.start.clone();
    other.body = "go elsewhere".into();
    let envelope = lost.parent.child("child", "Child", other);
    lost.send(envelope).await;
    let head = lost.pair.head(TARGET, "child").await.unwrap();
    assert_eq!((&*head.status, &head.ghost), ("P", &None));
    assert_ne!(head.number, number);
    assert_eq!(lost.pair.said(TARGET, "child").await, ["go elsewhere"]);
    // What the ghost still wants to do is refused.
    let turn = lost.child.turn(Vec::new());
    let committed = lost.pair.commit_all(TARGET, &[turn], &[]).await;
    assert!(committed.answers[0].no.is_some());
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn an_adopted_child_may_become_a_ghost_again() {
    let mut lost = Lost::begun().await;
    let (copy, parent) = (lost.pair.copy(SOURCE).await, lost.parent.clone());
    let envelope = parent.child("child", "Child", lost.start.clone());
    lost.send(envelope).await;
    assert_eq!(lost.mark().await, None);
    lost.pair.elapse(1).await;
    lost.pair.roll_back(SOURCE, &copy).await;
    assert_eq!(lost.find_out().await.marked, ["child"]);
    assert_eq!(lost.mark().await.map(|it| it.len()), Some(16));
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_child_that_has_ended_is_not_adopted() {
    let mut lost = Lost::after(async |pair, parent, child| {
        let end = child.end(vec![parent.told("done")]);
        pair.commit(TARGET, end).await;
    })
    .await;
    assert_eq!(lost.find_out().await.marked, ["child"]);
    assert_eq!(lost.mark().await.as_deref(), Some(""));
    let envelope = lost.parent.child("child", "Child", lost.start.clone());
    lost.send(envelope).await;
    assert_eq!(lost.pair.head(TARGET, "child").await.unwrap().status, "P");
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn anybody_may_have_the_id_of_a_ghost() {
    // A client.
    let mut lost = Lost::begun().await;
    let number = lost.pair.head(TARGET, "child").await.unwrap().number;
    Sender::start(&mut lost.pair, TARGET, "child").await;
    let head = lost.pair.head(TARGET, "child").await.unwrap();
    assert_eq!((&*head.status, &head.ghost), ("P", &None));
    assert_ne!(head.number, number);

    // A turn that creates its instance.
    let mut lost = Lost::begun().await;
    let mut newborn = Sender::begun("child", message("").id);
    let incarnation = newborn.incarnation;
    let Commit::Turn(mut turn) = newborn.turn(Vec::new()) else {
        panic!("a turn is a turn");
    };
    turn.fence = Fence::Absent {
        incarnation,
        queue: TaskQueue::default(),
        parent: None,
        labels: Default::default(),
    };
    lost.pair.commit(TARGET, Commit::Turn(turn)).await;
    let head = lost.pair.head(TARGET, "child").await.unwrap();
    assert_eq!((&*head.status, &head.ghost), ("R", &None));
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn what_was_consumed_stays_consumed() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    let mut receiver = Sender::start(&mut pair, TARGET, "b").await;
    let copy = pair.copy(SOURCE).await;
    let messages = vec![receiver.told("taken"), receiver.told("left")];
    let taken = messages[0].message.id;
    let turn = sender.turn(messages);
    pair.commit(SOURCE, turn).await;
    pair.relay().await;
    let Commit::Turn(mut turn) = receiver.turn(Vec::new()) else {
        panic!("a turn is a turn");
    };
    turn.consumed = vec![taken];
    pair.commit(TARGET, Commit::Turn(turn)).await;
    pair.roll_back(SOURCE, &copy).await;

    let report = pair.relay().await;
    assert_eq!(report.ghosts[0].messages, ["b"]);
    assert_eq!(report.ghosts[0].consumed, ["b"]);
    assert_eq!(pair.said(TARGET, "b").await, ["start"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_message_is_not_taken_for_another_of_the_same_id() {
    // A ghost's message is consumed, and the same one comes from elsewhere.
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    let mut receiver = Sender::start(&mut pair, TARGET, "b").await;
    let copy = pair.copy(SOURCE).await;
    let envelope = receiver.told("1");
    let turn = sender.turn(vec![envelope.clone()]);
    pair.commit(SOURCE, turn).await;
    pair.relay().await;
    let Commit::Turn(mut turn) = receiver.turn(Vec::new()) else {
        panic!("a turn is a turn");
    };
    turn.consumed = vec![envelope.message.id];
    pair.commit(TARGET, Commit::Turn(turn)).await;
    pair.commit(TARGET, Commit::Send(envelope.clone())).await;
    pair.roll_back(SOURCE, &copy).await;
    let report = pair.relay().await;
    assert_eq!(report.ghosts[0].consumed, ["b"]);
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1"]);
}
