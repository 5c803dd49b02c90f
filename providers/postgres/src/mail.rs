//! Reading mail.

use duroxide_core::providers::{Channel, Mail, MailMark, MailPage, Message, MessageId, ReadMail};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};

use crate::channel;
use crate::codes::{self, bounded, bounded_size, index};
use crate::head;
use crate::schema::Statement;
use crate::setup::Setup;

/// Before every time and every arrival.
const FIRST: i64 = i64::MIN;

/// The call that reads a page of mail (MAI-02 to MAI-04).
pub(crate) fn statement<'q>(setup: &Setup, request: &'q ReadMail) -> Statement<'q> {
    let topics = request.topics.iter();
    let channels: Vec<Vec<u8>> = topics
        .clone()
        .map(|cursor| channel::of_topic(&cursor.topic))
        .collect();
    let marks = topics.map(|cursor| match cursor.after {
        Some(mark) => (bounded(mark.due_at_ms), bounded(mark.arrival)),
        None => (FIRST, FIRST),
    });
    let (dues_ms, arrivals): (Vec<i64>, Vec<i64>) = marks.unzip();
    let per_topic_max = i32::try_from(request.per_topic_max).unwrap_or(i32::MAX);
    setup
        .functions
        .mail
        .call()
        .bind(request.instance.as_str())
        .bind(request.incarnation.0)
        .bind(channels)
        .bind(dues_ms)
        .bind(arrivals)
        // One that can be counted on from.
        .bind(i64::from(per_topic_max))
        .bind(bounded_size(request.bytes_max))
}

pub(crate) fn of_rows(rows: &[PgRow], request: &ReadMail) -> Result<MailPage, Error> {
    let (summary, mail) = rows.split_last().ok_or(Error::RowNotFound)?;
    Ok(MailPage {
        mail: mail
            .iter()
            .map(|row| of_row(row, request))
            .collect::<Result<_, _>>()?,
        more: summary.try_get("is_left")?,
    })
}

fn of_row(row: &PgRow, request: &ReadMail) -> Result<Mail, Error> {
    let place: i32 = row.try_get("place")?;
    let cursor = index(i64::from(place)).and_then(|place| request.topics.get(place));
    let cursor = cursor.ok_or_else(|| Error::Decode("mail of no topic".into()))?;
    Ok(Mail {
        mark: MailMark {
            due_at_ms: codes::unsigned(row.try_get("due_ms")?)?,
            arrival: codes::unsigned(row.try_get("seq")?)?,
        },
        message: Message {
            id: MessageId(row.try_get("message_id")?),
            channel: Channel::Topic(cursor.topic.clone()),
            execution: None,
            body: head::bytes(row, "body")?,
        },
    })
}
