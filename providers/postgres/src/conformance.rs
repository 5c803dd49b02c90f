//! The fixture by which this provider proves itself.
//!
//! A server's time cannot be moved, but this provider reads it through one function of its schema. The
//! schemas of the suite have another one there, which reads a table: so time passes when a case says
//! so, leases and timers of hours take milliseconds, and the reference can be compared with.

mod clock;
mod meter;
mod processes;

use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock as _, SystemClock, millis_ceil};
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{Limits, Provider, ProviderError};
use duroxide_provider_tests::servers::{ServerKind, server};
use duroxide_provider_tests::{
    Ending, Fixture, MeteredStore, Pace, RealTime, Store, TestClock, Unavailable,
};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tokio::sync::RwLock;

use self::clock::{MovableClock, movable_clock};
use self::meter::PostgresMeter;
use crate::connection;
use crate::error;
use crate::location;
use crate::schema::Schema;
use crate::{Listen, Migrations, PostgresOptions, PostgresProvider};

/// How often it is tried to remove a schema that is in use, since the server may end either side of
/// a deadlock.
const REMOVALS_MAX: u32 = 5;

/// How the work of other processes is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Listening,
    Polling,
}

/// Makes empty stores, each in a schema of its own, which goes away with it.
#[derive(Debug, Clone)]
pub struct PostgresFixture {
    /// `None` for the server that the tests of this process share.
    url: Option<String>,
    hearing: Hearing,
    /// By how much real time is sped up; `None` for time that the cases move.
    speedup: Option<u32>,
    schemas: Arc<Schemas>,
}

/// The schemas that a fixture and its clones have in the database.
#[derive(Debug, Default)]
struct Schemas {
    there: parking_lot::Mutex<Vec<(Schema, PgConnectOptions)>>,
    /// Whether no more of them are made. Whoever makes one holds this meanwhile.
    is_over: RwLock<bool>,
}

impl Schemas {
    fn forget(&self, schema: &Schema) {
        let mut there = self.there.lock();
        there.retain(|(it, _)| it.name() != schema.name());
    }
}

impl PostgresFixture {
    /// Stores whose providers hear of one another.
    #[must_use]
    pub fn listening() -> Self {
        Self {
            url: None,
            hearing: Hearing::Listening,
            speedup: None,
            schemas: Arc::default(),
        }
    }

    /// Stores whose providers ask for one another's work, as behind a proxy that pools transactions.
    #[must_use]
    pub fn polling() -> Self {
        Self {
            hearing: Hearing::Polling,
            ..Self::listening()
        }
    }

    /// Lets the stores live by the server's own clock, and the cases run so many times faster.
    #[must_use]
    pub fn in_real_time(mut self, speedup: u32) -> Self {
        self.speedup = Some(speedup);
        self
    }

