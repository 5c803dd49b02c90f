//! What is checked about everything that is decoded, for any bytes at all.
//!
//! A target is a function of bytes that panics if one of its promises is broken. `tests/seeds.rs`
//! calls each with the files in `seeds/` and with what chance makes of them; `libfuzzer/` lets
//! libFuzzer look for more, guided by coverage.

mod bodies;
mod command_line;
mod framings;
mod history;
mod program;
mod replay;
mod text;
mod urls;

/// Something to call with any bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of its folder in `seeds/` and of its program in `libfuzzer/`.
    pub name: &'static str,
    /// Panics if a promise is broken.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "bodies",
        run: bodies::run,
    },
    Target {
        name: "command_line",
        run: command_line::run,
    },
    Target {
        name: "framings",
        run: framings::run,
    },
    Target {
        name: "history",
        run: history::run,
    },
    Target {
        name: "replay",
        run: replay::run,
    },
    Target {
        name: "urls",
        run: urls::run,
    },
];

/// Calls the target of this name.
///
/// # Panics
/// If there is no such target, or if one of its promises is broken.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    assert!(target.is_some(), "there is no target {name:?}");
    if let Some(target) = target {
        (target.run)(bytes);
    }
}
