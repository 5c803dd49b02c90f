//! The SQLite provider keeps the contract, in each of its modes.

use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{Subject, conformance_tests};
use duroxide_sqlite::SqliteMode;
use duroxide_sqlite::conformance::SqliteFixture;

fn subject(fixture: SqliteFixture) -> Subject {
    Subject::new(fixture).with_reference(MemoryFixture)
}

mod single_process {
    super::conformance_tests! {
        subject = super::subject(super::SqliteFixture::on_disk(super::SqliteMode::SingleProcess)),
        profiles = [required, management, durable, end_to_end, random],
    }
}

mod multi_process {
    super::conformance_tests! {
        subject = super::subject(super::SqliteFixture::on_disk(super::SqliteMode::MultiProcess)),
        profiles = [required, management, durable, multi_handle, end_to_end, random],
    }
}

mod in_memory {
    super::conformance_tests! {
        subject = super::subject(super::SqliteFixture::in_memory()),
        profiles = [required, management, end_to_end, random],
    }
}
