//! What a store costs its server.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::ProviderError;
use duroxide_provider_tests::{CostMeter, CostScope, Costs, Unavailable};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::processes::Processes;
use crate::PostgresOptions;
use crate::connection;
use crate::error;
use crate::schema::Schema;

/// How long a reading may take.
const READ_MAX: Duration = Duration::from_secs(10);

/// The oldest version that tells statements inside functions from those that were sent, and that counts flushes.
const COUNTING_VERSION_MIN: i32 = 140_000;
/// From this version on the flushes of the log are counted elsewhere.
const IO_VERSION_MIN: i32 = 180_000;

/// What is asked here is found by this in the texts of statements, and left out.
const ABOUT: &str = "SELECT current_setting('server_version_num')::integer, \
    current_setting('pg_stat_statements.track', true), \
    (SELECT quote_ident(nspname) FROM pg_extension \
        JOIN pg_namespace ON pg_namespace.oid = extnamespace \
        WHERE extname = 'pg_stat_statements'), \
    pg_backend_pid(), inet_client_port() AS duroxide_meter";
const FLUSHES: &str = "SELECT wal_sync, coalesce(stats_reset::text, '') AS duroxide_meter \
    FROM pg_stat_wal";
const FLUSHES_OF_IO: &str = "SELECT sum(fsyncs)::bigint, \
    coalesce(min(stats_reset)::text, '') AS duroxide_meter FROM pg_stat_io WHERE object = 'wal'";
const BYTES: &str = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, \
    (SELECT sum(pg_total_relation_size(pg_class.oid))::bigint FROM pg_class \
        JOIN pg_namespace ON pg_namespace.oid = relnamespace \
        WHERE nspname = $1 AND relkind IN ('r', 'm')) AS duroxide_meter";

/// Reads what the server counts, on a connection of its own.
///
/// Statements and round trips are those of the extension pg_stat_statements, and of every database. The server's
/// processes tell how often they flushed the log with a delay: each at most once a second, and the rest when it
/// has been idle for ten. Its memory is the most that was seen at a reading. The bytes that were written are those of the log, without the tables' own files.
pub(super) struct PostgresMeter {
    connect: PgConnectOptions,
    schema: Schema,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    calls_since: Since,
    flushes_since: Since,
    processes_since: Since,
    peak_memory_bytes: Option<u64>,
}

/// Since when something is counted. What was begun anew is no count any more.
#[derive(Default)]
struct Since(Option<String>);

impl Since {
    /// Whether it is counted since the first time that this was asked.
    fn is(&mut self, since: &str) -> bool {
        self.0.get_or_insert_with(|| since.to_owned()) == since
    }
}

struct Session {
    connection: PgConnection,
    /// What asks how many statements there were.
    calls: Option<String>,
    /// Whether those inside functions are among them.
    counts_inner: bool,
    /// What asks how often the log was flushed.
    flushes: Option<&'static str>,
    /// Those of the server, where they are on this machine.
    processes: Option<Processes>,
}

impl PostgresMeter {
    /// One that reads from a store that is there. Whether anything can be read shows when it is.
    pub(super) fn new(connect: PgConnectOptions, schema: Schema) -> Self {
        Self {
            connect,
            schema,
            state: Mutex::default(),
        }
    }

    async fn read_by(&self, state: &mut State) -> Result<Costs, ProviderError> {
        let of_store = |cause| error::of_store("costs", cause);
        if let Some(mut session) = state.session.take() {
            // One that was lost is replaced.
            if let Ok(costs) = session.read(&self.schema, state).await {
                state.session = Some(session);
                return Ok(costs);
            }
        }
        let connected = connection::first(&self.connect, &PostgresOptions::default()).await?;
        let mut session = Session::new(connected).await.map_err(of_store)?;
        let costs = session.read(&self.schema, state).await.map_err(of_store)?;
        state.session = Some(session);
        Ok(costs)
    }
}

#[async_trait]
impl CostMeter for PostgresMeter {
    fn scope(&self) -> CostScope {
        CostScope::Server
    }

    async fn read(&self) -> Result<Costs, Unavailable> {
        let mut state = self.state.lock().await;
        let costs = timeout(READ_MAX, self.read_by(&mut state)).await;
        let costs = costs.map_err(|_| Unavailable::new("the server does not tell its costs"))?;
        costs.map_err(|error| Unavailable::new(format!("the costs cannot be read: {error}")))
    }
}

