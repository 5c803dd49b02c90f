//! What was asked for and what was acknowledged, as a journal of one line each.
//!
//! The journal is also a file beside the store, so that both can be checked again and looked at.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::Failure;
use super::shape::Shape;

/// What is known of an instance without looking into the store.
pub(super) struct Record {
    pub(super) shape: Shape,
    pub(super) is_started: bool,
    /// By event: how often it was raised, and how often that was acknowledged.
    pub(super) raises: BTreeMap<&'static str, Asked>,
    pub(super) cancels: Asked,
    /// The end that a client saw.
    pub(super) end: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    pub(super) tried: usize,
    pub(super) acknowledged: usize,
}

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) records: BTreeMap<String, Record>,
    journal: Option<File>,
}

impl Ledger {
    /// An empty ledger that is written to this file.
    pub(super) fn create(file: &Path) -> Result<Self, Failure> {
        Ok(Self {
            records: BTreeMap::new(),
            journal: Some(File::create_new(file)?),
        })
    }

    /// The ledger that was written to this file.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let mut ledger = Self::default();
        for line in fs::read_to_string(file)?.lines() {
            ledger.note(line)?;
        }
        Ok(ledger)
    }

    /// Asks for a new instance; answers its id.
    pub(super) fn add(&mut self, shape: Shape) -> Result<String, Failure> {
        let instance = format!("{}-{}", shape.name(), self.records.len());
        self.note(&format!("ask-start {instance} {}", shape.name()))?;
        Ok(instance)
    }

    /// The instances that no client has seen the end of.
    pub(super) fn open(&self) -> Vec<String> {
        let open = self.records.iter().filter(|(_, it)| it.end.is_none());
        open.map(|(instance, _)| instance.clone()).collect()
    }

    /// What an instance was not yet promised to get, in words for a worker; each is noted as asked
    /// for once more.
    pub(super) fn missing(&mut self, instance: &str) -> Result<Vec<String>, Failure> {
        let Some(record) = self.records.get(instance) else {
            return Ok(Vec::new());
        };
        let is_promised = |asked: Option<&Asked>| asked.is_some_and(|it| it.acknowledged > 0);
        let mut missing = Vec::new();
        for event in record.shape.events() {
            if !is_promised(record.raises.get(event)) {
                missing.push(format!("raise {instance} {event}"));
            }
        }
        if record.shape == Shape::Cancel && !is_promised(Some(&record.cancels)) {
            missing.push(format!("cancel {instance}"));
        }
        for order in &missing {
            self.note(&format!("ask-{order}"))?;
        }
        Ok(missing)
    }

    /// Takes in a line: something that is asked for, or what a worker said.
    pub(super) fn note(&mut self, line: &str) -> Result<(), Failure> {
        if let Some(journal) = &mut self.journal {
            writeln!(journal, "{line}")?;
        }
        self.apply(line)
            .ok_or_else(|| format!("a worker said: {line}"))??;
        Ok(())
    }

    /// `None` if the line means nothing.
    fn apply(&mut self, line: &str) -> Option<Result<(), Failure>> {
        let (word, rest) = line.split_once(' ')?;
        let (instance, said) = rest.split_once(' ').unwrap_or((rest, ""));
        if word == "ask-start" {
            let record = Record::new(Shape::parse(said)?);
            self.records.insert(instance.to_owned(), record);
            return Some(Ok(()));
        }
        let record = self.records.get_mut(instance)?;
        match word {
            "started" => record.is_started = true,
            "ask-raise" => record.raise(said)?.tried += 1,
            "raised" => record.raise(said)?.acknowledged += 1,
            "ask-cancel" => record.cancels.tried += 1,
            "cancelled" => record.cancels.acknowledged += 1,
            "ended" => match &record.end {
                Some(seen) if seen != said => {
                    let both = format!("{instance} ended as {seen:?} and as {said:?}");
                    return Some(Err(both.into()));
                }
                _ => record.end = Some(said.to_owned()),
            },
            _ => return None,
        }
        Some(Ok(()))
    }
}

impl Record {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            is_started: false,
            raises: BTreeMap::new(),
            cancels: Asked::default(),
            end: None,
        }
    }

    fn raise(&mut self, event: &str) -> Option<&mut Asked> {
        let mut events = self.shape.events().iter();
        let event = events.find(|it| **it == event)?;
        Some(self.raises.entry(event).or_default())
    }
}
