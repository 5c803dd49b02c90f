//! What an operator sees whose URL is not quite right.

use duroxide_core::providers::{ErrorKind, ProviderError};
use duroxide_redis::RedisProvider;

use super::failover::watched;

async fn refused(url: &str) -> ProviderError {
    match RedisProvider::new(url, None).await {
        Ok(provider) => panic!("it was opened: {provider:?}"),
        Err(error) => error,
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_wrong_name_or_a_server_in_the_place_of_a_sentinel_is_said() {
    let (primary, _replica, sentinel) = watched().await;
    let at = sentinel.address();
    let error = refused(&format!("redis+sentinel://u:hunter2@{at}/others")).await;
    assert!(error.to_string().contains("knows no primary"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let error = refused(&format!("redis+sentinel://{}/orders", primary.address())).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("no sentinel"), "{error}");
    // A server of the list that does not answer is passed over.
    let url = format!("redis+sentinel://127.0.0.1:1,{at}/orders");
    let provider = RedisProvider::new(&url, None).await.unwrap();
    assert!(!format!("{provider:?}").is_empty());
    drop(provider);
    sentinel.lock("hunter2").await;
    let error = refused(&sentinel.url()).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("of its own"), "{error}");
}
