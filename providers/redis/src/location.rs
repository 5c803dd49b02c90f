//! Where the servers are, as a URL names them.

use std::fs;
use std::sync::Arc;

use duroxide_core::providers::ProviderError;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    TlsCertificates,
};

use rustls::crypto::{CryptoProvider, ring};

use crate::options::RedisOptions;
use crate::{error, url};

/// Where the servers are, as the URL names them.
#[derive(Clone)]
pub(crate) struct Location {
    /// How the first of them is connected to; the others are too, but for the address.
    info: ConnectionInfo,
    root_certificate: Option<Vec<u8>>,
    /// One at least: servers, or the sentinels that know which one is the primary.
    nodes: Vec<Node>,
    /// By which name the sentinels know the primary, if they are sentinels.
    primary_name: Option<Arc<str>>,
    /// Their names for people, without a password.
    pub(crate) server: Arc<str>,
}

/// A server: where clients connect to, and its name for people.
#[derive(Clone)]
pub(crate) struct Node {
    address: Arc<ConnectionAddr>,
    pub(crate) name: Arc<str>,
}

impl Node {
    fn new(address: ConnectionAddr) -> Self {
        Self {
            name: name(&address).into(),
            address: Arc::new(address),
        }
    }

    /// Another server, which is reached in the same way. Where no host is told, it is this one's.
    pub(crate) fn beside(&self, host: &str, port: u16) -> Self {
        let host = match (&*self.address, host) {
            (ConnectionAddr::Tcp(own, _) | ConnectionAddr::TcpTls { host: own, .. }, "") => own,
            _ => host,
        };
        let host = host.to_owned();
        let mut address = (*self.address).clone();
        if let ConnectionAddr::TcpTls {
            host: own_host,
            port: own_port,
            ..
        } = &mut address
        {
            (*own_host, *own_port) = (host, port);
        } else {
            address = ConnectionAddr::Tcp(host, port);
        }
        Self::new(address)
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Location {
    /// Reads a URL. What cannot be understood is not repeated: it may hold a password.
    pub(crate) fn new(url: &str, options: &RedisOptions) -> Result<Self, ProviderError> {
        let url = url::checked(url)?;
        let (primary_name, url) = match url::without_sentinel(&url)? {
            Some((name, url)) => (Some(name.into()), url),
            None => (None, url),
        };
        let mut infos = Vec::new();
        for url in url::each_server(&url) {
            // Its error may repeat a part of the URL, and is left out for that.
            let info = url.as_str().into_connection_info();
            infos.push(info.map_err(|_| url::mistake_in(&url))?);
        }
        let certificate = options.tls_root_certificate.as_ref();
        let root_certificate = certificate.map(fs::read).transpose().map_err(|cause| {
            error::config("the file of `tls_root_certificate` cannot be read").with_source(cause)
        })?;
        let nodes: Vec<Node> = infos
            .iter()
            .map(|it| Node::new(it.addr().clone()))
            .collect();
        let names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
        let server = names.join(",").into();
        let info = infos.into_iter().next();
        let info = info.ok_or_else(|| error::config("the URL names no server"))?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            choose_cryptography();
        }
        Ok(Self {
            info,
            root_certificate,
            nodes,
            primary_name,
            server,
        })
    }

    /// By which name the servers of the URL know the primary, if they are sentinels.
    pub(crate) fn primary_name(&self) -> Option<&str> {
        self.primary_name.as_deref()
    }

    /// A server that sentinels have named.
    pub(crate) fn server_at(&self, host: &str, port: u16) -> Node {
        Node::new(self.info.addr().clone()).beside(host, port)
    }

    /// The client that connects to a sentinel. The login of the URL is that of the servers.
    pub(crate) fn sentinel_client(&self, sentinel: &Node) -> redis::RedisResult<Client> {
        let settings = redis::RedisConnectionInfo::default();
        self.client_with(
            sentinel,
            settings
                .set_protocol(ProtocolVersion::RESP3)
                .set_skip_set_lib_name(),
        )
    }

    /// Which of the server's databases it is.
    pub(crate) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// The servers that the URL names.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The client that connects to a server, with this login if there is one.
    pub(crate) fn client(
        &self,
        node: &Node,
        login: Option<&crate::credentials::Login>,
    ) -> redis::RedisResult<Client> {
        // By RESP3 the driver tells at once when a connection ends, and passes on why a login failed.
        let mut settings = self.info.redis_settings().clone();
        settings = settings
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name();
        if let Some(login) = login {
            if let Some(username) = &login.username {
                settings = settings.set_username(username);
            }
            settings = settings.set_password(&login.password);
        }
        self.client_with(node, settings)
    }

    fn client_with(
        &self,
        node: &Node,
        settings: redis::RedisConnectionInfo,
    ) -> redis::RedisResult<Client> {
        let info = self.info.clone().set_addr((*node.address).clone());
        let info = info.set_redis_settings(settings);
        let is_encrypted = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        match self.root_certificate.as_ref().filter(|_| is_encrypted) {
            Some(certificate) => Client::build_with_tls(
                info,
                TlsCertificates {
                    client_tls: None,
                    root_cert: Some(certificate.clone()),
                },
            ),
            None => Client::open(info),
        }
    }
}

/// The driver encrypts by what the process has chosen, and panics where it has chosen nothing and more
/// than one library is linked. A choice of the program's own stays.
fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // Somebody else may choose at the same time, which is as good.
        ring::default_provider().install_default().ok();
    }
}

