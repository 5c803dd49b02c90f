//! The program as it is used: what it says, how it ends, and what it leaves behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program {
    #[cfg(feature = "postgres")]
    mod postgres;
    #[cfg(feature = "redis")]
    mod redis;
    mod schema;
    #[cfg(feature = "sqlite")]
    mod sqlite;
    mod stress;
}

use std::process::{Command, Output};

fn duroxide(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_duroxide"));
    program.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn conformance(arguments: &[&str]) -> Output {
    duroxide(&[&["conformance"], arguments].concat())
}

fn refused(arguments: &[&str], says: &str) {
    let output = conformance(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
    assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
}

/// What the pages give the program, command by command.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
fn commands_of_the_pages() -> Vec<String> {
    use std::fs;
    use std::path::Path;

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut commands = Vec::new();
    for page in ["README.md", "docs/conformance/README.md"] {
        let page = fs::read_to_string(root.join(page)).unwrap();
        for line in page.lines().filter(|line| line.starts_with("cargo run ")) {
            let parts = line.split_once(" -- ");
            let parts = parts.filter(|(it, _)| it.ends_with(" duroxide-cli"));
            // Others have tests of their own.
            if let Some((_, arguments)) = parts.filter(|(_, it)| it.starts_with("conformance ")) {
                commands.push(arguments.to_owned());
            }
        }
    }
    commands
}

/// Runs a bit of what each command of the pages runs on a URL that begins like this, on servers of ours.
#[cfg(any(feature = "postgres", feature = "redis"))]
fn commands_of_the_pages_work(begin: &str, url: impl Fn(&str) -> String) {
    let mut count = 0;
    for arguments in commands_of_the_pages() {
        if !arguments.contains(begin) {
            continue;
        }
        let url = url(&arguments);
        let is_url = |word: &&str| word.starts_with(begin);
        let words = arguments.split(' ');
        let words = words.map(|word| Some(word).filter(|it| !is_url(it)).unwrap_or(&url));
        let output = Command::new(env!("CARGO_BIN_EXE_duroxide"))
            .args(words)
            .args(["--clause", "LEA-03"])
            .output()
            .unwrap();
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        assert!(output.status.success(), "{arguments}: {said}");
        count += 1;
    }
    assert_ne!(count, 0, "the pages have commands for {begin}");
}

#[test]
fn the_memory_backend_passes() {
    let output = conformance(&["--backend=memory:", "--profile", "management"]);

    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("memory "), "{said}");
    assert!(said.contains("PASSED a selection: "), "{said}");
    assert!(!said.contains('\u{1b}'), "no colour in a pipe: {said}");
    let progress = text(&output.stderr);
    let rewrites = progress.contains(['\r', '\u{1b}']);
    assert!(!rewrites, "no line is rewritten in a pipe: {progress}");
}

#[test]
fn the_list_and_the_help_need_no_backend() {
    let list = conformance(&["list", "--clause", "LEA-03"]);
    assert_eq!(list.status.code(), Some(0));
    assert!(text(&list.stdout).contains("an_expired_turn_comes_back"));
    let help = conformance(&["--help"]);
    for says in [
        "--backend <URL>",
        "sqlite::memory:",
        "postgres://",
        "redis://",
        "--time-limit <SECONDS>",
    ] {
        assert!(text(&help.stdout).contains(says), "{says}");
    }
    assert!(text(&duroxide(&["--help"]).stdout).contains("conformance"));
    let version = text(&duroxide(&["--version"]).stdout);
    assert_eq!(version, format!("duroxide {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(duroxide(&[]).status.code(), Some(2));
    let near = duroxide(&["conform"]);
    assert_eq!(near.status.code(), Some(2));
    assert!(text(&near.stderr).contains("'conformance'"));
}

/// A URL in the wrong place is a mistake that is made easily, and may hold a password.
#[test]
fn a_url_in_the_wrong_place_is_not_repeated() {
    let url = "postgres://user:hunter2@host/db";
    refused(&[url], "invalid value 'URL'");
    refused(&["list", url], "unexpected argument 'URL'");
    refused(
        &["--backend", "memory:", "--profile", url],
        "invalid value 'URL'",
    );
    refused(
        &["--backend", "memory:", "--jobs", url],
        "invalid value 'URL'",
    );
    refused(
        &["--backend", "memory:", "--case", url],
        "invalid value 'URL'",
    );
    refused(
        &["--backend", "memory:", &format!("--{url}")],
        "unexpected argument",
    );
    let output = duroxide(&[url]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!text(&output.stderr).contains("hunter2"));
}

/// Whoever leaves the flag out is told which it is, by every command that has it.
#[test]
fn a_url_without_its_flag_gets_a_tip() {
    for (arguments, says) in [
        (
            &["conformance", "sqlite:./x.db"][..],
            "'--backend sqlite:./x.db'",
        ),
        (&["conformance", "list", "memory:"], "'--backend memory:'"),
        (&["schema", "postgres:"], "'--backend postgres:'"),
        (
            &["sqlite:./x.db"],
            "'duroxide conformance --backend sqlite:./x.db'",
        ),
        (
            &["conformance", "postgres://user:hunter2@host/db"],
            "'--backend URL'",
        ),
    ] {
        let output = duroxide(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
    }
    let other = conformance(&["--backend", "memory:", "--profile", "sqlite:x"]);
    assert!(
        !text(&other.stderr).contains("'--backend"),
        "it has that flag"
    );
}

#[test]
fn a_shell_completes_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = duroxide(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = text(&output.stdout);
        for says in ["conformance", "schema", "time-limit"] {
            assert!(script.contains(says), "{shell}: {says}");
        }
    }
    assert_eq!(duroxide(&["completions", "sh"]).status.code(), Some(2));
}

#[test]
fn a_url_that_is_not_understood_is_refused_without_repeating_it() {
    refused(&["--backend", "sqlit:hunter2"], "did you mean sqlite:?");
    refused(&["--backend", "hunter2"], "there is no such backend");
    refused(&["--backend", "sqlite"], "did you mean sqlite:?");
    refused(
        &["--backend", "postgre://user:hunter2@host"],
        "did you mean postgres:?",
    );
    refused(
        &["--backend", "dynamodb://user:hunter2@host/db"],
        "not in this version",
    );
    refused(
        &["--backend", "redi://user:hunter2@host"],
        "did you mean redis:?",
    );
    refused(
        &["--backend", "memory:hunter2"],
        "nothing can follow memory:",
    );
    refused(&["--backend", "memory:", "--mode", "hunter2"], "no modes");
    refused(&["--backend"], "a value is required for '--backend <URL>'");
    refused(&[], "--backend memory:");
    refused(
        &["--backend", "memory:", "--profile", "requird"],
        "similar value exists: 'required'",
    );
}

/// Whoever names another database has not mistyped one of ours.
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis"))]
#[test]
fn a_database_that_is_no_backend_is_told_which_there_are() {
    for scheme in [
        "mysql",
        "mariadb",
        "mssql",
        "sqlserver",
        "mongodb",
        "hunter2",
    ] {
        let url = format!("{scheme}://user:hunter2@host/db");
        refused(
            &["--backend", &url],
            "there is no such backend; use memory:, sqlite:PATH, postgres://HOST/DATABASE or redis://HOST\n",
        );
    }
}
