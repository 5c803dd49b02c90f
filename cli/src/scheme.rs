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
    "redis+sentinel",
    "rediss+sentinel",
    "dynamodb",
];

/// What a program that was built like this one can check.
fn built_in() -> String {
    let mut urls = vec!["memory:"];
    if cfg!(feature = "sqlite") {
        urls.push("sqlite:PATH");
    }
    if cfg!(feature = "postgres") {
        urls.push("postgres://HOST/DATABASE");
    }
    if cfg!(feature = "redis") {
        urls.push("redis://HOST");
    }
    match urls.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => urls.concat(),
    }
}

/// By how many letters a scheme that was mistyped may be longer or shorter.
const SLIP_LETTERS_MAX: usize = 2;

/// Whether this looks like the URL of a backend.
pub(crate) fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}

/// A backend that the contract was made for and that is still to come.
pub(crate) fn not_yet(backend: &str) -> String {
    let built_in = built_in();
    format!("the {backend} backend is not in this version of duroxide; use {built_in}")
}

/// A backend that was left out of this program.
#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "redis")))]
pub(crate) fn not_built_in(backend: &str, feature: &str) -> String {
    format!(
        "this program was built without the {backend} backend; build it with --features {feature}"
    )
}

/// No backend has this scheme.
pub(crate) fn unknown(scheme: &str) -> String {
    let hint = slip_of(scheme).map_or(String::new(), |known| format!("; did you mean {known}:?"));
    let built_in = built_in();
    format!("there is no such backend; use {built_in}{hint}")
}

/// The scheme that somebody meant to type. Another database is no slip: `mysql` is as near to
/// `sqlite` as a word can be, but neither begins like it nor can be replaced by it.
fn slip_of(scheme: &str) -> Option<String> {
    let known = nearest(scheme, SCHEMES)?;
    let is_slip = known.chars().next() == scheme.chars().next()
        && known.len().abs_diff(scheme.len()) <= SLIP_LETTERS_MAX;
    is_slip.then_some(known)
}
