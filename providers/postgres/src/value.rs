//! The values of instances.

use duroxide_core::limits::PAGE_ROWS_MAX;
use duroxide_core::providers::{
    CommitId, InstanceId, InstanceValue, ReadValues, TurnCommit, ValueKey, ValueKeys,
};
use sqlx::postgres::PgRow;
use sqlx::{Error, Row as _};
use uuid::Uuid;

use crate::codes::{bounded_size, index, millis};
use crate::head;
use crate::schema::Statement;
use crate::setup::Setup;

/// The values that the turns of a call set and remove, an element for each.
#[derive(Default)]
pub(crate) struct ValueColumns<'a> {
    turns: Vec<i32>,
    keys: Vec<&'a [u8]>,
    values: Vec<Option<&'a [u8]>>,
    expire_after_ms: Vec<Option<i64>>,
}

impl<'a> ValueColumns<'a> {
    pub(crate) fn push(&mut self, turn_place: i32, turn: &'a TurnCommit) {
        for update in &turn.values {
            let new = update.value.as_ref();
            self.turns.push(turn_place);
            self.keys.push(stored(&update.key));
            self.values.push(new.map(|new| &new.value[..]));
            let expires_after = new.and_then(|new| new.expires_after);
            self.expire_after_ms.push(expires_after.map(millis));
        }
    }

    pub(crate) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        statement
            .bind(self.turns)
            .bind(self.keys)
            .bind(self.values)
            .bind(self.expire_after_ms)
    }
}

/// A key as the table has it: bytes hold what a text of the server cannot, such as NUL.
fn stored(key: &ValueKey) -> &[u8] {
    key.as_str().as_bytes()
}

/// The call that reads values (VAL-02, VAL-07).
pub(crate) fn statement<'q>(setup: &Setup, request: &'q ReadValues) -> Statement<'q> {
    let instance = request.instance.as_str();
    match &request.keys {
        ValueKeys::Named(keys) => {
            let keys: Vec<&[u8]> = keys.iter().map(stored).collect();
            setup.functions.values.call().bind(instance).bind(keys)
        }
        ValueKeys::All { after, bytes_max } => {
            let call = setup.functions.values_page.call().bind(instance);
            call.bind(after.as_ref().map(stored))
                .bind(bounded_size(PAGE_ROWS_MAX))
                .bind(bounded_size(*bytes_max))
        }
    }
}

pub(crate) fn of_rows(rows: &[PgRow], request: &ReadValues) -> Result<Vec<InstanceValue>, Error> {
    let of_row = |row: &PgRow| {
        let key = match &request.keys {
            ValueKeys::Named(keys) => keys.get(place_of(row)?).cloned(),
            ValueKeys::All { .. } => {
                let key = std::str::from_utf8(row.try_get("key")?);
                Some(ValueKey::from(
                    key.map_err(|error| Error::Decode(error.into()))?,
                ))
            }
        };
        Ok(InstanceValue {
            key: key.ok_or_else(|| Error::Decode("a value of no key".into()))?,
            value: head::bytes(row, "value")?,
            version: CommitId(row.try_get("version")?),
        })
    };
    rows.iter().map(of_row).collect()
}

/// The call that reads the versions of values.
pub(crate) fn versions_statement<'q>(
    setup: &Setup,
    asked: &'q [(InstanceId, ValueKey)],
) -> Statement<'q> {
    let ids: Vec<&str> = asked.iter().map(|(id, _)| id.as_str()).collect();
    let keys: Vec<&[u8]> = asked.iter().map(|(_, key)| stored(key)).collect();
    setup.functions.versions.call().bind(ids).bind(keys)
}

/// The version that a value has, if it is there; nothing where its instance is not.
pub(crate) type Version = Option<Option<CommitId>>;

/// The versions that were asked for.
pub(crate) fn versions_of_rows(rows: &[PgRow], asked: usize) -> Result<Vec<Version>, Error> {
    let mut versions = vec![None; asked];
    for row in rows {
        let version: Option<Uuid> = row.try_get("version")?;
        let place = versions.get_mut(place_of(row)?);
        let place = place.ok_or_else(|| Error::Decode("a version of no value".into()))?;
        *place = Some(version.map(CommitId));
    }
    Ok(versions)
}

/// The place of what a row answers, from 0.
fn place_of(row: &PgRow) -> Result<usize, Error> {
    let place: i32 = row.try_get("place")?;
    let place = index(i64::from(place));
    place.ok_or_else(|| Error::Decode("a place before the first one".into()))
}
