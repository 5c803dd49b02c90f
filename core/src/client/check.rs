//! What can be refused before the store is asked.

use std::time::Duration;

use semver::Version;

use super::error::ClientError;
use crate::expiry;
use crate::labels;
use crate::limits::{NAME_BYTES_MAX, VERSION_BYTES_MAX};
use crate::providers::{InstanceId, Labels, Limits, TaskQueue, ValueKey};
use crate::queue_name;
use crate::values;

/// An instance id.
pub(super) fn instance_id(id: &str) -> Result<InstanceId, ClientError> {
    InstanceId::new(id).map_err(|error| {
        ClientError::invalid(format!(
            "{error}; choose one of 1 to {} bytes without control characters",
            InstanceId::BYTES_MAX
        ))
    })
}

/// The name of a thing of this kind, for example of an event.
pub(super) fn name(kind: &str, name: &str) -> Result<(), ClientError> {
    if (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(ClientError::invalid(format!(
        "the name of an {kind} has 1 to {NAME_BYTES_MAX} bytes, this one has {}; pass another name",
        name.len()
    )))
}

/// What tells one thing of this kind from another, for example an event.
pub(super) fn id<'a>(kind: &str, id: &'a str) -> Result<&'a str, ClientError> {
    if (1..=NAME_BYTES_MAX).contains(&id.len()) {
        return Ok(id);
    }
    Err(ClientError::invalid(format!(
        "the id of {kind} has 1 to {NAME_BYTES_MAX} bytes, this one has {}; pass another id",
        id.len()
    )))
}

/// The name of a queue.
pub(super) fn queue(name: &str) -> Result<TaskQueue, ClientError> {
    queue_name::checked(name).map_err(ClientError::invalid)
}

/// How long after its end an instance expires.
pub(super) fn expire_after(after: Option<Duration>) -> Result<Option<Duration>, ClientError> {
    expiry::checked(after).map_err(ClientError::invalid)
}

/// The key of a value.
pub(super) fn value_key(key: &str) -> Result<ValueKey, ClientError> {
    values::check_key(key).map_err(ClientError::invalid)?;
    Ok(ValueKey::from(key))
}

/// Labels.
pub(super) fn labels(labels: &Labels) -> Result<(), ClientError> {
    labels::check(labels).map_err(ClientError::invalid)
}

/// A version.
pub(super) fn version(version: &str) -> Result<(), ClientError> {
    if version.len() > VERSION_BYTES_MAX {
        return Err(ClientError::invalid(format!(
            "a version has at most {VERSION_BYTES_MAX} bytes, this one has {}; pass a shorter one",
            version.len()
        )));
    }
    match Version::parse(version) {
        Ok(_) => Ok(()),
        Err(error) => Err(ClientError::invalid(format!(
            "{version:?} is no semantic version ({error}); pass one like 1.0.0"
        ))),
    }
}

/// An encoded body.
pub(super) fn body(bytes: usize, limits: &Limits) -> Result<(), ClientError> {
    if bytes <= limits.body_bytes_max {
        return Ok(());
    }
    Err(ClientError::invalid(format!(
        "the message has {bytes} bytes when encoded, and this store takes {} (body_bytes_max); \
         pass less, or store the data elsewhere and pass a reference to it",
        limits.body_bytes_max
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_said_with_what_to_do() {
        let limits = Limits {
            body_bytes_max: 10,
            ..Limits::default()
        };
        let refused = [
            (
                instance_id("").err(),
                "must not be empty; choose one of 1 to 1024 bytes",
            ),
            (instance_id("a\n").err(), "control characters"),
            (
                name("event", "").err(),
                "the name of an event has 1 to 1024 bytes, this one has 0",
            ),
            (
                name("event", &"x".repeat(1_025)).err(),
                "this one has 1025; pass another name",
            ),
            (version("1.0").err(), "pass one like 1.0.0"),
            (
                version(&format!("1.0.0-{}", "x".repeat(VERSION_BYTES_MAX))).err(),
                "at most 256 bytes, this one has 262",
            ),
            (
                body(11, &limits).err(),
                "11 bytes when encoded, and this store takes 10",
            ),
        ];
        for (error, expected) in refused {
            let message = error.unwrap().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_just_fits_is_taken() {
        let limits = Limits {
            body_bytes_max: 10,
            ..Limits::default()
        };
        body(10, &limits).unwrap();
        name("event", &"x".repeat(NAME_BYTES_MAX)).unwrap();
        version("1.0.0-rc.1+build").unwrap();
        assert_eq!(instance_id("order/{1}").unwrap().as_str(), "order/{1}");
    }
}
