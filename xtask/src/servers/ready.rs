//! A server that is ready, by way of the program `test-server` of the conformance suite.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A server that answers. It ends when this is dropped, and with this process at the latest.
#[derive(Debug)]
pub(super) struct Ready {
    variable: String,
    url: String,
    keeper: Child,
}

impl Ready {
    /// Finds or starts one; the error says what was tried and what to do.
    pub(super) fn find(kind: &str) -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = this.with_file_name("test-server");
        let mut keeper = Command::new(&program)
            .arg(kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
        let line = first_line(keeper.stdout.take());
        if let Some((variable, url)) = line.trim().split_once('=') {
            print!("{}", first_line(keeper.stderr.take()));
            return Ok(Self {
                variable: variable.to_owned(),
                url: url.to_owned(),
                keeper,
            });
        }
        let mut text = String::new();
        if let Some(mut stderr) = keeper.stderr.take() {
            stderr.read_to_string(&mut text).ok();
        }
        keeper.wait().ok();
        Err(text.trim().to_owned())
    }

    /// The environment variable by which the tests find it, and its value.
    pub(super) fn variable(&self) -> (&str, &str) {
        (&self.variable, &self.url)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

fn first_line(output: Option<impl Read>) -> String {
    let mut line = String::new();
    if let Some(output) = output {
        // What cannot be read is as good as nothing.
        BufReader::new(output).read_line(&mut line).ok();
    }
    line
}
