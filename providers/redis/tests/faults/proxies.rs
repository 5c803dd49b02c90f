//! Providers behind a proxy that knows where the server's messages end.

use std::sync::Arc;

use duroxide_provider_tests::network::{Boundary, Direction, Place, Proxy, Resp, Upstream};
use duroxide_redis::{RedisOptions, RedisProvider};

use crate::private_server::PrivateServer;

pub(crate) async fn proxy(server: &PrivateServer) -> Proxy {
    let upstream = Upstream::Tcp(server.address());
    Proxy::start(upstream, Resp::default).await.unwrap()
}

pub(crate) fn url(proxy: &Proxy) -> String {
    format!("redis://{}", proxy.address())
}

pub(crate) async fn open_through(proxy: &Proxy, options: RedisOptions) -> Arc<RedisProvider> {
    let opened = RedisProvider::new(&url(proxy), Some(options)).await;
    Arc::new(opened.unwrap())
}

/// Before the next message that goes this way.
pub(crate) fn next(proxy: &Proxy, direction: Direction) -> Boundary {
    proxy.reset();
    Boundary {
        direction,
        message: 1,
        place: Place::Before,
    }
}
