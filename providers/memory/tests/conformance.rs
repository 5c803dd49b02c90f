//! The in-memory provider keeps the contract.

use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{Subject, conformance_tests};

conformance_tests! {
    subject = Subject::new(MemoryFixture).with_reference(MemoryFixture),
    profiles = [required, management, end_to_end, random],
}
