//! Reading mail, in a form that is the same for every store.

use duroxide_core::providers::{Incarnation, MailMark, ReadMail, Topic, TopicCursor};
use uuid::Uuid;

use super::answer::{Answer, Mailbag, kind};
use super::words::{Topics, Who};
use super::world::World;

/// More bytes than any sequence sends: which of two topics a full page leaves is open where both have
/// mail of the same millisecond.
const BYTES_MAX: usize = 1_000_000;

impl World {
    /// Reads mail of the life that an instance has now, and remembers how far.
    pub(super) async fn read_mail(
        &mut self,
        instance: Who,
        topics: Topics,
        (per_topic_max, goes_on): (usize, bool),
    ) -> Answer {
        let life = self.head(instance).await.map(|head| head.incarnation);
        let names = topics.names().iter();
        let request = ReadMail {
            instance: instance.id(),
            incarnation: life.unwrap_or(Incarnation(Uuid::nil())),
            topics: names
                .map(|name| TopicCursor {
                    topic: Topic::from(*name),
                    after: self.mark(instance, name).filter(|_| goes_on),
                })
                .collect(),
            per_topic_max,
            bytes_max: BYTES_MAX,
        };
        let page = match kind(self.provider().read_mail(&request).await) {
            Ok(page) => page,
            Err(error) => return Answer::Mail(Err(error)),
        };
        for mail in &page.mail {
            if let Some(topic) = mail.message.channel.topic() {
                let place = (instance.id(), topic.clone());
                self.marks.insert(place, mail.mark);
            }
        }
        let mut mail: Vec<_> = page
            .mail
            .into_iter()
            .map(|mail| (mail.mark.due_at_ms, mail.message))
            .collect();
        // Within a topic the order is that of the marks, between topics it is open.
        mail.sort_by_key(|(_, message)| message.channel.topic().cloned());
        Answer::Mail(Ok(Mailbag {
            mail,
            more: page.more,
        }))
    }

    fn mark(&self, instance: Who, topic: &str) -> Option<MailMark> {
        let place = (instance.id(), Topic::from(topic));
        self.marks.get(&place).copied()
    }
}
