//! The schemes of URLs, and what is said of one that is of no use.

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};

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

/// Whether this looks like the URL of a backend.
pub(crate) fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}

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
    let hint = nearest(scheme).map_or(String::new(), |known| format!("; did you mean {known}:?"));
    format!(
        "the URL does not begin with a scheme that duroxide knows, memory:, sqlite:PATH or \
         postgres://HOST/DATABASE{hint}"
    )
}

/// The scheme that is most like this one, by the measure that is used for the flags as well. The
/// URL is not given to the command line's own check, whose error would repeat it.
fn nearest(scheme: &str) -> Option<String> {
    let argument = Arg::new("scheme")
        .allow_hyphen_values(true)
        .value_parser(PossibleValuesParser::new(SCHEMES));
    let command = Command::new("nearest").no_binary_name(true).arg(argument);
    let Err(error) = command.try_get_matches_from([scheme]) else {
        // Only the colon is missing.
        return Some(scheme.to_owned());
    };
    match error.get(ContextKind::SuggestedValue) {
        Some(ContextValue::String(known)) => Some(known.clone()),
        _ => None,
    }
}
