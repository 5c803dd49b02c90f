//! The URL of a server.

use std::fs;
use std::sync::Arc;

use duroxide_core::providers::ProviderError;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    TlsCertificates,
};

use rustls::crypto::{CryptoProvider, ring};

use crate::error;
use crate::options::RedisOptions;

/// A server, as the URL names it.
#[derive(Clone)]
pub(crate) struct Location {
    info: ConnectionInfo,
    root_certificate: Option<Vec<u8>>,
    /// Its name for people, without a password.
    pub(crate) server: Arc<str>,
}

impl Location {
    /// Reads a URL. What cannot be understood is not repeated: it may hold a password.
    pub(crate) fn new(url: &str, options: &RedisOptions) -> Result<Self, ProviderError> {
        if ![
            "redis://",
            "rediss://",
            "redis+unix://",
            "valkey://",
            "valkeys://",
        ]
        .iter()
        .any(|scheme| url.starts_with(scheme))
        {
            return Err(error::config(
                "the URL must begin with redis:// or, for TLS, rediss://",
            ));
        }
        if url.contains('#') {
            return Err(error::config(
                "the URL holds a `#`; percent-encode it as `%23` where it is part of a password",
            ));
        }
        // Its error may repeat a part of the URL, and is left out for that.
        let info = url.into_connection_info().map_err(|_| {
            error::config(
                "the URL cannot be understood; it is redis://USER:PASSWORD@HOST:PORT/DATABASE, with \
                 what is special in a user or a password percent-encoded, as `%40` for `@`",
            )
        })?;
        let certificate = options.tls_root_certificate.as_ref();
        let root_certificate = certificate.map(fs::read).transpose().map_err(|cause| {
            error::config("the file of `tls_root_certificate` cannot be read").with_source(cause)
        })?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            choose_cryptography();
        }
        Ok(Self {
            server: name(info.addr()).into(),
            info,
            root_certificate,
        })
    }

    /// Which of the server's databases it is.
    pub(crate) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// The client that connects there, with this login if there is one.
    pub(crate) fn client(
        &self,
        login: Option<&crate::credentials::Login>,
    ) -> redis::RedisResult<Client> {
        let info = self.info.clone();
        // By RESP3 the driver tells at once when a connection ends, and passes on why a login failed.
        let mut settings = info.redis_settings().clone();
        settings = settings
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name();
        if let Some(login) = login {
            if let Some(username) = &login.username {
                settings = settings.set_username(username);
            }
            settings = settings.set_password(&login.password);
        }
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
            format!("{host}:{port}")
        }
        ConnectionAddr::Unix(path) => path.display().to_string(),
        _ => "unknown".to_owned(),
    }
}
