//! Calls that fail: once, for ever, in part, or as if they had not.

use flightrec_journal::{Storage, write_file_atomically};

use super::{scripts, settle};
use crate::disk::{FailKind, Fault, SimStorage};
use crate::history::History;
use crate::script::{Run, Script};

/// Runs a script on a fresh disk with this fault; then the fault is mended and everything must hold on the same disk
/// (its cache still warm) and after a power cut.
fn run_with(script: &Script, fault: Fault, seed: u64) -> Run {
    let storage = SimStorage::new(seed);
    let mut history = History::new(script.seed);
    storage.inject(fault);
    let run = script.run(&storage, &mut history);
    storage.inject(Fault::None);
    settle(&storage.crash(seed), &mut history.clone(), script, seed + 1);
    settle(&storage, &mut history, script, seed + 2);
    run
}

/// How many calls a script makes when nothing fails.
fn calls_of(script: &Script) -> (u64, u64, u64) {
    let storage = SimStorage::new(0);
    storage.inject(Fault::None);
    let run = script.run(&storage, &mut History::new(script.seed));
    assert_eq!(run, Run::Complete, "a healthy disk fails nothing");
    (storage.calls(), storage.syncs(), storage.used_bytes())
}

/// Each call of each workload fails, once and for ever, in every way.
pub fn failed_calls() -> u64 {
    let ways = [
        (FailKind::Io, false),
        (FailKind::Io, true),
        (FailKind::NoSpace, false),
        (FailKind::NoSpace, true),
        (FailKind::Interrupted, false),
        (FailKind::ShortWrite, false),
        (FailKind::ShortWrite, true),
    ];
    let mut cases = 0;
    for script in scripts() {
        let (calls, _, _) = calls_of(&script);
        for (kind, forever) in ways {
            for at in 0..calls {
                let run = run_with(&script, Fault::FailCall { at, kind, forever }, at);
                if kind == FailKind::ShortWrite {
                    assert_eq!(run, Run::Complete, "short reads and writes are continued");
                }
                if kind == FailKind::Io && forever {
                    assert_ne!(run, Run::Complete, "a dead device is noticed");
                }
                cases += 1;
            }
        }
    }
    cases
}

/// Each sync fails once, and its pages are then taken for clean although they are lost.
pub fn lost_syncs() -> u64 {
    let mut cases = 0;
    let more = (20..32).map(Script::random);
    for script in scripts().into_iter().chain(more) {
        let (_, syncs, _) = calls_of(&script);
        for at in 0..syncs {
            for seed in 0..4 {
                run_with(&script, Fault::LoseSync { at }, at * 100 + seed * 7);
                cases += 1;
            }
        }
    }
    cases
}

/// The disk is full after every number of bytes, in steps.
pub fn no_space() -> u64 {
    let mut cases = 0;
    for script in scripts() {
        let (_, _, bytes) = calls_of(&script);
        // Files are larger while they are open than when they are closed.
        let most = bytes + (80 << 10);
        for step in 0..240 {
            let bytes = most * step / 240;
            let run = run_with(&script, Fault::Space { bytes }, step);
            if step == 0 {
                assert_ne!(run, Run::Complete, "a full disk is noticed");
            }
            cases += 1;
        }
    }
    cases
}

/// A file that is replaced holds the old or the new content, whatever fails and wherever the power goes.
pub fn replaced_files() -> u64 {
    let (old, new) = (vec![b'o'; 9_000], vec![b'n'; 13_000]);
    let prepared = |seed| {
        let storage = SimStorage::new(seed);
        write_file_atomically(&storage, "snapshot/state", &old).expect("nothing fails here");
        storage
    };
    let holds = |storage: &SimStorage| {
        let files = storage.files();
        let bytes = files.get("snapshot/state").expect("the file is there");
        assert!(*bytes == old || *bytes == new, "old or new, not {} bytes of both", bytes.len());
        *bytes == new
    };
    let mut cases = 0;
    for seed in 0..40 {
        for at in 0.. {
            let storage = prepared(seed);
            storage.inject(Fault::PowerCut { at });
            let done = write_file_atomically(&storage, "snapshot/state", &new).is_ok();
            let image = storage.crash(seed * 31 + at);
            assert!(holds(&image) || !done, "what was answered to be done is durable");
            // The leftover of the cut is no hindrance.
            write_file_atomically(&image, "snapshot/state", &new).expect("nothing fails here");
            assert!(holds(&image.crash(seed)), "done again, it is durable");
            cases += 1;
            if done {
                break;
            }
        }
        for at in 0..12 {
            let storage = prepared(seed);
            storage.inject(Fault::FailCall { at, kind: FailKind::Io, forever: seed % 2 == 0 });
            let done = write_file_atomically(&storage, "snapshot/state", &new).is_ok();
            let crashed = storage.crash(seed * 31 + at);
            assert!(holds(&crashed) || !done);
            assert!(storage.list("snapshot").is_err() || holds(&storage) || !done);
            cases += 1;
        }
    }
    cases
}
