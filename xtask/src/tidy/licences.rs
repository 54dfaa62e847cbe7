//! Licences and sources of dependencies, against `deny.toml`.

use super::tree::{Finding, Tree};

const POLICY: &str = "deny.toml";

pub(super) fn licences(tree: &Tree) -> Vec<Finding> {
    let Some(policy) = tree.file(POLICY) else {
        return vec![Finding::broken(POLICY, 1, "the file is missing")];
    };
    let allowed = allowed_licences(&policy.text);
    if allowed.is_empty() {
        return vec![Finding::broken(POLICY, 1, "no `allow = [...]` under [licenses]")];
    }
    let mut findings = Vec::new();
    for package in &tree.graph.packages {
        let said = package.licence.as_deref().unwrap_or("");
        if !is_allowed(said, &allowed) {
            findings.push(Finding::broken(
                "Cargo.lock",
                1,
                format!(
                    "{} offers {said:?}, which {POLICY} does not allow; replace it, or settle \
                     the licence there",
                    package.label
                ),
            ));
        }
    }
    findings
}

pub(super) fn sources(tree: &Tree) -> Vec<Finding> {
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let mut findings = Vec::new();
    for file in tree.files() {
        if file.path != "Cargo.lock" && !file.path.ends_with("/Cargo.lock") {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let Some(source) = line.strip_prefix("source = ") else {
                continue;
            };
            if source.trim_matches('"') != REGISTRY {
                findings.push(Finding::broken(&file.path, index + 1, format!("{source} is not the public registry")));
            }
        }
    }
    findings
}

/// The strings of the first `allow = [ … ]` after `[licenses]`.
fn allowed_licences(policy: &str) -> Vec<&str> {
    let Some((_, section)) = policy.split_once("[licenses]") else {
        return Vec::new();
    };
    let Some((_, list)) = section.split_once("allow = [") else {
        return Vec::new();
    };
    let list = list.split(']').next().unwrap_or("");
    list.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect()
}

/// Evaluates a licence expression: `OR` needs one allowed side, `AND` both.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    any_of(&mut rest, allowed).unwrap_or(false) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut fine = all_of(rest, allowed)?;
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        fine |= all_of(rest, allowed)?;
    }
    Some(fine)
}

fn all_of(rest: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut fine = one(rest, allowed)?;
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        fine &= one(rest, allowed)?;
    }
    Some(fine)
}

fn one(rest: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    if *first == "(" {
        let fine = any_of(rest, allowed)?;
        let (close, tail) = rest.split_first()?;
        *rest = tail;
        return (*close == ")").then_some(fine);
    }
    let mut name = (*first).to_owned();
    if let ["WITH", exception, tail @ ..] = *rest {
        name = format!("{name} WITH {exception}");
        *rest = tail;
    }
    Some(allowed.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[&str] = &["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Zlib"];

    #[test]
    fn expressions_are_weighed() {
        for (expression, fine) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/GPL-3.0", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR LGPL-2.1", false),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND Zlib", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
            ("Apache-2.0 WITH Other-exception", false),
            ("", false),
            ("(MIT", false),
            ("MIT MIT", false),
        ] {
            assert_eq!(is_allowed(expression, ALLOWED), fine, "{expression:?}");
        }
    }

    #[test]
    fn the_list_is_read_from_the_policy() {
        let policy = "[bans]\nallow = [\"x\"]\n[licenses]\nallow = [\n  \"MIT\",\n  # \"GPL\",\n  \"Zlib\",\n]\n";
        assert_eq!(allowed_licences(policy), ["MIT", "Zlib"]);
    }
}
