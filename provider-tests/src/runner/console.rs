//! Where the words go.

use std::fmt;
use std::io::{IsTerminal, Stderr, Stdout, Write};

use crate::report::Style;

/// Where the words of a run go.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    style: Style,
    rewrites_lines: bool,
}

impl<'a> Console<'a> {
    /// The report goes to `out`, progress and complaints go to `err`; without colour, and without
    /// lines that are rewritten.
    pub fn plain(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self {
            out,
            err,
            style: Style::Plain,
            rewrites_lines: false,
        }
    }

    /// The standard ones, which may be terminals. `NO_COLOR` is heeded.
    pub(super) fn standard(out: &'a mut Stdout, err: &'a mut Stderr) -> Self {
        let is_colour_unwanted = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let style = if out.is_terminal() && !is_colour_unwanted {
            Style::Coloured
        } else {
            Style::Plain
        };
        let can_rewrite = std::env::var_os("TERM").is_none_or(|it| it != "dumb");
        let rewrites_lines = err.is_terminal() && can_rewrite;
        Self {
            out,
            err,
            style,
            rewrites_lines,
        }
    }

    pub(super) fn style(&self) -> Style {
        self.style
    }

    pub(super) fn rewrites_lines(&self) -> bool {
        self.rewrites_lines
    }

    /// Says what was asked for. A reader that went away, as `head` does, is nobody's mistake.
    pub(crate) fn print(&mut self, text: &str) {
        let written = self.out.write_all(text.as_bytes());
        written.and_then(|()| self.out.flush()).ok();
    }

    /// Says what nobody asked for, and nobody may be listening to.
    pub(crate) fn mention(&mut self, text: &str) {
        let written = self.err.write_all(text.as_bytes());
        written.and_then(|()| self.err.flush()).ok();
    }
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("style", &self.style)
            .field("rewrites_lines", &self.rewrites_lines)
            .finish_non_exhaustive()
    }
}
