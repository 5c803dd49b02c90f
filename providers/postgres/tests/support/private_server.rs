//! A PostgreSQL server of one test, which may be hurt.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_provider_tests::servers::free_port;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

/// Where Debian puts the programs: a folder for each version.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// How long a server may take to answer after it was started.
const START_MAX: Duration = Duration::from_secs(20);

/// Runs the server until the input of this script ends, which it does with this process at the
/// latest, and then ends it as `pg_ctl stop -m immediate` does.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(read -r _ <&3; kill -s QUIT "$server") 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
kill "$guard" 2>/dev/null
"#;

/// What a server has on a disk of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Tables,
    /// The write-ahead log.
    Log,
}

/// A server with a folder and a port of its own, which it keeps when it is started again. It ends when
/// this is dropped.
#[derive(Debug)]
pub(crate) struct PrivateServer {
    folder: TempDir,
    programs: PathBuf,
    data: PathBuf,
    address: SocketAddr,
    settings: Vec<String>,
    guard: Option<Child>,
}

impl PrivateServer {
    /// Starts a server with these settings, each `name=value`.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        Self::start_in(None, settings).await
    }

    /// Starts a server that has this part of its data on this disk.
    pub(crate) async fn start_on(disk: &Path, part: Part) -> Self {
        Self::start_in(Some((disk, part)), &["autovacuum=off"]).await
    }

    async fn start_in(disk: Option<(&Path, Part)>, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("duroxide-private-")
            .tempdir()
            .unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        let place = |wanted| match disk {
            Some((disk, part)) if part == wanted => disk,
            _ => folder.path(),
        };
        let data = place(Part::Tables).join("data");
        let log = place(Part::Log).join("log-ahead");
        let mut server = Self {
            programs: programs(),
            data,
            address,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            guard: None,
            folder,
        };
        if is_root() {
            // The server refuses to run as root.
            let folders = [Some(server.folder.path()), disk.map(|it| it.0)];
            for folder in folders.into_iter().flatten() {
                run(Command::new("chown").arg("postgres").arg(folder));
            }
        }
        let mut initdb = server.program("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
        initdb.args(["--locale=C", "--no-sync", "--wal-segsize=4", "--pgdata"]);
        initdb.arg(&server.data);
        initdb.arg("--waldir").arg(log);
        run(&mut initdb);
        server.start_again().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Ends it without a word to its clients and without a checkpoint.
    pub(crate) fn stop_immediately(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().unwrap();
        }
    }

    /// Starts it on the data that it left, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        let mut server = self.program("postgres");
        server.arg("-D").arg(&self.data);
        server.args(["-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-p"]);
        server.arg(self.address.port().to_string());
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]);
        guard.arg(server.get_program()).args(server.get_args());
        guard.current_dir(self.folder.path());
        guard.stdin(Stdio::piped());
        guard.stdout(log.try_clone().unwrap()).stderr(log);
        self.guard = Some(guard.spawn().unwrap());
        let until_ms = SystemClock.now_ms() + u64::try_from(START_MAX.as_millis()).unwrap();
        let connect = PgConnectOptions::from_str(&self.url()).unwrap();
        loop {
            match connect.connect().await {
                Ok(connection) => return connection.close().await.unwrap(),
                Err(error) if SystemClock.now_ms() > until_ms => {
                    panic!("the server does not start: {error}\n{}", self.log());
                }
                Err(_) => SystemClock.sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// What the server wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A program, run as somebody as whom the server runs.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "--",
            ]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("what the server at {} wrote:\n{}", self.address, self.log());
        }
        self.stop_immediately();
    }
}

/// The folder with the programs of the newest version.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(PROGRAMS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    std::env::split_paths(&path)
        .chain(versions.into_iter().rev().map(|(_, folder)| folder))
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .expect("initdb and postgres are installed")
}

pub(crate) fn is_root() -> bool {
    let answer = Command::new("id").arg("-u").output();
    answer.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

/// Runs a program that must succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
