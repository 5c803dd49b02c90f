//! A sentinel of one test, which watches over a primary of one test.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use tempfile::TempDir;

use duroxide_provider_tests::servers::free_port;

use crate::private_server::{folder, guarded};

/// By which name it knows the primary.
pub(crate) const NAME: &str = "orders";
/// How long it may take until it serves.
const STARTS_IN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// A sentinel that decides alone, and soon. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct PrivateSentinel {
    _folder: TempDir,
    address: SocketAddr,
    guard: Child,
}

impl PrivateSentinel {
    pub(crate) async fn start(primary: SocketAddr) -> Self {
        let folder = folder();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        let (host, port) = (primary.ip(), primary.port());
        let settings = format!(
            "port {}\nbind 127.0.0.1\nsentinel monitor {NAME} {host} {port} 1\n\
             sentinel down-after-milliseconds {NAME} 2000\nsentinel failover-timeout {NAME} 4000\n",
            address.port()
        );
        fs::write(folder.path().join("sentinel.conf"), settings).unwrap();
        let mut guard = guarded(folder.path());
        guard.args(["sentinel.conf", "--sentinel"]);
        let sentinel = Self {
            guard: guard.spawn().unwrap(),
            _folder: folder,
            address,
        };
        sentinel.is_there().await;
        sentinel
    }

    /// Where stores are that it knows the primary of.
    pub(crate) fn url(&self) -> String {
        format!("redis+sentinel://{}/{NAME}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many replicas it knows.
    pub(crate) async fn replicas(&self) -> usize {
        let mut connection = self
            .client()
            .get_multiplexed_async_connection()
            .await
            .unwrap();
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("REPLICAS").arg(NAME);
        let replicas: Vec<redis::Value> = ask.query_async(&mut connection).await.unwrap();
        replicas.len()
    }

    /// At which port the primary is that it names.
    pub(crate) async fn primary_port(&self) -> u16 {
        let client = self.client();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(NAME);
        let told: (String, u16) = ask.query_async(&mut connection).await.unwrap();
        told.1
    }

    /// Has another server take the primary's place.
    pub(crate) async fn fail_over(&self) {
        let mut connection = self
            .client()
            .get_multiplexed_async_connection()
            .await
            .unwrap();
        let mut ask = redis::cmd("SENTINEL");
        let () = ask
            .arg("FAILOVER")
            .arg(NAME)
            .query_async(&mut connection)
            .await
            .unwrap();
    }

    /// Wants this password from whoever asks from now on.
    pub(crate) async fn lock(&self, password: &str) {
        let client = self.client();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut set = redis::cmd("ACL");
        set.arg("SETUSER").arg("default");
        set.arg("resetpass").arg(format!(">{password}"));
        let () = set.query_async(&mut connection).await.unwrap();
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(format!("redis://{}", self.address)).unwrap()
    }

    async fn is_there(&self) {
        for _ in 0..STARTS_IN.as_millis() / LOOK.as_millis() {
            if self
                .client()
                .get_multiplexed_async_connection()
                .await
                .is_ok()
            {
                return;
            }
            SystemClock.sleep(LOOK).await;
        }
        panic!("the sentinel does not start");
    }
}

impl Drop for PrivateSentinel {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().map(drop).ok();
    }
}
