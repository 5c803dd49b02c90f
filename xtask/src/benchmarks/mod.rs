//! The figures in `docs/benchmarks.md` and in the table of `README.md`, and the reports that they are made from.

mod page;
mod part;
mod readme;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::servers::Servers;
use crate::steps::{Steps, cargo};
use part::{PARTS, Part};

const PAGE: &str = "docs/benchmarks.md";
const README: &str = "README.md";
/// Where the reports are.
const REPORTS: &str = "docs/benchmarks";

/// The names of all parts.
pub(crate) fn names() -> Vec<&'static str> {
    PARTS.iter().map(|part| part.name).collect()
}

/// Measures these parts, all of them if there are no names, and writes the pages.
pub(crate) fn run(steps: &mut Steps, servers: &mut Servers, names: &[String]) {
    let is_meant = |part: &&&Part| names.is_empty() || names.iter().any(|it| it == part.name);
    let mut all_measured = true;
    for kind in part::SERVERS {
        all_measured &= servers.variable(steps, kind).is_ok();
    }
    for part in PARTS.iter().filter(is_meant) {
        all_measured &= steps.run(&format!("measure {}", part.name), || measure(part));
    }
    if all_measured {
        steps.run("pages of figures", write_pages);
    }
}

/// Whether the pages are those of the reports.
pub(crate) fn check(steps: &mut Steps) {
    steps.run("pages of figures", || {
        for (file, made) in pages()? {
            if read(&file)? != made {
                return Err(format!(
                    "{file} is not as its reports are: cargo xtask benchmarks"
                ));
            }
        }
        Ok(())
    });
}

fn measure(part: &Part) -> Result<(), String> {
    let folder = path("target/benchmarks").join(part.name);
    println!("{}", part.command());
    let mut stress = cargo();
    stress.args(part.arguments()).arg("--output").arg(&folder);
    let status = stress.status();
    let status = status.map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err(format!("duroxide stress ended with {status}"));
    }
    let cannot = |error| format!("{}: {error}", part.report());
    fs::create_dir_all(path(REPORTS)).map_err(cannot)?;
    fs::copy(folder.join("stress.json"), path(&part.report())).map_err(cannot)?;
    Ok(())
}

fn write_pages() -> Result<(), String> {
    for (file, text) in pages()? {
        fs::write(path(&file), text).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Every page that is made from the reports, with its path from the root.
fn pages() -> Result<[(String, String); 2], String> {
    let mut shown = Vec::new();
    for part in PARTS {
        shown.push((part, show(part)?));
    }
    let readme = readme::page(&read(README)?, |part| read(&part.report()))?;
    Ok([
        (PAGE.to_owned(), page::page(&shown)),
        (README.to_owned(), readme),
    ])
}

/// What the report of a part says, as Markdown.
fn show(part: &Part) -> Result<String, String> {
    let arguments = [
        "run",
        "--quiet",
        "--package",
        "duroxide-cli",
        "--",
        "stress",
        "show",
    ];
    let output = cargo()
        .args(arguments)
        .arg("--markdown")
        .arg(path(&part.report()))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{} cannot be shown", part.report()));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(path(file)).map_err(|error| format!("{file}: {error}"))
}
