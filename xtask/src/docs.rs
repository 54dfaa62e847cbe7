//! `cargo xtask docs`: documents that the program prints about itself, kept in step with it.

use crate::error::Error;
use crate::options::Options;
use crate::workspace::Workspace;

/// A document whose text is the standard output of `flightrec`.
struct Generated {
    path: &'static str,
    arguments: &'static [&'static str],
}

const GENERATED: &[Generated] = &[Generated { path: "docs/events.md", arguments: &["schema", "--format", "markdown"] }];

/// Rewrites the documents, or with `--check` compares them and fails on the first drift.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let check = options.switch("--check");
    options.finish()?;

    let mut drifted = Vec::new();
    for document in GENERATED {
        let fresh = workspace
            .cargo("run")
            .args(["--quiet", "--package", "flightrec-cli", "--bin", "flightrec"])
            .arg("--")
            .args(document.arguments)
            .stdout()?;
        if fresh.trim().is_empty() {
            return Err(Error::Check(format!(
                "`flightrec {}` printed nothing; {} is left as it is",
                document.arguments.join(" "),
                document.path
            )));
        }
        if !check {
            workspace.write(document.path, &fresh)?;
            println!("wrote {}", document.path);
            continue;
        }
        match first_difference(&workspace.read(document.path)?, &fresh) {
            None => println!("{} is up to date", document.path),
            Some(difference) => {
                println!("{}:{difference}", document.path);
                drifted.push(document.path);
            }
        }
    }
    if drifted.is_empty() {
        return Ok(());
    }
    Err(Error::Check(format!("{} drifted from the program; `cargo xtask docs` rewrites it", drifted.join(", "))))
}

/// The first line where the kept text and the fresh one part, as `line: what and what`.
fn first_difference(kept: &str, fresh: &str) -> Option<String> {
    if kept == fresh {
        return None;
    }
    let mut kept_lines = kept.lines();
    let mut fresh_lines = fresh.lines();
    let mut number = 1;
    loop {
        match (kept_lines.next(), fresh_lines.next()) {
            (Some(old), Some(new)) if old == new => number += 1,
            (None, None) => return Some(format!("{number}: only the final line end differs")),
            (old, new) => {
                return Some(format!(
                    "{number}: kept {:?}, the program prints {:?}",
                    old.unwrap_or("<end of file>"),
                    new.unwrap_or("<end of text>")
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_found_at_its_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        let changed = first_difference("a\nb\n", "a\nc\n").unwrap();
        assert!(changed.starts_with("2: ") && changed.contains("\"b\"") && changed.contains("\"c\""));
        assert!(first_difference("a\n", "a\nb\n").unwrap().starts_with("2: "));
        assert!(first_difference("a\nb\n", "a\n").unwrap().contains("end of text"));
        assert!(first_difference("a", "a\n").unwrap().contains("line end"));
    }
}