fn name(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            // An address of IPv6 has colons of its own.
            if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            }
        }
        ConnectionAddr::Unix(path) => path.display().to_string(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(url: &str) -> String {
        let location = Location::new(url, &RedisOptions::default());
        location.unwrap().server.to_string()
    }

    #[test]
    fn servers_are_listed_and_named_without_a_password() {
        for (url, says) in [
            ("redis://host", "host:6379"),
            ("redis://u:p,w@a:7000,b:7001,c", "a:7000,b:7001,c:6379"),
            (
                "redis://:p@[::1]:7000,[fe80::2]",
                "[::1]:7000,[fe80::2]:6379",
            ),
            ("rediss://u:p@a,b:1/0", "a:6379,b:1"),
            ("REDIS://host", "host:6379"),
            ("Redis+Unix:///run/A.sock?db=1", "/run/A.sock"),
            ("redis+unix:///run/a,b.sock", "/run/a,b.sock"),
        ] {
            assert_eq!(names(url), says, "{url}");
        }
        for url in [
            "redis://a,",
            "redis://,a",
            "redis://a,,b",
            "redis://u:p@a:1,b:x",
        ] {
            let error = Location::new(url, &RedisOptions::default()).err().unwrap();
            assert!(
                error.to_string().contains("cannot be understood"),
                "{error}"
            );
        }
    }

    #[test]
    fn sentinels_know_the_primary_by_its_name() {
        for (url, says, name, database) in [
            (
                "redis+sentinel://a,[::1]/main",
                "a:26379,[::1]:26379",
                "main",
                0,
            ),
            (
                "rediss+sentinel://u:p@a:1,b/main/3",
                "a:1,b:26379",
                "main",
                3,
            ),
        ] {
            let location = Location::new(url, &RedisOptions::default()).unwrap();
            assert_eq!(&*location.server, says);
            assert_eq!(location.primary_name(), Some(name));
            assert_eq!(location.database(), database);
        }
        for url in [
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+sentinel://u:secret@a//2",
        ] {
            let error = Location::new(url, &RedisOptions::default()).err().unwrap();
            assert!(error.to_string().contains("/NAME"), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn all_servers_are_reached_as_the_first() {
        let url = "rediss://u:p@a:1,b:2";
        let location = Location::new(url, &RedisOptions::default()).unwrap();
        let [first, second] = location.nodes() else {
            panic!("{}", location.server);
        };
        assert!(*second == first.beside("b", 2));
        assert_eq!(&*first.beside("", 9).name, "a:9");
        let client = location.client(&second.beside("c", 3), None).unwrap();
        let info = client.get_connection_info();
        assert!(matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
        assert_eq!(info.redis_settings().password(), Some("p"));
    }
}
