//! The PostgreSQL provider keeps the contract, in each of its modes.

use duroxide_memory::conformance::MemoryFixture;
use duroxide_postgres::conformance::PostgresFixture;
use duroxide_provider_tests::{Subject, conformance_tests};

fn subject(fixture: PostgresFixture) -> Subject {
    Subject::new(fixture).with_reference(MemoryFixture)
}

mod listening {
    super::conformance_tests! {
        subject = super::subject(super::PostgresFixture::listening()),
        profiles = [required, management, durable, multi_handle, end_to_end, random],
        needs = "needs a PostgreSQL server: `cargo xtask test servers` gets one",
    }
}

mod polling {
    super::conformance_tests! {
        subject = super::subject(super::PostgresFixture::polling()),
        profiles = [required, management, durable, multi_handle, end_to_end, random],
        needs = "needs a PostgreSQL server: `cargo xtask test servers` gets one",
    }
}
