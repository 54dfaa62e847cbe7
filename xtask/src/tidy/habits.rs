//! Lints, markers and words in code.

use super::tree::{Finding, Tree};

pub(super) fn reasoned_lints(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        for attribute in source.attributes() {
            let lints = words_with_parenthesis(attribute.inside);
            let allows = lints.contains(&"allow");
            let expects = lints.contains(&"expect");
            let reasoned =
                attribute.inside.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "reason");
            if (allows || expects) && !reasoned {
                findings.push(Finding::broken(path, attribute.line, "a lint is silenced without `reason = \"…\"`"));
            }
            if allows {
                findings.push(if reasoned {
                    Finding::warning(
                        path,
                        attribute.line,
                        "prefer `expect` to `allow`: it speaks up once it is no longer needed",
                    )
                } else {
                    Finding::broken(path, attribute.line, "bare `allow`; use `expect` with a reason")
                });
            }
        }
    }
    findings
}

/// Words directly followed by an opening parenthesis: `allow` in `cfg_attr(a, allow(b))`.
fn words_with_parenthesis(inside: &str) -> Vec<&str> {
    inside
        .match_indices('(')
        .filter_map(|(at, _)| inside[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next())
        .collect()
}

pub(super) fn no_wildcard(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        if !source.is_marked("no-wildcard") {
            continue;
        }
        for word in source.words().filter(|word| word.text == "_") {
            let after = source.code()[word.at + 1..].trim_start();
            let is_arm = after.starts_with("=>") || after.starts_with("if ");
            if is_arm && !source.is_test(word.at) {
                findings.push(Finding::broken(
                    path,
                    source.line(word.at),
                    "wildcard arm; name the variants, so that a new one stops the compiler here",
                ));
            }
        }
    }
    findings
}

pub(super) fn nothing_unfinished(tree: &Tree) -> Vec<Finding> {
    const MACROS: &[&str] = &["todo", "unimplemented", "dbg"];
    const MARKS: &[&str] = &["FIXME", "XXX", "TODO"];
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        for word in source.words().filter(|word| MACROS.contains(&word.text)) {
            if source.code()[word.at + word.text.len()..].starts_with('!') {
                findings.push(Finding::broken(
                    path,
                    source.line(word.at),
                    format!("`{}!` is unfinished work", word.text),
                ));
            }
        }
        for (line, comment) in source.comment_lines() {
            let mark = comment.split(|c: char| !c.is_alphanumeric()).find(|word| MARKS.contains(word));
            if let Some(mark) = mark {
                findings.push(Finding::broken(
                    path,
                    line,
                    format!("{mark} in a comment; finish it, or put it into the tracker"),
                ));
            }
        }
    }
    findings
}

pub(super) fn no_ignored_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        for attribute in source.attributes() {
            let mut words = attribute.inside.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            if words.any(|word| word == "ignore") && !attribute.inside.starts_with("doc") {
                findings.push(Finding::broken(
                    path,
                    attribute.line,
                    "an ignored test; make it run, or delete it and say in the docs what is untested",
                ));
            }
        }
    }
    findings
}

pub(super) fn crate_docs(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(path, _)| is_crate_root(path))
        .filter(|(_, source)| {
            let first = source.comment_lines().find(|(line, comment)| {
                !comment.is_empty() || source.code().lines().nth(line - 1).is_some_and(|code| !code.trim().is_empty())
            });
            !first.is_some_and(|(_, comment)| comment.len() > 10 && comment.starts_with("//!"))
        })
        .map(|(path, _)| Finding::broken(path, 1, "begin with `//!` text: what this crate is and is not"))
        .collect()
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("src/lib.rs") || path.ends_with("src/main.rs")
}
