//! The program as it is used: what it says, how it ends, and what it leaves behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

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

#[test]
fn the_memory_backend_passes() {
    let output = conformance(&["--backend=memory:", "--profile", "management"]);

    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("memory "), "{said}");
    assert!(said.contains("PASSED a selection: "), "{said}");
    assert!(!said.contains('\u{1b}'), "no colour in a pipe: {said}");
}

#[test]
fn the_list_and_the_help_need_no_backend() {
    let list = conformance(&["list", "--clause", "LEA-03"]);
    assert_eq!(list.status.code(), Some(0));
    assert!(text(&list.stdout).contains("an_expired_turn_comes_back"));
    let help = conformance(&["--help"]);
    for says in ["--backend URL", "sqlite::memory:", "--time-limit SECONDS"] {
        assert!(text(&help.stdout).contains(says), "{says}");
    }
    assert!(text(&duroxide(&["--help"]).stdout).contains("conformance"));
    let version = text(&duroxide(&["--version"]).stdout);
    assert_eq!(version, format!("duroxide {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(duroxide(&[]).status.code(), Some(2));
    assert_eq!(duroxide(&["conform"]).status.code(), Some(2));
}

#[test]
fn a_url_that_is_not_understood_is_refused_without_repeating_it() {
    refused(&["--backend", "sqlit:hunter2"], "did you mean sqlite:?");
    refused(
        &["--backend", "mysql://user:hunter2@host/db"],
        "memory: or sqlite:",
    );
    refused(&["--backend", "hunter2"], "memory: or sqlite:");
    refused(&["--backend", "sqlite"], "did you mean sqlite:?");
    for scheme in ["postgres", "postgresql", "redis", "rediss", "dynamodb"] {
        let url = format!("{scheme}://user:hunter2@host/db");
        refused(&["--backend", &url], "not in this version");
    }
    refused(
        &["--backend", "memory:hunter2"],
        "nothing can follow memory:",
    );
    refused(&["--backend", "memory:", "--mode", "hunter2"], "no modes");
    refused(&["--backend"], "--backend needs a value");
    refused(&[], "--backend memory:");
    refused(
        &["--backend", "memory:", "--profile", "requird"],
        "did you mean required?",
    );
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::fs;
    use std::path::Path;

    use super::*;

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
            "multi_process",
        );
        refused(
            &["--backend", "sqlite::memory:", "--mode", "hunter2"],
            "no modes",
        );
        let output = conformance(&["--backend", "sqlite:no/such/folder/x.db"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            text(&output.stderr),
            "no folder for databases can be made in no/such/folder: entity not found\n"
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
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (page, commands_min) in [("README.md", 2), ("docs/conformance/README.md", 4)] {
            let page = fs::read_to_string(root.join(page)).unwrap();
            let lines = page.lines().filter(|line| line.starts_with("cargo run "));
            let commands: Vec<_> = lines.filter_map(|line| line.split_once(" -- ")).collect();
            let of_ours: Vec<_> = commands
                .iter()
                .filter(|(cargo, _)| cargo.ends_with(" duroxide-cli"))
                .collect();
            assert!(of_ours.len() >= commands_min, "{commands:?}");
            for (_, arguments) in of_ours {
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
            }
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
