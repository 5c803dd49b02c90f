//! A Redis server of one test, which may be set up as it likes and be hurt.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_provider_tests::servers::free_port;
use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue, RedisResult};
use tempfile::TempDir;

/// The programs that are such a server, the preferred one first.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
/// How long a server may take until it serves.
const STARTS_IN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);
/// What a server writes into its log when it begins to serve.
const SERVES: &str = "Ready to accept connections";

/// Runs the server until the input of this script ends, which it does with this process at the latest,
/// and then kills it.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null >>log 2>&1 3<&- &
server=$!
(read -r _ <&3; kill -s KILL "$server") 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
kill "$guard" 2>/dev/null
"#;

/// A server with a folder and a port of its own, which it keeps when it is started again. It ends when
/// this is dropped.
#[derive(Debug)]
pub(crate) struct PrivateServer {
    folder: TempDir,
    address: SocketAddr,
    arguments: Vec<String>,
    /// Of the default user, where it has one.
    password: Option<String>,
    guard: Option<Child>,
}

impl PrivateServer {
    /// Starts a server with these arguments beside those that all have.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_in(folder(), arguments).await
    }

    /// Starts a server whose default user has this password, until it is started again.
    pub(crate) async fn start_with_password(password: &str) -> Self {
        let mut server = Self::start(&[]).await;
        server.set_password(password).await;
        server
    }

    /// Starts a server in a folder that has been prepared.
    pub(crate) async fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        let mut server = Self {
            folder,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap())),
            arguments: arguments.iter().map(|&it| it.to_owned()).collect(),
            password: None,
            guard: None,
        };
        server.start_again().await;
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The way in of the default user.
    pub(crate) fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@{}", self.address),
            None => format!("redis://{}", self.address),
        }
    }

    /// The way in of somebody else.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@{}", self.address)
    }

    /// Kills it: it has no time for a word to its clients or to its files.
    pub(crate) fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().unwrap();
        }
    }

    /// Starts it on the data that it left, and waits until it serves.
    pub(crate) async fn start_again(&mut self) {
        let before = self.starts();
        let mut guard = guarded(self.folder.path());
        guard.args(["--port", &self.address.port().to_string()]);
        guard.args(["--bind", "127.0.0.1", "--save", "", "--dir"]);
        guard.arg(self.folder.path()).args(&self.arguments);
        self.guard = Some(guard.spawn().unwrap());
        for _ in 0..STARTS_IN.as_millis() / LOOK.as_millis() {
            if self.starts() > before {
                return;
            }
            let guard = self.guard.as_mut().unwrap();
            if guard.try_wait().unwrap().is_some() {
                break;
            }
            SystemClock.sleep(LOOK).await;
        }
        panic!("the server does not start: {}", self.log());
    }

    fn starts(&self) -> usize {
        self.log().matches(SERVES).count()
    }

    /// What the server wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Gives the default user a password.
    pub(crate) async fn set_password(&mut self, password: &str) {
        let setting = format!("CONFIG SET requirepass {password}");
        self.command::<String>(&setting).await;
        self.password = Some(password.to_owned());
    }

    /// A connection that belongs to no provider.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// Sends a command, its words parted by spaces.
    pub(crate) async fn command<T: FromRedisValue>(&self, words: &str) -> T {
        let answer = self.try_command(words).await;
        answer.unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    /// The same, where it may fail.
    pub(crate) async fn try_command<T: FromRedisValue>(&self, words: &str) -> RedisResult<T> {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut self.connection().await).await
    }

    /// A line of what `INFO` says.
    pub(crate) async fn info(&self, name: &str) -> String {
        let all: String = self.command("INFO everything").await;
        let mut lines = all.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|line| line.0 == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.to_owned()
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().map(drop).ok();
        }
    }
}

/// What runs the server's program in a folder, with the arguments that are added, until its input ends.
pub(crate) fn guarded(folder: &Path) -> Command {
    let mut guard = Command::new("sh");
    guard.args(["-c", GUARD, "guard"]).arg(program());
    guard.current_dir(folder).stdin(Stdio::piped());
    guard.stdout(Stdio::null()).stderr(Stdio::null());
    // An interrupt from the terminal ends the tests, and they end the server.
    guard.process_group(0);
    guard
}

/// A folder for a server.
pub(crate) fn folder() -> TempDir {
    TempDir::with_prefix("duroxide-redis-").unwrap()
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = PROGRAMS
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = places.into_iter().find(|place| place.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "neither redis-server nor valkey-server is in PATH; install one \
             (on Debian and Ubuntu: apt-get install redis-server)"
        )
    })
}

/// Runs a program to its end, which must be a good one.
pub(crate) fn run(command: &mut Command, folder: &Path) {
    let command = command.current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
