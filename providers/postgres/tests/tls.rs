//! Connections that nobody can listen in on, and what is said when there can be none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use duroxide_core::providers::Provider;
use duroxide_postgres::{Listen, PostgresOptions, PostgresProvider};
use tempfile::TempDir;

use operations::run_one;
use support_opening::private::{PrivateServer, give_to_server, run};
use support_opening::{SECRET, config_refusal, log, value};

/// Nobody comes in without TLS, but for this test.
const ENCRYPTED: &str = "hostssl all all 127.0.0.1/32 trust\n\
     hostnossl all postgres 127.0.0.1/32 trust\n";

/// A root and the certificates that it has signed, made anew for each run.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let folder = TempDir::with_prefix("duroxide-tls-").unwrap();
        let authority = Self { folder };
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

    /// Puts a certificate for this host, and its key, into the folder of a server's data.
    fn certify(&self, host: &str, data: &Path) {
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
        for file in ["server.key", "server.crt"] {
            let to = data.join(file);
            fs::copy(self.folder.path().join(file), &to).unwrap();
            give_to_server(&to);
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.crt")
    }
}

/// A server with a certificate for this host.
async fn encrypted(authority: &Authority, host: &str) -> PrivateServer {
    PrivateServer::start(ENCRYPTED, &["ssl=on"], |data| authority.certify(host, data)).await
}

fn url(server: &PrivateServer, parameters: &str) -> String {
    let port = server.port;
    format!("postgres://postgres:{SECRET}@127.0.0.1:{port}/postgres?{parameters}")
}

/// Opens a store, works with it, and sees that each of its connections is encrypted.
async fn works(server: &PrivateServer, url: &str, options: PostgresOptions, instance: &str) {
    let provider = PostgresProvider::new(url, Some(options)).await.unwrap();
    run_one(&provider, instance).await;
    provider.stats().await.unwrap();
    let count = |what: &str| {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = 'duroxide' AND {what}"
        );
        let url = server.url();
        async move { value::<i64>(&url, &sql).await }
    };
    assert_eq!(count("NOT ssl").await, 0);
    // The one that listens among them, whose last statement was that.
    assert_eq!(count("ssl AND query ILIKE 'LISTEN %'").await, 1);
    assert!(count("ssl").await >= 4);
    provider.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn the_right_root_is_trusted_wherever_it_is_named() {
    log::capture();
    let authority = Authority::new();
    let server = encrypted(&authority, "IP:127.0.0.1").await;
    let root = authority.root();
    let by_option = PostgresOptions::default().tls_root_certificate(&root);
    let verified = url(&server, "sslmode=verify-full");
    works(&server, &verified, by_option.clone(), "option").await;
    let named = format!("sslmode=verify-full&sslrootcert={}", root.display());
    works(
        &server,
        &url(&server, &named),
        PostgresOptions::default(),
        "url",
    )
    .await;
    // Where one listens elsewhere, the option holds there too.
    let elsewhere = by_option.listen(Listen::Url(verified.clone()));
    works(&server, &verified, elsewhere, "elsewhere").await;
    // Without a look at the certificate.
    let required = url(&server, "sslmode=require");
    works(&server, &required, PostgresOptions::default(), "require").await;
    works(
        &server,
        &url(&server, ""),
        PostgresOptions::default(),
        "prefer",
    )
    .await;
    log::assert_never_said(SECRET);
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn another_root_is_not_trusted() {
    let authority = Authority::new();
    let server = encrypted(&authority, "IP:127.0.0.1").await;
    let gone = PostgresOptions::default().tls_root_certificate(Authority::new().root());
    for mode in ["verify-full", "verify-ca"] {
        let url = url(&server, &format!("sslmode={mode}"));
        // Another root, and those of this machine.
        let stranger = Authority::new();
        let options = PostgresOptions::default().tls_root_certificate(stranger.root());
        config_refusal(&url, options, "`tls_root_certificate`").await;
        config_refusal(&url, PostgresOptions::default(), "`tls_root_certificate`").await;
        // A file that is gone by now.
        config_refusal(&url, gone.clone(), "a file is not there").await;
        let named = format!("{url}&sslrootcert=/nowhere/root.crt");
        config_refusal(&named, PostgresOptions::default(), "`sslrootcert`").await;
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn another_host_is_another_server_only_where_that_is_looked_at() {
    let authority = Authority::new();
    let server = encrypted(&authority, "DNS:elsewhere.example").await;
    let options = PostgresOptions::default().tls_root_certificate(authority.root());
    let full = url(&server, "sslmode=verify-full");
    config_refusal(&full, options.clone(), "for this host").await;
    works(&server, &url(&server, "sslmode=verify-ca"), options, "ca").await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let server = PrivateServer::start("host all all 127.0.0.1/32 trust\n", &[], |_| ()).await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = url(&server, &format!("sslmode={mode}"));
        config_refusal(&url, PostgresOptions::default(), "`sslmode`").await;
    }
    let provider = PostgresProvider::new(&url(&server, "sslmode=prefer"), None).await;
    provider.unwrap().close().await;
}
