//! How a case is run.

use std::fmt;
use std::time::Duration;

/// The environment variable that holds the seed of the tests that `cargo test` runs.
pub(crate) const SEED_VARIABLE: &str = "DUROXIDE_TEST_SEED";
/// The environment variable that holds how often those tests repeat what they draw.
pub(crate) const ROUNDS_VARIABLE: &str = "DUROXIDE_TEST_ROUNDS";

/// What everything random in a run is drawn from: the same seed draws the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a case is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// What the cases of [`Profile::Random`](crate::Profile::Random) draw from.
    pub seed: Seed,
    /// How many sequences or histories such a case draws; its own default if there is none.
    pub rounds: Option<u32>,
    /// The real time a case may take; that of its profile if there is none. Nothing comes near it
    /// unless the provider hangs.
    pub time_limit: Option<Duration>,
}

impl Default for RunOptions {
    /// One fixed seed, so that a test that passed passes again.
    fn default() -> Self {
        Self {
            seed: Seed(1),
            rounds: None,
            time_limit: None,
        }
    }
}

impl RunOptions {
    /// The defaults, but for what `DUROXIDE_TEST_SEED` and `DUROXIDE_TEST_ROUNDS` say.
    ///
    /// # Errors
    /// When one of them is no number.
    pub fn from_env() -> Result<Self, String> {
        let mut options = Self::default();
        if let Some(seed) = number(SEED_VARIABLE)? {
            options.seed = Seed(seed);
        }
        if let Some(rounds) = number(ROUNDS_VARIABLE)? {
            let rounds = u32::try_from(rounds);
            options.rounds =
                Some(rounds.map_err(|_| format!("{ROUNDS_VARIABLE} is too large a number"))?);
        }
        Ok(options)
    }
}

fn number(variable: &str) -> Result<Option<u64>, String> {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .map(Some)
            .map_err(|_| format!("{variable} must be a whole number, and is {text:?}")),
        Err(_) => Ok(None),
    }
}
