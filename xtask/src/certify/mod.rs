//! The certificates in `docs/conformance`, and the pages that are made from them.
//!
//! A certificate is what a run of the suite said, without anything that differs from run to run, so
//! that a difference between two of them is one between two versions of something.

mod backend;
mod certificate;
mod mutants;
mod pages;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::servers::Servers;
use crate::steps::{Steps, cargo};
use crate::storage;
use backend::{BACKENDS, Backend, Torture};
use certificate::{Certificate, Ending};
use mutants::Mutants;

/// The names of all certificates.
pub(crate) fn names() -> Vec<&'static str> {
    BACKENDS.iter().map(|backend| backend.name).collect()
}

/// Runs the whole suite on the backends of these names, on every one if there are none, and writes the
/// certificates, then the pages.
pub(crate) fn run(steps: &mut Steps, servers: &mut Servers, names: &[String], no_install: bool) {
    let mut all_passed = true;
    let is_meant =
        |backend: &&Backend| names.is_empty() || names.iter().any(|it| it == backend.name);
    for backend in BACKENDS.iter().filter(is_meant) {
        let name = format!("certify {}", backend.name);
        let found = backend.server.map(|kind| servers.variable(steps, kind));
        let found = found.transpose();
        all_passed &= steps.run(&name, || {
            let server = found?.map(|(_, url)| url);
            let endings = torture(backend, server, no_install)?;
            certify(backend, server, endings)
        });
    }
    // Pages made of old certificates would be fresh to look at and stale in truth.
    if all_passed {
        steps.run("pages", write_pages);
    }
}

fn certify(backend: &Backend, server: Option<&str>, endings: Vec<Ending>) -> Result<(), String> {
    println!("{}", backend.command());
    let output = cargo()
        .args(backend.run_arguments(server))
        .args(["--format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("the suite ended with {}", output.status));
    }
    let certificate = Certificate::of_report(&output.stdout, backend, Mutants::read()?, endings)?;
    println!("{}", certificate.summary());
    write(&backend.file(), &certificate.json()?)
}

/// Does to a backend's processes what is done besides the suite, and answers what they survived.
fn torture(
    backend: &Backend,
    server: Option<&str>,
    no_install: bool,
) -> Result<Vec<Ending>, String> {
    let mut endings = Vec::new();
    for (torture, command) in backend.tortures() {
        if torture == Torture::PowerCut {
            storage::ensure_libclang(no_install)?;
        }
        println!("{command}");
        let ended = cargo()
            .args(torture.run_arguments(server))
            .status()
            .map_err(|error| format!("cargo cannot be run: {error}"))?;
        if !ended.success() {
            return Err(format!("the torture ended with {ended}"));
        }
        endings.push(Ending::of(torture.ending(), command));
    }
    Ok(endings)
}

fn write_pages() -> Result<(), String> {
    for (file, text) in pages()? {
        write(&file, &text)?;
    }
    Ok(())
}

/// Every page that is made from the certificates, with its path from the root.
fn pages() -> Result<Vec<(String, String)>, String> {
    let certificates = BACKENDS
        .iter()
        .map(|backend| Ok((backend, Certificate::read(backend)?)))
        .collect::<Result<Vec<_>, String>>()?;
    let readme = read(README)?;
    Ok(vec![
        (OVERVIEW.to_owned(), pages::overview(&certificates)),
        (MATRIX.to_owned(), pages::matrix(&certificates)),
        (README.to_owned(), pages::readme(&readme, &certificates)?),
    ])
}

const README: &str = "README.md";
const OVERVIEW: &str = "docs/conformance/README.md";
const MATRIX: &str = "docs/conformance/matrix.md";

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(path(file)).map_err(|error| format!("{file}: {error}"))
}

fn write(file: &str, text: &str) -> Result<(), String> {
    fs::write(path(file), text).map_err(|error| format!("{file}: {error}"))
}
