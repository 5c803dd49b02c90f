//! The mail of one turn: read when the code waits for it, taken one message at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::inbox::Letter;
use super::load::LoadError;
use super::occasion::{MailKnown, Occasion};
use crate::limits::{MAIL_BYTES_MAX, MAIL_MESSAGES_MAX};
use crate::providers::{
    ErrorKind, Mail, MailMark, MailPage, ProviderError, ReadMail, Topic, TopicCursor,
};
use crate::runtime::node::Node;

/// How many messages of each topic the first read of a turn asks for, and by how much more each
/// further one: most turns take one message, and a loop without activities takes them all.
const FIRST_READ_MESSAGES: usize = 4;
const READ_GROWTH: usize = 8;

/// The mail that a turn has read and not taken yet.
pub(super) struct Mailbox<'a> {
    node: &'a Node,
    turn: &'a Occasion,
    topics: BTreeMap<Topic, Backlog>,
    reads: u32,
}

/// What was read of a topic.
#[derive(Debug, Default)]
struct Backlog {
    mail: VecDeque<Mail>,
    after: Option<MailMark>,
    /// There was nothing more when it was read.
    is_exhausted: bool,
}

impl<'a> Mailbox<'a> {
    pub(super) fn new(node: &'a Node, turn: &'a Occasion) -> Self {
        let mut topics = BTreeMap::new();
        if turn.mail == MailKnown::OfAwaited(false) {
            for topic in &turn.head.awaited {
                let backlog = Backlog {
                    is_exhausted: true,
                    ..Backlog::default()
                };
                topics.insert(topic.clone(), backlog);
            }
        }
        Self {
            node,
            turn,
            topics,
            reads: 0,
        }
    }

    /// When the oldest mail of these topics was due, and in which of them; reads what is missing.
    pub(super) async fn oldest(
        &mut self,
        wanted: &[Topic],
    ) -> Result<Option<(u64, Topic)>, LoadError> {
        let missing: Vec<TopicCursor> = wanted
            .iter()
            .filter_map(|topic| self.missing(topic))
            .collect();
        if !missing.is_empty() {
            self.read(missing).await?;
        }
        let oldest = wanted.iter().filter_map(|topic| {
            let mail = self.topics.get(topic)?.mail.front()?;
            Some((mail.mark, topic))
        });
        Ok(oldest
            .min()
            .map(|(mark, topic)| (mark.due_at_ms, topic.clone())))
    }

    /// Whether there is mail of a topic: reads until it is known. A turn without a claim reads as often
    /// as it has to, since its code is told of what is not there, too.
    pub(super) async fn has_mail(&mut self, topic: &Topic) -> Result<bool, LoadError> {
        loop {
            let backlog = self.topics.get(topic);
            if backlog.is_some_and(|it| !it.mail.is_empty()) {
                return Ok(true);
            }
            if backlog.is_some_and(|it| it.is_exhausted) {
                return Ok(false);
            }
            let cursor = self.cursor(topic);
            self.read(vec![cursor]).await?;
        }
    }

    /// Takes the oldest mail of a topic.
    pub(super) fn take(&mut self, topic: &Topic) -> Option<Result<Letter, LoadError>> {
        let mail = self.topics.get_mut(topic)?.mail.pop_front()?;
        let letter = Letter::decode(&mail.message, mail.mark.due_at_ms);
        Some(letter.map_err(LoadError::Message))
    }

    /// Where to go on reading a topic, if that can bring something.
    fn missing(&self, topic: &Topic) -> Option<TopicCursor> {
        let backlog = self.topics.get(topic);
        let may_read = self.turn.mail != MailKnown::ReadOnce || self.reads == 0;
        let can_bring = backlog.is_none_or(|it| it.mail.is_empty() && !it.is_exhausted);
        (may_read && can_bring).then(|| self.cursor(topic))
    }

    fn cursor(&self, topic: &Topic) -> TopicCursor {
        TopicCursor {
            topic: topic.clone(),
            after: self.topics.get(topic).and_then(|it| it.after),
        }
    }

    async fn read(&mut self, topics: Vec<TopicCursor>) -> Result<(), LoadError> {
        // In a box, since it is large, and most turns read none.
        let read = Box::pin(self.read_topics(topics));
        read.await.map_err(LoadError::Store)
    }

    async fn read_topics(&mut self, topics: Vec<TopicCursor>) -> Result<(), ProviderError> {
        let growth = READ_GROWTH.saturating_pow(self.reads);
        self.reads += 1;
        let asked: Vec<Topic> = topics.iter().map(|cursor| cursor.topic.clone()).collect();
        let request = ReadMail {
            instance: self.turn.head.instance.clone(),
            incarnation: self.turn.head.incarnation,
            topics,
            per_topic_max: MAIL_MESSAGES_MAX.min(FIRST_READ_MESSAGES.saturating_mul(growth)),
            bytes_max: MAIL_BYTES_MAX,
        };
        let MailPage { mail, more } = read_page(self.node, request).await?;
        for topic in asked {
            let backlog = self.topics.entry(topic).or_default();
            backlog.is_exhausted = !more;
        }
        for mail in mail {
            if let Some(topic) = mail.message.channel.topic() {
                let backlog = self.topics.entry(topic.clone()).or_default();
                backlog.after = Some(mail.mark);
                backlog.mail.push_back(mail);
            }
        }
        Ok(())
    }
}

async fn read_page(node: &Node, request: ReadMail) -> Result<MailPage, ProviderError> {
    let store = Arc::clone(&node.store);
    let read = node.on_service(async move { store.read_mail(&request).await });
    let page = read.await.unwrap_or_else(|| {
        let message = "the runtime has stopped";
        Err(ProviderError::new(
            ErrorKind::Unavailable,
            "read_mail",
            message,
        ))
    });
    node.health.note("read_mail", &page, &*node.clock);
    page
}
