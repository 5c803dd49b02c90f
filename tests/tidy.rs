//! The house rules that a compiler does not know.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tidy {
    mod dependencies;
    mod documents;
    mod layout;
    mod limits;
    mod quotations;
    mod sources;
    pub(crate) mod tree;
}
