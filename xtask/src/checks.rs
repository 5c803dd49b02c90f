//! What is wrong without running anything.

use crate::steps::Steps;

/// Format, clippy and the documentation.
pub(crate) fn run(steps: &mut Steps) {
    steps.cargo("format", &["fmt", "--all", "--check"], &[]);
    steps.cargo(
        "clippy",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    );
    steps.cargo(
        "clippy, facade without features",
        &[
            "clippy",
            "--package",
            "duroxide",
            "--lib",
            "--no-default-features",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    );
    steps.cargo(
        "documentation",
        &["doc", "--workspace", "--all-features", "--no-deps"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    );
}
