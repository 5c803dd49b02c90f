//! The programs of a server that are installed, and how they are started.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ServerKind;
use super::cluster::Cluster;
use super::ports::free_port;

/// Where Debian puts PostgreSQL: a folder for each version.
const POSTGRES_FOLDER: &str = "/usr/lib/postgresql";
/// Where the libraries of PostgreSQL are, beside its programs: Debian's own place first, then those of others.
const POSTGRES_LIBRARIES: [&str; 4] = ["lib", "lib/postgresql", "lib64/pgsql", "lib/pgsql"];
const JAR_VARIABLE: &str = "DUROXIDE_TEST_DYNAMODB_JAR";

/// A program with its arguments, where clients connect to, and the signal that ends it at once.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) words: Vec<OsString>,
    pub(super) ports: Vec<u16>,
    pub(super) signal: &'static str,
}

/// Prepares a server in this folder that will listen on free ports of the loopback interface.
pub(super) fn prepare(kind: ServerKind, folder: &Path) -> Result<Program, String> {
    match kind {
        ServerKind::Postgres => postgres(folder),
        ServerKind::Redis => redis(),
        ServerKind::RedisCluster => redis_cluster(),
        ServerKind::DynamoDb => dynamodb(),
    }
}

fn postgres(folder: &Path) -> Result<Program, String> {
    let programs = postgres_folder().ok_or("initdb and postgres are not installed")?;
    let mut as_user: Vec<OsString> = Vec::new();
    if is_root() {
        // The server refuses to run as root.
        run(Command::new("chown").arg("postgres").arg(folder))?;
        let words = [
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--init-groups",
            "--",
        ];
        as_user.extend(words.map(OsString::from));
    }
    let data = folder.join("data");
    let mut words = as_user.clone();
    words.push(programs.join("initdb").into());
    words.extend(["--username=postgres", "--auth=trust", "--encoding=UTF8"].map(Into::into));
    words.extend(["--locale=C", "--no-sync", "--pgdata"].map(Into::into));
    words.push(data.clone().into());
    run(command(&words)?.current_dir(folder))?;
    let mut words = as_user;
    words.extend([programs.join("postgres").into(), "-D".into(), data.into()]);
    words.extend(["-h", "127.0.0.1", "-k", "", "-p"].map(OsString::from));
    let port = free_port()?;
    words.push(port.to_string().into());
    // It flushes, as a server in a container does: a certificate says what was tested.
    words.extend(super::kind::POSTGRES_SETTINGS.iter().map(OsString::from));
    if counts_statements(&programs) {
        words.extend(super::kind::POSTGRES_COUNTING.iter().map(OsString::from));
    }
    Ok(Program {
        words,
        ports: vec![port],
        signal: "QUIT",
    })
}

/// The folder with the programs of the newest version.
fn postgres_folder() -> Option<PathBuf> {
    let versions = Path::new(POSTGRES_FOLDER).read_dir();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let newest_first = versions.into_iter().rev().map(|(_, folder)| folder);
    path_folders()
        .chain(newest_first)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Whether the library that counts statements is installed for these programs.
fn counts_statements(programs: &Path) -> bool {
    // The folder may be one of links.
    let server = programs.join("postgres").canonicalize();
    let root = server
        .ok()
        .and_then(|it| Some(it.parent()?.parent()?.to_owned()));
    root.is_some_and(|root| {
        let mut libraries = POSTGRES_LIBRARIES.iter().map(|it| root.join(it));
        libraries.any(|it| it.join("pg_stat_statements.so").is_file())
    })
}

fn redis() -> Result<Program, String> {
    let port = free_port()?;
    let mut words = vec![redis_program("server")?.into()];
    words.extend(["--bind", "127.0.0.1", "--port"].map(OsString::from));
    words.push(port.to_string().into());
    // It writes to the current folder.
    words.extend(super::kind::REDIS_SETTINGS.iter().map(OsString::from));
    Ok(Program {
        words,
        ports: vec![port],
        signal: "KILL",
    })
}

fn redis_cluster() -> Result<Program, String> {
    let cluster = Cluster::new()?;
    let (server, client) = (redis_program("server")?, redis_program("cli")?);
    Ok(Program {
        words: cluster.words(&server, &client, Ipv4Addr::LOCALHOST),
        ports: cluster.ports().collect(),
        // By it the script ends the nodes.
        signal: "TERM",
    })
}

/// A program of Redis, or of Valkey where there is no Redis.
fn redis_program(which: &str) -> Result<PathBuf, String> {
    ["redis", "valkey"]
        .iter()
        .find_map(|vendor| find(&format!("{vendor}-{which}")))
        .ok_or_else(|| format!("neither redis-{which} nor valkey-{which} is installed"))
}

fn dynamodb() -> Result<Program, String> {
    let jar = std::env::var_os(JAR_VARIABLE).ok_or_else(|| format!("{JAR_VARIABLE} is not set"))?;
    let jar = PathBuf::from(jar);
    if !jar.is_file() {
        return Err(format!("{JAR_VARIABLE} names no file: {}", jar.display()));
    }
    let java = find("java").ok_or("java is not installed")?;
    let mut libraries = OsString::from("-Djava.library.path=");
    libraries.push(jar.with_file_name("DynamoDBLocal_lib"));
    let mut words = vec![java.into(), libraries, "-jar".into(), jar.into()];
    let options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port"];
    words.extend(options.map(OsString::from));
    let port = free_port()?;
    words.push(port.to_string().into());
    Ok(Program {
        words,
        ports: vec![port],
        signal: "KILL",
    })
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn find(program: &str) -> Option<PathBuf> {
    let candidates = path_folders().map(|folder| folder.join(program));
    candidates.into_iter().find(|path| path.is_file())
}

fn is_root() -> bool {
    let answer = Command::new("id").arg("-u").output();
    answer.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

fn command(words: &[OsString]) -> Result<Command, String> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{program} ended with {}: {}",
        output.status,
        said.trim()
    ))
}
