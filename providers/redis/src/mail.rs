//! Reading mail.

use bytes::Bytes;
use duroxide_core::providers::{
    Channel, Mail, MailMark, MailPage, Message, MessageId, ProviderError, ReadMail,
};
use serde::{Deserialize, Serialize};

use crate::codes::{Id, Number};
use crate::provider::RedisProvider;
use crate::read::Read;

/// A request for mail, as the script reads it.
#[derive(Debug, Serialize)]
pub(crate) struct MailRead<'a> {
    instance: &'a str,
    life: Id,
    topics: Vec<TopicRead<'a>>,
    per_topic_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Serialize)]
struct TopicRead<'a> {
    name: &'a str,
    /// The time is text, which a script hands on as it is.
    after: Option<(String, Number)>,
}

impl<'a> MailRead<'a> {
    fn of(request: &'a ReadMail) -> Self {
        let topics = request.topics.iter().map(|cursor| TopicRead {
            name: cursor.topic.as_str(),
            after: cursor
                .after
                .map(|mark| (mark.due_at_ms.to_string(), Number(mark.arrival))),
        });
        Self {
            instance: &request.instance,
            life: Id(request.incarnation.0),
            topics: topics.collect(),
            per_topic_max: request.per_topic_max,
            bytes_max: request.bytes_max,
        }
    }
}

#[derive(Debug, Deserialize)]
struct StoredPage {
    /// For each message the place of its topic in the request, its mark, its id and what it says.
    mail: Vec<(usize, u64, u64, Id, Bytes)>,
    more: bool,
}

impl RedisProvider {
    /// The oldest due mail of some topics (MAI-02 to MAI-04). A page of very many messages ends before it is
    /// full.
    pub(crate) async fn mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let read = Read::Mail(MailRead::of(request));
        let page: StoredPage = self.read_one("read_mail", &request.instance, read).await?;
        let mail = |(place, due_at_ms, arrival, id, body): (usize, u64, u64, Id, Bytes)| {
            let cursor = request.topics.get(place)?;
            Some(Mail {
                mark: MailMark { due_at_ms, arrival },
                message: Message {
                    id: MessageId(id.0),
                    channel: Channel::Topic(cursor.topic.clone()),
                    execution: None,
                    body,
                },
            })
        };
        Ok(MailPage {
            mail: page.mail.into_iter().filter_map(mail).collect(),
            more: page.more,
        })
    }
}
