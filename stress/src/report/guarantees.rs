//! What a backend promises, as its certificate says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a backend promises, from the certificate that the conformance suite wrote of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guarantees {
    /// What an acknowledged commit survives.
    pub(crate) durability: String,
    /// Whether processes share a store.
    pub(crate) is_shared: bool,
    /// Whether work of other processes is heard of without asking.
    pub(crate) is_pushed: bool,
    /// The longest body, in bytes.
    pub(crate) body_bytes_max: u64,
    /// By profile: passed, failed or not supported.
    pub(crate) profiles: BTreeMap<String, String>,
    /// How many cases passed, of how many.
    pub(crate) cases: (u64, u64),
    /// What it was shown to survive.
    pub(crate) endings: Vec<String>,
}

impl Guarantees {
    /// Reads a certificate; none if it is no certificate.
    pub(crate) fn of_certificate(text: &str) -> Option<Self> {
        let certificate: Value = serde_json::from_str(text).ok()?;
        let implementation = certificate.get("implementation")?;
        let capabilities = implementation.get("capabilities")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let profiles = certificate.get("profiles")?.as_array()?;
        let count = |name: &str| -> u64 {
            let counts = profiles.iter().filter_map(|it| it.get(name)?.as_u64());
            counts.sum()
        };
        let mut endings: Vec<String> = certificate
            .get("endings")?
            .as_array()?
            .iter()
            .filter_map(|it| it.get("what").and_then(text))
            .collect();
        endings.sort();
        endings.dedup();
        Some(Self {
            durability: implementation.get("durability").and_then(text)?,
            is_shared: capabilities.get("multi_process")?.as_bool()?,
            is_pushed: capabilities.get("push_wakeups")?.as_bool()?,
            body_bytes_max: capabilities.get("body_bytes_max")?.as_u64()?,
            profiles: profiles
                .iter()
                .filter_map(|it| Some((text(it.get("name")?)?, text(it.get("result")?)?)))
                .collect(),
            cases: (count("passed"), count("cases")),
            endings,
        })
    }
}
