//! What each backend is best at.

use super::{Figures, Report, Run};

/// By how much a backend must be better than the next one for it to be said.
const MARGIN: f64 = 1.1;

/// A figure by which backends are compared: the less, the better.
type Figure = (&'static str, fn(&Figures) -> Option<f64>);

const FIGURES: [Figure; 4] = [
    ("the highest rate", |it| Some(1.0 / it.measured.per_second)),
    ("the lowest median", |it| Some(it.measured.latency_ms.p50)),
    ("the fewest round trips", |it| it.store.round_trips),
    ("the least storage", |it| it.store.stored_bytes),
];

/// For each backend, in which workloads it is the best by which figure, of those that were measured in the same way and
/// keep what they acknowledge beyond the process.
pub(crate) fn strengths(report: &Report) -> Vec<String> {
    let lasting = |name: &str| {
        let found = report.backends.iter().find(|it| it.name == name);
        found.is_some_and(|it| it.durability.as_deref() != Some("Volatile"))
    };
    let names: Vec<&str> = report.backend_names();
    let names: Vec<&str> = names.into_iter().filter(|it| lasting(it)).collect();
    if names.len() < 2 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for name in &names {
        let mut said = Vec::new();
        for figure in FIGURES {
            let won = wins(report, (name, &names), figure);
            if !won.is_empty() {
                said.push(format!("{} in {}", figure.0, won.join(", ")));
            }
        }
        if !said.is_empty() {
            lines.push(format!("**{name}** has {}.", said.join("; ")));
        }
    }
    lines
}

/// In which workloads a backend is the best by a figure, with how many times the next one has.
fn wins(report: &Report, (name, names): (&str, &[&str]), (_, value): Figure) -> Vec<String> {
    let mut won = Vec::new();
    let is_own = |(run, _): &(&Run, &Figures)| run.backend == name && run.wrong().is_empty();
    for (run, figures) in report.all_figures().filter(is_own) {
        let of_others = report
            .all_figures()
            .filter(|(other, _)| is_rival(run, other, names));
        let others: Vec<f64> = of_others.filter_map(|(_, it)| value(it)).collect();
        let next = others.iter().copied().min_by(f64::total_cmp);
        if let Some((own, next)) = value(figures).zip(next)
            && own > 0.0
            && next / own >= MARGIN
        {
            let label = match run.shape.split_once(", ") {
                Some((_, size)) => format!("{} ({size})", run.workload),
                None => run.workload.clone(),
            };
            won.push(format!("{label} {:.1} ×", next / own));
        }
    }
    won
}

fn is_rival(run: &Run, other: &Run, names: &[&str]) -> bool {
    other.backend != run.backend
        && names.contains(&&*other.backend)
        && (&other.workload, &other.shape) == (&run.workload, &run.shape)
}
