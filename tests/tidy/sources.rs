//! Rules about the text of source files.

use super::tree::{File, assert_none, files};

const LINES_MAX: usize = 800;
/// How a conformance test is ignored. Put together here, so that this file does not find itself.
const NEEDS: &str = concat!("ne", "eds = \"");

#[test]
fn no_source_file_is_longer_than_anybody_reads() {
    let long: Vec<String> = files(&[".rs"])
        .iter()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| format!("{}: {lines} lines", file.path))
        .collect();
    assert_none(&long, "split what is longer than 800 lines");
}

#[test]
fn nothing_is_left_undone_and_no_test_is_switched_off() {
    // Put together here, so that this file does not find itself.
    let forbidden = [
        concat!("to", "do!"),
        concat!("unimpl", "emented!"),
        concat!("dbg", "!("),
    ];
    let sources = files(&[".rs"]);
    let hits: Vec<String> = forbidden
        .iter()
        .flat_map(|needle| sources.iter().flat_map(|file| file.find(needle)))
        .collect();
    assert_none(&hits, "finish it, or leave it out");
}

/// `cargo xtask test` runs these with the servers that the package's manifest asks for.
#[test]
fn only_a_test_that_needs_a_server_is_ignored() {
    let ignored = concat!("#[ig", "nore");
    let allowed = format!("{ignored} = \"needs a");
    let mut hits = Vec::new();
    for file in files(&[".rs"]) {
        // A conformance test gives its reason to the macro, which passes it on.
        let is_wrong = |line: &str| {
            let is_passed_on = line.contains("= $needs]");
            let is_bare = line.contains(ignored) && !line.contains(&allowed) && !is_passed_on;
            is_bare || (line.contains(NEEDS) && !line.contains(concat!("ne", "eds = \"needs a")))
        };
        let wrong = file
            .text
            .lines()
            .zip(1..)
            .filter(|(line, _)| is_wrong(line));
        hits.extend(wrong.map(|(_, number)| format!("{}:{number}", file.path)));
    }
    assert_none(&hits, "a test is ignored only because it needs a server");
}

/// A package whose tests need servers says so to `cargo xtask test`, or nobody ever runs them.
#[test]
fn a_package_with_ignored_tests_says_which_servers_they_need() {
    let ignored = concat!("#[ig", "nore");
    let declares = |manifest: &File| {
        manifest
            .text
            .contains("[package.metadata.duroxide]\nservers = [")
    };
    let manifests = files(&["Cargo.toml"]);
    let mut hits = Vec::new();
    for file in files(&[".rs"]) {
        let is_ignored = file.text.contains(ignored) || file.text.contains(NEEDS);
        if !is_ignored || file.path.starts_with("tests/tidy/") {
            continue;
        }
        let above = |manifest: &&File| {
            let folder = manifest.path.trim_end_matches("Cargo.toml");
            file.path.starts_with(folder)
        };
        let nearest = manifests
            .iter()
            .filter(above)
            .max_by_key(|manifest| manifest.path.len());
        if !nearest.is_some_and(declares) {
            hits.push(file.path);
        }
    }
    assert_none(
        &hits,
        "its Cargo.toml needs package.metadata.duroxide.servers",
    );
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let forbidden = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
    ];
    let texts = files(&[
        ".rs", ".md", ".toml", ".sql", ".lua", ".yml", ".sh", ".ci/run",
    ]);
    let hits: Vec<String> = forbidden
        .iter()
        .flat_map(|needle| texts.iter().flat_map(|file| file.find(needle)))
        .collect();
    assert_none(&hits, "use paths that exist on every machine");
}

/// The engine must be the same function of its inputs on every node and on every day.
#[test]
fn the_replay_engine_is_pure() {
    let forbidden = [
        "tokio",
        "SystemTime",
        "Instant",
        "HashMap",
        "HashSet",
        "crate::entropy",
        "crate::runtime",
        "crate::client",
        "crate::providers",
    ];
    let sources = files(&[".rs"]);
    // The engine's own tests break the rules on purpose, to see that it notices.
    let engine: Vec<_> = sources
        .iter()
        .filter(|file| file.path.starts_with("core/src/replay/"))
        .filter(|file| !file.path.contains("/tests"))
        .collect();
    assert!(!engine.is_empty(), "the engine is in core/src/replay");
    let mut hits = Vec::new();
    for file in engine {
        for (line, number) in file.text.lines().zip(1..) {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = forbidden.iter().find(|word| code.contains(**word)) {
                hits.push(format!("{}:{number}: {word}", file.path));
            }
        }
    }
    assert_none(
        &hits,
        "core::replay has no clock, no I/O, no random order and knows no provider",
    );
}
