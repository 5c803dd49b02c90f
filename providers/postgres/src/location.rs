//! The URL of a database.

use std::str::FromStr;

use duroxide_core::providers::ProviderError;
use sqlx::postgres::PgConnectOptions;

use crate::error;
use crate::options::PostgresOptions;

/// What a URL may say behind its question mark. The driver would pass over anything else, and write
/// it into the log, a misspelt password too.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Reads a URL. What cannot be understood is not repeated: it may hold a password.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, ProviderError> {
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(error::config(
            "the URL must begin with postgres:// or postgresql://",
        ));
    }
    if is_misread(url) {
        return Err(not_understood());
    }
    if let Some((_, query)) = url.split_once('?') {
        let keys = query.split('&').filter(|pair| !pair.is_empty());
        for key in keys.filter_map(|pair| pair.split('=').next()) {
            if !PARAMETERS.contains(&key) && !key.starts_with("options[") {
                return Err(error::config(
                    "the URL has a parameter that is not known; those of psql are, such as sslmode and \
                     sslrootcert",
                ));
            }
        }
    }
    // Its error may repeat a part of the URL, and is left out for that.
    PgConnectOptions::from_str(url).map_err(|_| not_understood())
}

fn not_understood() -> ProviderError {
    error::config(
        "the URL cannot be understood; it is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with what \
         is special in a user, a password or a database percent-encoded, as `%40` for `@`",
    )
}

/// Whether a password with a slash or a hash in it would be taken for a host, a port and what
/// follows them, which errors name.
fn is_misread(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let place = rest.split('?').next().unwrap_or_default();
    let after_authority = place.split_once(['/', '#']).map(|(_, rest)| rest);
    after_authority.is_some_and(|rest| rest.contains('@'))
}

/// The server's name for people: the host and the port, or the socket.
pub(crate) fn server(to: &PgConnectOptions) -> String {
    match socket(to) {
        Some(folder) => format!("{folder}/.s.PGSQL.{}", to.get_port()),
        None => {
            let host = to.get_host();
            let is_bare_address = host.contains(':') && !host.starts_with('[');
            let (opened, closed) = if is_bare_address {
                ("[", "]")
            } else {
                ("", "")
            };
            format!("{opened}{host}{closed}:{}", to.get_port())
        }
    }
}

/// The folder of the socket, if there is one.
pub(crate) fn socket(to: &PgConnectOptions) -> Option<String> {
    let socket = to.get_socket().map(|folder| folder.display().to_string());
    socket.or_else(|| {
        let host = to.get_host();
        host.starts_with('/').then(|| host.to_owned())
    })
}

/// Adds what the options say of a connection on which statements are run.
pub(crate) fn with_options(
    connect: PgConnectOptions,
    options: &PostgresOptions,
) -> PgConnectOptions {
    let mut connect = with_identity(connect, options);
    let timeouts = [
        ("statement_timeout", options.statement_timeout),
        ("lock_timeout", options.lock_timeout),
    ];
    for (name, timeout) in timeouts {
        if let Some(timeout) = timeout {
            // Zero would be no limit at all, and more than this is refused.
            let millis = timeout.as_millis().clamp(1, i32::MAX.unsigned_abs().into());
            connect = connect.options([(name, millis.to_string())]);
        }
    }
    // The functions look again at what they have waited for, which a stricter level would refuse. Who
    // leaves out both limits has a proxy that takes no startup options.
    if timeouts.iter().any(|(_, timeout)| timeout.is_some()) {
        connect = connect.options([("default_transaction_isolation", "read committed")]);
    }
    connect
}

/// Adds who this is, and whom it trusts.
pub(crate) fn with_identity(
    mut connect: PgConnectOptions,
    options: &PostgresOptions,
) -> PgConnectOptions {
    if connect.get_application_name().is_none() {
        connect = connect.application_name("duroxide");
    }
    if let Some(file) = &options.tls_root_certificate {
        connect = connect.ssl_root_cert(file);
    }
    connect
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use duroxide_core::providers::ErrorKind;

    use super::*;

    #[test]
    fn what_is_wrong_is_refused_without_repeating_it() {
        for url in [
            "hunter2",
            "mysql://user:hunter2@host/db",
            "postgres://user:hunter2@host:port/db",
            "postgres://user@host/db?passwrod=hunter2",
            "postgres://user:hunter2@host/db?sslmode=whatever",
            "postgres://user:1/hunter2@host/db",
            "postgres://user:1#hunter2@host/db",
        ] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_server_is_named_by_its_host_and_port_or_its_socket() {
        for (url, expected) in [
            ("postgres://user:hunter2@host/db@1", None),
            ("postgres://user:hunter2@host/db", Some("host:5432")),
            ("postgres://user@127.0.0.1:5433/db", Some("127.0.0.1:5433")),
            ("postgres://user@[::1]/db", Some("[::1]:5432")),
            ("postgres://user@host/db?hostaddr=::1", Some("[::1]:5432")),
            ("postgres://user@host/db?host=other&port=1", Some("other:1")),
            (
                "postgres://%2Frun%2Fpostgresql/db",
                Some("/run/postgresql/.s.PGSQL.5432"),
            ),
            (
                "postgres:///db?host=/run/postgresql",
                Some("/run/postgresql/.s.PGSQL.5432"),
            ),
        ] {
            let named = parse(url).ok().map(|to| server(&to));
            assert_eq!(named.as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn options_are_added_to_what_the_url_says() {
        let connect = parse("postgres://user@host/db?application_name=shop").unwrap();
        let connect = with_options(connect, &PostgresOptions::default());
        assert_eq!(connect.get_application_name(), Some("shop"));
        let startup = connect.get_options().unwrap();
        assert!(startup.contains("statement_timeout=30000"), "{startup}");
        let extreme = PostgresOptions::default()
            .statement_timeout(Some(Duration::from_micros(1)))
            .lock_timeout(Some(Duration::MAX));
        let connect = with_options(parse("postgres://user@host/db").unwrap(), &extreme);
        let startup = connect.get_options().unwrap();
        assert!(startup.contains("statement_timeout=1 "), "{startup}");
        assert!(startup.contains("lock_timeout=2147483647"), "{startup}");
        let bare = PostgresOptions::default()
            .statement_timeout(None)
            .lock_timeout(None);
        let connect = with_options(parse("postgresql://user@host/db").unwrap(), &bare);
        assert_eq!(connect.get_application_name(), Some("duroxide"));
        assert_eq!(connect.get_options(), None);
    }
}
