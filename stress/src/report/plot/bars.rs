//! Bars from the left to the right, in groups.

use super::drawing::{Drawing, WIDTH};

const HEIGHT: f64 = 9.0;
const GAP: f64 = 7.0;

/// A bar, with its figure.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) figure: f64,
    /// The figure as it is read.
    pub(super) shown: String,
    pub(super) colour: &'static str,
}

/// Bars under a heading, which is left out if it is empty. Each group has a scale of its own: its longest bar is as wide
/// as the plot.
pub(super) fn bars(drawing: &mut Drawing, heading: &str, bars: &[Bar]) {
    if !heading.is_empty() {
        drawing.heading(heading);
    }
    let most = bars.iter().map(|it| it.figure).fold(0.0, f64::max);
    for bar in bars {
        drawing.labelled(&bar.label, &bar.shown);
        let y = drawing.room(HEIGHT + GAP);
        let part = if most > 0.0 { bar.figure / most } else { 0.0 };
        drawing.track((0.0, y), (WIDTH, HEIGHT));
        let says = format!("{}: {}", bar.label, bar.shown);
        drawing.bar((0.0, y), (part * WIDTH, HEIGHT), bar.colour, &says);
    }
}
