//! The names that users give to queues.

use crate::providers::TaskQueue;

/// With this the names begin that duroxide gives itself.
const RESERVED: char = '@';

/// The queue of this name, or why there can be none.
pub(crate) fn checked(name: &str) -> Result<TaskQueue, String> {
    let bytes_max = TaskQueue::BYTES_MAX;
    if !(1..=bytes_max).contains(&name.len()) {
        return Err(format!(
            "the name of a queue has 1 to {bytes_max} bytes, this one has {}; use another name",
            name.len()
        ));
    }
    if let Some(at) = name.find(char::is_control) {
        return Err(format!(
            "the name of a queue must not hold control characters, this one has one at byte {at}; \
             use another name"
        ));
    }
    if name.starts_with(RESERVED) {
        return Err(format!(
            "a queue whose name begins with {RESERVED} is duroxide's own; use another name"
        ));
    }
    Ok(TaskQueue::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_neither_empty_nor_long_nor_reserved() {
        for (name, expected) in [
            ("", "this one has 0"),
            (&*"x".repeat(257), "this one has 257"),
            ("a\0", "control characters, this one has one at byte 1"),
            ("@run/default", "begins with @"),
        ] {
            let refused = checked(name).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
        for name in ["default", "gpu/@home", &*"x".repeat(256)] {
            assert_eq!(checked(name).unwrap().as_str(), name);
        }
    }
}
