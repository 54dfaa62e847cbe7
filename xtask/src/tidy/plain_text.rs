//! Whitespace, and paths of somebody's machine.

use super::tree::{Finding, Tree};

/// Directories whose bytes are the point: samples of what the world sends.
const VERBATIM: &[&str] = &["test-data/", "examples/", "fuzz/corpus/"];

/// Where machine paths are the subject, each with its reason.
const ABOUT_PATHS: &[(&str, &str)] = &[
    ("crates/recorder/src/redact/", "the redactor and its samples are about such paths"),
    ("test-data/", "samples of what the world sends"),
    ("xtask/src/tidy/plain_text.rs", "has to spell out what it looks for"),
];

/// User names that stand for nobody, as examples and redaction tests need them.
const NOBODY: &[&str] = &[
    "alice", "bob", "carol", "dave", "dev", "example", "me", "name", "somebody", "someone", "user", "username", "you",
];

/// What begins a home directory; the next path part is a user's name.
const HOMES: &[&str] = &["/home/", "/Users/", "C:\\Users\\"];

/// Hosts that serve packages. The registry itself is named only where a tool demands it.
const HOSTS: &[&str] = &[
    "index.crates.io",
    "static.crates.io",
    "registry.npmjs.org",
    "files.pythonhosted.org",
    "pypi.org/simple",
    "proxy.golang.org",
    "deb.debian.org",
];

pub(super) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        if VERBATIM.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for (index, line) in file.text.split('\n').enumerate() {
            let wrong = if line.ends_with('\r') {
                "carriage return"
            } else if line.contains('\t') {
                "tab"
            } else if line.ends_with(' ') {
                "trailing blank"
            } else {
                continue;
            };
            findings.push(Finding::broken(&file.path, index + 1, wrong));
        }
        let lines = file.text.lines().count();
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(Finding::broken(&file.path, lines, "no newline at the end"));
        } else if file.text.ends_with("\n\n") {
            findings.push(Finding::broken(&file.path, lines, "empty lines at the end"));
        }
    }
    findings
}

pub(super) fn no_machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        if ABOUT_PATHS.iter().any(|(place, _)| file.path.starts_with(place)) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            if let Some(what) = machine_path(tree.checkout.as_deref(), line) {
                findings.push(Finding::broken(&file.path, index + 1, format!("`{what}` is true on one machine only")));
            }
        }
    }
    findings
}

fn machine_path(checkout: Option<&str>, line: &str) -> Option<String> {
    for home in HOMES {
        for (at, _) in line.match_indices(home) {
            let user: String =
                line[at + home.len()..].chars().take_while(|c| c.is_alphanumeric() || "-_.".contains(*c)).collect();
            if !user.is_empty() && !NOBODY.contains(&user.as_str()) {
                return Some(format!("{home}{user}"));
            }
        }
    }
    for (at, root) in line.match_indices("/root/") {
        let before = line[..at].chars().next_back();
        let after = line[at + root.len()..].chars().next();
        let leads_somewhere = after.is_some_and(|c| c.is_alphanumeric() || c == '.');
        if leads_somewhere && !before.is_some_and(|c| c.is_alphanumeric() || "._-}".contains(c)) {
            return Some(root.to_owned());
        }
    }
    // A checkout in the file system's root would make every absolute path suspect.
    let deep = checkout.filter(|path| path.matches('/').count() >= 2);
    if let Some(path) = deep.filter(|path| line.contains(*path)) {
        return Some(path.to_owned());
    }
    HOSTS.iter().find(|host| line.contains(**host)).map(|host| (*host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_told_from_nobody() {
        let checkout = Some("/src/recorder");
        for (line, bad) in [
            ("see /home/alice/project", false),
            ("see /home/jsmith/project", true),
            ("C:\\Users\\jsmith", true),
            ("the project/root/part", false),
            ("in /root/.cargo", true),
            ("[\"/home/\", \"/root/\"]", false),
            ("at /src/recorder/docs", true),
            ("from https://index.crates.io/", true),
            ("the crates.io registry", false),
        ] {
            assert_eq!(machine_path(checkout, line).is_some(), bad, "{line}");
        }
    }
}
