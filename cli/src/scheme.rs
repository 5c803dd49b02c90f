//! The schemes of URLs, and what is said of one that is of no use.

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
/// Schemes less alike than this are not what was meant.
const LIKENESS_MIN: f64 = 0.7;

/// A backend that the contract was made for and that is still to come.
pub(crate) fn not_yet(backend: &str) -> String {
    format!(
        "the {backend} backend is not in this version of duroxide; use memory:, sqlite:PATH or \
         postgres://HOST/DATABASE"
    )
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
    let rated = SCHEMES
        .iter()
        .map(|known| (strsim::jaro_winkler(scheme, known), known));
    let near = rated
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = near.map_or(String::new(), |(_, known)| {
        format!("; did you mean {known}:?")
    });
    format!(
        "the URL does not begin with a scheme that duroxide knows, memory:, sqlite:PATH or \
         postgres://HOST/DATABASE{hint}"
    )
}
