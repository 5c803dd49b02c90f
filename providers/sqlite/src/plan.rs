//! How SQLite goes about a statement, for tests.

use crate::connection;
use crate::location::Location;
use crate::options::SqliteOptions;

/// The steps of a statement on an empty store.
pub(crate) fn steps(sql: &str) -> Vec<String> {
    let connection = connection::open_writer(&Location::Memory, &SqliteOptions::default()).unwrap();
    let explained = format!("EXPLAIN QUERY PLAN {sql}");
    let mut statement = connection.prepare(&explained).unwrap();
    let params = rusqlite::params_from_iter(vec![1; statement.parameter_count()]);
    let steps = statement.query_map(params, |row| row.get("detail"));
    steps.unwrap().collect::<Result<_, _>>().unwrap()
}
