//! Channels, as a value in the inbox: the name of a topic, or a number.

use duroxide_core::providers::{Channel, Topic};
use rusqlite::types::{FromSqlError, ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};

use crate::head::unreadable;

const CONTROL: i64 = 0;
const SYSTEM: i64 = 1;

/// A channel as a parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code<'a>(pub(crate) &'a Channel);

impl ToSql for Code<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Channel::Control => CONTROL.into(),
            Channel::System => SYSTEM.into(),
            Channel::Topic(topic) => ToSqlOutput::Borrowed(topic.as_str().into()),
        })
    }
}

/// Reads a channel from this column.
pub(crate) fn of_row(row: &Row<'_>, column: usize) -> rusqlite::Result<Channel> {
    let channel = match row.get_ref(column)? {
        ValueRef::Integer(CONTROL) => Ok(Channel::Control),
        ValueRef::Integer(SYSTEM) => Ok(Channel::System),
        ValueRef::Integer(code) => Err(FromSqlError::OutOfRange(code)),
        name @ (ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_)) => {
            name.as_str().map(|name| Channel::Topic(Topic::from(name)))
        }
    };
    channel.map_err(|error| unreadable(column, error))
}
