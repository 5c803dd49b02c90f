//! What the tests of opening, migrating and asking share: a place of their own on a server, and the
//! rights to it.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

pub(crate) mod log;
pub(crate) mod plans;
pub(crate) mod private;

use std::error::Error;
use std::thread;

use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{ErrorKind, ProviderError};
use duroxide_postgres::{PostgresOptions, PostgresProvider};
use duroxide_provider_tests::servers::{ServerKind, server};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

/// A password that no message may repeat.
pub(crate) const SECRET: &str = "hunter2-swordfish";

/// The server that the tests of this process share. It may have to be started, which blocks.
pub(crate) async fn shared_url() -> String {
    let found = tokio::task::spawn_blocking(|| server(ServerKind::Postgres));
    found.await.unwrap().unwrap().url().to_owned()
}

/// A name that nobody else has.
pub(crate) fn fresh(prefix: &str) -> String {
    format!("{prefix}_{}", Entropy.lease_token().0.simple())
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The same server and database for somebody else.
pub(crate) fn url_as(url: &str, role: &str, password: &str) -> String {
    let there: PgConnectOptions = url.parse().unwrap();
    url_of(&there, role, password, there.get_database().unwrap())
}

/// The same server and role in another database.
pub(crate) fn url_in(url: &str, database: &str) -> String {
    let (before, _) = url.rsplit_once('/').unwrap();
    format!("{before}/{database}")
}

fn url_of(there: &PgConnectOptions, role: &str, password: &str, database: &str) -> String {
    let (host, port) = (there.get_host(), there.get_port());
    format!("postgres://{role}:{password}@{host}:{port}/{database}")
}

pub(crate) async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    // What a test says to the server, it says to nobody else: a password for a new role among it.
    options.disable_statement_logging().connect().await.unwrap()
}

/// Runs statements, in one transaction if there are several.
pub(crate) async fn execute(url: &str, sql: &str) {
    let mut connection = connect(url).await;
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await;
    done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    connection.close().await.unwrap();
}

/// The only value of the only row.
pub(crate) async fn value<T>(url: &str, sql: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    use sqlx::Row as _;
    let mut connection = connect(url).await;
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    let row: PgRow = query.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    row.get(0)
}

/// Statements that are run when the test ends, however it does.
#[derive(Debug)]
pub(crate) struct AtEnd {
    url: String,
    statements: Vec<String>,
}

impl AtEnd {
    pub(crate) fn new(url: &str, statements: impl IntoIterator<Item = String>) -> Self {
        Self {
            url: url.to_owned(),
            statements: statements.into_iter().collect(),
        }
    }
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        // A destructor cannot wait for the runtime of its test.
        let (url, statements) = (self.url.clone(), std::mem::take(&mut self.statements));
        let run = async move {
            for statement in statements {
                execute(&url, &statement).await;
            }
        };
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
        };
        let done = thread::spawn(move || runtime().unwrap().block_on(run)).join();
        if done.is_err() && !thread::panicking() {
            panic!("something of this test is left on the server");
        }
    }
}

/// A schema of its own, which goes away with this value. It is not created by it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) schema: String,
    _at_end: AtEnd,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::named(&fresh("duroxide_opening")).await
    }

    pub(crate) async fn named(schema: &str) -> Self {
        Self::at(&shared_url().await, schema)
    }

    pub(crate) fn at(url: &str, schema: &str) -> Self {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(schema));
        Self {
            url: url.to_owned(),
            schema: schema.to_owned(),
            _at_end: AtEnd::new(url, [drop]),
        }
    }

    pub(crate) fn quoted(&self) -> String {
        quoted(&self.schema)
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::default().schema(&self.schema)
    }

    pub(crate) async fn open(&self) -> PostgresProvider {
        self.open_with(self.options()).await
    }

    pub(crate) async fn open_with(&self, options: PostgresOptions) -> PostgresProvider {
        PostgresProvider::new(&self.url, Some(options))
            .await
            .unwrap()
    }
}

/// A role of its own that may log in by [`SECRET`], and owns nothing at the end.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) url: String,
    _at_end: AtEnd,
}

impl Role {
    pub(crate) async fn new(url: &str) -> Self {
        let name = fresh("duroxide_role");
        execute(
            url,
            &format!("CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'"),
        )
        .await;
        let leave = format!("DROP OWNED BY {name} CASCADE");
        Self {
            url: url_as(url, &name, SECRET),
            _at_end: AtEnd::new(url, [leave, format!("DROP ROLE {name}")]),
            name,
        }
    }
}

/// Opens what must be refused, and answers why. Whatever is said of it keeps the secret.
pub(crate) async fn refusal(url: &str, options: PostgresOptions) -> ProviderError {
    log::capture();
    let opened = PostgresProvider::new(url, Some(options)).await;
    let error = opened.expect_err("it was opened");
    let mut said = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        said += &format!(" {cause} {cause:?} {cause:#?}");
        source = cause.source();
    }
    assert!(!said.contains(SECRET), "{said}");
    log::assert_never_said(SECRET);
    error
}

/// A refusal that trying again does not help, and which says what to change.
pub(crate) async fn config_refusal(url: &str, options: PostgresOptions, says: &str) {
    let error = refusal(url, options).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(!error.is_retryable(), "{error:?}");
    assert!(error.message().contains(says), "{says}: {error:?}");
    assert_eq!(error.operation(), "open");
}
