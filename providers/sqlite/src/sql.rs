//! A connection whose statements are cached and counted.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::stats::Counters;

#[derive(Debug)]
pub(crate) struct Sql {
    connection: Connection,
    counters: Arc<Counters>,
}

impl Sql {
    pub(crate) fn new(connection: Connection, counters: Arc<Counters>) -> Self {
        // More than there are different statements, so that each is prepared once.
        connection.set_prepared_statement_cache_capacity(128);
        Self {
            connection,
            counters,
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Goes on with another connection, and closes the one before.
    pub(crate) fn reconnect(&mut self, connection: Connection) {
        connection.set_prepared_statement_cache_capacity(128);
        self.connection = connection;
    }

    /// Runs a statement and answers how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.counters.count_statement();
        self.connection.prepare_cached(sql)?.execute(params)
    }

    /// Runs a statement that has an effect when it is prepared, as pragmas do.
    pub(crate) fn execute_uncached(&self, sql: &str) -> rusqlite::Result<()> {
        self.counters.count_statement();
        self.connection.execute_batch(sql)
    }

    /// The first row, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.counters.count_statement();
        self.connection
            .prepare_cached(sql)?
            .query_row(params, read)
            .optional()
    }

    /// The only row of a statement that always has one.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.counters.count_statement();
        self.connection.prepare_cached(sql)?.query_row(params, read)
    }

    /// All rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.counters.count_statement();
        self.connection
            .prepare_cached(sql)?
            .query_map(params, read)?
            .collect()
    }

    /// Hands out row by row, until there is no other or `take` answers false. Answers whether a
    /// row was refused.
    pub(crate) fn while_taken(
        &self,
        sql: &str,
        params: impl Params,
        mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<bool> {
        self.counters.count_statement();
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if !take(row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
