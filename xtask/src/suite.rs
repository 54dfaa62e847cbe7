//! `cargo xtask test`: every check, in the order in which a failure is cheapest to learn of.

use crate::docs;
use crate::duplicates;
use crate::error::Error;
use crate::fuzz;
use crate::lake;
use crate::local_model;
use crate::options::Options;
use crate::otel_python;
use crate::process::{Job, Stopwatch};
use crate::sabotage;
use crate::tidy;
use crate::web;
use crate::workspace::{Side, Workspace};

/// How a step is done.
enum Action {
    /// One run of cargo.
    Cargo(fn(&Workspace) -> Job),
    /// Runs of cargo, one after the other.
    Cargos(fn(&Workspace) -> Vec<Job>),
    /// A chore of this program, with the command that runs it alone.
    Chore(fn(&Workspace, &[String]) -> Result<(), Error>, &'static [&'static str], &'static str),
}

/// When a step is left out by `--quick`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    FullOnly,
}

struct Step {
    name: &'static str,
    does: &'static str,
    when: When,
    action: Action,
}

/// The crates without the query engine, which takes longer to build than all of them: what most people build.
const WITHOUT_SQL: [&str; 3] = ["--workspace", "--exclude", "flightrec-sql"];

/// The crates that are built another way with the query engine. They are always named together: a choice of crates is a
/// choice of features for all that they share, and another choice builds the engine again.
pub(crate) const WITH_SQL: [&str; 8] = [
    "--package",
    "flightrec-sql",
    "--package",
    "flightrec-server",
    "--package",
    "flightrec-cli",
    "--features",
    "flightrec-cli/sql",
];

const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        does: "every workspace is formatted",
        when: When::Always,
        action: Action::Cargos(format_checks),
    },
    Step {
        name: "tidy",
        does: "the house rules of STYLE.md hold",
        when: When::Always,
        action: Action::Chore(tidy::run, &[], "cargo xtask tidy"),
    },
    Step {
        name: "clippy",
        does: "no lint speaks up",
        when: When::Always,
        action: Action::Cargo(|at| {
            at.cargo("clippy").args(WITHOUT_SQL).args(["--all-targets", "--", "-D", "warnings"])
        }),
    },
    Step {
        name: "tests",
        does: "unit and integration tests, conformance vectors among them",
        when: When::Always,
        action: Action::Cargo(|at| {
            at.cargo("test").args(WITHOUT_SQL).args(["--lib", "--bins", "--tests", "--examples"])
        }),
    },
    Step {
        name: "doc-tests",
        does: "the examples in the documentation run",
        when: When::Always,
        action: Action::Cargo(|at| at.cargo("test").args(WITHOUT_SQL).arg("--doc")),
    },
    Step {
        name: "docs",
        does: "generated documents are what the program prints today",
        when: When::Always,
        action: Action::Chore(docs::run, &["--check"], "cargo xtask docs --check"),
    },
    Step {
        name: "duplicates",
        does: "no crate is built in two versions without a reason",
        when: When::Always,
        action: Action::Chore(duplicates::run, &[], "cargo xtask duplicates"),
    },
    Step {
        name: "rustdoc",
        does: "the API documentation builds without a warning",
        when: When::Always,
        action: Action::Cargo(|at| {
            at.cargo("doc").args(WITHOUT_SQL).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings")
        }),
    },
    Step {
        name: "sql",
        does: "the same for the crates with the query engine",
        when: When::FullOnly,
        action: Action::Cargos(with_sql),
    },
    Step {
        name: "otel-python",
        does: "what the OpenTelemetry SDK for Python sends is what is answered",
        when: When::FullOnly,
        action: Action::Chore(otel_python::run, &[], "cargo xtask otel-python"),
    },
    Step {
        name: "lake",
        does: "what two nodes pushed is answered alike by Spark, ClickHouse, DuckDB and Polars",
        when: When::FullOnly,
        action: Action::Chore(lake::run, &[], "cargo xtask lake"),
    },
    Step {
        name: "web",
        does: "the page is what its source builds to, and does in a browser what it should",
        when: When::FullOnly,
        action: Action::Chore(web::run, &[], "cargo xtask web"),
    },
    Step {
        name: "side-clippy",
        does: "no lint speaks up in sim, fuzz and bench",
        when: When::FullOnly,
        action: Action::Cargos(side_clippy),
    },
    Step {
        name: "sim",
        does: "the fault runs: failing, lying, full and power-cut disks",
        when: When::FullOnly,
        action: Action::Cargo(sabotage::other_tests),
    },
    Step {
        name: "sabotage",
        does: "each deliberate break of journal and recorder is caught by a fault run",
        when: When::FullOnly,
        action: Action::Chore(sabotage::run, &[], "cargo xtask sabotage"),
    },
    Step {
        name: "fuzz-smoke",
        does: "each fuzz target survives its seeds and their mutations",
        when: When::FullOnly,
        action: Action::Chore(fuzz::run, &[], "cargo xtask fuzz-smoke"),
    },
];