    /// Makes the stores in this database. Otherwise a server is looked for, as
    /// [`servers`](duroxide_provider_tests::servers) tells.
    #[must_use]
    pub fn at(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// Removes every schema that this fixture and its clones have made, under the cases that still
    /// use them, and makes no more: for somebody who interrupts the suite.
    pub async fn remove_all(&self) {
        let mut is_over = self.schemas.is_over.write().await;
        *is_over = true;
        let there = self.schemas.there.lock().clone();
        for (schema, connect) in there {
            for _ in 0..REMOVALS_MAX {
                if execute(&connect, drop_schema(&schema)).await.is_ok() {
                    self.schemas.forget(&schema);
                    break;
                }
            }
        }
    }
}

fn drop_schema(schema: &Schema) -> String {
    format!("DROP SCHEMA IF EXISTS {} CASCADE", schema.quoted())
}

#[async_trait]
impl Fixture for PostgresFixture {
    fn mode(&self) -> &str {
        match self.hearing {
            Hearing::Listening => "listening",
            Hearing::Polling => "polling",
        }
    }

    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let url = self.url().await?;
        let connect = location::parse(&url).map_err(|error| unavailable(&error))?;
        let name = format!("duroxide_conformance_{}", Entropy.lease_token().0.simple());
        let schema = Schema::new(&name).map_err(|error| unavailable(&error))?;
        let connected = connection::first(&connect, &PostgresOptions::default()).await;
        let mut connection = connected.map_err(|error| unavailable(&error))?;
        let made = PostgresProvider::migration_sql(&name).map_err(|error| unavailable(&error))?;
        let mut sql = format!("BEGIN;\nSET LOCAL check_function_bodies = off;\n{made}");
        if self.speedup.is_none() {
            sql += &movable_clock(&schema);
        }
        let is_over = self.schemas.is_over.read().await;
        if *is_over {
            return Err(Unavailable::new("the suite was interrupted"));
        }
        let place = (schema.clone(), connect.clone());
        self.schemas.there.lock().push(place);
        sqlx::raw_sql(AssertSqlSafe(sql + "COMMIT;"))
            .execute(&mut connection)
            .await
            .map_err(|cause| unavailable(&error::of_store("create", cause)))?;
        drop(is_over);
        let clock: Box<dyn TestClock> = match self.speedup {
            Some(speedup) => Box::new(RealTime::new(speedup)),
            None => Box::new(MovableClock::new(schema.clone(), connection)),
        };
        Ok(Box::new(PostgresStore {
            url,
            connect,
            schema,
            hearing: self.hearing,
            clock,
            schemas: Arc::clone(&self.schemas),
            alive: parking_lot::Mutex::default(),
        }))
    }

    /// In the schema with the name of the folder.
    async fn open_in(&self, folder: &Path) -> Result<Arc<dyn Provider>, Unavailable> {
        let (url, schema) = self.place_of(folder).await?;
        let mut options = PostgresOptions::default().schema(schema.name());
        if self.hearing == Hearing::Polling {
            options = options.listen(Listen::Never);
        }
        let opened = PostgresProvider::new(&url, Some(options)).await;
        opened.map(shared).map_err(cannot_be_opened)
    }

    async fn open_to_measure(&self, folder: &Path) -> Result<MeteredStore, Unavailable> {
        let provider = self.open_in(folder).await?;
        let (url, schema) = self.place_of(folder).await?;
        let connect = location::parse(&url).map_err(|error| unavailable(&error))?;
        Ok(MeteredStore {
            provider,
            meter: Some(Arc::new(PostgresMeter::new(connect, schema))),
        })
    }

    async fn remove_from(&self, folder: &Path) -> Result<(), String> {
        let place = self.place_of(folder).await;
        let (url, schema) = place.map_err(|error| error.to_string())?;
        let connect = location::parse(&url).map_err(|error| error.to_string())?;
        let removed = execute(&connect, drop_schema(&schema)).await;
        removed.map_err(|error| format!("the schema of the run is left behind: {error}"))
    }
}

impl PostgresFixture {
    async fn url(&self) -> Result<String, Unavailable> {
        match &self.url {
            Some(url) => Ok(url.clone()),
            None => shared_url().await,
        }
    }

    /// The database and the schema that belong to a folder.
    async fn place_of(&self, folder: &Path) -> Result<(String, Schema), Unavailable> {
        let name = folder.file_name().and_then(|name| name.to_str());
        let schema = Schema::new(name.unwrap_or_default());
        let schema = schema.map_err(|error| unavailable(&error))?;
        Ok((self.url().await?, schema))
    }
}

