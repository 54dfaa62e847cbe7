//! Sound files in wrong places: swapped, copied, missing, from another store, from an older copy.

use std::sync::Arc;

use flightrec_journal::{Compression, Damage, DamageKind, OpenError, Reader, Storage, StoreId};

use super::tamper::{Files, Sample};
use crate::disk::SimStorage;
use crate::history::{STORE, genesis};

fn has(damage: &[Damage], kind: DamageKind) -> bool {
    damage.iter().any(|one| one.kind == kind)
}

/// Every pair swapped and copied, every segment missing, foreign, or as it was before.
pub fn misplaced_segments() -> u64 {
    let sample = Sample::closed(STORE, 21, Compression::Zstd(1));
    let other = Sample::closed(StoreId::from_bytes([9; 16]), 22, Compression::Zstd(1));
    swapped(&sample) + missing(&sample) + foreign(&sample, &other) + older(&sample)
}

fn swapped(sample: &Sample) -> u64 {
    let mut cases = 0;
    let names: Vec<_> = sample.files.keys().cloned().collect();
    for a in &names {
        for b in names.iter().filter(|b| *b != a) {
            let mut files = sample.files.clone();
            files.insert(a.clone(), sample.files[b].clone());
            let judged = sample.judge(&files, &format!("{b} copied over {a}")).expect("it opens");
            assert!(has(&judged.damage, DamageKind::WrongSegment), "{b} over {a}: {:?}", judged.damage);
            files.insert(b.clone(), sample.files[a].clone());
            let judged = sample.judge(&files, &format!("{a} and {b} swapped")).expect("it opens");
            let wrong = judged.damage.iter().filter(|one| one.kind == DamageKind::WrongSegment);
            assert_eq!(wrong.count(), 2, "{a} and {b} swapped: {:?}", judged.damage);
            cases += 2;
        }
    }
    cases
}

fn missing(sample: &Sample) -> u64 {
    let mut cases = 0;
    let names: Vec<_> = sample.files.keys().cloned().collect();
    for first in 0..names.len() {
        for last in first..names.len() {
            if first == 0 && last + 1 == names.len() {
                // Without any file there is no log; that it had one is for the keeper of the last link to know.
                continue;
            }
            let mut files = sample.files.clone();
            names[first..=last].iter().for_each(|name| drop(files.remove(name)));
            let judged = sample.judge(&files, &format!("{} to {} gone", names[first], names[last])).expect("it opens");
            assert!(has(&judged.damage, DamageKind::MissingSegment), "{:?}", judged.damage);
            cases += 1;
        }
    }
    cases
}

fn foreign(sample: &Sample, other: &Sample) -> u64 {
    let mut cases = 0;
    for (name, bytes) in &other.files {
        if !sample.files.contains_key(name) {
            continue;
        }
        let mut files = sample.files.clone();
        files.insert(name.clone(), bytes.clone());
        let judged = sample.judge(&files, &format!("{name} of another store")).expect("it opens");
        assert!(has(&judged.damage, DamageKind::ForeignStore), "{name}: {:?}", judged.damage);
        cases += 1;
        // Under a forged first page its blocks still do not belong here.
        let mut mixed = sample.files[name][..4096].to_vec();
        mixed.extend_from_slice(&bytes[4096..]);
        files.insert(name.clone(), mixed);
        let judged = sample.judge(&files, &format!("{name}, blocks of another store")).expect("it opens");
        assert!(has(&judged.damage, DamageKind::BadBlock), "{name}: {:?}", judged.damage);
        cases += 1;
    }
    assert!(all_foreign(&other.files), "a log of another store is refused");
    cases + 1
}

fn all_foreign(files: &Files) -> bool {
    let shared: Arc<dyn Storage> = Arc::new(SimStorage::with_files(files, 1));
    matches!(Reader::open(shared, STORE, genesis()), Err(OpenError::ForeignStore { .. }))
}

fn older(sample: &Sample) -> u64 {
    let mut cases = 0;
    let newest = sample.files.keys().next_back().expect("there are files");
    for old in &sample.older {
        for (name, bytes) in old {
            if sample.files.get(name).is_none_or(|now| now == bytes) {
                continue;
            }
            let mut files = sample.files.clone();
            files.insert(name.clone(), bytes.clone());
            let what = format!("an older copy of {name}");
            if name == newest {
                // The log looks as it did then: only the link that was kept elsewhere tells.
                assert_ne!(head_of(&files), sample.chain_head, "{what}");
            } else {
                let judged = sample.judge(&files, &what).expect("it opens");
                assert!(!judged.damage.is_empty(), "{what}: not detected");
            }
            cases += 1;
        }
        if *old != sample.files {
            assert_ne!(head_of(old), sample.chain_head, "an older copy of all");
            cases += 1;
        }
    }
    assert!(cases > 0, "some segment was there before and grew");
    cases
}

fn head_of(files: &Files) -> flightrec_journal::ChainHash {
    let shared: Arc<dyn Storage> = Arc::new(SimStorage::with_files(files, 1));
    flightrec_journal::verify(&shared, STORE, genesis(), |_| ()).expect("a healthy disk").chain_head
}
