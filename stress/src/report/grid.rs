//! Rows and columns, which are written as text, as Markdown or as HTML.

use std::fmt::Write as _;

use super::plot::escaped;

/// Rows and columns. The first columns are words, to the left; the others are figures, to the right.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    words: usize,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// Without rows yet; so many of the columns are words.
    pub(crate) fn new<const COLUMNS: usize>(words: usize, header: [&str; COLUMNS]) -> Self {
        Self {
            words,
            header: header.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    /// With columns that are known only from what was measured.
    pub(crate) fn of_columns(words: usize, header: Vec<String>) -> Self {
        Self {
            words,
            header,
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Without the columns of figures in which there are none.
    pub(crate) fn without_empty_columns(mut self) -> Self {
        for column in (self.words..self.header.len()).rev() {
            let is_empty = |row: &Vec<String>| row.get(column).is_none_or(|it| it == NOTHING);
            if self.rows.iter().all(is_empty) {
                self.header.remove(column);
                for row in &mut self.rows {
                    row.remove(column);
                }
            }
        }
        self
    }

    /// For a terminal.
    pub(crate) fn text(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in self.lines() {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| {
                if column < self.words {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    pub(crate) fn markdown(&self) -> String {
        let rule = (0..self.header.len()).map(|it| if it < self.words { "---" } else { "---:" });
        let rule: Vec<String> = rule.map(str::to_owned).collect();
        let mut text = String::new();
        for row in [&self.header, &rule].into_iter().chain(&self.rows) {
            // Writing to a text does not fail.
            writeln!(text, "| {} |", row.join(" | ")).ok();
        }
        text
    }

    pub(crate) fn html(&self) -> String {
        let mut text = "<div class=\"wide\" tabindex=\"0\"><table>\n".to_owned();
        for (place, row) in self.lines().enumerate() {
            let tag = if place == 0 { "th" } else { "td" };
            text.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let class = if column < self.words {
                    " class=\"word\""
                } else {
                    ""
                };
                // As above.
                write!(text, "<{tag}{class}><span>{}</span></{tag}>", escaped(cell)).ok();
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</table></div>\n");
        text
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        [&self.header].into_iter().chain(&self.rows)
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.lines().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..self.header.len()).map(width).collect()
    }
}

/// What stands where there is no figure.
pub(crate) const NOTHING: &str = "-";

/// A figure with three digits, or what stands where there is none.
pub(crate) fn figure(figure: Option<f64>) -> String {
    match figure {
        None => NOTHING.to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(short) if short < 10.0 => format!("{short:.2}"),
        Some(middle) if middle < 100.0 => format!("{middle:.1}"),
        Some(long) => format!("{long:.0}"),
    }
}
