//! The head of an instance, as a row.

use bytes::Bytes;
use duroxide_core::providers::{
    CommitId, Incarnation, InstanceHead, InstanceId, InstanceRecord, Parent, Position, TaskQueue,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};
use uuid::Uuid;

use crate::{channel, codes};

/// Reads a head from a row that has its columns, by their names.
pub(crate) fn of_row(row: &PgRow) -> Result<InstanceHead, Error> {
    Ok(InstanceHead {
        instance: instance_id(row, "id")?,
        incarnation: Incarnation(row.try_get("incarnation")?),
        queue: TaskQueue::from(row.try_get::<&str, _>("queue")?),
        parent: parent(row)?,
        orchestration: row.try_get("orchestration")?,
        version: row.try_get("version")?,
        status: codes::instance_status(row.try_get("status")?)?,
        output: row
            .try_get::<Option<Vec<u8>>, _>("output")?
            .map(Bytes::from),
        position: Position {
            execution: codes::unsigned(row.try_get("execution")?)?,
            next_event_id: codes::unsigned(row.try_get("next_event_id")?)?,
        },
        commit_id: row.try_get::<Option<_>, _>("commit_id")?.map(CommitId),
        core_state: bytes(row, "core_state")?,
        awaited: row
            .try_get::<Vec<Vec<u8>>, _>("awaited")?
            .iter()
            .map(|stored| channel::read_topic(stored))
            .collect::<Result<_, _>>()?,
        suspended: row.try_get("suspended")?,
        created_at_ms: codes::unsigned(row.try_get("created_ms")?)?,
        updated_at_ms: codes::unsigned(row.try_get("updated_ms")?)?,
        expires_at_ms: row
            .try_get::<Option<_>, _>("expires_ms")?
            .map(codes::unsigned)
            .transpose()?,
        note: None,
    })
}

/// The same from a row with the note that a read of the head finds (NOT-01).
pub(crate) fn with_note(row: &PgRow) -> Result<InstanceHead, Error> {
    Ok(InstanceHead {
        note: note(row)?,
        ..of_row(row)?
    })
}

/// The note beside a head.
pub(crate) fn note(row: &PgRow) -> Result<Option<Bytes>, Error> {
    let note = row.try_get::<Option<Vec<u8>>, _>("note")?;
    Ok(note.map(Bytes::from))
}

/// Whose child an instance is.
fn parent(row: &PgRow) -> Result<Option<Box<Parent>>, Error> {
    let incarnation: Option<Uuid> = row.try_get("parent_incarnation")?;
    let parent = incarnation.map(|incarnation| {
        Ok(Box::new(Parent {
            instance: instance_id(row, "parent_id")?,
            incarnation: Incarnation(incarnation),
        }))
    });
    parent.transpose()
}

/// Reads a head with its labels.
pub(crate) fn record_of_row(row: &PgRow) -> Result<InstanceRecord, Error> {
    let texts = |column: &str| {
        let texts: Option<Vec<Vec<u8>>> = row.try_get(column)?;
        let texts = texts.unwrap_or_default().into_iter();
        let texts = texts.map(|it| String::from_utf8(it).map_err(|it| Error::Decode(it.into())));
        texts.collect::<Result<Vec<_>, _>>()
    };
    let (keys, values) = (texts("label_keys")?, texts("label_values")?);
    Ok(InstanceRecord {
        head: of_row(row)?,
        labels: keys.into_iter().zip(values).collect(),
    })
}

pub(crate) fn bytes(row: &PgRow, column: &str) -> Result<Bytes, Error> {
    row.try_get::<Vec<u8>, _>(column).map(Bytes::from)
}

pub(crate) fn instance_id(row: &PgRow, column: &str) -> Result<InstanceId, Error> {
    let text: &str = row.try_get(column)?;
    InstanceId::new(text).map_err(|error| Error::Decode(error.into()))
}
