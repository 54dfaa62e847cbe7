//! What is refused, and that the refusal says what to do.

use std::error::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use flightrec_journal::{
    Access, Batch, DiskStorage, OpenError, Origin, Reader, Seq, Storage, StoreId, WriteError, Writer, read_file,
    write_file_atomically,
};
use sha2::{Digest, Sha256};

use crate::common::{STORE, Store, batch, drain, genesis, small};

#[test]
fn a_second_lock_is_refused_until_the_first_is_gone() {
    let store = Store::new();
    let other = DiskStorage::new(store.dir.path());
    let held = store.storage.lock("lock").unwrap();
    assert!(held.is_some());
    assert!(other.lock("lock").unwrap().is_none());
    drop(held);
    assert!(other.lock("lock").unwrap().is_some());
}

#[test]
fn a_newer_format_is_refused_by_name_and_nothing_is_changed() {
    let store = Store::new();
    store.writer().close().unwrap();
    let mut bytes = fs::read(store.segment(1)).unwrap();
    bytes[8] = 2;
    let digest = Sha256::digest(&bytes[..4064]);
    bytes[4064..4096].copy_from_slice(&digest);
    fs::write(store.segment(1), &bytes).unwrap();
    let errors = [
        Writer::open(Arc::clone(&store.storage), STORE, genesis(), small()).map(|_| ()).unwrap_err(),
        Reader::open(Arc::clone(&store.storage), STORE, genesis()).map(|_| ()).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, OpenError::NewerFormat { found, .. } if found.get() == 2));
        let text = error.to_string();
        assert!(text.contains("journal/0000000001.frj") && text.contains("release"), "{text}");
    }
    assert_eq!(fs::read(store.segment(1)).unwrap(), bytes);
}

#[test]
fn a_log_of_another_store_is_refused() {
    let store = Store::new();
    store.writer().close().unwrap();
    let other = StoreId::from_bytes([9; 16]);
    let error =
        Writer::open(Arc::clone(&store.storage), other, Origin::genesis(other), small()).map(|_| ()).unwrap_err();
    assert!(matches!(&error, OpenError::ForeignStore { found, .. } if *found == STORE), "{error}");
}

#[test]
fn bad_batches_are_refused_without_harm() {
    let store = Store::new();
    let mut writer = store.writer();
    assert!(matches!(writer.append(&Batch::new(0)), Err(WriteError::EmptyBatch)));
    let huge = batch([vec![0; Batch::MAX_BYTES]]);
    let refused = writer.append(&huge);
    assert!(matches!(refused, Err(WriteError::TooLarge { limit: Batch::MAX_BYTES, .. })));
    assert_eq!(writer.append(&batch([b"fine"])).unwrap().first_seq, Seq::FIRST);
    writer.close().unwrap();
}

#[test]
fn reading_needs_no_right_to_write() {
    let store = Store::new();
    let mut writer = store.writer();
    writer.append(&batch([b"one"])).unwrap();
    writer.close().unwrap();
    fs::set_permissions(store.segment(1), Permissions::from_mode(0o400)).unwrap();
    fs::set_permissions(store.dir.path().join("journal"), Permissions::from_mode(0o500)).unwrap();
    let before = fs::metadata(store.segment(1)).unwrap().modified().unwrap();
    assert_eq!(drain(&mut store.reader().cursor(Seq::FIRST)).len(), 1);
    assert_eq!(fs::metadata(store.segment(1)).unwrap().modified().unwrap(), before);
    fs::set_permissions(store.dir.path().join("journal"), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn an_error_of_the_system_names_the_file_and_keeps_its_cause() {
    let store = Store::new();
    fs::create_dir_all(store.dir.path().join("journal/0000000001.frj")).unwrap();
    fs::create_dir_all(store.dir.path().join("journal/next.frn")).unwrap();
    let error = Writer::open(Arc::clone(&store.storage), STORE, genesis(), small()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("journal/next.frn"), "{error}");
    assert!(error.source().is_some());
}

#[test]
fn files_are_their_owners_alone() {
    let store = Store::new();
    store.writer().close().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.segment(1)), 0o600);
    assert_eq!(mode(&store.dir.path().join("journal")), 0o700);
}

#[test]
fn a_file_is_replaced_whole_and_read_within_its_limit() {
    let store = Store::new();
    let storage = &*store.storage;
    write_file_atomically(storage, "snapshot/state", b"first").unwrap();
    fs::write(store.dir.path().join("snapshot/state.tmp"), b"left over").unwrap();
    write_file_atomically(storage, "snapshot/state", b"second").unwrap();
    assert_eq!(read_file(storage, "snapshot/state", 6).unwrap(), b"second");
    assert!(read_file(storage, "snapshot/state", 5).is_err());
    assert_eq!(storage.list("snapshot").unwrap(), ["state"]);
    assert!(storage.create("snapshot/state").is_err(), "a new file must not exist");
    assert!(storage.open("snapshot/none", Access::Read).is_err());
    assert!(storage.list("nothing here").unwrap().is_empty());
}
