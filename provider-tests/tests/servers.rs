//! Servers are found or started, answer, and are gone afterwards.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use duroxide_provider_tests::servers::{ServerKind, server};

/// The addresses in a URL of the form that this crate makes.
fn addresses(url: &str) -> Vec<String> {
    let after_scheme = url.split("//").nth(1).unwrap();
    let after_user = after_scheme.rsplit('@').next().unwrap();
    let addresses = after_user.split('/').next().unwrap();
    addresses.split(',').map(str::to_owned).collect()
}

/// Says the first words of the protocol, and returns the first byte of the answer.
fn greet(address: &str, words: &[u8]) -> u8 {
    let mut stream = TcpStream::connect(address).unwrap();
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).unwrap();
    stream.write_all(words).unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    first[0]
}

fn answers_and_is_gone_afterwards(kind: ServerKind, words: &[u8], answer: u8) {
    let shared = server(kind).unwrap();
    for address in addresses(shared.url()) {
        assert_eq!(greet(&address, words), answer, "{shared}");
    }
    assert!(std::ptr::eq(shared, server(kind).unwrap()), "one a process");

    // One of its own, which comes to an orderly end.
    let ended = ends_with(kind, |keeper| drop(keeper.stdin.take()));
    for address in ended {
        let connected = TcpStream::connect(address);
        assert!(connected.is_err(), "it is still there");
    }
}

/// A server that a process has no time to drop ends all the same.
fn ends_with_the_process(kind: ServerKind) {
    ends_with(kind, |keeper| keeper.kill().unwrap());
}

/// Starts a server, ends its keeper so, and sees the server end. Returns where it was.
fn ends_with(kind: ServerKind, end: impl FnOnce(&mut Child)) -> Vec<String> {
    let mut keeper = Command::new(env!("CARGO_BIN_EXE_test-server"))
        .arg(kind.id())
        .env_remove(kind.url_variable())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(keeper.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let (variable, url) = line.trim().split_once('=').unwrap();
    assert_eq!(variable, kind.url_variable());
    let addresses = addresses(url);
    let connect = |address: &String| TcpStream::connect(address).unwrap();
    let streams: Vec<_> = addresses.iter().map(connect).collect();
    end(&mut keeper);
    keeper.wait().unwrap();
    for mut stream in streams {
        // The server's end closes the connection: no need to ask again and again.
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).unwrap();
        let end = stream.read(&mut [0]);
        assert!(
            match &end {
                Ok(bytes) => *bytes == 0,
                Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
            },
            "{end:?}"
        );
    }
    addresses
}

const POSTGRES_STARTUP: &[u8] = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0";

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test finds or starts one"]
fn postgres_answers_and_is_gone_afterwards() {
    answers_and_is_gone_afterwards(ServerKind::Postgres, POSTGRES_STARTUP, b'R');
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test finds or starts one"]
fn postgres_ends_with_the_process() {
    ends_with_the_process(ServerKind::Postgres);
}

#[test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
fn redis_answers_and_is_gone_afterwards() {
    answers_and_is_gone_afterwards(ServerKind::Redis, b"PING\r\n", b'+');
}

#[test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
fn redis_ends_with_the_process() {
    ends_with_the_process(ServerKind::Redis);
}

#[test]
#[ignore = "needs a Redis Cluster: cargo xtask test finds or starts one"]
fn redis_cluster_answers_and_is_gone_afterwards() {
    answers_and_is_gone_afterwards(ServerKind::RedisCluster, b"CLUSTER INFO\r\n", b'$');
}

#[test]
#[ignore = "needs a Redis Cluster: cargo xtask test finds or starts one"]
fn redis_cluster_ends_with_the_process() {
    ends_with_the_process(ServerKind::RedisCluster);
}

/// Every node that the URL names takes commands for the slots of all.
#[test]
#[ignore = "needs a Redis Cluster: cargo xtask test finds or starts one"]
fn redis_cluster_serves_all_slots_and_has_replicas() {
    let shared = server(ServerKind::RedisCluster).unwrap();
    for address in addresses(shared.url()) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"CLUSTER INFO\r\nCLUSTER NODES\r\nQUIT\r\n")
            .unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        for says in ["cluster_state:ok", "cluster_slots_ok:16384"] {
            assert!(said.contains(says), "{says}: {said}");
        }
        let nodes = |role: &str| said.lines().filter(|line| line.contains(role)).count();
        assert_eq!((nodes("master "), nodes("slave ")), (3, 3), "{said}");
    }
}

/// With nothing to find, the text says what was tried and what to do.
#[test]
fn without_a_server_it_says_what_to_install_or_to_set() {
    for kind in ServerKind::ALL
        .into_iter()
        .filter(|kind| *kind != ServerKind::Postgres)
    {
        let output = Command::new(env!("CARGO_BIN_EXE_test-server"))
            .arg(kind.id())
            .env_clear()
            .env("PATH", "/nowhere")
            .env("DOCKER_HOST", "unix:///nowhere")
            .output()
            .unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        let variable = format!("{} is not set", kind.url_variable());
        for part in [variable.as_str(), "no container", "no program", "install"] {
            assert!(text.contains(part), "{part:?} is missing: {text}");
        }
    }
}

#[test]
fn what_the_environment_names_comes_first() {
    let mut keeper = Command::new(env!("CARGO_BIN_EXE_test-server"));
    keeper
        .arg("redis")
        .env("DUROXIDE_TEST_REDIS_URL", "redis://elsewhere:1");
    let output = keeper.stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "DUROXIDE_TEST_REDIS_URL=redis://elsewhere:1\n");
}
