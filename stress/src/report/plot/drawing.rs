//! A drawing that grows downwards.

use std::fmt::Write as _;

/// How wide every plot is: what a phone shows without scaling it.
pub(super) const WIDTH: f64 = 360.0;
/// How high a line of text is.
pub(super) const LINE: f64 = 16.0;
/// How wide a letter is at most on average: no font of a system is much wider.
const LETTER: f64 = 7.0;
/// How far a line of text is above its lower edge.
const BELOW: f64 = 4.0;

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1b1f24 } .name { font-weight: 600 } .faint { fill: #656d76 }
.ground { fill: #ffffff } .track { fill: #eaeef2 } .grid { stroke: #d0d7de }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .faint { fill: #9198a1 } .ground { fill: #0d1117 }
.track { fill: #21262d } .grid { stroke: #3d444d } }";

/// A drawing that grows downwards as things are added to it.
pub(super) struct Drawing {
    title: String,
    height: f64,
    body: String,
}

impl Drawing {
    /// Begins with its title.
    pub(super) fn new(title: &str) -> Self {
        let mut drawing = Self {
            title: title.to_owned(),
            height: 0.0,
            body: String::new(),
        };
        drawing.paragraph(title, "name");
        drawing.room(4.0);
        drawing
    }

    /// Makes it higher, and answers where what is new begins.
    pub(super) fn room(&mut self, height: f64) -> f64 {
        let top = self.height;
        self.height += height;
        top
    }

    /// Words from the left edge on, in as many lines as they need.
    pub(super) fn paragraph(&mut self, text: &str, class: &str) {
        for line in wrapped(text, WIDTH) {
            let y = self.room(LINE) + LINE - BELOW;
            self.text((0.0, y), "start", class, &line);
        }
    }

    /// Words above what belongs together.
    pub(super) fn heading(&mut self, text: &str) {
        self.room(5.0);
        self.paragraph(text, "faint");
        self.room(2.0);
    }

    /// Words from the left edge on, and a figure at the right edge beside the first line of them.
    pub(super) fn labelled(&mut self, label: &str, figure: &str) {
        let y = self.height + LINE - BELOW;
        self.text((WIDTH, y), "end", "", figure);
        for line in wrapped(label, WIDTH - width_of(figure) - 2.0 * LETTER) {
            let y = self.room(LINE) + LINE - BELOW;
            self.text((0.0, y), "start", "", &line);
        }
    }

    /// Says what has a colour and a dash.
    pub(super) fn key(&mut self, (colour, dash): (&str, &str), label: &str) {
        const LEFT: f64 = 30.0;
        let y = self.height + LINE / 2.0;
        self.path(&[(0.0, y), (LEFT - 8.0, y)], (colour, dash));
        for line in wrapped(label, WIDTH - LEFT) {
            let y = self.room(LINE) + LINE - BELOW;
            self.text((LEFT, y), "start", "", &line);
        }
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
        let text = escaped(text);
        self.add(&format!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(&format!(
            r#"<line class="grid" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// A faint area behind what is drawn next.
    pub(super) fn track(&mut self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.add(&format!(
            r#"<rect class="track" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    /// A rectangle that says what it is where a pointer rests on it.
    pub(super) fn bar(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        fill: &str,
        says: &str,
    ) {
        let says = escaped(says);
        self.add(&format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}"><title>{says}</title></rect>"#
        ));
    }

    /// As [`bar`](Self::bar). A hollow one has only its edge.
    pub(super) fn dot(
        &mut self,
        (x, y): (f64, f64),
        radius: f64,
        (colour, is_hollow): (&str, bool),
        says: &str,
    ) {
        let says = escaped(says);
        let look = if is_hollow {
            format!(r#"class="ground" stroke="{colour}" stroke-width="2""#)
        } else {
            format!(r#"fill="{colour}""#)
        };
        self.add(&format!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" {look}><title>{says}</title></circle>"#
        ));
    }

    pub(super) fn path(&mut self, points: &[(f64, f64)], (stroke, dash): (&str, &str)) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.add(&format!(
            r#"<polyline points="{points}" fill="none" stroke="{stroke}" stroke-width="2" stroke-dasharray="{dash}"/>"#
        ));
    }

    fn add(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    pub(super) fn finish(self) -> String {
        let mut svg = String::new();
        let (title, height) = (escaped(&self.title), self.height);
        // Writing to a text does not fail.
        write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}">
<style>{STYLE}</style>
<rect class="ground" width="{WIDTH}" height="{height:.0}"/>
{}</svg>
"#,
            self.body
        )
        .ok();
        svg
    }
}

/// How wide a text is at most.
fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

/// A text in lines that are no wider than this. A word that is wider alone is cut.
fn wrapped(text: &str, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        while width_of(&word) > width && word.pop().is_some() {
            word.pop();
            word.push('…');
        }
        match lines.last_mut() {
            Some(line) if width_of(line) + LETTER + width_of(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_and_long_words_cut() {
        assert_eq!(wrapped("one two three", 50.0), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 35.0), ["abcd…", "k"]);
        assert_eq!(wrapped("", 50.0), [""; 0]);
    }

    #[test]
    fn what_is_drawn_cannot_break_out() {
        let mut drawing = Drawing::new("<b> & \"c\"");
        drawing.labelled("</svg>", "1");
        let svg = drawing.finish();
        assert_eq!(svg.matches("</svg>").count(), 1, "{svg}");
        assert!(
            svg.contains(r#"aria-label="&lt;b&gt; &amp; &quot;c&quot;""#),
            "{svg}"
        );
    }
}
