//! The refusals that the contract names, worded once for every backend.

use std::fmt::Display;

use super::activity::ActivityKey;
use super::error::{ErrorKind, ProviderError};
use super::id::InstanceId;
use super::lease::Lease;

/// After `close` (MNT-02).
#[must_use]
pub fn closed(operation: &'static str) -> ProviderError {
    ProviderError::retryable(
        operation,
        "the provider was closed; open another one to go on",
    )
}

/// The lease of an instance is not held (FEN-01, LEA-07), or somebody else holds it (FEN-07).
#[must_use]
pub fn turn_lease_lost(operation: &'static str, instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::LeaseLost,
        operation,
        "the lease of the instance is not held; drop what rests on it and claim again",
    )
    .with_context("instance", instance)
}

/// The lease of an activity is not held (ACT-04, FEN-04, LEA-07).
#[must_use]
pub fn activity_lease_lost(operation: &'static str, key: &ActivityKey) -> ProviderError {
    ProviderError::new(
        ErrorKind::LeaseLost,
        operation,
        "the lease of the activity is not held; its outcome is not wanted",
    )
    .with_context("instance", &key.instance)
    .with_context("activity", key)
}

/// There is such an instance already (STA-02, FEN-03).
#[must_use]
pub fn already_exists(instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::AlreadyExists,
        "commit",
        "there is such an instance already; choose another id or delete that one",
    )
    .with_context("instance", instance)
}

/// There is no such instance (STA-04, DEL-04).
#[must_use]
pub fn not_found(operation: &'static str, instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::NotFound,
        operation,
        "instance not found; check its id: it was never started, or was deleted",
    )
    .with_context("instance", instance)
}

/// An ended instance may go on: it is removed by force only (DEL-05).
#[must_use]
pub fn awaits_control(operation: &'static str, instance: &InstanceId) -> ProviderError {
    invalid(
        operation,
        instance,
        "a control message waits for the instance, which may have it go on; try again when it was taken in, \
         or force the deletion",
    )
}

/// The request contradicts the contract; the message says in what.
#[must_use]
pub fn invalid(
    operation: &'static str,
    instance: &InstanceId,
    message: &'static str,
) -> ProviderError {
    ProviderError::new(ErrorKind::InvalidInput, operation, message)
        .with_context("instance", instance)
}

/// A batch holds two turns of one instance (FEN-06).
#[must_use]
pub fn two_turns(instance: &InstanceId) -> ProviderError {
    invalid(
        "commit",
        instance,
        "two turns of one instance in one batch; commit one after the other",
    )
}

/// A turn gives a new activity the key of another one (ACT-01).
#[must_use]
pub fn activity_key_taken(instance: &InstanceId) -> ProviderError {
    invalid(
        "commit",
        instance,
        "a new activity has the id of another one; number them by their events",
    )
}

/// A declared limit would be passed (LIM-01, HIS-06); `limit` is its field in [`Limits`](super::Limits).
#[must_use]
pub fn limit_exceeded(
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

/// A claim names too many queues, or somebody one whose name is too long (LIM-05).
#[must_use]
pub fn queues_over(operation: &'static str, limit: &'static str, max: usize) -> ProviderError {
    ProviderError::new(
        ErrorKind::LimitExceeded,
        operation,
        "too many queues, or a queue with too long a name; name fewer, or use a shorter name",
    )
    .with_context("limit", limit)
    .with_context("max", max)
}

/// A renewal or a release brings more than is kept, or a call of them more than it may (LIM-06).
#[must_use]
pub fn details_over(
    operation: &'static str,
    lease: &Lease,
    limit: &'static str,
    max: usize,
) -> ProviderError {
    let error = ProviderError::new(
        ErrorKind::LimitExceeded,
        operation,
        "too many bytes of details or notes; bring less, or bring it with several calls",
    );
    let error = match lease {
        Lease::Turn(lease) => error.with_context("instance", &lease.instance),
        Lease::Activity(lease) => error
            .with_context("instance", &lease.key.instance)
            .with_context("activity", &lease.key),
    };
    error.with_context("limit", limit).with_context("max", max)
}

/// As much mail as is allowed waits for the instance already; `limit` is its field in
/// [`Limits`](super::Limits) (LIM-03).
#[must_use]
pub fn mailbox_full(instance: &InstanceId, limit: &'static str, max: usize) -> ProviderError {
    ProviderError::new(
        ErrorKind::LimitExceeded,
        "commit",
        "as many events wait for the instance as may; send again once it has taken some, which it \
         does not while it is suspended or its code waits for events of other names",
    )
    .with_context("instance", instance)
    .with_context("limit", limit)
    .with_context("max", max)
}

/// As many control messages as are allowed wait for the instance already (LIM-03).
#[must_use]
pub fn control_full(instance: &InstanceId, max: usize) -> ProviderError {
    ProviderError::retryable(
        "commit",
        "too many cancellations, suspensions and wake-ups wait for the instance; try again once \
         it has worked on them",
    )
    .with_context("instance", instance)
    .with_context("limit", "control_messages_max")
    .with_context("max", max)
}

/// The instance has ended and reads no more mail (STA-06).
#[must_use]
pub fn ended(instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::Ended,
        "commit",
        "the instance has ended and takes no more events; start another one",
    )
    .with_context("instance", instance)
}

/// A turn opens a further execution of an instance that has not ended (EXE-03, EXE-04).
#[must_use]
pub fn not_ended(instance: &InstanceId) -> ProviderError {
    invalid(
        "commit",
        instance,
        "the instance has not ended, and its current execution has to be closed before another one is \
         opened; name it first",
    )
}

/// The history does not end where the turn started (FEN-02).
#[must_use]
pub fn position_conflict(instance: &InstanceId) -> ProviderError {
    ProviderError::new(
        ErrorKind::PositionConflict,
        "commit",
        "the history does not end where the turn started; reload the instance",
    )
    .with_context("instance", instance)
}
