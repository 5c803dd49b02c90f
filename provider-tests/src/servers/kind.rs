//! The kinds of servers, and what is different about each.

use std::fmt;
use std::net::SocketAddr;

/// A kind of server that a backend stores in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// PostgreSQL.
    Postgres,
    /// Redis, one server.
    Redis,
    /// Redis Cluster: three primaries with a replica each.
    RedisCluster,
    /// DynamoDB Local, the emulator.
    DynamoDb,
}

/// What is different about each kind.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) url_variable: &'static str,
    pub(super) url_example: &'static str,
    pub(super) url_before_address: &'static str,
    pub(super) url_after_address: &'static str,
    #[cfg(feature = "containers")]
    pub(super) container: Container,
    /// How to get the programs.
    pub(super) remedy: &'static str,
}

/// How it runs in a container.
#[cfg(feature = "containers")]
#[derive(Debug)]
pub(super) struct Container {
    pub(super) image_variable: &'static str,
    pub(super) image: &'static str,
    /// Its port; none where each node has one of its own.
    pub(super) port: Option<u16>,
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// What its program is given; of a cluster it is made for each container.
    pub(super) arguments: &'static [&'static [&'static str]],
}

/// How a PostgreSQL server is set up that is started here. Cases that run side by side open several
/// providers each, with several connections each.
pub(super) const POSTGRES_SETTINGS: &[&str] = &["-c", "max_connections=300"];

/// How it counts statements, those inside functions too. There are many, since each store has a schema of its own.
/// A server without the library does not start by these.
pub(super) const POSTGRES_COUNTING: &[&str] = &[
    "-c",
    "shared_preload_libraries=pg_stat_statements",
    "-c",
    "pg_stat_statements.track=all",
    "-c",
    "pg_stat_statements.max=20000",
];

/// How a Redis server is set up that is started here: it keeps what it has acknowledged, but for the last
/// second where it is killed. A cluster has the same in its script.
pub(super) const REDIS_SETTINGS: &[&str] = &[
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--save",
    "",
];
/// The server of the containers. Other versions have the same, from 7.0 on.
#[cfg(feature = "containers")]
const REDIS_IMAGE: &str = "redis:7.4-alpine";

const POSTGRES: Description = Description {
    id: "postgres",
    name: "PostgreSQL",
    url_variable: "DUROXIDE_TEST_POSTGRES_URL",
    url_example: "postgres://user@host:5432/database",
    url_before_address: "postgres://postgres@",
    url_after_address: "/postgres",
    #[cfg(feature = "containers")]
    container: Container {
        image_variable: "DUROXIDE_TEST_POSTGRES_IMAGE",
        image: "postgres:17",
        port: Some(5432),
        environment: &[("POSTGRES_HOST_AUTH_METHOD", "trust")],
        arguments: &[POSTGRES_SETTINGS, POSTGRES_COUNTING],
    },
    remedy: "install it (on Debian and Ubuntu: apt-get install postgresql)",
};

const REDIS: Description = Description {
    id: "redis",
    name: "Redis",
    url_variable: "DUROXIDE_TEST_REDIS_URL",
    url_example: "redis://host:6379",
    url_before_address: "redis://",
    url_after_address: "",
    #[cfg(feature = "containers")]
    container: Container {
        image_variable: "DUROXIDE_TEST_REDIS_IMAGE",
        image: REDIS_IMAGE,
        port: Some(6379),
        environment: &[],
        arguments: &[REDIS_SETTINGS],
    },
    remedy: "install it (on Debian and Ubuntu: apt-get install redis-server)",
};

const REDIS_CLUSTER: Description = Description {
    id: "redis-cluster",
    name: "Redis Cluster",
    url_variable: "DUROXIDE_TEST_REDIS_CLUSTER_URL",
    url_example: "redis://host:7000,host:7001,host:7002",
    url_before_address: "redis://",
    url_after_address: "",
    #[cfg(feature = "containers")]
    container: Container {
        image_variable: "DUROXIDE_TEST_REDIS_IMAGE",
        image: REDIS_IMAGE,
        port: None,
        environment: &[],
        arguments: &[],
    },
    remedy: "install Redis (on Debian and Ubuntu: apt-get install redis-server)",
};

const DYNAMODB: Description = Description {
    id: "dynamodb",
    name: "DynamoDB Local",
    url_variable: "DUROXIDE_TEST_DYNAMODB_URL",
    url_example: "http://host:8000",
    url_before_address: "http://",
    url_after_address: "",
    #[cfg(feature = "containers")]
    container: Container {
        image_variable: "DUROXIDE_TEST_DYNAMODB_IMAGE",
        image: "amazon/dynamodb-local:latest",
        port: Some(8000),
        environment: &[],
        arguments: &[],
    },
    remedy: "install Java and set DUROXIDE_TEST_DYNAMODB_JAR to the path of DynamoDBLocal.jar",
};

impl ServerKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Postgres,
        Self::Redis,
        Self::RedisCluster,
        Self::DynamoDb,
    ];

    pub(super) const fn description(self) -> &'static Description {
        match self {
            Self::Postgres => &POSTGRES,
            Self::Redis => &REDIS,
            Self::RedisCluster => &REDIS_CLUSTER,
            Self::DynamoDb => &DYNAMODB,
        }
    }

    /// Its name in lower case, without spaces.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.description().id
    }

    /// The environment variable that holds the URL of such a server.
    #[must_use]
    pub const fn url_variable(self) -> &'static str {
        self.description().url_variable
    }

    /// The kind with this [`id`](Self::id).
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    /// The URL of a server with these addresses, of which only a cluster has several.
    pub(super) fn url(self, addresses: &[SocketAddr]) -> String {
        let Description {
            url_before_address,
            url_after_address,
            ..
        } = self.description();
        let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        let addresses = addresses.join(",");
        format!("{url_before_address}{addresses}{url_after_address}")
    }
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description().name)
    }
}
