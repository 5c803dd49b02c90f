//! The schemes of URLs, and what is said of one that is of no use.

use crate::nearest::nearest;

/// Every scheme that duroxide knows.
const SCHEMES: &[&str] = &[
    "memory",
    "sqlite",
    "postgres",
    "postgresql",
    "redis",
    "rediss",
    "dynamodb",
];

/// What a program that was built like this one can check.
const BUILT_IN: &str = if cfg!(all(feature = "sqlite", feature = "postgres")) {
    "memory:, sqlite:PATH or postgres://HOST/DATABASE"
} else if cfg!(feature = "sqlite") {
    "memory: or sqlite:PATH"
} else if cfg!(feature = "postgres") {
    "memory: or postgres://HOST/DATABASE"
} else {
    "memory:"
};

/// By how many letters a scheme that was mistyped may be longer or shorter.
const SLIP_LETTERS_MAX: usize = 2;

/// Whether this looks like the URL of a backend.
pub(crate) fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}

/// A backend that the contract was made for and that is still to come.
pub(crate) fn not_yet(backend: &str) -> String {
    format!("the {backend} backend is not in this version of duroxide; use {BUILT_IN}")
}

/// A backend that was left out of this program.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
pub(crate) fn not_built_in(backend: &str, feature: &str) -> String {
    format!(
        "this program was built without the {backend} backend; build it with --features {feature}"
    )
}

/// No backend has this scheme.
pub(crate) fn unknown(scheme: &str) -> String {
    let hint = slip_of(scheme).map_or(String::new(), |known| format!("; did you mean {known}:?"));
    format!("there is no such backend; use {BUILT_IN}{hint}")
}

/// The scheme that somebody meant to type. Another database is no slip: `mysql` is as near to
/// `sqlite` as a word can be, but neither begins like it nor can be replaced by it.
fn slip_of(scheme: &str) -> Option<String> {
    let known = nearest(scheme, SCHEMES)?;
    let is_slip = known.chars().next() == scheme.chars().next()
        && known.len().abs_diff(scheme.len()) <= SLIP_LETTERS_MAX;
    is_slip.then_some(known)
}
