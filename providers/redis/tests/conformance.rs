//! The Redis provider keeps the contract.

use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{Subject, conformance_tests};
use duroxide_redis::conformance::RedisFixture;

mod single {
    super::conformance_tests! {
        subject = super::Subject::new(super::RedisFixture::single())
            .with_reference(super::MemoryFixture),
        profiles = [required, management, durable, multi_handle, end_to_end, random],
        needs = "needs a Redis server: `cargo xtask test servers` gets one",
    }
}

mod cluster {
    super::conformance_tests! {
        subject = super::Subject::new(super::RedisFixture::cluster())
            .with_reference(super::MemoryFixture),
        profiles = [required, management, durable, multi_handle, end_to_end, random],
        needs = "needs a Redis Cluster: `cargo xtask test servers` gets one",
    }
}
