//! A browser without a window.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What tells which browser is used.
const VARIABLE: &str = "DUROXIDE_TEST_CHROMIUM";
/// How often it is asked whether it has ended, and how often at most. It takes a second.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 2_400;
/// It asks nobody for anything, and resolves no name: what a page loads from elsewhere is an error.
const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--v=0",
];

/// Chromium, or one that takes its arguments.
pub(crate) struct Browser {
    program: String,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_dark: bool,
}

impl Browser {
    /// That of the environment, or the one that is installed. Panics if there is none, and says what to do.
    pub(crate) fn find() -> Self {
        let program = std::env::var(VARIABLE).unwrap_or_else(|_| "chromium".to_owned());
        let is_there = Command::new(&program).arg("--version").output().is_ok();
        assert!(
            is_there,
            "there is no browser {program}: install it (on Debian: apt-get install chromium), or set {VARIABLE} to the \
             path of one"
        );
        Self { program }
    }

    /// The document once its scripts have run, and what the console says.
    pub(crate) fn document(&self, page: &Path, look: Look) -> (String, Vec<String>) {
        self.run(page, look, "--dump-dom")
    }

    /// Writes what is seen into a file, and answers what the console says.
    pub(crate) fn screenshot(&self, page: &Path, look: Look, file: &Path) -> Vec<String> {
        self.run(page, look, &format!("--screenshot={}", file.display()))
            .1
    }

    fn run(&self, page: &Path, look: Look, what: &str) -> (String, Vec<String>) {
        let profile = tempfile::tempdir().unwrap();
        // Files and not pipes, which are full at some time.
        let [out, err] = ["out", "err"].map(|it| profile.path().join(it));
        let mut command = Command::new(&self.program);
        command
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={},{}", look.width, look.height))
            .arg(what);
        if look.is_dark {
            command.arg("--blink-settings=preferredColorScheme=0");
        }
        let mut child = command
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        let ended = (0..LOOKS_MAX).find_map(|_| {
            #[expect(clippy::disallowed_methods, reason = "there is no executor to block")]
            thread::sleep(LOOK);
            child.try_wait().unwrap()
        });
        let [out, err] = [out, err].map(|it| fs::read_to_string(it).unwrap());
        let Some(status) = ended else {
            child.kill().unwrap();
            panic!("the browser does not end: {err}");
        };
        assert!(status.success(), "the browser ended with {status}: {err}");
        let errors = err.lines().filter(|line| line.contains(":CONSOLE"));
        (out, errors.map(str::to_owned).collect())
    }
}
