//! How workers read mail, and what they take of it.

use duroxide_core::providers::{
    InstanceHead, Mail, MailPage, MessageId, ReadMail, Topic, TopicCursor,
};

use super::TOPICS;
use super::caller::BYTES_MAX;
use super::hand::Hand;
use crate::support::TurnBuilder;

/// How many messages of a topic a worker reads at most.
const READ_MAX: usize = 4;

/// A request for the oldest mail of all topics.
pub(super) fn request(head: &InstanceHead, per_topic_max: usize) -> ReadMail {
    let cursor = |topic: &&str| TopicCursor {
        topic: Topic::from(*topic),
        after: None,
    };
    ReadMail {
        instance: head.instance.clone(),
        incarnation: head.incarnation,
        topics: TOPICS.iter().map(cursor).collect(),
        per_topic_max,
        bytes_max: BYTES_MAX,
    }
}

/// Reads mail of this life of an instance: of one topic or all, and sometimes a further page.
pub(super) async fn read_some(hand: &mut Hand, head: &InstanceHead) -> MailPage {
    let mut request = request(head, hand.rng.usize(1..=READ_MAX));
    if hand.rng.bool() {
        let keep = hand.rng.usize(..TOPICS.len());
        request.topics.swap_remove(keep);
    }
    let patience = hand.any_patience();
    let mut page = hand.store.read_mail(patience, &request).await;
    if page.more && hand.rng.bool() {
        for cursor in &mut request.topics {
            let of_topic = |mail: &&_| is_of(mail, &cursor.topic);
            cursor.after = page.mail.iter().rfind(of_topic).map(|mail| mail.mark);
        }
        let patience = hand.any_patience();
        let further = hand.store.read_mail(patience, &request).await;
        page.mail.extend(further.mail);
    }
    page
}

fn is_of(mail: &Mail, topic: &Topic) -> bool {
    mail.message.channel.topic() == Some(topic)
}

/// Some of what was read: a worker takes the events that its code waits for, whichever they are.
pub(super) fn any_of(hand: &mut Hand, page: MailPage) -> Vec<MessageId> {
    let ids = page.mail.into_iter().map(|mail| mail.message.id);
    ids.filter(|_| hand.chance(60)).collect()
}

/// Consumes this mail beside what was claimed.
pub(super) fn consume_too(commit: TurnBuilder, mail: Vec<MessageId>) -> TurnBuilder {
    commit.change(|commit| commit.consumed.extend(mail))
}
