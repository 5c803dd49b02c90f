//! The name by which people find a node.

use std::fs;

use crate::entropy::Entropy;

/// How long a name may be; texts of limited length hold it.
pub(super) const WORKER_ID_BYTES_MAX: usize = 128;

/// How much of it the machine's own name may be.
const HOST_BYTES_MAX: usize = 64;

/// The name of a new node: what the options say, or the machine and the process, with a part that
/// tells the runtimes of one process apart and the processes of equal containers.
pub(super) fn of_node(chosen: Option<&str>, entropy: Entropy) -> String {
    match chosen.map(|name| printable(name, WORKER_ID_BYTES_MAX)) {
        Some(name) if !name.is_empty() => name,
        _ => {
            let token = entropy.lease_token().to_string();
            let (random, _) = token
                .split_at_checked(RANDOM_DIGITS)
                .unwrap_or((&token, ""));
            format!("{}:{}-{random}", host(), std::process::id())
        }
    }
}

/// How many digits of it are drawn.
const RANDOM_DIGITS: usize = 6;

/// What the machine is called.
fn host() -> String {
    let from_kernel = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_environment = |name| std::env::var(name).ok();
    from_kernel()
        .or_else(|| from_environment("HOSTNAME"))
        .or_else(|| from_environment("COMPUTERNAME"))
        .map(|host| printable(&host, HOST_BYTES_MAX))
        .filter(|host| !host.is_empty())
        .unwrap_or_else(|| "unknown-host".to_owned())
}

/// A text that can stand in a line of a log, and is not too long for it.
fn printable(text: &str, bytes_max: usize) -> String {
    let text: String = text.trim().chars().filter(|it| !it.is_control()).collect();
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_called_by_its_machine_and_process_unless_it_is_named() {
        let name = of_node(None, Entropy);
        let place = format!("{}:{}-", host(), std::process::id());
        assert!(name.starts_with(&place), "{name}");
        assert_eq!(name.len(), place.len() + RANDOM_DIGITS, "{name}");
        assert_ne!(name, of_node(None, Entropy));
        assert!(of_node(Some(" \n"), Entropy).starts_with(&place));
        assert_eq!(of_node(Some("checkout-0"), Entropy), "checkout-0");
    }

    #[test]
    fn a_name_is_one_short_line() {
        let name = of_node(Some(&format!("a\nb{}", "é".repeat(200))), Entropy);
        assert!(name.starts_with("abé"), "{name}");
        assert!(name.len() <= WORKER_ID_BYTES_MAX, "{name}");
    }
}
