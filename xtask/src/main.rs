//! The project's checks and chores: `cargo xtask <command>`.
//!
//! Everything a newcomer or a build machine has to run is here, in plain Rust and on top of
//! cargo alone. Each command says what it does, how long it took, and, when something fails,
//! which single command repeats just that part.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program whose output is its product")]

use std::env;
use std::process::ExitCode;

mod bench;
mod demo;
mod docs;
mod duplicates;
mod error;
mod fuzz;
mod lake;
mod local_model;
mod options;
mod otel_python;
mod process;
mod python;
mod sabotage;
mod suite;
mod tidy;
mod web;
mod workspace;

use error::Error;
use workspace::Workspace;

/// One thing that `cargo xtask` can do.
struct Chore {
    name: &'static str,
    options: &'static str,
    does: &'static str,
    run: fn(&Workspace, &[String]) -> Result<(), Error>,
}

const CHORES: &[Chore] = &[
    Chore {
        name: "test",
        options: "[--quick] [--local-model DIR]",
        does: "every check, in order; --quick leaves out the fault runs, the fuzz smoke, otel-python, lake and web; --local-model adds that check",
        run: suite::run,
    },
    Chore {
        name: "tidy",
        options: "[--list]",
        does: "the house rules a machine can check; --list prints each with its reason",
        run: tidy::run,
    },
    Chore {
        name: "docs",
        options: "[--check]",
        does: "rewrite the generated documents; --check only compares them",
        run: docs::run,
    },
    Chore {
        name: "duplicates",
        options: "",
        does: "no crate in two versions, unless deny.toml gives the reason",
        run: duplicates::run,
    },
    Chore {
        name: "otel-python",
        options: "",
        does: "the OpenTelemetry SDK for Python sends to `flightrec up` and compares what is answered",
        run: otel_python::run,
    },
    Chore {
        name: "lake",
        options: "",
        does: "two nodes push to a store of objects; Spark, ClickHouse, DuckDB and Polars answer over both alike",
        run: lake::run,
    },
    Chore {
        name: "web",
        options: "[--write] [--measure]",
        does: "check, build and test the page in a browser; --write replaces web/dist; --measure prints how fast it is",
        run: web::run,
    },
    Chore {
        name: "local-model",
        options: "--tools DIR",
        does: "a small real model, set up by DIR/setup.sh and served by DIR/serve.mjs, runs plans/local.toml",
        run: local_model::run,
    },
    Chore {
        name: "sabotage",
        options: "[--only SWITCH]",
        does: "break the build on purpose, switch by switch; each break must be caught",
        run: sabotage::run,
    },
    Chore {
        name: "fuzz-smoke",
        options: "[--seconds N] [--rounds N] [--libfuzzer]",
        does: "each fuzz target for a short while; --libfuzzer asks for cargo-fuzz and nightly",
        run: fuzz::run,
    },
    Chore {
        name: "bench",
        options: "[ARG...]",
        does: "run bench/ in release; its sections take their places in docs/benchmarks.md",
        run: bench::run,
    },
    Chore {
        name: "demo",
        options: "[--once]",
        does: "the main job: a server with the sessions of real agents and of a plan, and its page; --once ends by itself",
        run: demo::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                eprintln!("  caused by: {inner}");
                cause = inner.source();
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Err(Error::Usage("name a command".to_owned()));
    };
    if matches!(name.as_str(), "--help" | "-h" | "help") || rest.iter().any(|word| word == "--help" || word == "-h") {
        print!("{}", help());
        return Ok(());
    }
    let Some(chore) = CHORES.iter().find(|chore| chore.name == name) else {
        return Err(Error::Usage(format!("there is no command {name:?}; `cargo xtask --help` lists them")));
    };
    (chore.run)(&Workspace::find()?, rest)
}

fn help() -> String {
    use std::fmt::Write as _;

    let mut text = String::from("Usage: cargo xtask <command> [options]\n\nCommands:\n");
    for chore in CHORES {
        let call = format!("{} {}", chore.name, chore.options);
        writeln!(text, "  {call:<42} {}", chore.does).expect("writing to a String cannot fail");
    }
    text.push_str("\nStart with `cargo xtask test`; `cargo xtask test --quick` between edits.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn help_names_every_command() {
        let text = help();
        for chore in CHORES {
            assert!(text.contains(chore.name), "{} is not in --help", chore.name);
        }
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_that_points_to_help() {
        let error = dispatch(&words("tset")).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--help"));
    }

    #[test]
    fn no_command_is_a_usage_error() {
        assert_eq!(dispatch(&[]).unwrap_err().exit_code(), 2);
    }
}
