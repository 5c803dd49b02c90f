//! The errors, each made in one place.

use std::fmt::Display;

use duroxide_core::providers::{ActivityKey, ErrorKind, InstanceId, ProviderError};

pub(crate) fn closed(operation: &'static str) -> ProviderError {
    ProviderError::retryable(
        operation,
        "the provider was closed; open another one to go on",
    )
}

pub(crate) fn turn_lease_lost(operation: &'static str, instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::LeaseLost,
        operation,
        "the lease of the instance is not held; drop what rests on it and claim again",
    )
    .with_context("instance", instance)
}

pub(crate) fn activity_lease_lost(operation: &'static str, key: &ActivityKey) -> ProviderError {
    ProviderError::new(
        ErrorKind::LeaseLost,
        operation,
        "the lease of the activity is not held; its outcome is not wanted",
    )
    .with_context("instance", &key.instance)
    .with_context("activity", key)
}

pub(crate) fn already_exists(instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::AlreadyExists,
        "commit",
        "there is such an instance already; choose another id or delete that one",
    )
    .with_context("instance", instance)
}

pub(crate) fn not_found(operation: &'static str, instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::NotFound,
        operation,
        "there is no such instance; start it first",
    )
    .with_context("instance", instance)
}

pub(crate) fn invalid(
    operation: &'static str,
    instance: &InstanceId,
    message: &'static str,
) -> ProviderError {
    ProviderError::new(ErrorKind::InvalidInput, operation, message)
        .with_context("instance", instance)
}

pub(crate) fn limit_exceeded(
    instance: &InstanceId,
    limit: &'static str,
    max: impl Display,
) -> ProviderError {
    ProviderError::new(
        ErrorKind::LimitExceeded,
        "commit",
        "a limit would be passed; commit less or raise the limit",
    )
    .with_context("instance", instance)
    .with_context("limit", limit)
    .with_context("max", max)
}
