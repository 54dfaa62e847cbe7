//! Power cuts.

use super::{scripts, settle};
use crate::disk::{Fault, SimStorage};
use crate::history::History;
use crate::script::{Run, Script, open};

/// Runs until the power fails within changing call `at`; `None` when there are fewer.
fn cut(script: &Script, at: u64, seed: u64) -> Option<(SimStorage, History)> {
    let storage = SimStorage::new(seed);
    let mut history = History::new(script.seed);
    storage.inject(Fault::PowerCut { at });
    match script.run(&storage, &mut history) {
        Run::Complete => None,
        Run::Stopped(_) => Some((storage.crash(seed ^ at), history)),
    }
}

/// The power fails at every changing call of every workload, and each time the disk keeps another part.
pub fn power_cuts() -> u64 {
    let mut cases = 0;
    let mut seed = 0;
    while cases < 20_000 {
        let mut all = scripts();
        all.push(Script::random(1_000 + seed));
        for script in all {
            for at in 0.. {
                let Some((image, mut history)) = cut(&script, at, seed) else { break };
                settle(&image, &mut history, &script, seed + 1);
                cases += 1;
            }
        }
        seed += 1;
    }
    cases
}

/// The power fails during recovery, and again during the recovery from that.
pub fn crashes_in_recovery() -> u64 {
    let mut cases = 0;
    let mut seed = 0;
    while cases < 2_400 {
        for script in scripts() {
            for at in (seed % 5..).step_by(5) {
                let Some((image, history)) = cut(&script, at, seed) else { break };
                cases += crash_again(&image, &history, &script, seed, 2);
            }
        }
        seed += 1;
    }
    cases
}

fn crash_again(image: &SimStorage, history: &History, script: &Script, seed: u64, depth: u32) -> u64 {
    let mut cases = 0;
    for at in 0.. {
        // A crash without anything pending is a copy.
        let storage = image.crash(0);
        let mut history = history.clone();
        storage.inject(Fault::PowerCut { at });
        let opened = open(&storage, &mut history, script.options).is_ok();
        let after = storage.crash(seed + at * 13);
        if opened {
            settle(&after, &mut history, script, seed + 3);
            return cases + 1;
        }
        if depth > 0 {
            cases += crash_again(&after, &history, script, seed + at, depth - 1);
        } else {
            settle(&after, &mut history, script, seed + 4);
            cases += 1;
        }
    }
    cases
}
