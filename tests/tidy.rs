//! The house rules that a compiler does not know.

mod tidy {
    mod dependencies;
    mod documents;
    mod layout;
    mod sources;
    pub(crate) mod tree;
}
