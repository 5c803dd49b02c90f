//! A server of a test's own, for what the shared one cannot be: with passwords, with certificates, a
//! standby.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_provider_tests::servers::free_port;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

/// Where Debian puts PostgreSQL: a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_basebackup"];
const STARTS_IN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Ends the server when the input of this script ends, which it does with the test process at the
/// latest.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null >server.log 2>&1 3<&- &
server=$!
(read -r _ <&3; kill -QUIT "$server") 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
kill "$guard" 2>/dev/null
"#;

/// Everybody but the superuser needs a password.
pub(crate) const WITH_PASSWORDS: &str = "host all postgres 127.0.0.1/32 trust\n\
     host replication postgres 127.0.0.1/32 trust\n\
     host all all 127.0.0.1/32 scram-sha-256\n";

/// A server that ends with this value.
#[derive(Debug)]
pub(crate) struct PrivateServer {
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    guard: Child,
}

impl PrivateServer {
    /// Starts one with this `pg_hba.conf` and these settings, once `prepare` has put what it wants
    /// into its data folder.
    pub(crate) async fn start(
        access: &str,
        settings: &[&str],
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        let mut initdb = program("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
        initdb
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(&data);
        run(&mut initdb, folder.path());
        fs::write(data.join("pg_hba.conf"), access).unwrap();
        prepare(&data);
        Self::run(folder, settings).await
    }

    /// Starts a standby that follows this server.
    pub(crate) async fn standby(&self) -> Self {
        let folder = folder();
        let mut backup = program("pg_basebackup");
        backup.args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--write-recovery-conf",
        ]);
        backup.args([
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            "--pgdata",
        ]);
        backup.arg(folder.path().join("data"));
        backup.arg(format!("--port={}", self.port));
        run(&mut backup, folder.path());
        Self::run(folder, &["hot_standby=on"]).await
    }

    async fn run(folder: TempDir, settings: &[&str]) -> Self {
        let port = free_port().unwrap();
        let mut server = program("postgres");
        server.arg("-D").arg(folder.path().join("data"));
        server.args([
            "-h",
            "127.0.0.1",
            "-k",
            "",
            "-c",
            "fsync=off",
            "-p",
            &port.to_string(),
        ]);
        for setting in settings {
            server.args(["-c", setting]);
        }
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(server.get_program());
        guard.args(server.get_args()).current_dir(folder.path());
        guard
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // An interrupt from the terminal ends the tests, and they end the server.
        let guard = guard.process_group(0).spawn().unwrap();
        let server = Self {
            port,
            folder,
            guard,
        };
        server.answers().await;
        server
    }

    /// The superuser's way in.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    async fn answers(&self) {
        let options: PgConnectOptions = self.url().parse().unwrap();
        for _ in 0..STARTS_IN.as_millis() / PAUSE.as_millis() {
            if let Ok(connection) = options.connect().await {
                connection.close().await.unwrap();
                return;
            }
            SystemClock.sleep(PAUSE).await;
        }
        let said = fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        panic!("the server does not answer: {said}");
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().map(drop).ok();
    }
}

/// A folder that the server may write to, which refuses to run as root.
fn folder() -> TempDir {
    let folder = TempDir::with_prefix("duroxide-opening-").unwrap();
    if is_root() {
        run(
            Command::new("chown").arg("postgres").arg(folder.path()),
            folder.path(),
        );
    }
    folder
}

fn program(name: &str) -> Command {
    let path = programs().join(name);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
        "--",
    ]);
    command.arg(path);
    command
}

/// The folder with the programs of the newest version.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    std::env::split_paths(&path)
        .chain(versions.into_iter().rev().map(|(_, folder)| folder))
        .find(|folder| PROGRAMS.iter().all(|name| folder.join(name).is_file()))
        .expect("the programs of a PostgreSQL server are not installed")
}

fn is_root() -> bool {
    let answer = Command::new("id").arg("-u").output();
    answer.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

/// Runs a program to its end, which must be a good one.
pub(crate) fn run(command: &mut Command, folder: &Path) {
    let output = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Makes a file one that the server reads, and nobody else.
pub(crate) fn give_to_server(file: &Path) {
    let folder = file.parent().unwrap();
    run(Command::new("chmod").arg("600").arg(file), folder);
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(file), folder);
    }
}
