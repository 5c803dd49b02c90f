//! The table of kills, as it is committed.

use super::faults::{FAULTS, NOT_APPLICABLE};
use super::kill::Verdict;

/// The version of the JSON's form.
const SCHEMA: u32 = 1;

/// The head of the table of mutants.
pub(super) const TABLE: &str = "| mutant | what it does | clause | killed by |";

/// The committed files.
pub(super) struct Report {
    pub(super) markdown: String,
    pub(super) json: String,
}

impl Report {
    pub(super) fn new(verdicts: &[Verdict]) -> Self {
        let killed = verdicts.iter().filter(|it| it.is_killed()).count();
        Self {
            markdown: markdown(verdicts, killed),
            json: format!(
                "{{\"schema\":{SCHEMA},\"mutants\":{},\"killed\":{killed}}}\n",
                verdicts.len()
            ),
        }
    }

    /// Each file's place in the repository, and its contents.
    pub(super) fn files(&self) -> [(&'static str, &str); 2] {
        [
            ("docs/conformance/mutants.md", &self.markdown),
            ("docs/conformance/mutants.json", &self.json),
        ]
    }
}

fn markdown(verdicts: &[Verdict], killed: usize) -> String {
    let mut text = format!(
        "# Mutants\n\n\
         Each mutant is the in-memory provider with one fault. A case of each clause that the fault\n\
         breaks must notice it. This page is written by `cargo test -p duroxide-provider-tests\n\
         --test mutants` with `DUROXIDE_UPDATE=1`.\n\n\
         **{killed} of {} are killed.**\n\n\
         {TABLE}\n|---|---|---|---|\n",
        verdicts.len()
    );
    for Verdict { mutant, killers } in verdicts {
        for (place, (clause, killer)) in mutant.clauses.iter().zip(killers).enumerate() {
            let (name, what) = match place {
                0 => (format!("`{}`", mutant.name), mutant.what),
                _ => (String::new(), ""),
            };
            let killer = killer.map_or_else(|| "nobody".to_owned(), |case| format!("`{case}`"));
            row(&mut text, &[&name, what, clause, &killer]);
        }
    }
    text.push_str(
        "\n## The faults that stores are known for\n\n\
         | fault | what | shown by |\n|---|---|---|\n",
    );
    for (number, what) in FAULTS {
        let of_fault = verdicts.iter().map(|verdict| verdict.mutant);
        let names: Vec<_> = of_fault
            .filter(|mutant| mutant.fault == Some(*number))
            .map(|mutant| format!("`{}`", mutant.name))
            .collect();
        let reason = NOT_APPLICABLE.iter().find(|(fault, _)| fault == number);
        let shown = reason.map_or_else(|| names.join(", "), |(_, why)| format!("none: {why}"));
        row(&mut text, &[&number.to_string(), what, &shown]);
    }
    text
}

fn row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        text.extend(["| ", cell, " "]);
    }
    text.push_str("|\n");
}
