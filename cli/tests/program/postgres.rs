//! Postgres: what is said without a server, and what is left behind on one.

use std::process::{Command, Stdio};
use std::str::FromStr as _;

use duroxide_postgres::{Migrations, PostgresOptions, PostgresProvider};
use duroxide_provider_tests::servers::{ServerKind, free_port, server};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tokio::runtime::Runtime;

use crate::{commands_of_the_pages_work, conformance, duroxide, refused, text};

/// A database of its own, so that everything in it is of one test.
struct Database {
    name: &'static str,
    url: String,
    connection: PgConnection,
    runtime: Runtime,
}

impl Database {
    fn new(name: &'static str) -> Self {
        let runtime = Runtime::new().unwrap();
        let admin =
            PgConnectOptions::from_str(server(ServerKind::Postgres).unwrap().url()).unwrap();
        let own = admin.clone().database(name);
        let connection = runtime.block_on(async {
            let mut admin = admin.connect().await.unwrap();
            for statement in [
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                format!("CREATE DATABASE {name}"),
            ] {
                let statement = sqlx::raw_sql(AssertSqlSafe(statement));
                statement.execute(&mut admin).await.unwrap();
            }
            own.connect().await.unwrap()
        });
        Self {
            name,
            url: own.to_url_lossy().to_string(),
            connection,
            runtime,
        }
    }

    /// How many schemas of stores there are.
    fn schemas(&mut self) -> i64 {
        self.runtime.block_on(async {
            let count = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'duroxide%'";
            let row = sqlx::query(count).fetch_one(&mut self.connection).await;
            row.unwrap().get(0)
        })
    }

    fn execute(&mut self, sql: String) {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        let done = self
            .runtime
            .block_on(statements.execute(&mut self.connection));
        done.unwrap();
    }

    fn remove(self) {
        let admin = server(ServerKind::Postgres).unwrap().url();
        self.runtime.block_on(async {
            self.connection.close().await.unwrap();
            let mut admin = PgConnection::connect(admin).await.unwrap();
            let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
            sqlx::raw_sql(AssertSqlSafe(drop))
                .execute(&mut admin)
                .await
                .unwrap();
        });
    }
}

#[test]
fn what_postgres_does_not_have_is_refused() {
    refused(&["--backend", "postgres:hunter2"], "postgres://USER");
    let url = "postgresql://user:hunter2@host/db";
    refused(
        &["--backend", url, "--mode", "hunter2"],
        "the modes of postgres: are listening and polling\n",
    );
    refused(
        &["--backend", url, "--mode", "pooling"],
        "; did you mean polling?",
    );
}

#[test]
fn a_server_that_is_not_there_is_told_of_once_and_without_its_url() {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    for (url, says) in [
        (
            format!("postgres://user:hunter2@{address}/db"),
            "cannot be reached",
        ),
        (
            format!("postgres://user:hunter2@{address}/db"),
            &*format!("(server: {address}, cause: Connection refused"),
        ),
        (
            "postgres://user:hunter2@host:port/db".to_owned(),
            "percent-encoded",
        ),
        (
            format!("postgres://user@{address}/db?passwrod=hunter2"),
            "not known",
        ),
    ] {
        let output = conformance(&["--backend", &url]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(says) && !said.contains("hunter2"), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test finds or starts one"]
fn both_modes_pass_and_leave_nothing_behind() {
    let mut database = Database::new("duroxide_cli_modes");
    for mode in ["listening", "polling"] {
        let url = database.url.as_str();
        let output = conformance(&[
            "--backend",
            url,
            "--mode",
            mode,
            "--profile",
            "multi_handle",
        ]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.starts_with("postgres "), "{said}");
        assert!(
            said.contains(&format!("mode {mode}, durability ")),
            "{said}"
        );
        assert_eq!(database.schemas(), 0);
    }
    // Nothing ends within a millisecond, so that everything fails.
    let url = database.url.as_str();
    let output = conformance(&[
        "--backend",
        url,
        "--clause",
        "DUR-01",
        "--time-limit",
        "0.001",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert_eq!(database.schemas(), 0);
    database.remove();
}

#[cfg(unix)]
#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test finds or starts one"]
fn an_interrupted_run_leaves_nothing_behind() {
    let mut database = Database::new("duroxide_cli_interrupt");
    let mut run = Command::new(env!("CARGO_BIN_EXE_duroxide"))
        .args([
            "conformance",
            "--backend",
            &database.url,
            "--repeat",
            "1000000",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The interrupt is listened for before the first schema is made.
    while database.schemas() < 2 {
        assert!(run.try_wait().unwrap().is_none(), "it runs");
    }

    let id = run.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();

    assert!(sent.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_eq!(database.schemas(), 0);
    database.remove();
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test finds or starts one"]
fn a_store_from_the_printed_sql_can_be_opened() {
    let mut database = Database::new("duroxide_cli_schema");
    let name = "duroxide it's \"mine\"";
    let printed = duroxide(&["schema", "--backend", "postgres:", "--schema", name]);
    database.execute(text(&printed.stdout));
    assert_eq!(database.schemas(), 1);
    let options = PostgresOptions::default()
        .schema(name)
        .migrations(Migrations::Verify);
    let opened = PostgresProvider::new(&database.url, Some(options));
    database.runtime.block_on(opened).unwrap();
    database.remove();
}

/// The commands of the pages, on the server that is there.
#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test finds or starts one"]
fn every_command_of_the_pages_works() {
    let database = Database::new("duroxide_cli_pages");
    commands_of_the_pages_work("postgres://", |_| database.url.clone());
    database.remove();
}
