//! The SQL that somebody else runs.

use crate::{duroxide, text};

fn refused(arguments: &[&str], says: &str) {
    let output = duroxide(&[&["schema"], arguments].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
    assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    refused(&[], "--backend postgres:");
    refused(&["--backend", "sqlite:./data.db"], "made when it is opened");
    refused(&["--backend", "memory:"], "made when it is opened");
    refused(
        &["--backend", "redis://user:hunter2@host"],
        "made when it is opened",
    );
    refused(
        &["--backend", "mysql://user:hunter2@host"],
        "there is no such backend",
    );
    refused(
        &["--backend", "postgres:", "postgres://user:hunter2@host"],
        "unexpected argument 'URL'",
    );
    refused(
        &["--backend", "postgres:", "--schema"],
        "a value is required for '--schema <NAME>'",
    );
}

#[cfg(feature = "postgres")]
#[test]
fn it_is_one_transaction_in_the_schema_that_was_asked_for() {
    for url in ["postgres:", "postgresql://user:hunter2@nowhere/db"] {
        let sql = text(&duroxide(&["schema", "--backend", url]).stdout);
        assert!(sql.contains("\nBEGIN;\n"), "{sql}");
        assert!(sql.ends_with("\nCOMMIT;\n"), "{sql}");
        assert!(
            sql.contains("CREATE SCHEMA IF NOT EXISTS \"duroxide\";"),
            "{sql}"
        );
        assert!(!sql.contains("hunter2"));
    }
    let output = duroxide(&["schema", "--backend=postgres:", "--schema=it's \"mine\""]);
    assert!(text(&output.stdout).contains("CREATE SCHEMA IF NOT EXISTS \"it's \"\"mine\"\"\";"));
    refused(
        &["--backend", "postgres:", "--schema", "pg_mine"],
        "`schema` begins with pg_",
    );
}
