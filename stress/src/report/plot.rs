//! Plots, as SVG that stands alone.

mod bars;
mod lines;
mod percentiles;
mod saturation;
mod scale;

use std::fmt::Write as _;

pub(crate) use bars::throughput;
pub(crate) use lines::over_time;
pub(crate) use percentiles::latencies;
pub(crate) use saturation::saturation;

/// How wide every plot is; it is scaled to the page.
const WIDTH: f64 = 720.0;

/// Colours that are told apart by everybody, on light and on dark ground (Okabe and Ito, 2008).
const COLOURS: [&str; 6] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
];

/// The colour of a backend by its place.
fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

/// A drawing that is being made.
struct Drawing {
    title: String,
    height: f64,
    body: String,
}

impl Drawing {
    fn new(title: &str, height: f64) -> Self {
        Self {
            title: title.to_owned(),
            height,
            body: String::new(),
        }
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        let text = escaped(text);
        self.add(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(&format!(
            r#"<line class="grid" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// A rectangle that says what it is where a pointer rests on it.
    fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str, says: &str) {
        let says = escaped(says);
        self.add(&format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}"><title>{says}</title></rect>"#
        ));
    }

    fn dot(&mut self, (x, y): (f64, f64), radius: f64, fill: &str, says: &str) {
        let says = escaped(says);
        self.add(&format!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{fill}"><title>{says}</title></circle>"#
        ));
    }

    fn path(&mut self, points: &[(f64, f64)], stroke: &str) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.add(&format!(
            r#"<polyline points="{points}" fill="none" stroke="{stroke}" stroke-width="2"/>"#
        ));
    }

    /// Says which backend has a colour, beside those before.
    fn key(&mut self, left: f64, place: usize, fill: &str, backend: &str) {
        let x = left + place as f64 * 110.0;
        self.bar((x, 8.0), (12.0, 12.0), fill, backend);
        self.text((x + 18.0, 18.0), "start", backend);
    }

    fn add(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    fn finish(self) -> String {
        let mut svg = String::new();
        let (title, height) = (escaped(&self.title), self.height);
        // Writing to a text does not fail.
        write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}">
<style>text {{ font: 12px system-ui, sans-serif; fill: #1b1f24 }} .grid {{ stroke: #d0d7de }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .grid {{ stroke: #3d444d }} }}</style>
<title>{title}</title>
{}</svg>
"#,
            self.body
        )
        .ok();
        svg
    }
}

/// A text as it stands in SVG and HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
