//! The parts of a URL, and what is said of one that is of no use. Nothing of it is repeated: it may hold a
//! password.

use duroxide_core::providers::ProviderError;

use crate::error::config;

/// What a URL may begin with.
const SCHEMES: [&str; 7] = [
    "redis",
    "rediss",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+unix",
    "valkey",
    "valkeys",
];

/// The port of a sentinel for which the URL names none.
const SENTINEL_PORT: u16 = 26379;

/// What the driver reads behind the `?` of a socket, whose path leaves no other place for it.
const OF_SOCKETS: [&str; 3] = ["db", "user", "pass"];

const NOT_UNDERSTOOD: &str = "the URL cannot be understood; it is redis://USER:PASSWORD@HOST:PORT/DATABASE, with what is \
    special in a user or a password percent-encoded, as `%40` for `@`; the servers of a Cluster are parted by commas";

/// The URL with its scheme in small letters, if it begins as one of this provider does and has no options.
pub(crate) fn checked(url: &str) -> Result<String, ProviderError> {
    let parts = url.split_once("://");
    let parts = parts.map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let Some((scheme, rest)) = parts.filter(|(scheme, _)| SCHEMES.contains(&&**scheme)) else {
        return Err(config(
            "the URL must begin with redis:// or, for TLS, rediss://; with redis+sentinel:// where it names \
             sentinels, and with redis+unix:// for a socket",
        ));
    };
    if rest.contains('#') {
        return Err(config(
            "the URL holds a `#`; percent-encode it as `%23` where it is part of a password",
        ));
    }
    match rest.split_once('?') {
        Some((_, options)) if scheme == "redis+unix" => check_of_socket(options)?,
        Some(_) => {
            return Err(config(
                "the URL holds a `?`, and takes no options behind one; set them by `RedisOptions`, name the \
                 database as in redis://HOST:PORT/3, and percent-encode the `?` as `%3F` where it is part of a \
                 password",
            ));
        }
        None => {}
    }
    Ok(format!("{scheme}://{rest}"))
}

fn check_of_socket(options: &str) -> Result<(), ProviderError> {
    let mut names = options.split('&');
    let mut names = names.by_ref().map(|it| it.split('=').next().unwrap_or(it));
    if names.all(|name| OF_SOCKETS.contains(&name)) {
        return Ok(());
    }
    Err(config(
        "behind the `?` of a socket there can be db=, user= and pass=, and nothing else; set other options by \
         `RedisOptions`",
    ))
}

/// Of a URL of sentinels, by which name they know the primary, and the URL without that.
pub(crate) fn without_sentinel(url: &str) -> Result<Option<(String, String)>, ProviderError> {
    let Some((scheme, rest)) = url.split_once("+sentinel://") else {
        return Ok(None);
    };
    let incomplete = || {
        config(
            "the URL of sentinels names the primary behind them: redis+sentinel://HOST:PORT,HOST:PORT/NAME, or \
             .../NAME/DATABASE",
        )
    };
    let (authority, path) = rest.split_once('/').ok_or_else(incomplete)?;
    let (name, behind) = path.split_at(path.find('/').unwrap_or(path.len()));
    if name.is_empty() {
        return Err(incomplete());
    }
    let (login, sentinels) = split_login(authority);
    let sentinels = sentinels.split(',').map(|sentinel| {
        if port(sentinel).is_some() || sentinel.is_empty() {
            sentinel.to_owned()
        } else {
            format!("{sentinel}:{SENTINEL_PORT}")
        }
    });
    let sentinels: Vec<String> = sentinels.collect();
    let url = format!("{scheme}://{login}{}{behind}", sentinels.join(","));
    Ok(Some((name.to_owned(), url)))
}

/// The login with its `@`, if there is one, and the servers behind it.
fn split_login(authority: &str) -> (&str, &str) {
    authority.split_at(authority.rfind('@').map_or(0, |at| at + 1))
}

/// What follows the colon behind a host. An address of IPv6 has colons of its own, in brackets.
fn port(server: &str) -> Option<&str> {
    let behind = server.rsplit(']').next()?;
    behind.split_once(':').map(|(_, port)| port)
}

/// What names the servers, and what follows it.
fn split_path(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// The URLs of the servers that a URL lists, with all that they share.
pub(crate) fn each_server(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Vec::new();
    };
    let (authority, behind) = split_path(rest);
    let (login, servers) = split_login(authority);
    let servers = servers.split(',');
    servers
        .map(|server| format!("{scheme}://{login}{server}{behind}"))
        .collect()
}

/// What is wrong with the URL of one server that the driver does not take.
pub(crate) fn mistake_in(url: &str) -> ProviderError {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, path) = split_path(rest);
    // With an `@` further on, what looks like a host is a login, in which something is not encoded.
    if path.contains('@') {
        return config(NOT_UNDERSTOOD);
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let (_, server) = split_login(authority);
    let port = port(server).filter(|port| is_number(port));
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return config("the URL names a port above 65535, which there is none of; see the port");
    }
    let database = path.trim_matches('/');
    if url.starts_with("redis+unix:") || database.is_empty() || is_number(database) {
        return config(NOT_UNDERSTOOD);
    }
    config(
        "what follows the host in the URL is the number of a database, as in redis://HOST:PORT/3, and this is none; \
         leave it out, and tell stores apart by `RedisOptions::key_prefix`",
    )
}
