//! Rules about the text of source files.

use super::tree::{assert_none, files};

const LINES_MAX: usize = 800;

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
        concat!("#[ig", "nore"),
        concat!("dbg", "!("),
    ];
    let sources = files(&[".rs"]);
    let hits: Vec<String> = forbidden
        .iter()
        .flat_map(|needle| sources.iter().flat_map(|file| file.find(needle)))
        .collect();
    assert_none(&hits, "finish it, or leave it out");
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
