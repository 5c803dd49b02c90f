//! How much mail of each topic an instance has (LIM-03).

use duroxide_core::providers::Topic;
use rusqlite::params;

use crate::session::Session;

pub(crate) fn count(session: &Session, ino: i64, topic: &Topic) -> rusqlite::Result<usize> {
    let count = session.sql.first(
        "SELECT message_count FROM topic WHERE ino = ?1 AND topic = ?2",
        params![ino, topic.as_str()],
        |row| row.get(0),
    )?;
    Ok(count.unwrap_or_default())
}

pub(crate) fn add_one(session: &Session, ino: i64, topic: &Topic) -> rusqlite::Result<()> {
    session.sql.execute(
        "INSERT INTO topic (ino, topic, message_count) VALUES (?1, ?2, 1)
         ON CONFLICT (ino, topic) DO UPDATE SET message_count = message_count + 1",
        params![ino, topic.as_str()],
    )?;
    Ok(())
}

/// Counts so many fewer. An actor that keeps up takes all there is, for which one statement does.
pub(crate) fn subtract(
    session: &Session,
    ino: i64,
    topic: &Topic,
    count: usize,
) -> rusqlite::Result<()> {
    let params = params![ino, topic.as_str(), count];
    let emptied = session.sql.execute(
        "DELETE FROM topic WHERE ino = ?1 AND topic = ?2 AND message_count <= ?3",
        params,
    )?;
    if emptied == 0 {
        session.sql.execute(
            "UPDATE topic SET message_count = message_count - ?3 WHERE ino = ?1 AND topic = ?2",
            params,
        )?;
    }
    Ok(())
}
