//! How many faulty providers the suite finds.

use std::fs;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::path;

const FILE: &str = "docs/conformance/mutants.json";
const SCHEMA: u32 = 1;

/// How many providers with one fault each there are, and how many of them fail a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mutants {
    schema: u32,
    mutants: u32,
    killed: u32,
}

impl Mutants {
    /// What was measured last; none if nothing was.
    pub(crate) fn read() -> Result<Option<Self>, String> {
        let text = match fs::read_to_string(path(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{FILE}: {error}")),
        };
        Self::parse(&text)
            .map(Some)
            .map_err(|why| format!("{FILE}: {why}"))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mutants: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if mutants.schema != SCHEMA {
            return Err(format!("schema {} is not known", mutants.schema));
        }
        if mutants.killed > mutants.mutants || mutants.mutants == 0 {
            return Err("more were killed than there are, or there are none".to_owned());
        }
        Ok(mutants)
    }

    /// The rate, for people.
    pub(crate) fn sentence(self) -> String {
        format!(
            "The suite finds {} of {} providers that have one fault each.",
            self.killed, self.mutants
        )
    }
}
