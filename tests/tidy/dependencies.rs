//! Rules about who depends on whom, as cargo sees it.

use std::process::Command;

use super::tree::{assert_none, root};

/// The beginnings of the names of database drivers and their clients.
const DRIVERS: &[&str] = &[
    "rusqlite",
    "libsqlite3-sys",
    "sqlx",
    "tokio-postgres",
    "redis",
    "fred",
    "aws-",
];

/// The names of the packages below one, without what only its tests need.
fn packages_below(args: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--edges", "normal", "--prefix", "none"])
        .args(args)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "cargo tree {args:?}: {stderr}");
    let mut names: Vec<String> = stdout
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    // An empty tree would keep every rule.
    assert!(
        names.iter().any(|name| name == "serde"),
        "cargo tree {args:?}: {stdout}"
    );
    names
}

fn below(args: &[&str], forbidden: &[&str]) -> Vec<String> {
    let is_forbidden = |name: &String| {
        forbidden
            .iter()
            .any(|beginning| name.starts_with(beginning))
    };
    packages_below(args)
        .into_iter()
        .filter(is_forbidden)
        .collect()
}

#[test]
fn the_core_knows_no_database() {
    let hits = below(&["--package", "duroxide-core", "--all-features"], DRIVERS);
    assert_none(&hits, "duroxide-core must not depend on");
}

#[test]
fn the_conformance_suite_knows_no_database() {
    let hits = below(
        &["--package", "duroxide-provider-tests", "--all-features"],
        DRIVERS,
    );
    assert_none(&hits, "duroxide-provider-tests must not depend on");
}

#[test]
fn the_facade_without_features_has_no_database_and_no_log_subscriber() {
    let args = ["--package", "duroxide", "--no-default-features"];
    let mut forbidden = DRIVERS.to_vec();
    forbidden.push("tracing-subscriber");
    assert_none(
        &below(&args, &forbidden),
        "duroxide --no-default-features must not depend on",
    );
}

#[test]
fn the_features_of_the_facade_bring_what_they_name() {
    let sqlite = packages_below(&["--package", "duroxide", "--features", "sqlite"]);
    assert!(sqlite.iter().any(|name| name == "rusqlite"), "{sqlite:?}");
    let postgres = packages_below(&["--package", "duroxide", "--features", "postgres"]);
    assert!(postgres.iter().any(|name| name == "sqlx"), "{postgres:?}");
    let redis = packages_below(&["--package", "duroxide", "--features", "redis"]);
    assert!(redis.iter().any(|name| name == "redis"), "{redis:?}");
    let logging = packages_below(&["--package", "duroxide", "--features", "observability"]);
    assert!(
        logging.iter().any(|name| name == "tracing-subscriber"),
        "{logging:?}"
    );
}
