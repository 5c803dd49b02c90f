//! A page that is being written.

use crate::report::grid::Grid;
use crate::report::plot::escaped;

const STYLE: &str = include_str!("style.css");

/// A page that is being written, section by section.
pub(super) struct Page {
    sections: Vec<(&'static str, &'static str)>,
    body: String,
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            sections: Vec::new(),
            body: String::new(),
        }
    }

    /// Begins a section under a name for links.
    pub(super) fn section(&mut self, id: &'static str, title: &'static str) {
        self.sections.push((id, title));
        self.add(&format!("<h2 id=\"{id}\">{title}</h2>\n"));
    }

    /// Adds a paragraph of a class of the style, or of none.
    pub(super) fn paragraph(&mut self, class: &str, text: &str) {
        let text = escaped(text);
        self.add(&format!("<p class=\"{class}\">{text}</p>\n"));
    }

    /// Adds a table, unless it has no rows.
    pub(super) fn table(&mut self, grid: &Grid) {
        if !grid.is_empty() {
            self.add(&grid.html());
        }
    }

    /// Adds plots, which stand side by side where there is room.
    pub(super) fn plots(&mut self, plots: impl Iterator<Item = String>) {
        self.add("<div class=\"plots\">\n");
        for plot in plots {
            self.add(&plot);
        }
        self.add("</div>\n");
    }

    /// The whole page, with links to its sections.
    pub(super) fn finish(self, title: &str, about: &str) -> String {
        let links = self.sections.iter();
        let links = links.map(|(id, title)| format!("<a href=\"#{id}\">{title}</a>\n"));
        let links: String = links.collect();
        let (title, about, body) = (escaped(title), escaped(about), self.body);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
             <p class=\"faint\">{about}</p>\n<nav>\n{links}</nav>\n{body}</body>\n</html>\n"
        )
    }

    fn add(&mut self, html: &str) {
        self.body.push_str(html);
    }
}
