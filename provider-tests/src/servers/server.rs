//! Which server the tests of this process use.

use std::fmt;
use std::sync::OnceLock;

use super::ServerKind;
use super::local::LocalServer;
use crate::Unavailable;

/// Where a server comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The environment variable with its URL.
    Environment,
    /// A container that was started for this process.
    Container,
    /// Programs of this machine that were started for this process.
    Local,
}

/// A server that answers. What was started for it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    kind: ServerKind,
    url: String,
    origin: Origin,
    not: Vec<String>,
    #[expect(dead_code, reason = "it is held for what its end does")]
    running: Running,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they are held for what their end does")]
enum Running {
    Elsewhere,
    Local(LocalServer),
    #[cfg(feature = "containers")]
    Container(super::container::ContainerServer),
}

impl Server {
    /// Finds or starts a server, in the order that the [module](super) tells.
    ///
    /// # Errors
    /// [`Unavailable`], with what was tried and what to install or to set.
    pub fn find(kind: ServerKind) -> Result<Self, Unavailable> {
        let description = kind.description();
        let variable = description.url_variable;
        if let Ok(url) = std::env::var(variable) {
            return Ok(Self {
                kind,
                url,
                origin: Origin::Environment,
                not: Vec::new(),
                running: Running::Elsewhere,
            });
        }
        let mut not = vec![format!("{variable} is not set")];
        match contained(kind) {
            Ok((url, running)) => {
                return Ok(Self {
                    kind,
                    url,
                    origin: Origin::Container,
                    not,
                    running,
                });
            }
            Err(why) => not.push(format!("no container: {why}")),
        }
        match LocalServer::start(kind) {
            Ok(server) => Ok(Self {
                kind,
                url: kind.url(&server.addresses),
                origin: Origin::Local,
                not,
                running: Running::Local(server),
            }),
            Err(why) => {
                not.push(format!("no program of this machine: {why}"));
                Err(Unavailable::new(format!(
                    "there is no {kind} server: {}. Set {variable} (such as {}), start Docker, or {}",
                    not.join("; "),
                    description.url_example,
                    description.remedy,
                )))
            }
        }
    }

    /// Where to connect to. It may hold a password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the server comes from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }
}

impl fmt::Display for Server {
    /// Says which server it is, and why it is none of those that come first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self.origin {
            Origin::Environment => "given by the environment",
            Origin::Container => "in a container",
            Origin::Local => "from the programs of this machine",
        };
        f.write_str(origin)?;
        if self.not.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.not.join("; "))
    }
}

#[cfg(feature = "containers")]
fn contained(kind: ServerKind) -> Result<(String, Running), String> {
    let server = super::container::ContainerServer::start(kind)?;
    Ok((kind.url(&server.addresses), Running::Container(server)))
}

#[cfg(not(feature = "containers"))]
fn contained(_: ServerKind) -> Result<(String, Running), String> {
    Err("the suite was built without its feature `containers`".to_owned())
}

/// One of each kind, once it was asked for.
static SERVERS: [OnceLock<Result<Server, Unavailable>>; ServerKind::ALL.len()] =
    [const { OnceLock::new() }; ServerKind::ALL.len()];

/// The variables by which a process that this one starts finds the servers that this one has, and starts none itself.
#[must_use]
pub fn environment() -> Vec<(&'static str, &'static str)> {
    let found = SERVERS.iter().filter_map(|it| it.get()?.as_ref().ok());
    found.map(|it| (it.kind.url_variable(), it.url())).collect()
}

/// The server of this kind that all tests of this process share. The first call finds or starts
/// it, which takes seconds and blocks; when a test runtime is around, call it from a thread that
/// may block.
///
/// # Errors
/// [`Unavailable`], with what was tried and what to install or to set; the same for every caller.
pub fn server(kind: ServerKind) -> Result<&'static Server, Unavailable> {
    let [postgres, redis, redis_cluster, dynamodb] = &SERVERS;
    let cell = match kind {
        ServerKind::Postgres => postgres,
        ServerKind::Redis => redis,
        ServerKind::RedisCluster => redis_cluster,
        ServerKind::DynamoDb => dynamodb,
    };
    cell.get_or_init(|| Server::find(kind))
        .as_ref()
        .map_err(Clone::clone)
}
