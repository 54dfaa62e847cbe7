//! The suites are worth what they catch: each broken build must fail one of those that are named for it.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use flightrec_journal::sabotage::Sabotage;
use flightrec_sim::suite::{SABOTAGE, SUITES};

fn run(switch: &str, suites: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_suite"));
    command.args(suites).env("FLIGHTREC_SABOTAGE", switch).env("RUST_BACKTRACE", "0");
    command.output().expect("the suites can be run")
}

#[test]
fn every_broken_build_is_caught() {
    let mut missed = Vec::new();
    for (switch, suites) in SABOTAGE {
        let output = run(switch.name(), suites);
        let text = String::from_utf8_lossy(&output.stderr);
        // A panic ends with 101: a suite that could not run at all would end in another way.
        if output.status.code() != Some(101) || !text.contains("panicked at") {
            missed.push(switch.name());
        }
        println!("{}: {}", switch.name(), text.lines().nth(2).unwrap_or("not caught"));
    }
    assert!(missed.is_empty(), "nothing failed with {missed:?}");
}

#[test]
fn a_healthy_build_is_not() {
    let output = run("", &["forged-blocks", "misplaced-segments", "replaced-files", "no-space"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_misspelt_switch_is_noticed() {
    let output = run("skip-synk", &["no-space"]);
    assert_eq!(output.status.code(), Some(101));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no switch is called"));
}

/// Switches that break the journal; the others break the recorder, and its runs must catch them.
#[test]
fn every_switch_of_the_journal_is_listed() {
    let recorder = [
        Sabotage::AckBeforeSync,
        Sabotage::SkipIdempotency,
        Sabotage::RedactAfterWrite,
        Sabotage::FoldBeforeDurable,
        Sabotage::SkipSnapshotCheck,
        Sabotage::UsageCountedTwice,
    ];
    let listed: BTreeSet<_> = SABOTAGE.iter().map(|(switch, _)| switch.name()).collect();
    for switch in Sabotage::ALL {
        assert_ne!(listed.contains(switch.name()), recorder.contains(&switch), "{}", switch.name());
    }
    let names: BTreeSet<_> = SUITES.iter().map(|suite| suite.name).collect();
    assert!(SABOTAGE.iter().all(|(_, suites)| suites.iter().all(|suite| names.contains(suite))));
}
