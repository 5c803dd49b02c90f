//! A store of one test: a schema of its own, and ways to look at it past the provider.

use std::net::SocketAddr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::entropy::Entropy;
use duroxide_postgres::{PostgresOptions, PostgresProvider};
use duroxide_provider_tests::network::{Postgres, Proxy, Upstream};
use duroxide_provider_tests::servers::{ServerKind, server};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How often at most: for a minute and more, of which nothing needs a second.
const LOOKS_MAX: u32 = 12_000;

/// A schema, which goes away with this.
pub(crate) struct Store {
    url: String,
    schema: String,
}

impl Store {
    /// A store on the server that all tests share.
    pub(crate) async fn shared() -> Self {
        // It may have to be started, which blocks.
        let found = tokio::task::spawn_blocking(|| server(ServerKind::Postgres)).await;
        Self::at(found.unwrap().unwrap().url())
    }

    /// A store on this server.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            schema: format!("duroxide_faults_{}", Entropy.lease_token().0.simple()),
        }
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::default().schema(&self.schema)
    }

    /// A provider whose connections have this name.
    pub(crate) async fn open(&self, name: &str, options: PostgresOptions) -> Arc<PostgresProvider> {
        open(&self.named(name), options).await
    }

    /// A provider whose connections have a setting of the server's for themselves.
    pub(crate) async fn open_with_setting(
        &self,
        name: &str,
        setting: &str,
        value: &str,
        options: PostgresOptions,
    ) -> Arc<PostgresProvider> {
        let url = format!("{}&options[{setting}]={value}", self.named(name));
        open(&url, options).await
    }

    /// A provider whose connections go through a proxy.
    pub(crate) async fn open_through(
        &self,
        proxy: &Proxy,
        name: &str,
        options: PostgresOptions,
    ) -> Arc<PostgresProvider> {
        open(&self.through(proxy, name), options).await
    }

    pub(crate) async fn proxy(&self) -> Proxy {
        let upstream = Upstream::Tcp(self.address());
        Proxy::start(upstream, Postgres::default).await.unwrap()
    }

    /// The same database, by way of a proxy.
    pub(crate) fn through(&self, proxy: &Proxy, name: &str) -> String {
        let (front, rest) = self.url.rsplit_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        let database = database.split('?').next().unwrap();
        let (address, name) = (proxy.address(), self.name(name));
        format!("{front}@{address}/{database}?sslmode=disable&application_name={name}")
    }

    fn named(&self, name: &str) -> String {
        let sign = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{sign}application_name={}", self.url, self.name(name))
    }

    /// Names of other tests' connections must not be counted.
    fn name(&self, name: &str) -> String {
        let (_, unique) = self.schema.split_at(self.schema.len() - 12);
        format!("{name}-{unique}")
    }

    fn address(&self) -> SocketAddr {
        let connect = PgConnectOptions::from_str(&self.url).unwrap();
        let host = connect.get_host();
        let host = if host == "localhost" {
            "127.0.0.1"
        } else {
            host
        };
        SocketAddr::new(host.parse().unwrap(), connect.get_port())
    }

    /// A connection that belongs to no provider and finds the tables of the store.
    pub(crate) async fn connection(&self) -> PgConnection {
        self.try_connection().await.unwrap()
    }

    /// The same, if there is one to be had.
    pub(crate) async fn try_connection(&self) -> Option<PgConnection> {
        let connect = PgConnectOptions::from_str(&self.url).unwrap();
        let connect = connect.options([("search_path", &self.schema)]);
        connect.connect().await.ok()
    }

    /// Waits until the server has a connection to give.
    pub(crate) async fn until_free(&self) {
        while self.try_connection().await.is_none() {
            sleep(LOOK).await;
        }
    }

    /// Waits until a connection of this name listens.
    pub(crate) async fn until_listening(&self, name: &str) {
        let name = self.name(name);
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE application_name = '{name}' AND query LIKE 'LISTEN%'"
        );
        for _ in 0..LOOKS_MAX {
            if self.number(&sql).await == 1 {
                return;
            }
            sleep(LOOK).await;
        }
        panic!("nobody listens");
    }

    /// Waits until a connection of this name waits for somebody else's lock.
    pub(crate) async fn until_waiting_for_a_lock(&self, name: &str) {
        let name = self.name(name);
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE application_name = '{name}' AND wait_event_type = 'Lock'"
        );
        for _ in 0..LOOKS_MAX {
            if self.number(&sql).await > 0 {
                return;
            }
            sleep(LOOK).await;
        }
        panic!("nothing of {name} waits for a lock");
    }

    /// What a query answers, past the provider.
    pub(crate) async fn row(&self, sql: &str) -> PgRow {
        let mut connection = self.connection().await;
        let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        let row = query.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        row
    }

    /// A number from the store, past the provider.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.row(sql).await.get(0)
    }

    /// How many connections of this name there are.
    pub(crate) async fn connections(&self, name: &str) -> i64 {
        let name = self.name(name);
        self.number(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
        ))
        .await
    }

    /// Waits until there are this many connections of this name.
    pub(crate) async fn until_connections(&self, name: &str, expected: i64) {
        let mut found = -1;
        for _ in 0..LOOKS_MAX {
            found = self.connections(name).await;
            if found == expected {
                return;
            }
            SystemClock.sleep(LOOK).await;
        }
        panic!("there are {found} connections named {name} and not {expected}");
    }

    /// Cancels what the connections of this name are doing just now; answers how many did something.
    pub(crate) async fn cancel(&self, name: &str) -> i64 {
        let name = self.name(name);
        self.number(&format!(
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = '{name}' AND state = 'active'"
        ))
        .await
    }

    /// Ends the connections of this name, all of them or one at random; answers how many.
    pub(crate) async fn terminate(&self, name: &str, how_many_at_most: u32) -> i64 {
        let name = self.name(name);
        self.number(&format!(
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
             WHERE application_name = '{name}' ORDER BY random() LIMIT {how_many_at_most}) victims"
        ))
        .await
    }
}

async fn open(url: &str, options: PostgresOptions) -> Arc<PostgresProvider> {
    let opened = PostgresProvider::new(url, Some(options)).await;
    Arc::new(opened.unwrap())
}

impl Drop for Store {
    fn drop(&mut self) {
        // The runtime of the test may be at its end, and a destructor cannot wait for it.
        let connect = PgConnectOptions::from_str(&self.url).unwrap();
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                // A server that is gone has taken it along.
                if let Ok(mut connection) = connect.connect().await {
                    let dropping = sqlx::raw_sql(AssertSqlSafe(sql));
                    dropping.execute(&mut connection).await.ok();
                }
            });
        });
        dropped.join().ok();
    }
}

/// Milliseconds of the machine's clock.
pub(crate) fn now_ms() -> u64 {
    SystemClock.now_ms()
}

pub(crate) async fn sleep(duration: Duration) {
    SystemClock.sleep(duration).await;
}
