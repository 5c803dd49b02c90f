//! The registry of cases.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::support::Cx;

/// The run of a case; it fails by panicking.
pub type CaseFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One case of the suite.
pub struct Case {
    /// Its name, `profile::area::case`, which is also the name of its test.
    pub id: &'static str,
    /// The profile it belongs to.
    pub profile: Profile,
    /// The clauses of the contract that it shows.
    pub clauses: &'static [&'static str],
    /// Runs it.
    pub run: for<'a> fn(&'a Cx) -> CaseFuture<'a>,
}

/// The cases that fill a store with tens of thousands of things.
const LARGE: &[&str] = &["required::clm_cost::a_claim_looks_at_no_sleeper"];

impl Case {
    /// The real time that it may take on a store with virtual time that is made at once, ten times
    /// as much on another: that of its profile, and more if it is large.
    pub(crate) fn time_limit(&self) -> Duration {
        let of_profile = self.profile.time_limit();
        if LARGE.contains(&self.id) {
            of_profile * 6
        } else {
            of_profile
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.id, self.clauses)
    }
}

/// A set of cases that a provider passes as a whole or does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// What makes a store a provider.
    Required,
    /// What is done through [`Provider::admin`](duroxide_core::providers::Provider::admin), which every
    /// store has.
    Management,
    /// What was acknowledged survives the process.
    Durable,
    /// Several handles work on one store.
    MultiHandle,
    /// The real runtime and client work on the store.
    EndToEnd,
    /// What a seed draws is compared with the reference, or checked against the invariants.
    Random,
}

impl Profile {
    /// All of them, in the order of the catalogue.
    pub const ALL: &'static [Self] = &[
        Self::Required,
        Self::Management,
        Self::Durable,
        Self::MultiHandle,
        Self::EndToEnd,
        Self::Random,
    ];

    /// Its name in the macro and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Management => "management",
            Self::Durable => "durable",
            Self::MultiHandle => "multi_handle",
            Self::EndToEnd => "end_to_end",
            Self::Random => "random",
        }
    }

    /// The real time that one of its cases may take on a store with virtual time that is made at once,
    /// ten times as much on another. None comes near it unless the provider hangs.
    #[must_use]
    pub fn time_limit(self) -> Duration {
        match self {
            Self::Required | Self::Management | Self::Durable | Self::MultiHandle => {
                Duration::from_secs(10)
            }
            Self::EndToEnd => Duration::from_secs(30),
            Self::Random => Duration::from_secs(120),
        }
    }
}

/// Every case, profile by profile.
pub static CATALOGUE: &[&[Case]] = &[
    __catalogue!(required, __registry, ()),
    __catalogue!(management, __registry, ()),
    __catalogue!(durable, __registry, ()),
    __catalogue!(multi_handle, __registry, ()),
    __catalogue!(end_to_end, __registry, ()),
    __catalogue!(random, __registry, ()),
];
