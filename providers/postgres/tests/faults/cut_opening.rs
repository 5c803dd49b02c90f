//! The connection breaks at every place of an opening, the first of which creates the store.

use std::sync::Arc;

use duroxide_core::providers::{ErrorKind, Provider as _};
use duroxide_postgres::{Listen, PostgresProvider};
use duroxide_provider_tests::network::{Boundary, Direction, Fault, Place, Proxy};

use super::store::Store;
use crate::operations::{claim_all, commit, start};

const CUT: &str = "cut";

/// Opens a store that is not there yet.
async fn open(store: &Store, proxy: &Proxy) -> Result<PostgresProvider, ErrorKind> {
    let options = store.options().listen(Listen::Never);
    let opened = PostgresProvider::new(&store.through(proxy, CUT), Some(options)).await;
    opened.map_err(|error| error.kind())
}

/// Closes it, and waits until nothing of it goes through the proxy.
async fn close(store: &Store, provider: PostgresProvider) {
    provider.close().await;
    store.until_connections(CUT, 0).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_store_can_be_opened_after_an_opening_that_was_cut_off() {
    let mut failed = 0;
    for direction in Direction::ALL {
        for message in 1.. {
            let store = Store::shared().await;
            let proxy = store.proxy().await;
            let at = |place| Boundary {
                direction,
                message,
                place,
            };
            // What is torn counts as not sent; so two places are enough.
            let places = [Place::Middle, Place::After];
            let mut is_over = false;
            for place in places {
                proxy.reset();
                proxy.arm(Fault::cut(at(place)));
                let opened = open(&store, &proxy).await;
                is_over = proxy.fired().is_empty();
                match opened {
                    Ok(provider) => close(&store, provider).await,
                    Err(kind) => {
                        failed += 1;
                        assert_eq!(kind, ErrorKind::Unavailable, "{:?}", at(place));
                    }
                }
                proxy.reset();
            }
            let provider = Arc::new(open(&store, &proxy).await.unwrap());
            commit(&*provider, start("a")).await.unwrap();
            claim_all(&*provider, &["a"]).await;
            provider.close().await;
            if is_over {
                break;
            }
        }
    }
    assert!(failed > 50, "{failed}");
}