impl Session {
    async fn new(mut connection: PgConnection) -> Result<Self, sqlx::Error> {
        let mut about = sqlx::query(ABOUT).fetch_one(&mut connection).await?;
        let tracked: Option<String> = about.try_get(1)?;
        if tracked.is_some() && about.try_get::<Option<String>, _>(2)?.is_none() {
            // Whoever may not do this does without the counts.
            let made = sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
            made.execute(&mut connection).await.ok();
            about = sqlx::query(ABOUT).fetch_one(&mut connection).await?;
        }
        let version: i32 = about.try_get(0)?;
        let can_count = version >= COUNTING_VERSION_MIN;
        let place: Option<String> = about.try_get(2)?;
        let is_tracked = tracked.as_ref().is_some_and(|it| it != "none");
        let flushes = if version >= IO_VERSION_MIN {
            FLUSHES_OF_IO
        } else {
            FLUSHES
        };
        let (backend, port) = (about.try_get(3)?, about.try_get(4)?);
        Ok(Self {
            calls: place
                .filter(|_| can_count && is_tracked)
                .as_deref()
                .map(calls),
            counts_inner: tracked.is_some_and(|it| it == "all"),
            flushes: can_count.then_some(flushes),
            processes: blocking(move || Processes::of(backend, port)).await,
            connection,
        })
    }

    async fn read(&mut self, schema: &Schema, state: &mut State) -> Result<Costs, sqlx::Error> {
        let mut costs = Costs::default();
        if let Some(calls) = &self.calls {
            let calls = sqlx::query(AssertSqlSafe(calls.clone()));
            let calls = allowed(calls.fetch_one(&mut self.connection).await)?;
            if let Some(calls) = calls.filter(|it| state.calls_since.is(&text(it, 2))) {
                costs.round_trips = number(&calls, 0);
                costs.statements = number(&calls, 1).filter(|_| self.counts_inner);
            }
        }
        if let Some(flushes) = self.flushes {
            let flushes = sqlx::query(flushes).fetch_one(&mut self.connection).await;
            let flushes = allowed(flushes)?.filter(|it| state.flushes_since.is(&text(it, 1)));
            costs.durable_commits = flushes.and_then(|it| number(&it, 0));
        }
        let bytes = sqlx::query(BYTES).bind(schema.name());
        if let Some(bytes) = allowed(bytes.fetch_one(&mut self.connection).await)? {
            costs.written_bytes = number(&bytes, 0);
            costs.stored_bytes = number(&bytes, 1);
        }
        if let Some(processes) = self.processes
            && state.processes_since.is(&processes.server().to_string())
        {
            costs.server_cpu = blocking(move || processes.cpu()).await;
            let memory_bytes = blocking(move || processes.memory_bytes()).await;
            state.peak_memory_bytes = state.peak_memory_bytes.max(memory_bytes);
            costs.server_peak_memory_bytes = state.peak_memory_bytes;
        }
        Ok(costs)
    }
}

/// What asks how many statements there were, those that were sent and all, and since when none was forgotten.
fn calls(place: &str) -> String {
    format!(
        "SELECT coalesce(sum(calls) FILTER (WHERE toplevel), 0)::bigint, \
             coalesce(sum(calls), 0)::bigint, \
             (SELECT dealloc || ' ' || stats_reset FROM {place}.pg_stat_statements_info) \
                 AS duroxide_meter \
         FROM {place}.pg_stat_statements \
         WHERE query IS NULL OR query NOT LIKE '%duroxide_meter%'"
    )
}

/// What a role may not see is not there. Everything else means that the connection is lost.
fn allowed(row: Result<PgRow, sqlx::Error>) -> Result<Option<PgRow>, sqlx::Error> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(sqlx::Error::Database(_)) => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn number(row: &PgRow, column: usize) -> Option<u64> {
    let number: Option<i64> = row.try_get(column).ok()?;
    u64::try_from(number?).ok()
}

fn text(row: &PgRow, column: usize) -> String {
    row.try_get(column).unwrap_or_default()
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(read).await.ok().flatten()
}
