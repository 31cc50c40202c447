//! Rules of the workspace that no compiler knows, each a check with tests of its own. A rule that is broken names file
//! and line; an exception stands in a list here, with its reason.

mod code;
mod edges;
mod texts;

use crate::Failure;
use crate::cargo::{cargo, metadata, output, root};
use std::fmt;
use std::fs;
use std::path::Path;

/// Folders that are not the project's text.
const FOLDERS_LEFT_OUT: [&str; 3] = ["target", ".git", "bezant-data"];
/// Largest file that is read as text, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A file of the workspace.
#[derive(Debug)]
pub(crate) struct Text {
    /// Relative to the root, with forward slashes.
    path: String,
    content: String,
}

/// A rule broken at a place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    /// From 1; 0 when it is about the whole file.
    line: usize,
    what: String,
}

impl Violation {
    fn new(path: impl Into<String>, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what } = self;
        if *line == 0 { write!(formatter, "{path}: {what}") } else { write!(formatter, "{path}:{line}: {what}") }
    }
}

/// Checks everything and tells every violation.
pub(crate) fn run() -> Result<(), Failure> {
    let root = root();
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let tree = |packages: &[&str]| {
        let mut command = cargo(["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        packages.iter().for_each(|package| {
            command.args(["--package", package]);
        });
        output(&mut command)
    };
    let mut violations = edges::check(&edges::crates(&metadata()?));
    violations.extend(edges::check_linked(&tree(&["bezant"])?));
    violations.extend(edges::check_package_count(&tree(&["bezant", "sandbox"])?));
    violations.extend(code::check(&files));
    // What building and running leave behind is no part of the project: whether it is there says nothing of a text.
    let is_ours = |path: &str| !FOLDERS_LEFT_OUT.contains(&path.split('/').next().unwrap_or(path));
    violations.extend(texts::check(&files, |path| is_ours(path) && root.join(path).exists()));
    violations.sort();
    for violation in &violations {
        eprintln!("{violation}");
    }
    if violations.is_empty() {
        eprintln!("xtask: {} files are tidy", files.len());
        return Ok(());
    }
    Err(Failure::new(format!("tidy found {} violations", violations.len())))
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<Text>) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| Failure::new(format!("cannot read {}: {error}", path.display()));
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        let metadata = fs::symlink_metadata(&path).map_err(|error| failed(&path, error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if metadata.is_dir() && !FOLDERS_LEFT_OUT.contains(&name.as_ref()) {
            collect(root, &path, files)?;
        }
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| failed(&path, error))?;
        // What is not text has no rules here.
        if let (Ok(content), Ok(relative)) = (String::from_utf8(bytes), path.strip_prefix(root)) {
            files.push(Text { path: relative.to_string_lossy().replace('\\', "/"), content });
        }
    }
    Ok(())
}
