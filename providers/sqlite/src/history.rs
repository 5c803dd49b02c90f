//! Reading history.

use duroxide_core::providers::{HistoryChunk, HistoryPage, ReadHistory};
use rusqlite::params;

use crate::codes::bounded;
use crate::head;
use crate::sql::Sql;

/// A page of an execution's history (HIS-01 to HIS-04).
pub(crate) fn read(sql: &Sql, request: &ReadHistory) -> rusqlite::Result<HistoryPage> {
    let mut page = HistoryPage::default();
    let mut bytes = 0_usize;
    page.more = sql.while_taken(
        "WITH life (ino) AS (SELECT ino FROM instance WHERE id = ?1)
         SELECT first_event_id, event_count, body FROM history
         WHERE ino = (SELECT ino FROM life) AND execution = ?2
             AND first_event_id >= coalesce(
                 (SELECT max(first_event_id) FROM history
                  WHERE ino = (SELECT ino FROM life) AND execution = ?2 AND first_event_id <= ?3),
                 0)
             AND first_event_id + event_count > ?3
         ORDER BY first_event_id",
        params![
            request.instance.as_str(),
            bounded(request.execution),
            bounded(request.from_event_id)
        ],
        |row| {
            bytes = bytes.saturating_add(row.get_ref(2)?.as_bytes().map_or(0, <[u8]>::len));
            if bytes > request.bytes_max && !page.chunks.is_empty() {
                return Ok(false);
            }
            page.chunks.push(HistoryChunk {
                first_event_id: row.get(0)?,
                event_count: row.get(1)?,
                body: head::bytes(row, 2)?,
            });
            Ok(true)
        },
    )?;
    Ok(page)
}
