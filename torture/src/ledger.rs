//! What was asked for and what was acknowledged.

use std::collections::BTreeMap;

use crate::Failure;
use crate::shape::Shape;

/// What is known of an instance without looking into the store.
pub(crate) struct Record {
    pub(crate) shape: Shape,
    pub(crate) is_started: bool,
    /// By event: how often it was raised, and how often that was acknowledged.
    pub(crate) raises: BTreeMap<&'static str, Raises>,
    /// The output that a client saw.
    pub(crate) output: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Raises {
    pub(crate) tried: usize,
    pub(crate) acknowledged: usize,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) records: BTreeMap<String, Record>,
}

impl Ledger {
    /// Adds an instance that is to be started; answers its id.
    pub(crate) fn add(&mut self, shape: Shape) -> String {
        let instance = format!("{}-{}", shape.name(), self.records.len());
        let record = Record {
            shape,
            is_started: false,
            raises: BTreeMap::new(),
            output: None,
        };
        self.records.insert(instance.clone(), record);
        instance
    }

    /// The instances that no client has seen the end of.
    pub(crate) fn open(&self) -> Vec<String> {
        let open = self.records.iter().filter(|(_, it)| it.output.is_none());
        open.map(|(instance, _)| instance.clone()).collect()
    }

    /// Writes down what a worker said.
    pub(crate) fn note(&mut self, line: &str) -> Result<(), Failure> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (instance, said) = rest.split_once(' ').unwrap_or((rest, ""));
        let Some(record) = self.records.get_mut(instance) else {
            return Err(format!("a worker said: {line}").into());
        };
        match word {
            "started" => record.is_started = true,
            "raised" => {
                let events = record.shape.events().iter();
                for event in events.filter(|event| **event == said) {
                    record.raises.entry(event).or_default().acknowledged += 1;
                }
            }
            "ended" => match &record.output {
                Some(seen) if seen != said => {
                    return Err(format!("{instance} ended with {seen:?} and with {said:?}").into());
                }
                _ => record.output = Some(said.to_owned()),
            },
            _ => return Err(format!("a worker said: {line}").into()),
        }
        Ok(())
    }

    /// The events that nobody has acknowledged yet, counted as raised once more.
    pub(crate) fn missing_raises(&mut self, instance: &str) -> Vec<&'static str> {
        let Some(record) = self.records.get_mut(instance) else {
            return Vec::new();
        };
        let mut missing = Vec::new();
        for event in record.shape.events() {
            let raises = record.raises.entry(event).or_default();
            if raises.acknowledged == 0 {
                raises.tried += 1;
                missing.push(*event);
            }
        }
        missing
    }
}
