//! How long it took after kills until everything had ended that was under way.

use super::bars::{Bar, bars};
use super::drawing::Drawing;
use super::naming::Naming;
use crate::report::Report;
use crate::report::grid::figure;

/// A bar for each kill in the runs of a workload; nothing if nothing was killed.
pub(crate) fn recoveries(report: &Report, workload: &str) -> Option<String> {
    let runs = report.figures_of(workload).filter_map(|(run, figures)| {
        let chaos = figures.chaos.as_ref()?;
        (!chaos.recovery_ms.is_empty()).then_some((run, &*chaos.recovery_ms))
    });
    let runs: Vec<_> = runs.collect();
    if runs.is_empty() {
        return None;
    }
    let naming = Naming::of(report, runs.iter().map(|(run, _)| *run));
    let mut drawing = Drawing::new(&naming.title(workload));
    for (run, recoveries) in runs {
        let kills = (1..).zip(recoveries);
        let all = kills.map(|(kill, millis)| Bar {
            label: format!("kill {kill}"),
            figure: *millis,
            shown: format!("{} ms", figure(Some(*millis))),
            colour: naming.colour(run),
        });
        bars(&mut drawing, &naming.label(run), &all.collect::<Vec<_>>());
    }
    Some(drawing.finish())
}
