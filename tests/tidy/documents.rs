//! Rules about documentation.

use std::collections::BTreeSet;

use super::tree::{assert_none, files};

/// What a fence says of its block, for example `rust,no_run`; empty for closing fences too.
pub(crate) fn fence(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let text = text
        .strip_prefix("//!")
        .or_else(|| text.strip_prefix("///"))
        .unwrap_or(text);
    text.trim_start().strip_prefix("```")
}

#[test]
fn no_example_in_the_documentation_is_exempt_from_compiling() {
    let exemption = concat!("ig", "nore");
    let hits: Vec<String> = files(&[".rs", ".md"])
        .iter()
        .flat_map(|file| {
            let exempt = |line: &str| fence(line).is_some_and(|says| says.contains(exemption));
            let lines = file
                .text
                .lines()
                .zip(1..)
                .filter(move |(line, _)| exempt(line));
            lines
                .map(|(_, number)| format!("{}:{number}", file.path))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none(&hits, "let the compiler see it (no_run if it must not run)");
}

#[test]
fn every_page_with_rust_in_it_is_compiled() {
    let sources = files(&["lib.rs"]);
    let facade = sources
        .iter()
        .find(|file| file.path == "src/lib.rs")
        .unwrap();
    let uncompiled: Vec<String> = files(&[".md"])
        .iter()
        .filter(|page| {
            page.text
                .lines()
                .filter_map(fence)
                .any(|says| says.starts_with("rust"))
        })
        // A backend's page is compiled with the backend.
        .filter(|page| !page.path.starts_with("providers/"))
        .filter(|page| {
            !facade
                .text
                .contains(&format!("include_str!(\"../{}\")", page.path))
        })
        .map(|page| page.path.clone())
        .collect();
    assert_none(
        &uncompiled,
        "include the page in src/lib.rs as a documentation test",
    );
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut broken = Vec::new();
    for page in files(&[".md"]) {
        let folder = super::tree::root().join(&page.path);
        let folder = folder.parent().unwrap();
        for rest in page.text.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                broken.push(format!("{}: {target}", page.path));
            }
        }
    }
    assert_none(&broken, "mend the link");
}

#[test]
fn decisions_are_numbered_and_say_what_would_change_our_mind() {
    let records: Vec<_> = files(&[".md"])
        .into_iter()
        .filter(|file| file.path.starts_with("docs/adr/"))
        .collect();
    let mut wrong = Vec::new();
    for (record, number) in records.iter().zip(1..) {
        let name = record.path.trim_start_matches("docs/adr/");
        if !name.starts_with(&format!("{number:04}-")) {
            wrong.push(format!("{name}: its number should be {number:04}"));
        }
        if !record.text.starts_with(&format!("# {number:04}: ")) {
            wrong.push(format!("{name}: its title should begin with its number"));
        }
        for section in ["## Context", "## Decision", "## What would change our mind"] {
            if !record.text.contains(section) {
                wrong.push(format!("{name}: it lacks {section:?}"));
            }
        }
    }
    assert!(!records.is_empty(), "decisions are in docs/adr");
    assert_none(
        &wrong,
        "a decision record has a number, a context, a decision and its limits",
    );
}

/// The guide has one table of the methods that encode and decode.
#[test]
fn the_guide_names_every_typed_method() {
    let sources = files(&[".rs"]);
    let core = sources.iter().filter(|it| it.path.starts_with("core/src/"));
    let declared: BTreeSet<&str> = core
        .flat_map(|source| source.text.lines())
        .filter_map(|line| {
            let (_, rest) = line.trim_start().strip_prefix("pub ")?.split_once("fn ")?;
            let name = rest.split(['(', '<']).next()?;
            name.ends_with("_typed").then_some(name)
        })
        .collect();
    let pages = files(&["docs/ORCHESTRATION-GUIDE.md"]);
    let (_, rest) = pages[0].text.split_once("| of | methods |\n").unwrap();
    let (table, _) = rest.split_once("\n\n").unwrap();
    let named: BTreeSet<&str> = table
        .split('`')
        .filter(|word| word.ends_with("_typed"))
        .collect();
    assert!(!declared.is_empty(), "the methods are in core/src");
    let differ: Vec<String> = declared
        .symmetric_difference(&named)
        .map(|name| (*name).to_owned())
        .collect();
    assert_none(
        &differ,
        "the guide's table of typed methods has each of them",
    );
}
