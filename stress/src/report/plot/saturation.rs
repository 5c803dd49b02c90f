//! How latency grows with the rate, up to where a backend does not follow any more.

use super::drawing::{Drawing, LINE, WIDTH};
use super::naming::Naming;
use super::scale::{Scale, short};
use crate::limit::{Tried, knee};
use crate::report::Report;

const LEFT: f64 = 40.0;
const RIGHT: f64 = WIDTH - 12.0;
const HEIGHT: f64 = 200.0;
/// From which time on a rate counts as given up, in milliseconds.
const GIVEN_UP_MS: f64 = 60_000.0;

/// A line for each run: the time within which 99 of 100 operations of a workload ended, by rate. A rate that was not
/// followed is hollow, and at the upper edge where it was given up; the highest that was is larger.
pub(crate) fn saturation(report: &Report, workload: &str) -> String {
    let runs = || report.limits().filter(|(run, _)| run.workload == workload);
    let naming = Naming::of(report, runs().map(|(run, _)| run));
    let all = || runs().flat_map(|(_, tried)| tried);
    let times = || all().map(|it| it.p99_ms).filter(|it| *it < GIVEN_UP_MS);
    let most = all().map(|it| it.rate).fold(0.0, f64::max);
    let low = times().fold(GIVEN_UP_MS, f64::min);
    let high = times().fold(low, f64::max);
    let mut drawing = Drawing::new(&naming.title(workload));
    for (run, _) in runs() {
        drawing.key(naming.stroke(run), &naming.label(run));
    }
    drawing.paragraph("p99 in ms, by operations begun in a second", "faint");
    let top = drawing.room(HEIGHT + 2.5 * LINE) + LINE;
    let bottom = top + HEIGHT;
    let up = Scale::logarithmic((low, high), bottom, top);
    let across = Scale::linear(most, LEFT, RIGHT);
    for mark in up.marks() {
        let y = up.at(mark);
        drawing.line((LEFT, y), (RIGHT, y));
        drawing.text((LEFT - 5.0, y + 4.0), "end", "faint", &short(mark));
    }
    for mark in across.marks() {
        let at = (across.at(mark), bottom + LINE - 2.0);
        drawing.text(at, "middle", "faint", &short(mark));
    }
    for (run, tried) in runs() {
        let stroke = naming.stroke(run);
        let knee = knee(tried).map(|it| it.rate);
        let mut tried: Vec<&Tried> = tried.iter().collect();
        tried.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let at = |it: &Tried| (across.at(it.rate), up.at(it.p99_ms.min(GIVEN_UP_MS)));
        let line: Vec<_> = tried.iter().map(|it| at(it)).collect();
        drawing.path(&line, stroke);
        for one in tried {
            let radius = if Some(one.rate) == knee { 6.0 } else { 3.0 };
            let p99 = match one.p99_ms {
                given_up if given_up >= GIVEN_UP_MS => "given up".to_owned(),
                millis => format!("p99 {millis:.1} ms"),
            };
            let says = format!("{}: {:.0} a second, {p99}", naming.label(run), one.rate);
            drawing.dot(at(one), radius, (stroke.0, !one.is_followed), &says);
        }
    }
    drawing.finish()
}
