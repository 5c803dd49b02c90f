//! The registry of cases.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

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
    /// [`Provider::admin`](duroxide_core::providers::Provider::admin) is there.
    Management,
    /// What was acknowledged survives the process.
    Durable,
    /// Several handles work on one store.
    MultiHandle,
}

impl Profile {
    /// Its name in the macro and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Management => "management",
            Self::Durable => "durable",
            Self::MultiHandle => "multi_handle",
        }
    }
}

/// Every case, profile by profile.
pub static CATALOGUE: &[&[Case]] = &[
    __catalogue!(required, __registry, ()),
    __catalogue!(management, __registry, ()),
    __catalogue!(durable, __registry, ()),
    __catalogue!(multi_handle, __registry, ()),
];
