//! Markdown links and decision records.

use std::collections::BTreeMap;

use super::tree::{Finding, TextFile, Tree};

const DECISIONS: &str = "docs/adr/";
const DECISION_LIST: &str = "docs/adr/README.md";
const HEADINGS: &[&str] = &["Context", "Decision", "Rejected", "Figures"];

pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| is_markdown(&file.path)) {
        for (line, target) in link_targets(&file.text) {
            let (place, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if place.is_empty() { Some(file.path.clone()) } else { resolved(&file.path, place) };
            let Some(path) = path.filter(|path| tree.has(path)) else {
                findings.push(Finding::broken(&file.path, line, format!("link to `{target}`, which is not there")));
                continue;
            };
            let there = tree.file(&path).filter(|_| is_markdown(&path));
            if let Some(there) = there.filter(|there| !anchor.is_empty() && !has_anchor(there, anchor)) {
                findings.push(Finding::broken(
                    &file.path,
                    line,
                    format!("link to `{target}`, but {} has no such heading", there.path),
                ));
            }
        }
    }
    findings
}

pub(super) fn decisions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listed = tree.file(DECISION_LIST).map_or("", |file| &file.text);
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for file in tree.files() {
        let Some(name) = file.path.strip_prefix(DECISIONS) else {
            continue;
        };
        if name == "README.md" {
            continue;
        }
        let Some(number) = decision_number(name) else {
            findings.push(Finding::broken(
                &file.path,
                1,
                "name it NNNN-title.md: four digits, then lower-case words joined by hyphens",
            ));
            continue;
        };
        if let Some(other) = numbers.insert(number, name) {
            findings.push(Finding::broken(&file.path, 1, format!("number {number} is taken by {other}")));
        }
        if !listed.contains(&format!("({name})")) {
            findings.push(Finding::broken(&file.path, 1, format!("not linked from {DECISION_LIST}")));
        }
        for heading in HEADINGS {
            match section(&file.text, heading) {
                None => findings.push(Finding::broken(&file.path, 1, format!("the heading `## {heading}` is missing"))),
                Some((line, body)) if !says_something(body) => findings.push(Finding::broken(
                    &file.path,
                    line,
                    format!("`## {heading}` is empty; at least say why there is nothing to say"),
                )),
                Some(_) => {}
            }
        }
    }
    findings
}

/// The four digits of `NNNN-title.md`.
fn decision_number(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".md")?;
    let (number, title) = stem.split_once('-')?;
    let digits = number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit());
    let words = !title.is_empty() && title.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (digits && words).then_some(number)
}

/// The line and the text under `## heading`, up to the next heading of that level.
fn section<'a>(text: &'a str, heading: &str) -> Option<(usize, &'a str)> {
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        at += line.len();
        let title = line.trim_end().strip_prefix("## ");
        if title.is_some_and(|title| title == heading) {
            let body = &text[at..];
            let end = body.find("\n## ").unwrap_or(body.len());
            return Some((index + 1, &body[..end]));
        }
    }
    None
}

/// A bare "none needed" is no reason.
fn says_something(body: &str) -> bool {
    let words: Vec<&str> = body.split_whitespace().collect();
    let bare = words.len() >= 2
        && words[0].eq_ignore_ascii_case("none")
        && words[1].trim_end_matches(['.', ',', ':']).eq_ignore_ascii_case("needed");
    words.len() >= if bare { 5 } else { 3 }
}

fn is_markdown(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "md")
}

/// Relative link targets with their lines; code and foreign addresses left out.
fn link_targets(text: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    for (line, text) in prose_lines(text) {
        let mut at = 0;
        while let Some(found) = text[at..].find("](") {
            let open = at + found;
            at = open + 2;
            if text[..open].matches('`').count() % 2 == 1 {
                continue;
            }
            let Some(length) = text[at..].find(')') else {
                break;
            };
            let inside = text[at..at + length].trim();
            let target = inside.split_whitespace().next().unwrap_or("");
            let foreign = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !foreign {
                targets.push((line, target));
            }
        }
    }
    targets
}

/// Lines outside of fenced code, numbered from 1.
fn prose_lines(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") || start.starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// `target` as seen from the directory of `from`; none if it leaves the checkout.
fn resolved(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.split('/').collect(),
    };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn has_anchor(file: &TextFile, anchor: &str) -> bool {
    prose_lines(&file.text).iter().any(|(_, line)| {
        let title = line.trim_start_matches('#');
        title.len() < line.len() && title.starts_with(' ') && slug(title) == anchor
    })
}

/// The anchor that forges make of a heading.
fn slug(title: &str) -> String {
    title
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_resolved_from_the_file_that_links() {
        assert_eq!(resolved("docs/a.md", "../README.md").unwrap(), "README.md");
        assert_eq!(resolved("docs/a.md", "./b/c.md").unwrap(), "docs/b/c.md");
        assert_eq!(resolved("docs/a.md", "../../out.md"), None);
    }

    #[test]
    fn code_and_foreign_addresses_are_no_links() {
        let text = "[a](b.md) `[c](d.md)` [e](https://example.org)\n```\n[f](g.md)\n```\n[h](i.md#j)\n";
        assert_eq!(link_targets(text), [(1, "b.md"), (5, "i.md#j")]);
    }

    #[test]
    fn anchors_follow_the_headings() {
        assert_eq!(slug(" What is `durable`, really? "), "what-is-durable-really");
    }

    #[test]
    fn a_bare_none_needed_is_not_enough() {
        assert!(!says_something("\nNone needed.\n"));
        assert!(says_something("\nNone needed: this is about names only.\n"));
        assert!(!says_something("\n\n"));
    }
}
