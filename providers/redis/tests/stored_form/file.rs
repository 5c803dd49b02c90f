//! A store in a file: each key by its name behind the tag, with its kind and what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes, which a file has in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        digits.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let bytes = (0..digits.len()).step_by(2).map(|at| {
            let byte = digits.get(at..at + 2);
            u8::from_str_radix(byte.unwrap_or_default(), 16).map_err(D::Error::custom)
        });
        Ok(Self(bytes.collect::<Result<_, _>>()?))
    }
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "content")]
pub(crate) enum Content {
    String(Hex),
    List(Vec<Hex>),
    Hash(BTreeMap<Hex, Hex>),
    /// Members with their scores.
    SortedSet(BTreeMap<Hex, u64>),
    Set(BTreeSet<Hex>),
}

impl Content {
    /// What must stay as it is whatever the ids that are drawn. The order of fields within a packed value may
    /// be another one, and its length is the same.
    fn shape(&self) -> Self {
        let length = |it: &Hex| Hex(it.0.len().to_string().into_bytes());
        match self {
            Self::String(bytes) => Self::String(length(bytes)),
            Self::List(items) => Self::List(items.iter().map(length).collect()),
            Self::Hash(fields) => {
                let fields = fields.iter();
                Self::Hash(fields.map(|(key, it)| (key.clone(), length(it))).collect())
            }
            Self::SortedSet(_) | Self::Set(_) => self.clone(),
        }
    }
}

/// All keys of a store but for those that say who is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoreFile {
    pub(crate) keys: BTreeMap<String, Content>,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

impl StoreFile {
    pub(crate) fn read(name: &str) -> Self {
        let path = path(name);
        let text = fs::read(&path).unwrap_or_else(|error| {
            let path = path.display();
            panic!("{error}: {path}; add it with DUROXIDE_WRITE_GOLDEN=1")
        });
        serde_json::from_slice(&text).unwrap()
    }

    /// Writes it if that is asked for and there is none.
    pub(crate) fn write_if_asked(&self, name: &str) {
        if std::env::var_os("DUROXIDE_WRITE_GOLDEN").is_some_and(|value| value == "1")
            && let Ok(mut file) = File::create_new(path(name))
        {
            let text = serde_json::to_string_pretty(self).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.write_all(b"\n").unwrap();
        }
    }

    /// The form that its clock names.
    pub(crate) fn format(&self) -> u64 {
        let Some(Content::String(clock)) = self.keys.get("clock") else {
            panic!("the store has no clock");
        };
        type Clock = (u64, u64, u64, u64, u64, u64);
        let clock: Clock = rmp_serde::from_slice(&clock.0).unwrap();
        clock.2
    }

    /// The names and kinds of all keys, their members and fields, and how long everything else is.
    pub(crate) fn shape(&self) -> BTreeMap<&str, Content> {
        let keys = self.keys.iter();
        keys.map(|(key, content)| (key.as_str(), content.shape()))
            .collect()
    }
}
