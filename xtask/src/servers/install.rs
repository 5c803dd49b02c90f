//! Installing the programs of a server, where that is this program's business.

use std::fs;
use std::path::Path;
use std::process::Command;

/// How long apt-get may take for each command.
const TIME_LIMIT: &str = "900";

/// Whether missing programs may be installed.
#[derive(Debug)]
pub(crate) enum MayInstall {
    Yes,
    No(&'static str),
}

impl MayInstall {
    pub(crate) fn here(no_install: bool) -> Self {
        let is_debian = fs::read_to_string("/etc/os-release").is_ok_and(|text| {
            let is_like = |line: &&str| line.starts_with("ID=") || line.starts_with("ID_LIKE=");
            text.lines()
                .filter(is_like)
                .any(|line| line.contains("debian"))
        });
        let user = Command::new("id").arg("-u").output();
        if no_install {
            Self::No("--no-install was given")
        } else if !is_debian || !Path::new("/usr/bin/apt-get").exists() {
            Self::No("this is neither Debian nor Ubuntu")
        } else if !user.is_ok_and(|user| user.stdout.trim_ascii() == b"0") {
            Self::No("this is not root")
        } else {
            Self::Yes
        }
    }
}

/// The Debian packages with the programs of a server.
pub(super) fn packages_of(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "postgres" => Some(&["postgresql"]),
        "redis" | "redis-cluster" => Some(&["redis-server"]),
        // With a font, or no word of a page has a width.
        "chromium" => Some(&["chromium", "fonts-dejavu-core"]),
        _ => None,
    }
}

/// Sees that something is there, and installs it where that is this program's business.
pub(crate) fn ensure(
    what: &str,
    is_there: impl Fn() -> bool,
    packages: &[&str],
    no_install: bool,
) -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    if let MayInstall::No(why) = MayInstall::here(no_install) {
        return Err(format!(
            "there is no {what} (not installed here, since {why})"
        ));
    }
    install(packages)?;
    if is_there() {
        Ok(())
    } else {
        Err(format!("there is no {what} although it was installed"))
    }
}

pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    println!(
        "installing {} with apt-get, for the tests that need it (--no-install forbids it)",
        packages.join(" ")
    );
    apt_get(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt_get(&[&install[..], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let line = format!("apt-get {}", arguments.join(" "));
    println!("{line}");
    let status = Command::new("timeout")
        .args([TIME_LIMIT, "apt-get", "--quiet"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(std::process::Stdio::null())
        .status()
        .map_err(|error| format!("{line} cannot be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{line} ended with {status}"))
    }
}
