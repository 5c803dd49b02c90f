//! Which version a name stands for when nobody asks for one.

use semver::Version;

/// The version that is taken when none is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum VersionPolicy {
    /// The highest registered one.
    #[default]
    Latest,
    /// This one.
    Exact(Version),
}
