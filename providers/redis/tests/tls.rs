//! Connections that nobody can listen in on, and what is said when there can be none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;
mod support_opening;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Provider};
use duroxide_redis::{RedisOptions, RedisProvider};
use tempfile::TempDir;

use duroxide_provider_tests::servers::free_port;
use operations::run_one;
use private_server::{PrivateServer, folder, run};
use support_opening::impostor::Impostor;
use support_opening::{SECRET, config_refusal, log, refusal};

/// A root and the certificates that it has signed, made anew for each run.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self {
            folder: TempDir::with_prefix("duroxide-tls-").unwrap(),
        };
        authority.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -keyout root.key -out root.crt -subj /CN=root-of-{}",
            std::process::id()
        ));
        authority
    }

    fn openssl(&self, arguments: &str) {
        let arguments = arguments.split(' ').filter(|it| !it.is_empty());
        run(Command::new("openssl").args(arguments), self.folder.path());
    }

    /// Makes a certificate for this host, and its key.
    fn certify(&self, host: &str) {
        let names = self.folder.path().join("names");
        fs::write(names, format!("subjectAltName={host}")).unwrap();
        self.openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key \
             -out server.csr -subj /CN=server",
        );
        self.openssl(
            "x509 -req -in server.csr -CA root.crt -CAkey root.key -CAcreateserial -days 2 \
             -extfile names -out server.crt",
        );
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.crt")
    }
}

/// A server that has a port with TLS beside the one without.
struct Encrypted {
    server: PrivateServer,
    port: u16,
}

impl Encrypted {
    /// Starts one with a certificate for this host.
    async fn start(authority: &Authority, host: &str) -> Self {
        authority.certify(host);
        let folder = folder();
        for file in ["server.key", "server.crt", "root.crt"] {
            fs::copy(authority.folder.path().join(file), folder.path().join(file)).unwrap();
        }
        let port = free_port().unwrap();
        let arguments = [
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            "server.crt",
            "--tls-key-file",
            "server.key",
            "--tls-ca-cert-file",
            "root.crt",
            "--tls-auth-clients",
            "no",
        ];
        let mut server = PrivateServer::start_in(folder, &arguments).await;
        server.set_password(SECRET).await;
        Self { server, port }
    }

    fn url(&self) -> String {
        format!("rediss://:{SECRET}@127.0.0.1:{}", self.port)
    }

    /// How many clients came by this port.
    async fn clients(&self, port: u16) -> usize {
        let clients: String = self.server.command("CLIENT LIST").await;
        clients
            .matches(&format!(" laddr=127.0.0.1:{port} "))
            .count()
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn the_right_root_is_trusted_and_every_connection_is_encrypted() {
    log::capture();
    let authority = Authority::new();
    let server = Encrypted::start(&authority, "IP:127.0.0.1").await;
    let options = RedisOptions::default().tls_root_certificate(authority.root());
    let provider = RedisProvider::new(&server.url(), Some(options)).await;
    let provider = provider.unwrap();
    run_one(&provider, "one").await;
    provider.admin().metrics().await.unwrap();
    // Commits, claims, leases, reads, and the one that hears of others.
    assert_eq!(server.clients(server.port).await, 5);
    // Nothing but the one that asks.
    assert_eq!(server.clients(server.server.address().port()).await, 1);
    let channels: Vec<String> = server.server.command("PUBSUB CHANNELS").await;
    assert_eq!(channels.len(), 1, "{channels:?}");
    provider.close().await;
    log::assert_never_said(SECRET);
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn another_root_is_not_trusted() {
    let authority = Authority::new();
    let server = Encrypted::start(&authority, "IP:127.0.0.1").await;
    let options = RedisOptions::default;
    let stranger = Authority::new();
    // Another root, and those of this machine.
    let other = options().tls_root_certificate(stranger.root());
    config_refusal(&server.url(), other, "`tls_root_certificate`").await;
    config_refusal(&server.url(), options(), "`tls_root_certificate`").await;
    // A file that is gone by now, and one that holds no certificate.
    let gone = options().tls_root_certificate("/nowhere/root.crt");
    config_refusal(&server.url(), gone, "`tls_root_certificate`").await;
    let empty = stranger.folder.path().join("empty");
    fs::write(&empty, "nothing").unwrap();
    let empty = options().tls_root_certificate(empty);
    config_refusal(&server.url(), empty, "`tls_root_certificate`").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn another_host_is_another_server() {
    let authority = Authority::new();
    let server = Encrypted::start(&authority, "DNS:elsewhere.example").await;
    let options = RedisOptions::default().tls_root_certificate(authority.root());
    config_refusal(&server.url(), options, "for this host").await;
    // A URL cannot switch that off.
    let insecure = format!("{}/#insecure", server.url());
    config_refusal(&insecure, RedisOptions::default(), "`#`").await;
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn who_speaks_with_tls_and_who_without_is_told_apart() {
    let authority = Authority::new();
    let server = Encrypted::start(&authority, "IP:127.0.0.1").await;
    let options = RedisOptions::default()
        .tls_root_certificate(authority.root())
        // One that waits for a command in plain text waits for the rest of it.
        .connect_timeout(Duration::from_millis(500));
    let plain = server.server.address().port();
    // TLS with a server that has none.
    let url = format!("rediss://:{SECRET}@127.0.0.1:{plain}");
    let error = refusal(&url, options.clone()).await;
    assert!(error.message().contains("TLS"), "{error:?}");
    let web_server = Impostor::web_server().await;
    let url = format!("rediss://:{SECRET}@{}", web_server.address());
    let error = refusal(&url, options.clone()).await;
    assert!(error.message().contains("TLS"), "{error:?}");
    // None with a server that wants it.
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", server.port);
    let error = refusal(&url, RedisOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("rediss://"), "{error:?}");
    // Where there is no TLS, there is no certificate to be looked at.
    let url = format!("redis://:{SECRET}@127.0.0.1:{plain}");
    let provider = RedisProvider::new(&url, Some(options)).await.unwrap();
    run_one(&provider, "one").await;
    provider.close().await;
}
