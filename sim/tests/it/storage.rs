//! The simulated disk forgets what it must forget, and keeps what it must keep.

use flightrec_journal::{Access, Storage};
use flightrec_sim::{FailKind, Fault, SimStorage};

#[test]
fn what_is_synced_stays_and_what_is_not_may_go() {
    let (mut kept, mut lost, mut torn) = (0, 0, 0);
    for seed in 0..200 {
        let storage = SimStorage::new(seed);
        let file = storage.create("dir/file").unwrap();
        file.write_at(&[1; 8192], 0).unwrap();
        file.sync_data().unwrap();
        storage.sync_dir("dir").unwrap();
        file.write_at(&[2; 4096], 4096).unwrap();
        let bytes = storage.crash(seed).files().remove("dir/file").expect("its name was synced");
        assert_eq!(bytes[..4096], [1; 4096], "a synced page stays");
        let new: usize = bytes[4096..].iter().map(|byte| usize::from(*byte == 2)).sum();
        assert_eq!(new % 512, 0, "a page tears between sectors");
        match new {
            0 => lost += 1,
            4096 => kept += 1,
            _ => torn += 1,
        }
    }
    assert!(kept > 20 && lost > 20 && torn > 20, "{kept} kept, {lost} lost, {torn} torn");
}

#[test]
fn a_name_that_was_not_synced_may_go() {
    let mut there = 0;
    for seed in 0..100 {
        let storage = SimStorage::new(seed);
        let file = storage.create("dir/file").unwrap();
        file.sync_data().unwrap();
        there += storage.crash(seed).files().len();
    }
    assert!((10..90).contains(&there), "{there} of 100");
}

#[test]
fn a_lost_sync_fails_once_and_its_pages_are_gone() {
    let storage = SimStorage::new(1);
    let file = storage.create("file").unwrap();
    file.write_at(&[0; 4096], 0).unwrap();
    file.sync_data().unwrap();
    storage.sync_dir("").unwrap();
    storage.inject(Fault::LoseSync { at: 0 });
    file.write_at(&[7; 4096], 0).unwrap();
    assert!(file.sync_data().is_err());
    file.sync_data().expect("the second answer is a lie");
    let mut seen = [0; 4096];
    file.read_at(&mut seen, 0).unwrap();
    assert_eq!(seen, [7; 4096], "the cache shows it");
    for seed in 0..50 {
        assert_eq!(storage.crash(seed).files()["file"], [0; 4096], "the disk does not have it");
    }
}

#[test]
fn faults_hit_the_call_they_name() {
    let storage = SimStorage::new(1);
    let file = storage.create("file").unwrap();
    storage.inject(Fault::FailCall { at: 1, kind: FailKind::NoSpace, forever: false });
    assert_eq!(file.write_at(b"a", 0).unwrap(), 1);
    assert_eq!(file.write_at(b"b", 1).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(b"b", 1).unwrap(), 1);
    storage.inject(Fault::Space { bytes: 10 });
    assert_eq!(file.write_at(&[1; 20], 2).unwrap(), 8, "as much as there is room for");
    assert!(file.write_at(b"c", 10).is_err());
    storage.inject(Fault::PowerCut { at: 0 });
    assert!(storage.open("file", Access::Read).is_ok(), "reading is no change");
    assert!(file.sync_data().is_err());
    assert!(storage.open("file", Access::Read).is_err(), "nothing works after it");
}

#[test]
fn the_lock_has_one_holder() {
    let storage = SimStorage::new(1);
    let held = storage.lock("lock").unwrap();
    assert!(held.is_some() && storage.lock("lock").unwrap().is_none());
    drop(held);
    assert!(storage.lock("lock").unwrap().is_some());
}
