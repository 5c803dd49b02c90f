//! Whether a server is ready, by the first words of its protocol; all nodes of a cluster, by what they
//! know of one another.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::ServerKind;
use super::cluster::REPLICAS;

/// How often a server that starts is asked.
const PERIOD: Duration = Duration::from_millis(50);
/// How often at most: for half a minute, of which the slowest needs a few seconds.
const ATTEMPTS_MAX: u32 = 600;
/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits until the server answers. `check` fails when waiting longer is of no use.
pub(super) fn wait(
    kind: ServerKind,
    addresses: &[SocketAddr],
    mut check: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS_MAX {
        check()?;
        match are_ready(kind, addresses) {
            Ok(true) => return Ok(()),
            Ok(false) => "it answers that it is not ready".clone_into(&mut last),
            Err(error) => last = error.to_string(),
        }
        pause();
    }
    Err(format!("it was started and never got ready: {last}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a process of the system starts in real time, before there is a runtime"
)]
fn pause() {
    std::thread::sleep(PERIOD);
}

fn are_ready(kind: ServerKind, addresses: &[SocketAddr]) -> io::Result<bool> {
    for address in addresses {
        if !is_ready(kind, *address)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_ready(kind: ServerKind, address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let (question, answer): (&[u8], u8) = match kind {
        ServerKind::Postgres => (b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0", b'R'),
        ServerKind::Redis => (b"PING\r\n", b'+'),
        ServerKind::RedisCluster => return is_joined(&mut stream),
        ServerKind::DynamoDb => (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b'H'),
    };
    stream.write_all(question)?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    Ok(first == [answer])
}

/// Whether a node sees all slots served and every replica as one, and has its own replica or its primary.
/// The connection is used up.
fn is_joined(stream: &mut TcpStream) -> io::Result<bool> {
    stream.write_all(b"CLUSTER INFO\r\nCLUSTER NODES\r\nINFO replication\r\nQUIT\r\n")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    let says = |words| said.contains(words);
    let has_peer = says("\nconnected_slaves:1\r") || says("\nmaster_link_status:up\r");
    let replicas = said.matches("slave ").count();
    Ok(says("cluster_state:ok\r") && replicas == REPLICAS && has_peer)
}
