//! Reading mail.

use duroxide_core::providers::{
    Channel, Mail, MailMark, MailPage, Message, MessageId, ReadMail, TopicCursor,
};
use rusqlite::{Row, params};

use crate::codes::row_limit;
use crate::head;
use crate::sql::Sql;

/// Those that were due at the same time as the last one that was read, and arrived later.
const AT_THE_MARK: &str = "SELECT due_at, seq, message_id, body FROM inbox
     WHERE ino = ?1 AND channel = ?2 AND due_at = ?3 AND seq > ?4 ORDER BY seq LIMIT ?5";
const BEHIND_THE_MARK: &str = "SELECT due_at, seq, message_id, body FROM inbox
     WHERE ino = ?1 AND channel = ?2 AND due_at > ?3 AND due_at <= ?4 ORDER BY due_at, seq
     LIMIT ?5";

/// The oldest due mail of some topics (MAI-02 to MAI-04).
pub(crate) fn read(sql: &Sql, request: &ReadMail, now_ms: u64) -> rusqlite::Result<MailPage> {
    let ino: Option<i64> = sql.first(
        "SELECT ino FROM instance WHERE id = ?1 AND incarnation = ?2",
        params![request.instance.as_str(), request.incarnation.0],
        |row| row.get(0),
    )?;
    let Some(ino) = ino else {
        return Ok(MailPage::default());
    };
    let mut reading = Reading {
        sql,
        request,
        ino,
        now_ms,
        page: MailPage::default(),
        cut: None,
    };
    for cursor in &request.topics {
        reading.read_topic(cursor)?;
    }
    Ok(reading.page)
}

/// A page that is being filled.
struct Reading<'a> {
    sql: &'a Sql,
    request: &'a ReadMail,
    ino: i64,
    now_ms: u64,
    page: MailPage,
    /// The first message that does not fit for its bytes: none from there on is wanted (MAI-03).
    cut: Option<MailMark>,
}

impl Reading<'_> {
    /// Reads no more of a topic than may fit, however long the messages of all of them are.
    fn read_topic(&mut self, cursor: &TopicCursor) -> rusqlite::Result<()> {
        let mut found = Vec::new();
        let mut bytes = 0_usize;
        let mut left_behind = false;
        let Self { request, cut, .. } = *self;
        self.each_of(cursor, |row| {
            let mark = MailMark {
                due_at_ms: row.get(0)?,
                arrival: row.get(1)?,
            };
            let is_beyond = cut.is_some_and(|cut| mark >= cut);
            left_behind = is_beyond || found.len() >= request.per_topic_max;
            if left_behind {
                return Ok(false);
            }
            let mail = Mail {
                mark,
                message: Message {
                    id: MessageId(row.get(2)?),
                    channel: Channel::Topic(cursor.topic.clone()),
                    execution: None,
                    body: head::bytes(row, 3)?,
                },
            };
            bytes = bytes.saturating_add(mail.message.body.len());
            found.push(mail);
            // The message that passes the limit stays for now: the page may have none before it.
            left_behind = bytes > request.bytes_max && found.len() > 1;
            Ok(!left_behind)
        })?;
        self.page.more |= left_behind;
        self.page.mail.append(&mut found);
        self.fit();
        Ok(())
    }

    /// Hands out the due mail of a topic after its mark.
    fn each_of(
        &self,
        cursor: &TopicCursor,
        mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let topic = cursor.topic.as_str();
        // One more tells whether there is more.
        let limit = row_limit(self.request.per_topic_max.saturating_add(1));
        let mut after_ms = -1;
        if let Some(mark) = cursor.after {
            after_ms = i64::try_from(mark.due_at_ms).unwrap_or(i64::MAX);
            let arrival = i64::try_from(mark.arrival).unwrap_or(i64::MAX);
            let params = params![self.ino, topic, after_ms, arrival, limit];
            if self.sql.while_taken(AT_THE_MARK, params, &mut take)? {
                return Ok(());
            }
        }
        let params = params![self.ino, topic, after_ms, self.now_ms, limit];
        self.sql
            .while_taken(BEHIND_THE_MARK, params, take)
            .map(|_| ())
    }

    /// Leaves behind what does not fit for its bytes, the latest first.
    fn fit(&mut self) {
        let mail = &mut self.page.mail;
        mail.sort_by_key(|mail| mail.mark);
        let mut bytes = 0_usize;
        let fitting = mail.iter().take_while(|mail| {
            bytes = bytes.saturating_add(mail.message.body.len());
            bytes <= self.request.bytes_max
        });
        let fitting = fitting.count().max(1);
        if let Some(first_left) = mail.get(fitting) {
            self.cut = Some(first_left.mark);
            self.page.more = true;
        }
        mail.truncate(fitting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn a_page_is_read_from_its_mark_and_nothing_is_sorted() {
        for (sql, range) in [
            (AT_THE_MARK, "ino=? AND channel=? AND due_at=? AND rowid>?"),
            (
                BEHIND_THE_MARK,
                "ino=? AND channel=? AND due_at>? AND due_at<?",
            ),
        ] {
            let steps = plan::steps(sql);
            assert_eq!(steps.len(), 1, "{sql}: {steps:?}");
            assert!(steps[0].contains(range), "{sql}: {steps:?}");
        }
    }
}
