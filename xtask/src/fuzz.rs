//! Everything that is decoded is called with bytes that libFuzzer makes, guided by coverage.
//!
//! The compiler's own passes count the coverage, so the toolchain of this repository is enough.
//! libFuzzer itself is C++, which a C++ compiler builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers::install;
use crate::steps::{Steps, cargo};

/// What `ci` spends on each target: all of them are run in half a minute.
pub(crate) const SECONDS_IN_CI: u32 = 5;

const COMPILER: &str = "c++";
const COMPILER_PACKAGES: &[&str] = &["g++"];
/// What libFuzzer needs to see where an input leads. Overflow is a panic here, as in tests.
const RUST_FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
const INPUT_BYTES_MAX: u32 = 4_096;
/// An input takes less than a millisecond; one that takes this long hangs.
const SECONDS_PER_INPUT_MAX: u32 = 5;
/// A target needs 50 MiB; one that needs this much grows without bound.
const MEMORY_MIB_MAX: u32 = 512;

/// Builds the targets and runs each for so many seconds.
pub(crate) fn run(steps: &mut Steps, no_install: bool, seconds: u32) {
    let compiler = install::ensure(
        "C++ compiler",
        is_compiler_there,
        COMPILER_PACKAGES,
        no_install,
    );
    if let Err(why) = compiler {
        return steps.not_run("fuzzing", &why);
    }
    let mut names = Vec::new();
    let mut programs = PathBuf::new();
    let is_built = steps.run("build the fuzz targets", || {
        names = targets()?;
        programs = build()?;
        Ok(())
    });
    if !is_built {
        return;
    }
    for name in names {
        steps.run(&format!("fuzz {name} for {seconds} s"), || {
            fuzz(&programs, &name, seconds)
        });
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn is_compiler_there() -> bool {
    let output = Command::new(COMPILER).arg("--version").output();
    output.is_ok_and(|output| output.status.success())
}

/// The targets are the folders of seeds; a test of `fuzz/` sees that each has one.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/seeds");
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if names.is_empty() {
        return Err(format!("{} is empty", folder.display()));
    }
    Ok(names)
}

/// Builds every target, beside what cargo built without these flags; answers where they are.
fn build() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = this
        .ancestors()
        .nth(2)
        .ok_or("this program is in no folder")?;
    let target = target.join("fuzz");
    let host = host()?;
    // With a target named, the flags are not those of build scripts and procedural macros.
    let status = cargo()
        .args(["build", "--quiet", "--locked", "--bins", "--target", &host])
        .arg("--manifest-path")
        .arg(root().join("fuzz/libfuzzer/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTFLAGS", RUST_FLAGS.join(" "))
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if status.success() {
        Ok(target.join(host).join("debug"))
    } else {
        Err(format!("cargo ended with {status}"))
    }
}

/// What this machine is called by the compiler.
fn host() -> Result<String, String> {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("-vV")
        .output()
        .map_err(|error| format!("rustc cannot be run: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not say what this machine is called".to_owned())
}

/// Runs a target on its seeds, on what earlier runs on this machine found, and on what it makes
/// of these. The input of a failure is left beside the programs, and its path printed.
fn fuzz(programs: &Path, name: &str, seconds: u32) -> Result<(), String> {
    let found = programs.join("corpus").join(name);
    fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    let artifacts = programs.join(format!("failed-{name}-"));
    let status = Command::new(programs.join(name))
        .arg(&found)
        .arg(root().join("fuzz/seeds").join(name))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={SECONDS_PER_INPUT_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-artifact_prefix={}", artifacts.display()))
        .args(["-print_final_stats=1", "-verbosity=0"])
        .status()
        .map_err(|error| format!("{name} cannot be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "it ended with {status}; mend it, and add the input named above to fuzz/seeds/{name}"
        ))
    }
}
