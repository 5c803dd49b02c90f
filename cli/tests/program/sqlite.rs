//! SQLite: the folder of the databases, and what is refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{commands_of_the_pages, conformance, refused, text};

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_database_that_is_there_is_not_touched_and_the_folder_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("production.db");
    fs::write(&path, "precious bytes, and no database").unwrap();
    let url = format!("sqlite:{}", path.display());
    for arguments in [
        &["--mode", "multi_process", "--case", "::con::"][..],
        &["--clause", "LEA-03"],
        // Nothing ends within a millisecond on a disk, so that everything fails.
        &["--clause", "DUR-01", "--time-limit", "0.001"],
        &["--profile", "requird"],
    ] {
        let output = conformance(&[&["--backend", url.as_str()], arguments].concat());
        let must_pass = !arguments.contains(&"0.001") && !arguments.contains(&"requird");
        assert_eq!(
            output.status.success(),
            must_pass,
            "{}",
            text(&output.stdout)
        );
        assert_eq!(fs::read(&path).unwrap(), b"precious bytes, and no database");
        assert_eq!(names(folder.path()), ["production.db"], "{arguments:?}");
    }
}

#[test]
fn a_database_that_is_not_there_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("new.db").display());

    let output = conformance(&["--backend", &url, "--profile", "durable"]);

    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("mode single_process, durability power_loss"),
        "{said}"
    );
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_database_in_memory_is_volatile() {
    let output = conformance(&["--backend", "sqlite::memory:", "--clause", "LEA-03"]);

    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("mode in_memory, durability volatile"),
        "{said}"
    );
}

#[test]
fn what_sqlite_does_not_have_is_refused() {
    refused(&["--backend", "sqlite:x.db?key=hunter2"], "sqlite:PATH");
    refused(
        &["--backend", "sqlite:x.db", "--mode", "hunter2"],
        "the modes of sqlite: are single_process and multi_process\n",
    );
    refused(
        &["--backend", "sqlite:x.db", "--mode", "multiprocess"],
        "; did you mean multi_process?",
    );
    refused(
        &["--backend", "sqlite::memory:", "--mode", "hunter2"],
        "no modes",
    );
    let output = conformance(&["--backend", "sqlite:no/such/folder/x.db"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "the folder no/such/folder does not exist; create it, or name another one\n"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("x.db").display());
    let mut run = Command::new(env!("CARGO_BIN_EXE_duroxide"))
        .args(["conformance", "--backend", &url, "--repeat", "1000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The first database is made when the interrupt is listened for.
    let has_database = || {
        let mut folders = folder.path().read_dir().unwrap().flatten();
        folders.any(|it| it.path().read_dir().is_ok_and(|mut it| it.next().is_some()))
    };
    while !has_database() {
        assert!(run.try_wait().unwrap().is_none(), "it runs");
        std::thread::yield_now();
    }

    let id = run.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();

    assert!(sent.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

/// The commands of the pages, but for the package that cargo runs; each on a few cases.
#[test]
fn every_command_of_the_pages_works() {
    let folder = tempfile::tempdir().unwrap();
    let commands = commands_of_the_pages();
    let needs_server = |it: &str| it.contains("postgres://") || it.contains("redis://");
    let without_server = commands.iter().filter(|it| !needs_server(it));
    let mut count = 0;
    for arguments in without_server {
        let output = Command::new(env!("CARGO_BIN_EXE_duroxide"))
            .current_dir(folder.path())
            .args(arguments.split(' '))
            .args(["--clause", "LEA-03"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments}: {}",
            text(&output.stdout)
        );
        count += 1;
    }
    assert!(count >= 6, "{commands:?}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
