//! A server that is ready, by way of the program `test-server` of the conformance suite; or a program that a test starts.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The browser in which tests look at a page; each starts its own.
const BROWSER: &str = "chromium";
const BROWSER_VARIABLE: &str = "DUROXIDE_TEST_CHROMIUM";

/// A server that answers. It ends when this is dropped, and with this process at the latest.
#[derive(Debug)]
pub(super) struct Ready {
    variable: String,
    url: String,
    /// What ends it; none of a program that tests start.
    keeper: Option<Child>,
}

impl Ready {
    /// Finds or starts one; the error says what was tried and what to do.
    pub(super) fn find(kind: &str) -> Result<Self, String> {
        if kind == BROWSER {
            let given = std::env::var_os(BROWSER_VARIABLE).map(PathBuf::from);
            let path = std::env::var_os("PATH").unwrap_or_default();
            return Self::browser(given, std::env::split_paths(&path));
        }
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
                keeper: Some(keeper),
            });
        }
        let mut text = String::new();
        if let Some(mut stderr) = keeper.stderr.take() {
            stderr.read_to_string(&mut text).ok();
        }
        keeper.wait().ok();
        Err(text.trim().to_owned())
    }

    /// The browser that is given, or the first one in these folders.
    fn browser(
        given: Option<PathBuf>,
        mut folders: impl Iterator<Item = PathBuf>,
    ) -> Result<Self, String> {
        let installed = || {
            let found = folders.find(|it| it.join(BROWSER).is_file());
            found.map(|folder| folder.join(BROWSER))
        };
        let program = given.or_else(installed).filter(|it| it.is_file());
        let program = program.ok_or_else(|| {
            format!("there is no {BROWSER}: install it, or set {BROWSER_VARIABLE} to the path of such a browser")
        })?;
        println!("{BROWSER}: {}", program.display());
        Ok(Self {
            variable: BROWSER_VARIABLE.to_owned(),
            url: program.display().to_string(),
            keeper: None,
        })
    }

    /// The environment variable by which the tests find it, and its value.
    pub(super) fn variable(&self) -> (&str, &str) {
        (&self.variable, &self.url)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            drop(keeper.stdin.take());
            keeper.wait().ok();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_the_one_that_is_given_or_one_that_is_installed() {
        let folder = std::env::temp_dir().join(format!("duroxide-browser-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let find = |given: Option<&str>| {
            let folders = ["/nowhere".into(), folder.clone()];
            Ready::browser(given.map(PathBuf::from), folders.into_iter())
        };
        let missing = find(None).unwrap_err();
        let program = folder.join(BROWSER);
        std::fs::write(&program, "").unwrap();
        let found = find(None).unwrap();
        // One that was asked for is not replaced by another.
        let gone = find(Some("/nowhere/browser")).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(missing.contains(BROWSER_VARIABLE), "{missing}");
        assert_eq!(
            found.variable(),
            (BROWSER_VARIABLE, &*program.display().to_string())
        );
        assert_eq!(gone, missing);
    }
}
