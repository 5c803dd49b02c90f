//! Rules about code that a page quotes from an example.

use super::documents::fence;
use super::tree::{assert_none, files, root};

/// A block that a page quotes: `rs` and the name of the file, relative to the example.
struct Quotation {
    at: String,
    file: String,
    lines: Vec<String>,
}

/// The guides quote this example and no other.
const QUOTED: &str = "examples/custom_provider";

fn quotations() -> Vec<Quotation> {
    let mut found: Vec<Quotation> = Vec::new();
    for page in files(&[".md"]) {
        let mut is_open = false;
        for (line, number) in page.text.lines().zip(1..) {
            match (fence(line), found.last_mut()) {
                (Some(says), _) => {
                    is_open = says == "rs" || says.starts_with("rs ");
                    if is_open {
                        found.push(Quotation {
                            at: format!("{}:{number}", page.path),
                            file: says.trim_start_matches("rs").trim().to_owned(),
                            lines: Vec::new(),
                        });
                    }
                }
                (None, Some(quotation)) if is_open => quotation.lines.push(line.trim().to_owned()),
                (None, _) => {}
            }
        }
    }
    found
}

/// Whether the lines stand together in the source, however far they are indented there.
fn quotes(source: &str, lines: &[String]) -> bool {
    let source: Vec<&str> = source.lines().map(str::trim).collect();
    !lines.is_empty() && source.windows(lines.len()).any(|window| window == lines)
}

#[test]
fn what_a_page_quotes_is_in_the_example() {
    let quotations = quotations();
    assert!(!quotations.is_empty(), "the guides quote the example");
    let wrong: Vec<String> = quotations
        .iter()
        .filter(|quotation| {
            let path = root().join(QUOTED).join(&quotation.file);
            let source = std::fs::read_to_string(path).unwrap_or_default();
            !quotes(&source, &quotation.lines)
        })
        .map(|quotation| format!("{}: not in {QUOTED}/{}", quotation.at, quotation.file))
        .collect();
    assert_none(&wrong, "quote the example as it is");
}

/// A block is compiled, quoted, or plainly no Rust; there is no fourth kind to hide in.
#[test]
fn every_block_says_what_it_is() {
    const KINDS: &[&str] = &["rust", "rs", "sh", "sql", "toml", "text"];
    let mut unknown = Vec::new();
    for page in files(&[".md"]) {
        let mut is_open = false;
        for (line, number) in page.text.lines().zip(1..) {
            let Some(says) = fence(line) else {
                continue;
            };
            is_open = !is_open;
            let kind = says.split([',', ' ']).next().unwrap_or_default();
            if is_open && !KINDS.contains(&kind) {
                unknown.push(format!("{}:{number}: {says:?}", page.path));
            }
        }
    }
    assert_none(
        &unknown,
        "say whether it is rust, rs FILE, sh, sql, toml or text",
    );
}