fn shared(provider: PostgresProvider) -> Arc<dyn Provider> {
    Arc::new(provider)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn cannot_be_opened(error: ProviderError) -> Unavailable {
    Unavailable::new(format!("the store cannot be opened: {error}"))
}

fn unavailable(error: &ProviderError) -> Unavailable {
    Unavailable::new(format!("no schema can be made: {error}"))
}

/// The server of this process. It may have to be started, which blocks.
async fn shared_url() -> Result<String, Unavailable> {
    let found = tokio::task::spawn_blocking(|| server(ServerKind::Postgres)).await;
    let found = found.map_err(|error| Unavailable::new(error.to_string()))?;
    Ok(found?.url().to_owned())
}

struct PostgresStore {
    url: String,
    connect: PgConnectOptions,
    schema: Schema,
    hearing: Hearing,
    clock: Box<dyn TestClock>,
    schemas: Arc<Schemas>,
    /// The handles that were not killed.
    alive: parking_lot::Mutex<Vec<Weak<PostgresProvider>>>,
}

/// How long the server may take to see that its clients are gone.
const GONE_WITHIN: Duration = Duration::from_secs(30);

impl PostgresStore {
    /// Opens a handle by a URL, which may have settings of the server in it.
    async fn open(&self, url: &str) -> Result<Arc<PostgresProvider>, Unavailable> {
        let mut limits = Limits::default();
        // Filling a mailbox takes a while otherwise; the cases send some more than a thousand to a topic.
        limits.topic_messages_max = 1_500;
        limits.mail_messages_max = 2_000;
        let mut options = PostgresOptions::default()
            .limits(limits)
            .schema(self.schema.name())
            .migrations(Migrations::Verify);
        if self.clock.pace() == Pace::Virtual {
            options = options.clock(self.clock.clock());
        }
        if self.hearing == Hearing::Polling {
            options = options.listen(Listen::Never);
        }
        let opened = PostgresProvider::new(url, Some(options)).await;
        let provider = Arc::new(opened.map_err(cannot_be_opened)?);
        self.alive.lock().push(Arc::downgrade(&provider));
        Ok(provider)
    }

    /// This URL with a parameter more.
    fn url_with(&self, parameter: &str) -> String {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}{parameter}", self.url)
    }

    /// By what the server tells the connections of this store's handles from all others.
    fn connection_name(&self) -> &str {
        self.schema.name()
    }

    /// Ends what the server still does for clients that are gone, and waits until it has.
    async fn end_sessions(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.connect.connect().await?;
        let deadline = SystemClock.now_ms() + millis_ceil(GONE_WITHIN);
        loop {
            let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                             WHERE application_name = $1";
            let left: i64 = sqlx::query_scalar(statement)
                .bind(self.connection_name())
                .fetch_one(&mut connection)
                .await?;
            if left == 0 {
                return connection.close().await;
            }
            if SystemClock.now_ms() > deadline {
                return Err(sqlx::Error::PoolTimedOut);
            }
            SystemClock.sleep(Duration::from_millis(1)).await;
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        let named = self.url_with(&format!("application_name={}", self.connection_name()));
        Ok(self.open(&named).await?)
    }

    /// Cuts the connections of every handle where they stand, and waits until the server has ended
    /// what it did for them.
    async fn crash(&self) -> Result<Ending, Unavailable> {
        let alive = std::mem::take(&mut *self.alive.lock());
        for provider in alive.iter().filter_map(Weak::upgrade) {
            provider.kill().await;
        }
        self.end_sessions().await.map_err(|error| {
            Unavailable::new(format!("the sessions of the dead cannot be ended: {error}"))
        })?;
        Ok(Ending::ProcessKilled)
    }

    async fn connect_weakened(&self) -> Result<Option<Arc<dyn Provider>>, Unavailable> {
        let weak = self.url_with("options[synchronous_commit]=off");
        Ok(Some(self.open(&weak).await?))
    }

    fn clock(&self) -> &dyn TestClock {
        &*self.clock
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // The runtime of the case may be at its end, and a destructor cannot wait for it.
        let connect = self.connect.clone();
        let sql = drop_schema(&self.schema);
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime
                && let Err(error) = runtime.block_on(execute(&connect, sql))
            {
                tracing::warn!(target: "duroxide::postgres", %error, "a schema is left behind");
            }
        });
        dropped.join().ok();
        self.schemas.forget(&self.schema);
    }
}

async fn execute(connect: &PgConnectOptions, sql: String) -> Result<(), sqlx::Error> {
    let mut connection = connect.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await?;
    connection.close().await
}
