//! A server of this machine's programs, that ends with this process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use super::programs::{Program, prepare};
use super::{ServerKind, greeting};

/// How often another free port is tried, since somebody else may take it first.
const PORTS_MAX: u32 = 3;

/// Runs the server, and ends it when the input of this script ends. That is when the guard is
/// dropped or, since the system then closes the pipe, when this process is gone for any reason.
const GUARD: &str = r#"
folder=$1 signal=$2
shift 2
exec 3<&0
"$@" </dev/null >"$folder/log" 2>&1 3<&- &
server=$!
# Nobody may be left to read what is said below.
trap '' PIPE
(read -r _ <&3; kill -s "$signal" "$server") 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
kill "$guard" 2>/dev/null
tail -n 3 "$folder/log" >&2
rm -rf "$folder"
"#;

/// A process that ends with this value, and with the test process at the latest.
#[derive(Debug)]
pub(super) struct LocalServer {
    /// One for each of its processes that clients connect to.
    pub(super) addresses: Vec<SocketAddr>,
    guard: Child,
}

impl LocalServer {
    pub(super) fn start(kind: ServerKind) -> Result<Self, String> {
        let mut last = String::new();
        for _ in 0..PORTS_MAX {
            let folder = tempfile::Builder::new()
                .prefix("duroxide-test-")
                .tempdir()
                .map_err(|error| format!("no temporary folder: {error}"))?;
            let program = prepare(kind, folder.path())?;
            let guard = guard(&program, &folder)
                .map_err(|error| format!("{:?} cannot be run: {error}", program.words))?;
            // From here on the script removes it.
            drop(folder.keep());
            let addresses = addresses(program.ports);
            let mut server = Self {
                addresses: addresses.clone(),
                guard,
            };
            match greeting::wait(kind, &addresses, || server.check()) {
                Ok(()) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn check(&mut self) -> Result<(), String> {
        match self.guard.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(_)) => {
                let said = self.guard.stderr.take().map(io::read_to_string);
                let said = said.and_then(Result::ok).unwrap_or_default();
                Err(format!("it was started and ended: {}", said.trim()))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // It is over either way; there is nobody to tell.
        self.guard.wait().map(drop).ok();
    }
}

fn guard(program: &Program, folder: &tempfile::TempDir) -> io::Result<Child> {
    let mut command = Command::new("sh");
    command
        .args(["-c", GUARD, "guard"])
        .arg(folder.path())
        .arg(program.signal)
        .args(&program.words)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // An interrupt from the terminal ends the tests, and they end the server.
        command.process_group(0);
    }
    command.spawn()
}

/// Addresses of this machine.
pub(super) fn addresses(ports: impl IntoIterator<Item = u16>) -> Vec<SocketAddr> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    ports.into_iter().map(address).collect()
}
