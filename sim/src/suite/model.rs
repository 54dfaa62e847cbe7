//! Seeded runs of everything at once against the simple model.

use std::sync::Arc;

use flightrec_journal::{Cursor, Reader, ScanItem, Seq, Storage};

use super::settle;
use crate::disk::{FailKind, Fault, SimStorage};
use crate::history::{History, STORE};
use crate::rng::Rng;
use crate::script::Script;

/// 320 seeds; each is run twice and must do the same calls.
pub fn model_runs() -> u64 {
    let mut cases = 0;
    for seed in 0..320 {
        let first = one_run(seed);
        assert_eq!(first, one_run(seed), "a run with a seed repeats");
        cases += 1;
    }
    cases
}

/// Ten generations of one store; between them crashes, kills, failures and follow-up readers. Answers a trace.
fn one_run(seed: u64) -> u64 {
    let mut rng = Rng::new(seed ^ 0xfeed);
    let mut storage = SimStorage::new(seed);
    let mut history = History::new(seed);
    let mut trace = 0_u64;
    for generation in 0..10 {
        let script = Script::random(rng.bits());
        storage.inject(any_fault(&mut rng));
        let _ = script.run(&storage, &mut history);
        trace = trace.rotate_left(7) ^ storage.trace();
        let power_is_on = !matches!(fault_of(&storage), Some(()));
        if power_is_on && rng.once_in(3) {
            storage.inject(Fault::None);
        } else {
            storage = storage.crash(rng.bits());
        }
        history.check(&storage);
        if generation % 3 == 2 {
            settle(&storage, &mut history, &script, rng.bits());
        }
        follow(&storage, &mut history, &script, &mut rng);
    }
    trace ^ storage.trace()
}

/// `Some` when the power is off: only a crash image can be used.
fn fault_of(storage: &SimStorage) -> Option<()> {
    storage.inject(Fault::None);
    storage.list("").err().map(|_| ())
}

fn any_fault(rng: &mut Rng) -> Fault {
    let at = rng.below(160);
    match rng.below(8) {
        0 | 1 => Fault::None,
        2 | 3 => Fault::PowerCut { at: at / 2 },
        4 => Fault::FailCall { at, kind: FailKind::Io, forever: rng.once_in(2) },
        5 => Fault::FailCall { at, kind: FailKind::NoSpace, forever: rng.once_in(2) },
        6 => Fault::LoseSync { at: at / 4 },
        _ => Fault::FailCall { at, kind: FailKind::ShortWrite, forever: true },
    }
}

/// A reader follows while a writer writes, rolls and re-opens: it sees each batch once, in order.
fn follow(storage: &SimStorage, history: &mut History, script: &Script, rng: &mut Rng) {
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let reader = Reader::open(shared, STORE, history.origin()).expect("a reader opens");
    let mut writer = crate::script::open(storage, history, script.options).expect("nothing fails here");
    let mut cursor = reader.cursor(Seq::FIRST);
    let mut seen = drain(&mut cursor, history, history.origin().seq.get() - 1);
    for _ in 0..rng.below(14) {
        if rng.once_in(6) {
            if rng.once_in(2) {
                writer.close().expect("nothing fails here");
            } else {
                drop(writer);
            }
            writer = crate::script::open(storage, history, script.options).expect("nothing fails here");
        }
        let batch = history.submit(1 + rng.below(3), 16 << rng.below(9));
        writer.append(&batch).expect("nothing fails here");
        if rng.once_in(2) {
            seen = drain(&mut cursor, history, seen);
            assert_eq!(seen, history.submitted(), "a reader sees what is written");
            if rng.once_in(4) {
                crate::script::trim(storage, history, &mut writer).expect("nothing fails here");
            }
        }
    }
    writer.close().expect("nothing fails here");
    history.acknowledge(history.submitted());
    assert_eq!(drain(&mut cursor, history, seen), history.submitted());
}

fn drain(cursor: &mut Cursor, history: &History, mut seen: u64) -> u64 {
    let records = history.records();
    while let Some(item) = cursor.next().expect("nothing fails here") {
        let block = match item {
            ScanItem::Block(block) => block,
            ScanItem::Damage(damage) => panic!("no damage was done: {damage}"),
        };
        for (seq, record) in block.records() {
            seen += 1;
            assert_eq!(seq.get(), seen);
            assert_eq!(record, records[seen as usize - 1]);
        }
    }
    seen
}
