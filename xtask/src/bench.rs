//! `cargo xtask bench`: today's figures of this machine, taken up in `docs/benchmarks.md`.

use crate::error::Error;
use crate::process::Stopwatch;
use crate::python;
use crate::workspace::{Side, Workspace};

const REPORT: &str = "docs/benchmarks.md";

/// The bench that needs engines of others.
const WITH_PEERS: &str = "archive";
/// What they need, relative to the root; every version is pinned there.
const REQUIREMENTS: &str = "bench/peers/requirements.txt";

/// Runs the benches in release with the arguments passed on; what they say takes its place in the report.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let watch = Stopwatch::start();
    let mut job = workspace.side_cargo(Side::Bench, "run").args(["--release", "--"]).args(arguments);
    if arguments.iter().any(|argument| argument == WITH_PEERS) {
        let venv = workspace.target().join("peers").join("venv");
        job = job.arg("--python").arg(python::environment(workspace, REQUIREMENTS, &venv, "duckdb")?);
    }
    println!("$ {}", job.line());
    let said = job.stdout()?;
    print!("{said}");
    if Sections::of(&said).is_empty() {
        println!("\nthese are lines of a table and no section: {REPORT} is left as it is");
        return Ok(());
    }
    workspace.write(REPORT, &merged(&workspace.read(REPORT)?, &said))?;
    println!("\nwrote {REPORT} after {:.1} s", watch.elapsed().as_secs_f64());
    Ok(())
}

/// A document, cut before each heading of the first two levels.
struct Sections<'a>(Vec<&'a str>);

impl<'a> Sections<'a> {
    fn of(text: &'a str) -> Self {
        let mut starts: Vec<usize> = text
            .match_indices('#')
            .map(|(at, _)| at)
            .filter(|at| *at == 0 || text[..*at].ends_with('\n'))
            .filter(|at| ["# ", "## "].iter().any(|mark| text[*at..].starts_with(mark)))
            .collect();
        starts.push(text.len());
        Self(starts.windows(2).map(|pair| text[pair[0]..pair[1]].trim_end()).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The section with the same heading as another.
    fn like(&self, other: &str) -> Option<&'a str> {
        self.0.iter().find(|section| section.lines().next() == other.lines().next()).copied()
    }
}

/// The report, with each section replaced by a new one of the same heading; other new ones stand at its end.
fn merged(held: &str, new: &str) -> String {
    let (held, new) = (Sections::of(held), Sections::of(new));
    let kept = held.0.iter().map(|section| new.like(section).unwrap_or(section));
    let added = new.0.iter().copied().filter(|section| held.like(section).is_none());
    let mut text = kept.chain(added).collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_section_takes_the_place_of_the_old_one_and_others_stay() {
        let held = "# Benchmarks\n\nold\n\n## One\n\n| # |\n#hash\n\n## Two\n\nold two\n";
        assert_eq!(merged(held, "## Two\n\nnew two\n"), held.replace("old two", "new two"));
        assert_eq!(merged(held, "# Benchmarks\n\nnew\n"), held.replace("old\n\n## One", "new\n\n## One"));
        assert_eq!(merged(held, "## Three\n\nthree\n\n"), format!("{held}\n## Three\n\nthree\n"));
        assert_eq!(merged("", "# Benchmarks\n\nfirst\n"), "# Benchmarks\n\nfirst\n");
        assert!(Sections::of("| what | figure |\n| a # b | c |\n").is_empty());
    }

    #[test]
    fn every_requirement_is_held_to_one_version() {
        let text = Workspace::find().unwrap().read(REQUIREMENTS).unwrap();
        let wanted: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(wanted.iter().any(|line| line.starts_with("duckdb==")));
        assert!(wanted.iter().all(|line| line.split_once("==").is_some_and(|(_, version)| !version.is_empty())));
    }
}
