//! The runs are worth what they catch: each broken build must fail one of those that are named for it.
//!
//! A switch that breaks the journal has suites in [`SABOTAGE`]; one that breaks the recorder has tests of this very
//! program, which run again in a process of their own with the switch on.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use flightrec_journal::sabotage::Sabotage;
use flightrec_sim::suite::{SABOTAGE, SUITES};

const VARIABLE: &str = "FLIGHTREC_SABOTAGE";

macro_rules! switches {
    (
        journal { $($test:ident => $switch:ident,)* }
        recorder { $($recorder_test:ident => $recorder_switch:ident by $runs:literal,)* }
    ) => {
        const JOURNAL: &[Sabotage] = &[$(Sabotage::$switch),*];
        const RECORDER: &[Sabotage] = &[$(Sabotage::$recorder_switch),*];
        $(#[test] fn $test() { journal_is_caught(Sabotage::$switch); })*
        $(#[test] fn $recorder_test() { recorder_is_caught(Sabotage::$recorder_switch, $runs); })*

        #[test]
        fn each_test_has_the_name_of_its_switch() {
            let tests = [$((stringify!($test), Sabotage::$switch),)*
                $((stringify!($recorder_test), Sabotage::$recorder_switch),)*];
            for (test, switch) in tests {
                assert_eq!(test.replace('_', "-"), switch.name());
            }
        }
    };
}

// After `by`: what the names of those tests begin with, of which at least one must fail.
switches! {
    journal {
        skip_sync => SkipSync,
        no_digest_check => NoDigestCheck,
        retry_failed_sync => RetryFailedSync,
        no_dir_sync => NoDirSync,
        keep_torn_tail => KeepTornTail,
        cut_damage_as_torn => CutDamageAsTorn,
        no_store_binding => NoStoreBinding,
        split_batch => SplitBatch,
        ignore_short_write => IgnoreShortWrite,
        no_poison => NoPoison,
        trust_cache => TrustCache,
        no_seal_sync => NoSealSync,
        no_chain_check => NoChainCheck,
        no_link_check => NoLinkCheck,
    }
    recorder {
        ack_before_sync => AckBeforeSync by "recorder_",
        skip_idempotency => SkipIdempotency by "recorder_",
        redact_after_write => RedactAfterWrite by "recorder_",
        fold_before_durable => FoldBeforeDurable by "recorder_",
        skip_snapshot_check => SkipSnapshotCheck by "recorder_",
        usage_counted_twice => UsageCountedTwice by "recorder_",
        no_archive_sync => NoArchiveSync by "recorder_cuts::a_power_cut_at_every_operation_of_sealing",
        no_segment_check => NoSegmentCheck by "recorder_tamper::every_byte",
        forget_untold => ForgetUntold by "recorder_forget::",
        keep_old_snapshot => KeepOldSnapshot by "recorder_forget::",
    }
}

fn suites(switch: &str, suites: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_suite"));
    command.args(suites).env(VARIABLE, switch).env("RUST_BACKTRACE", "0");
    command.output().expect("the suites can be run")
}

fn journal_is_caught(switch: Sabotage) {
    let (_, named) = SABOTAGE.iter().find(|(listed, _)| *listed == switch).expect("each has its suites");
    let output = suites(switch.name(), named);
    let text = String::from_utf8_lossy(&output.stderr);
    // A panic ends with 101: a suite that could not run at all would end in another way.
    assert_eq!(output.status.code(), Some(101), "{named:?} did not notice {}: {text}", switch.name());
    let mut said = text.lines().skip_while(|line| !line.contains("panicked at")).skip(1);
    println!("{}: {}", switch.name(), said.next().expect("a panic says what was noticed"));
}

/// Runs the named tests with the switch on, until the first of them fails.
fn recorder_is_caught(switch: Sabotage, runs: &str) {
    let this = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(this)
        .args([runs, "--skip", "sabotage::"])
        .env(VARIABLE, switch.name())
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program can be run");
    let (mut passed, mut caught) = (Vec::new(), None);
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let line = line.expect("test names are text");
        let Some((name, verdict)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else {
            continue;
        };
        if !name.starts_with(runs) {
            continue;
        }
        if verdict == "FAILED" {
            caught = Some(name.to_owned());
            child.kill().expect("it still runs, or has ended by itself");
            break;
        }
        passed.push(name.to_owned());
    }
    let status = child.wait().expect("it ends");
    let Some(caught) = caught else {
        assert!(!passed.is_empty(), "no test begins with {runs:?} ({status})");
        panic!("nothing failed with {}, which passed {passed:?} ({status})", switch.name());
    };
    println!("{}: {caught} failed", switch.name());
}

#[test]
fn a_healthy_build_is_not() {
    let output = suites("", &["forged-blocks", "misplaced-segments", "replaced-files", "no-space"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_misspelt_switch_is_noticed() {
    let output = suites("skip-synk", &["no-space"]);
    assert_eq!(output.status.code(), Some(101));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no switch is called"));
}

#[test]
fn every_switch_is_tried() {
    let listed: BTreeSet<_> = SABOTAGE.iter().map(|(switch, _)| switch.name()).collect();
    for switch in Sabotage::ALL {
        let (journal, recorder) = (JOURNAL.contains(&switch), RECORDER.contains(&switch));
        assert!(journal != recorder, "{} has one test", switch.name());
        assert_eq!(listed.contains(switch.name()), journal, "{}", switch.name());
    }
    let names: BTreeSet<_> = SUITES.iter().map(|suite| suite.name).collect();
    assert!(SABOTAGE.iter().all(|(_, suites)| suites.iter().all(|suite| names.contains(suite))));
}
