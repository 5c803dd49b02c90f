//! What the tests of opening share: servers that are none, and refusals that keep a secret.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

pub(crate) mod impostor;
pub(crate) mod log;

use std::error::Error;

use duroxide_core::providers::{ErrorKind, ProviderError};
use duroxide_redis::{RedisOptions, RedisProvider};

/// A password that no message may repeat.
pub(crate) const SECRET: &str = "hunter2-swordfish";

/// All that can be printed of an error and of what caused it.
pub(crate) fn everything_said(error: &ProviderError) -> String {
    let mut said = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        said += &format!(" {cause} {cause:?} {cause:#?}");
        source = cause.source();
    }
    said
}

/// Opens what must be refused, and answers why. Whatever is said of it keeps the secret.
pub(crate) async fn refusal(url: &str, options: RedisOptions) -> ProviderError {
    log::capture();
    let opened = RedisProvider::new(url, Some(options)).await;
    let error = opened.expect_err("it was opened");
    let said = everything_said(&error);
    assert!(!said.contains(SECRET), "{said}");
    log::assert_never_said(SECRET);
    assert_eq!(error.operation(), "open");
    error
}

/// A refusal that trying again does not help, and which says what to change.
pub(crate) async fn config_refusal(url: &str, options: RedisOptions, says: &str) {
    let error = refusal(url, options).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(!error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains(says), "{says}: {error:?}");
}
