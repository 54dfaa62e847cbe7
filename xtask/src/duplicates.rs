//! `cargo xtask duplicates`: each crate is built once, unless `deny.toml` says why not.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::options::Options;
use crate::workspace::Workspace;

/// Compares `cargo tree --duplicates` with the `skip` list of `deny.toml`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    Options::new(arguments).finish()?;
    let tree = workspace
        .cargo("tree")
        .args(["--workspace", "--duplicates", "--depth", "0"])
        .args(["--prefix", "none", "--format", "{p}"])
        .stdout()?;
    let duplicates = several_versions(&tree);
    let skipped = skipped_crates(&workspace.read("deny.toml")?);

    let mut unexplained = Vec::new();
    for (name, versions) in &duplicates {
        let list: Vec<&str> = versions.iter().map(String::as_str).collect();
        match skipped.get(name) {
            Some(reason) => println!("{name} {}: {reason}", list.join(", ")),
            None => unexplained.push(format!("{name} ({})", list.join(", "))),
        }
    }
    for name in skipped.keys() {
        if !duplicates.contains_key(name) {
            unexplained.push(format!("{name} (in deny.toml, but built once: drop the entry)"));
        }
    }
    if unexplained.is_empty() {
        println!("{} duplicated crates, each with its reason", duplicates.len());
        return Ok(());
    }
    Err(Error::Check(format!(
        "crates in several versions: {}\n  `cargo tree --duplicates` shows who asks for them; \
         settle on one version, or add the crate with its reason to `skip` in deny.toml",
        unexplained.join(", ")
    )))
}

/// Names that occur with more than one version; one version built twice is no duplicate.
fn several_versions(tree: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    versions.retain(|_, found| found.len() > 1);
    versions
}

/// The `{ crate = "name", reason = "why" }` entries of `deny.toml`, one a line.
fn skipped_crates(deny: &str) -> BTreeMap<String, String> {
    deny.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| {
            let name = quoted_after(line, "crate")?;
            let reason = quoted_after(line, "reason")?;
            let bare = name.split('@').next().unwrap_or(name);
            Some((bare.to_owned(), reason.to_owned()))
        })
        .collect()
}

fn quoted_after<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let after = line.split_once(&format!("{key} = \""))?.1;
    Some(after.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_different_versions_count() {
        let tree = "syn v1.0.1\nsyn v2.0.9\n\nserde v1.0.2\nserde v1.0.2 (*)\n";
        let found = several_versions(tree);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["syn"]);
        assert_eq!(found["syn"].len(), 2);
    }

    #[test]
    fn a_skip_needs_a_reason_and_may_name_a_version() {
        let deny = "skip = [\n  { crate = \"syn@1.0.1\", reason = \"old macro\" },\n  \
                    { crate = \"bare\" },\n  # { crate = \"off\", reason = \"x\" },\n]\n";
        let skipped = skipped_crates(deny);
        assert_eq!(skipped.len(), 1);
        assert_eq!(skipped["syn"], "old macro");
    }
}
