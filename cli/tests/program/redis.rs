//! Redis: what is said without a server, and what is left behind on one.

use std::process::{Command, Stdio};

use duroxide_provider_tests::servers::{ServerKind, free_port, server};
use redis::Commands as _;

use crate::{commands_of_the_pages_work, conformance, refused, text};

/// A database of the server's sixteen, so that everything in it is of one test.
struct Database {
    url: String,
    connection: redis::Connection,
}

impl Database {
    /// Empties it first.
    fn new(number: u8) -> Self {
        let server = server(ServerKind::Redis).unwrap().url();
        let url = format!("{server}/{number}");
        let client = redis::Client::open(url.as_str()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let () = connection.flushdb().unwrap();
        Self { url, connection }
    }

    fn keys(&mut self) -> Vec<String> {
        self.connection.keys("*").unwrap()
    }
}

#[test]
fn what_redis_does_not_have_is_refused() {
    refused(&["--backend", "redis:hunter2"], "redis://USER");
    let url = "rediss://user:hunter2@host/0";
    refused(
        &["--backend", url, "--mode", "hunter2"],
        "the modes of redis: are single, partitioned and cluster",
    );
}

#[test]
fn a_redis_that_is_not_there_is_told_of_once_and_without_its_url() {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    for (url, says) in [
        (
            format!("redis://user:hunter2@{address}/0"),
            format!("server: {address}"),
        ),
        (
            "redis://user:hunter2@host:port/0".to_owned(),
            "percent-encoded".to_owned(),
        ),
    ] {
        let output = conformance(&["--backend", &url]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&says) && !said.contains("hunter2"), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
fn a_run_passes_and_leaves_nothing_behind() {
    let mut database = Database::new(11);
    let url = database.url.clone();
    let run = conformance(&["--backend", &url, "--profile", "multi_handle"]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.starts_with("redis "), "{said}");
    assert!(said.contains("mode single, durability "), "{said}");
    assert_eq!(database.keys(), [""; 0]);
    // Nothing ends within a millisecond, so that everything fails.
    let clause = ["--clause", "DUR-01", "--time-limit", "0.001"];
    let run = conformance(&[&["--backend", &url][..], &clause].concat());
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stdout));
    assert_eq!(database.keys(), [""; 0]);
}

#[cfg(unix)]
#[test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
fn an_interrupted_run_leaves_nothing_behind() {
    let mut database = Database::new(12);
    let mut run = Command::new(env!("CARGO_BIN_EXE_duroxide"))
        .args(["conformance", "--backend", &database.url])
        .args(["--repeat", "1000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The interrupt is listened for before the first store is made, and that one has few keys.
    while database.keys().len() < 20 {
        assert!(run.try_wait().unwrap().is_none(), "it runs");
    }

    let id = run.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();

    assert!(sent.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_eq!(database.keys(), [""; 0]);
}

/// The commands of the pages, on the servers that are there.
#[test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
fn every_command_of_the_pages_works() {
    let database = Database::new(13);
    let cluster = server(ServerKind::RedisCluster).unwrap().url().to_owned();
    commands_of_the_pages_work("redis://", |arguments| {
        if arguments.contains("--mode cluster") {
            cluster.clone()
        } else {
            database.url.clone()
        }
    });
}
