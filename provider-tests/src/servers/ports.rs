//! Ports for servers of tests.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below what a system hands out by itself (from 32,768 on Linux, from 49,152 elsewhere): a port that
/// is kept for a server which is about to start, or which starts again, would otherwise be given to a
/// client or to another listener meanwhile.
const PORTS: Range<u16> = 10_000..32_000;
/// How far the first ports of two processes are apart that were started one after the other.
const APART: u32 = 97;

/// A port of this machine at which nobody listens, another one with each call.
///
/// It stays free for this process until a server listens there, also while that server is down.
///
/// # Errors
///
/// A sentence, if every port of the range is taken.
pub fn free_port() -> Result<u16, String> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let first = process::id().wrapping_mul(APART);
    for _ in PORTS {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let place = first.wrapping_add(call) % count;
        let port = PORTS.start + u16::try_from(place).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(format!(
        "no port from {} to {} is free",
        PORTS.start,
        PORTS.end - 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_or_while_somebody_listens_there() {
        let one = free_port().unwrap();
        let next = PORTS.start + (one + 1 - PORTS.start) % (PORTS.end - PORTS.start);
        // Somebody may listen there already.
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, next));
        let two = free_port().unwrap();
        drop(taken);
        assert!(PORTS.contains(&one) && PORTS.contains(&two));
        assert_ne!(two, one);
        assert_ne!(two, next);
    }
}
