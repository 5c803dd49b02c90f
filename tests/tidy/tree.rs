//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file, with its path from the root.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The lines that hold this text, as `path:line`.
    pub(crate) fn find(&self, needle: &str) -> Vec<String> {
        let hits = self
            .text
            .lines()
            .zip(1..)
            .filter(|(line, _)| line.contains(needle));
        hits.map(|(_, number)| format!("{}:{number}", self.path))
            .collect()
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file with one of these endings, in order of paths.
pub(crate) fn files(endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    collect(root(), &mut paths);
    paths.sort();
    let files: Vec<File> = paths
        .into_iter()
        .map(|path| {
            (
                path.strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                path,
            )
        })
        .filter(|(name, _)| endings.iter().any(|ending| name.ends_with(ending)))
        .map(|(name, path)| File {
            text: fs::read_to_string(path).unwrap(),
            path: name,
        })
        .collect();
    assert!(!files.is_empty(), "no file ends with any of {endings:?}");
    files
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // What git keeps and what cargo builds is not ours.
        if name == ".git" || name == "target" {
            continue;
        }
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

/// Fails with what is wrong and where.
pub(crate) fn assert_none(hits: &[String], rule: &str) {
    assert!(hits.is_empty(), "{rule}:\n  {}", hits.join("\n  "));
}
