//! `cargo xtask sabotage`: builds that are broken on purpose must be caught.
//!
//! `crates/journal/src/sabotage.rs` names the switches; with the cargo feature `sabotage` and the
//! variable `FLIGHTREC_SABOTAGE` one of them is on. In `sim/` each switch has a test that runs the
//! fault runs named for it under the switch, and passes if one of them fails. A switch that nobody
//! notices shows a hole in the tests, and fails this command.

use crate::error::Error;
use crate::options::Options;
use crate::process::{Job, Stopwatch};
use crate::workspace::{Side, Workspace};

const SWITCHES: &str = "crates/journal/src/sabotage.rs";

/// The module of `sim/tests/it` that tries the switches; a test has the name of its switch, with underscores.
const MODULE: &str = "sabotage::";

/// Tries every switch, or with `--only` one.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let only: Option<String> = options.value("--only")?;
    options.finish()?;

    let watch = Stopwatch::start();
    let names = switch_names(&workspace.read(SWITCHES)?)?;
    match only {
        None => {
            tests(workspace, &[MODULE]).run()?;
            println!("sabotage: {} switches, each caught, in {:.1} s", names.len(), watch.elapsed().as_secs_f64());
        }
        Some(name) if names.contains(&name) => {
            let test = format!("{MODULE}{}", name.replace('-', "_"));
            tests(workspace, &[&test, "--exact", "--nocapture"]).run()?;
            println!("sabotage: {name} was caught, in {:.1} s", watch.elapsed().as_secs_f64());
        }
        Some(name) => {
            return Err(Error::Usage(format!("there is no switch {name:?}; there are {}", names.join(", "))));
        }
    }
    Ok(())
}

/// The tests of `sim/` without those that try the switches.
pub(crate) fn other_tests(workspace: &Workspace) -> Job {
    workspace.side_cargo(Side::Sim, "test").args(["--", "--skip", MODULE])
}

fn tests(workspace: &Workspace, filter: &[&str]) -> Job {
    workspace.side_cargo(Side::Sim, "test").args(["--test", "it", "--"]).args(filter.iter().copied())
}

/// Reads the arms `Self::Variant => "name"`, and holds them to the length of the list `ALL`.
fn switch_names(text: &str) -> Result<Vec<String>, Error> {
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let (_, name) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
            Some(name.strip_suffix("\",")?.to_owned())
        })
        .collect();
    let declared = text
        .split_once("ALL: [Self; ")
        .and_then(|(_, rest)| rest.split_once(']'))
        .and_then(|(count, _)| count.parse::<usize>().ok());
    if names.is_empty() || declared != Some(names.len()) {
        return Err(Error::Check(format!(
            "{SWITCHES} declares {declared:?} switches, but {} names were read from it",
            names.len()
        )));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole_or_refused() {
        let table = "pub const ALL: [Self; 2] = [Self::A, Self::B];\n  Self::A => \"a-a\",\n  Self::B => \"b\",\n";
        assert_eq!(switch_names(table).unwrap(), ["a-a", "b"]);
        assert!(switch_names(&table.replace("; 2", "; 3")).is_err());
        assert!(switch_names("").is_err());
    }

    #[test]
    fn every_switch_has_its_test_and_an_unknown_one_is_refused() {
        let workspace = Workspace::find().unwrap();
        let tests = workspace.read("sim/tests/it/sabotage.rs").unwrap();
        for name in switch_names(&workspace.read(SWITCHES).unwrap()).unwrap() {
            let test = format!(" {} => ", name.replace('-', "_"));
            assert!(tests.contains(&test), "no{test}in the tests of sim/");
        }
        let error = run(&workspace, &["--only".to_owned(), "skip-synk".to_owned()]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("skip-sync"));
    }
}
