//! Reading history.

use duroxide_core::providers::{HistoryChunk, HistoryPage, ReadHistory};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};

use crate::codes::{self, bounded, bounded_size};
use crate::head;
use crate::schema::Statement;
use crate::setup::Setup;

/// The call that reads a page of an execution's history (HIS-01 to HIS-04).
pub(crate) fn statement<'q>(setup: &Setup, request: &'q ReadHistory) -> Statement<'q> {
    setup
        .functions
        .history
        .call()
        .bind(request.instance.as_str())
        .bind(bounded(request.execution))
        .bind(bounded(request.from_event_id))
        .bind(bounded_size(request.bytes_max))
}

pub(crate) fn of_rows(rows: &[PgRow]) -> Result<HistoryPage, Error> {
    let mut page = HistoryPage::default();
    for row in rows {
        let Some(first_event_id) = row.try_get::<Option<i64>, _>("first_event_id")? else {
            page.more = row.try_get("is_left")?;
            continue;
        };
        page.chunks.push(HistoryChunk {
            first_event_id: codes::unsigned(first_event_id)?,
            event_count: codes::unsigned(row.try_get("event_count")?)?,
            body: head::bytes(row, "body")?,
        });
    }
    Ok(page)
}
