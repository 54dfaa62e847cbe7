//! The files and the dependency graph, as the rules see them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::scan::Source;
use crate::error::Error;
use crate::process::Job;
use crate::workspace::Workspace;

/// One text file of the checkout.
#[derive(Debug)]
pub(super) struct TextFile {
    /// Path from the root, with forward slashes.
    pub(super) path: String,
    /// The whole text.
    pub(super) text: String,
    /// The text taken apart, if it is Rust.
    pub(super) rust: Option<Source>,
}

/// A crate of this workspace with what it asks for directly.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// Manifest path from the root.
    pub(super) manifest: String,
    /// Names of direct dependencies of every kind.
    pub(super) dependencies: BTreeSet<String>,
}

/// A package of the resolved graph, from outside the workspace.
#[derive(Debug)]
pub(super) struct Package {
    /// Name and version, as in `serde 1.0.0`.
    pub(super) label: String,
    /// The licence expression of its manifest.
    pub(super) licence: Option<String>,
}

/// What cargo says about crates.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Workspace crates by name.
    pub(super) members: BTreeMap<String, Member>,
    /// Everything else in the lock file.
    pub(super) packages: Vec<Package>,
    /// Names of all crates that a host of `flightrec-recorder` builds, on any platform.
    pub(super) recorder_tree: BTreeSet<String>,
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// Fails the check.
    Broken,
    /// Is printed, no more.
    Warning,
}

/// One place that breaks a rule.
#[derive(Debug)]
pub(super) struct Finding {
    /// Path from the root.
    pub(super) path: String,
    /// Line, from 1.
    pub(super) line: usize,
    /// What is wrong and what to do.
    pub(super) message: String,
    /// Whether it fails the check.
    pub(super) severity: Severity,
}

impl Finding {
    /// A break of the rule.
    pub(super) fn broken(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), severity: Severity::Broken }
    }

    /// A hint that fails nothing.
    pub(super) fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::broken(path, line, message) }
    }
}

/// An image of the checkout.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: Vec<TextFile>,
    paths: BTreeSet<String>,
    test_files: BTreeSet<String>,
    /// Path of the checkout on this machine, which no file may name.
    pub(super) checkout: Option<String>,
    /// What cargo knows.
    pub(super) graph: Graph,
}

impl Tree {
    /// Reads every file that git tracks or would track, and asks cargo for the graph.
    pub(super) fn read(workspace: &Workspace) -> Result<Self, Error> {
        let listing = Job::new("git", workspace.root())
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .stdout()?;
        let mut tree = Self {
            checkout: workspace.root().to_str().map(str::to_owned),
            graph: read_graph(workspace)?,
            ..Self::default()
        };
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            let full = workspace.root().join(path);
            if !full.is_file() {
                continue;
            }
            let bytes = fs::read(&full).map_err(|source| Error::File { action: "read", path: full, source })?;
            tree.add(path, bytes);
        }
        Ok(tree)
    }

    /// Adds one file; bytes that are no UTF-8 count as a path only.
    pub(super) fn add(&mut self, path: &str, bytes: Vec<u8>) {
        if !self.paths.insert(path.to_owned()) {
            return;
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return;
        };
        let rust = is_rust(path).then(|| Source::new(&text));
        if let Some(source) = &rust {
            self.test_files.extend(source.test_modules(path));
        }
        self.files.push(TextFile { path: path.to_owned(), text, rust });
    }

    /// All text files, in the order of git's listing.
    pub(super) fn files(&self) -> &[TextFile] {
        &self.files
    }

    /// The text file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// True if `path` is a file, or a directory with files in it.
    pub(super) fn has(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside))
    }

    /// Rust files with their parts.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.files.iter().filter_map(|file| Some((file.path.as_str(), file.rust.as_ref()?)))
    }

    /// True if the whole file is test code: under `tests/` or `benches/`, or declared under
    /// `#[cfg(test)]`.
    pub(super) fn is_test_file(&self, path: &str) -> bool {
        path.split('/').any(|part| part == "tests" || part == "benches")
            || self.test_files.iter().any(|test| path == test || path.starts_with(&format!("{}/", stem(test))))
    }
}

fn is_rust(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "rs")
}

fn stem(path: &str) -> &str {
    path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs")).unwrap_or(path)
}

fn read_graph(workspace: &Workspace) -> Result<Graph, Error> {
    let text = workspace.cargo("metadata").args(["--format-version", "1", "--quiet"]).stdout()?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Error::Check(format!("`cargo metadata` printed no JSON: {error}")))?;
    let root = format!("{}/", workspace.root().display());
    let mut graph = Graph::default();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = string(&package["name"]);
        if package["source"].is_null() {
            let manifest = string(&package["manifest_path"]);
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            graph.members.insert(
                name,
                Member {
                    manifest: manifest.trim_start_matches(&root).to_owned(),
                    dependencies: dependencies.map(|one| string(&one["name"])).collect(),
                },
            );
        } else {
            graph.packages.push(Package {
                label: format!("{name} {}", string(&package["version"])),
                licence: package["license"].as_str().map(str::to_owned),
            });
        }
    }
    // `cargo metadata` joins the features of all crates; only `cargo tree` shows one crate's own.
    let tree = workspace
        .cargo("tree")
        .args(["--package", "flightrec-recorder", "--edges", "no-dev"])
        .args(["--target", "all", "--prefix", "none", "--format", "{p}"])
        .stdout()?;
    graph.recorder_tree = tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    Ok(graph)
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
