//! The head of an instance, as a row.

use bytes::Bytes;
use duroxide_core::providers::{
    CommitId, Incarnation, InstanceHead, InstanceId, Parent, Position, TaskQueue,
};
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use uuid::Uuid;

use crate::awaited;
use crate::codes;
use crate::sql::Sql;

/// The columns that [`of_row`] reads, in its order.
macro_rules! head_columns {
    () => {
        "id, incarnation, orchestration, version, status, output, execution, next_event_id, \
         commit_id, core_state, awaited, suspended, created_at, updated_at, queue, parent_id, \
         parent_incarnation, expires_at"
    };
}
pub(crate) use head_columns;

/// How many columns that are.
pub(crate) const HEAD_COLUMNS: usize = 18;

/// The note of an instance, unless a commit has made it void (NOT-01).
macro_rules! note_column {
    () => {
        "(SELECT note FROM note WHERE ino = instance.ino AND note.commit_id IS instance.commit_id)"
    };
}
pub(crate) use note_column;

const HEAD_AND_NOTE: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", ",
    note_column!(),
    " FROM instance WHERE id = ?1"
);

/// Reads a head from the first columns of a row.
pub(crate) fn of_row(row: &Row<'_>) -> rusqlite::Result<InstanceHead> {
    Ok(InstanceHead {
        instance: instance_id(row, 0)?,
        incarnation: Incarnation(row.get(1)?),
        queue: TaskQueue(row.get(14)?),
        parent: parent(row, 15)?,
        orchestration: row.get(2)?,
        version: row.get(3)?,
        status: codes::instance_status(row.get(4)?).map_err(|error| unreadable(4, error))?,
        output: row.get::<_, Option<Vec<u8>>>(5)?.map(Bytes::from),
        position: Position {
            execution: row.get(6)?,
            next_event_id: row.get(7)?,
        },
        commit_id: row.get::<_, Option<_>>(8)?.map(CommitId),
        core_state: bytes(row, 9)?,
        awaited: awaited::of_row(row, 10)?,
        suspended: row.get(11)?,
        created_at_ms: row.get(12)?,
        updated_at_ms: row.get(13)?,
        note: None,
        expires_at_ms: row.get(17)?,
    })
}

/// Whose child an instance is, from these two columns.
fn parent(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Box<Parent>>> {
    let incarnation: Option<Uuid> = row.get(column + 1)?;
    let parent = incarnation.map(|incarnation| {
        Ok(Box::new(Parent {
            instance: instance_id(row, column)?,
            incarnation: Incarnation(incarnation),
        }))
    });
    parent.transpose()
}

pub(crate) fn read(sql: &Sql, instance: &InstanceId) -> rusqlite::Result<Option<InstanceHead>> {
    sql.first(
        concat!("SELECT ", head_columns!(), " FROM instance WHERE id = ?1"),
        [instance.as_str()],
        of_row,
    )
}

/// The same with the note, unless a commit has made that void (NOT-01).
pub(crate) fn read_with_note(
    sql: &Sql,
    instance: &InstanceId,
) -> rusqlite::Result<Option<InstanceHead>> {
    sql.first(HEAD_AND_NOTE, [instance.as_str()], |row| {
        Ok(InstanceHead {
            note: note(row, HEAD_COLUMNS)?,
            ..of_row(row)?
        })
    })
}

/// The note in this column.
pub(crate) fn note(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Bytes>> {
    let note = row.get::<_, Option<Vec<u8>>>(column)?;
    Ok(note.map(Bytes::from))
}

pub(crate) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    row.get::<_, Vec<u8>>(column).map(Bytes::from)
}

pub(crate) fn instance_id(row: &Row<'_>, column: usize) -> rusqlite::Result<InstanceId> {
    let text = row.get_ref(column)?.as_str();
    let text = text.map_err(|error| unreadable(column, error))?;
    InstanceId::new(text).map_err(|error| unreadable(column, FromSqlError::Other(error.into())))
}

/// A value that this crate never writes.
pub(crate) fn unreadable(column: usize, error: FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, error.into())
}
