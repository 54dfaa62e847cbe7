//! The fault runs. Each answers how many cases it ran, and panics at the first promise that is broken.

mod calls;
mod cuts;
mod forge;
mod forged;
mod model;
mod places;
mod tamper;

use flightrec_journal::sabotage::Sabotage;

use crate::disk::SimStorage;
use crate::history::History;
use crate::script::{Script, open};

pub use calls::{failed_calls, lost_syncs, no_space, replaced_files};
pub use cuts::{crashes_in_recovery, power_cuts};
pub use forged::forged_blocks;
pub use model::model_runs;
pub use places::misplaced_segments;
pub use tamper::{cut_files, flipped_bits};

/// A suite: its name, the cases it must reach, and how it runs.
pub struct Suite {
    /// The name on the command line.
    pub name: &'static str,
    /// The fewest cases that count as done.
    pub floor: u64,
    /// Runs it.
    pub run: fn() -> u64,
}

/// Every suite.
pub const SUITES: [Suite; 11] = [
    Suite { name: "failed-calls", floor: 2_000, run: failed_calls },
    Suite { name: "lost-syncs", floor: 350, run: lost_syncs },
    Suite { name: "no-space", floor: 700, run: no_space },
    Suite { name: "replaced-files", floor: 100, run: replaced_files },
    Suite { name: "power-cuts", floor: 20_000, run: power_cuts },
    Suite { name: "crashes-in-recovery", floor: 2_000, run: crashes_in_recovery },
    Suite { name: "flipped-bits", floor: 64_000, run: flipped_bits },
    Suite { name: "cut-files", floor: 8_000, run: cut_files },
    Suite { name: "forged-blocks", floor: 8_000, run: forged_blocks },
    Suite { name: "misplaced-segments", floor: 30, run: misplaced_segments },
    Suite { name: "model-runs", floor: 256, run: model_runs },
];

/// For each way to break the journal, suites of which at least one must notice.
pub const SABOTAGE: [(Sabotage, &[&str]); 14] = [
    (Sabotage::SkipSync, &["power-cuts"]),
    (Sabotage::NoDigestCheck, &["flipped-bits"]),
    (Sabotage::RetryFailedSync, &["lost-syncs"]),
    (Sabotage::NoDirSync, &["power-cuts"]),
    (Sabotage::KeepTornTail, &["power-cuts"]),
    (Sabotage::CutDamageAsTorn, &["flipped-bits"]),
    (Sabotage::NoStoreBinding, &["misplaced-segments"]),
    (Sabotage::SplitBatch, &["power-cuts"]),
    (Sabotage::IgnoreShortWrite, &["failed-calls"]),
    (Sabotage::NoPoison, &["failed-calls"]),
    (Sabotage::TrustCache, &["lost-syncs"]),
    (Sabotage::NoSealSync, &["power-cuts"]),
    (Sabotage::NoChainCheck, &["forged-blocks"]),
    (Sabotage::NoLinkCheck, &["forged-blocks"]),
];

/// The workloads of the exhaustive suites.
fn scripts() -> Vec<Script> {
    vec![Script::careful(11), Script::rolling(12), Script::trimming(15), Script::random(13), Script::random(14)]
}

/// What must hold on any disk that a fault left behind: reading gives a promised prefix; opening recovers it; it can be
/// written on; a second opening has nothing to do; and after one more power cut all of that still holds.
fn settle(image: &SimStorage, history: &mut History, script: &Script, seed: u64) {
    history.check(image);
    let mut writer =
        open(image, history, script.options).unwrap_or_else(|error| panic!("a log without damage opens: {error}"));
    history.check_all(image);
    for (records, most_bytes) in [(2, 200), (1, 3_000)] {
        let batch = history.submit(records, most_bytes);
        writer.append(&batch).expect("nothing fails here");
        let durable = writer.sync().expect("nothing fails here").expect("something is durable");
        history.acknowledge(durable.get());
    }
    drop(writer);
    history.check_all(image);
    let after = image.crash(seed);
    history.check_all(&after);
    let (writer, recovery) = flightrec_journal::Writer::open(
        std::sync::Arc::new(after.clone()),
        crate::history::STORE,
        history.origin(),
        script.options,
    )
    .expect("a log without damage opens");
    assert_eq!(recovery.truncated_bytes, 0, "all was synced: nothing is torn");
    assert_eq!(recovery.damage, Vec::new());
    history.recovered(recovery.last_seq.map_or(0, flightrec_journal::Seq::get));
    history.check_all(&after);
    writer.close().expect("nothing fails here");
    history.acknowledge(history.submitted());
    history.check_all(&after);
}
