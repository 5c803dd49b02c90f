//! The word that is most like another one.

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};

/// The one of the known words that is most like this one, by the measure that is used for the flags
/// as well. The word is not given to the command line's own check, whose error would repeat it.
pub(crate) fn nearest(word: &str, known: &'static [&'static str]) -> Option<String> {
    let argument = Arg::new("word")
        .allow_hyphen_values(true)
        .value_parser(PossibleValuesParser::new(known));
    let command = Command::new("nearest").no_binary_name(true).arg(argument);
    let Err(error) = command.try_get_matches_from([word]) else {
        return Some(word.to_owned());
    };
    match error.get(ContextKind::SuggestedValue) {
        Some(ContextValue::String(known)) => Some(known.clone()),
        _ => None,
    }
}