/// Runs the suite; stops at the first failing step and names the command to repeat it.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let quick = options.switch("--quick");
    let local_model: Option<String> = options.value("--local-model")?;
    options.finish()?;

    let watch = Stopwatch::start();
    ensure_components(workspace)?;
    let steps: Vec<&Step> = STEPS.iter().filter(|step| !quick || step.when == When::Always).collect();
    let mut times = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        println!("\n==> [{}/{}] {}: {}", index + 1, steps.len(), step.name, step.does);
        let step_watch = Stopwatch::start();
        perform(workspace, step, step_watch)?;
        times.push((step.name, step_watch.elapsed()));
    }

    if let Some(tools) = local_model {
        println!("\n==> local-model: a small real model runs a plan");
        let step_watch = Stopwatch::start();
        local_model::run(workspace, &["--tools".to_owned(), tools])?;
        times.push(("local-model", step_watch.elapsed()));
    }

    println!("\nAll {} steps passed:", times.len());
    for (name, time) in times {
        println!("  {name:<12} {:>7.1} s", time.as_secs_f64());
    }
    println!("  {:<12} {:>7.1} s", "total", watch.elapsed().as_secs_f64());
    if quick {
        println!("\n{}", quick_notice());
    }
    Ok(())
}

fn perform(workspace: &Workspace, step: &Step, watch: Stopwatch) -> Result<(), Error> {
    let failed = |alone: String, source: Error| Error::Step {
        step: step.name,
        seconds: watch.elapsed().as_secs_f64(),
        alone,
        source: Box::new(source),
    };
    let jobs = match step.action {
        Action::Cargo(job) => vec![job(workspace)],
        Action::Cargos(jobs) => jobs(workspace),
        Action::Chore(chore, words, alone) => {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            return chore(workspace, &words).map_err(|source| failed(alone.to_owned(), source));
        }
    };
    for job in jobs {
        println!("    $ {}", job.line());
        job.run().map_err(|source| failed(job.line(), source))?;
    }
    Ok(())
}

fn format_checks(workspace: &Workspace) -> Vec<Job> {
    let mut jobs = vec![workspace.cargo("fmt").args(["--all", "--check"])];
    for side in Side::ALL {
        jobs.push(workspace.side_cargo(side, "fmt").arg("--check"));
    }
    jobs
}

fn with_sql(workspace: &Workspace) -> Vec<Job> {
    let cargo = |command: &str| workspace.cargo(command).args(WITH_SQL);
    vec![
        cargo("clippy").args(["--all-targets", "--", "-D", "warnings"]),
        cargo("test").args(["--lib", "--bins", "--tests"]),
        cargo("test").arg("--doc"),
        cargo("doc").arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings"),
    ]
}

fn side_clippy(workspace: &Workspace) -> Vec<Job> {
    Side::ALL
        .into_iter()
        .map(|side| workspace.side_cargo(side, "clippy").args(["--all-targets", "--", "-D", "warnings"]))
        .collect()
}

fn quick_notice() -> String {
    let left_out: Vec<&str> = STEPS.iter().filter(|step| step.when == When::FullOnly).map(|step| step.name).collect();
    format!(
        "NOT A FULL RUN: --quick left out {}.\nRun `cargo xtask test` before you call a change done.",
        left_out.join(", ")
    )
}

/// The cargo components the steps need, installed through rustup if they are missing.
fn ensure_components(workspace: &Workspace) -> Result<(), Error> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let probe = Job::cargo(workspace.root()).args([subcommand, "--version"]);
        if probe.works() {
            continue;
        }
        println!("{component} is missing; asking rustup for it");
        Job::new("rustup", workspace.root()).args(["component", "add", component]).run()?;
        if !probe.works() {
            return Err(Error::Check(format!(
                "{component} is still missing; install it for this toolchain and run again"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_says_loudly_what_it_leaves_out() {
        let notice = quick_notice();
        for name in ["otel-python", "lake", "web", "sim", "sabotage", "fuzz-smoke"] {
            assert!(notice.contains(name), "{name} is not named in: {notice}");
        }
        assert!(notice.contains("NOT A FULL RUN"));
    }

    #[test]
    fn step_names_are_unique() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..index].iter().all(|other| other.name != step.name), "{} twice", step.name);
        }
    }
}
