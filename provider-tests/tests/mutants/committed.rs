//! The table of kills that is committed.

use std::collections::HashMap;

use super::report::TABLE;

const PAGE: &str = include_str!("../../../docs/conformance/mutants.md");

/// For each mutant and clause, the case that is said to notice.
pub(super) struct Committed(HashMap<(&'static str, &'static str), &'static str>);

impl Committed {
    pub(super) fn read() -> Self {
        let mut killers = HashMap::new();
        let mut mutant = "";
        let lines = PAGE.lines().skip_while(|line| *line != TABLE).skip(2);
        for line in lines.take_while(|line| line.starts_with('|')) {
            let cells: Vec<_> = line
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            let [_, name, .., clause, case, _] = cells[..] else {
                continue;
            };
            if !name.is_empty() {
                mutant = name;
            }
            killers.insert((mutant, clause), case);
        }
        Self(killers)
    }

    pub(super) fn killer(&self, mutant: &str, clause: &str) -> Option<&'static str> {
        self.0.get(&(mutant, clause)).copied()
    }
}
