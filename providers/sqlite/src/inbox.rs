//! What claims and turns take out of an inbox.

use std::collections::BTreeMap;

use duroxide_core::providers::{
    Channel, ClaimTurns, Delivery, Message, MessageId, Topic, TurnCommit,
};
use rusqlite::params;

use crate::channel::{self, Code};
use crate::codes::bounded;
use crate::head;
use crate::session::Session;
use crate::topic;
use crate::wakes::{Wakes, earlier};

const DUE_MESSAGES: &str = "SELECT message_id, execution, due_at, body FROM inbox
     WHERE ino = ?1 AND channel = ?2 AND due_at <= ?3 ORDER BY due_at, seq";
const FIRST_DUE: &str =
    "SELECT due_at FROM inbox WHERE ino = ?1 AND channel = ?2 ORDER BY due_at LIMIT 1";
/// Of one channel, so that mail is never walked.
const PURGE: &str = "DELETE FROM inbox WHERE ino = ?1 AND channel = ?2 AND execution <= ?3";

/// How many messages of the channels that have a limit wait for an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) control: usize,
    pub(crate) mail: usize,
}

/// The due messages of an instance within the request's limits, at least one of them: control first,
/// and never mail (CLM-02, CLM-11).
pub(crate) fn due(
    session: &Session,
    request: &ClaimTurns,
    ino: i64,
    wakes: Wakes,
) -> rusqlite::Result<Vec<Delivery>> {
    let mut taken = Vec::new();
    let mut bytes = 0_usize;
    let channels = [
        (Channel::Control, wakes.control_ms),
        (Channel::System, wakes.system_ms),
    ];
    for (channel, first_ms) in channels {
        if first_ms.is_none_or(|ms| ms > session.now_ms) {
            continue;
        }
        let params = params![ino, Code(&channel), session.now_ms];
        session.sql.while_taken(DUE_MESSAGES, params, |row| {
            bytes = bytes.saturating_add(row.get_ref(3)?.as_bytes().map_or(0, <[u8]>::len));
            let is_full = taken.len() >= request.messages_max || bytes > request.bytes_max;
            if is_full && !taken.is_empty() {
                return Ok(false);
            }
            taken.push(Delivery {
                due_at_ms: row.get(2)?,
                message: Message {
                    id: MessageId(row.get(0)?),
                    channel: channel.clone(),
                    execution: row.get(1)?,
                    body: head::bytes(row, 3)?,
                },
            });
            Ok(true)
        })?;
    }
    Ok(taken)
}

/// Removes what a turn has consumed and what nobody wants any more (COM-02, COM-03). Answers how many
/// of the messages that are counted are left of so many.
pub(crate) fn remove(
    session: &Session,
    turn: &TurnCommit,
    ino: i64,
    counts: Counts,
) -> rusqlite::Result<Counts> {
    let mut left = remove_consumed(session, &turn.consumed, ino, counts)?;
    if let Some(execution) = turn.purge_through {
        let purge = |channel: &Channel| {
            let params = params![ino, Code(channel), bounded(execution)];
            session.sql.execute(PURGE, params)
        };
        purge(&Channel::System)?;
        if left.control > 0 {
            left.control = left.control.saturating_sub(purge(&Channel::Control)?);
        }
    }
    Ok(left)
}

fn remove_consumed(
    session: &Session,
    consumed: &[MessageId],
    ino: i64,
    counts: Counts,
) -> rusqlite::Result<Counts> {
    if counts == Counts::default() {
        // Whatever is removed is not counted, and need not say what it was.
        for message in consumed {
            let sql = "DELETE FROM inbox WHERE ino = ?1 AND message_id = ?2";
            session.sql.execute(sql, params![ino, message.0])?;
        }
        return Ok(counts);
    }
    let mut left = counts;
    let mut mail: BTreeMap<Topic, usize> = BTreeMap::new();
    for message in consumed {
        // Cheaper than a deletion that returns it, which builds a table of what it returns.
        let found = session.sql.first(
            "SELECT seq, channel FROM inbox WHERE ino = ?1 AND message_id = ?2",
            params![ino, message.0],
            |row| Ok((row.get::<_, i64>(0)?, channel::of_row(row, 1)?)),
        )?;
        let Some((seq, channel)) = found else {
            continue;
        };
        let sql = "DELETE FROM inbox WHERE seq = ?1";
        session.sql.execute(sql, [seq])?;
        match channel {
            Channel::Control => left.control = left.control.saturating_sub(1),
            Channel::Topic(topic) => {
                left.mail = left.mail.saturating_sub(1);
                *mail.entry(topic).or_default() += 1;
            }
            Channel::System => {}
        }
    }
    for (topic, count) in mail {
        topic::subtract(session, ino, &topic, count)?;
    }
    Ok(left)
}

/// What may wake an instance, by what is in its inbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) counts: Counts,
    /// Whether there may be system messages.
    pub(crate) has_system: bool,
    pub(crate) awaited: &'a [Topic],
    pub(crate) suspended: bool,
}

/// Looks when the first messages are due that may wake an instance, where there may be any.
pub(crate) fn wakes(session: &Session, ino: i64, content: Content<'_>) -> rusqlite::Result<Wakes> {
    let mut wakes = Wakes::default();
    if content.counts.control > 0 {
        wakes.control_ms = first_due_ms(session, ino, &Channel::Control)?;
    }
    if content.suspended {
        return Ok(wakes);
    }
    if content.has_system {
        wakes.system_ms = first_due_ms(session, ino, &Channel::System)?;
    }
    if content.counts.mail > 0 {
        for topic in content.awaited {
            let channel = Channel::Topic(topic.clone());
            wakes.mail_ms = earlier(wakes.mail_ms, first_due_ms(session, ino, &channel)?);
        }
    }
    Ok(wakes)
}

fn first_due_ms(session: &Session, ino: i64, channel: &Channel) -> rusqlite::Result<Option<u64>> {
    let params = params![ino, Code(channel)];
    session.sql.first(FIRST_DUE, params, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn every_statement_stays_within_its_channel() {
        for sql in [DUE_MESSAGES, FIRST_DUE, PURGE] {
            let steps = plan::steps(sql);
            assert_eq!(steps.len(), 1, "{sql}: {steps:?}");
            assert!(
                steps[0].contains("INDEX inbox_due (ino=? AND channel=?"),
                "{sql}: {steps:?}"
            );
        }
    }
}
