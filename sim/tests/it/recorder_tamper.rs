//! Someone with the disk changes what is sealed: every byte, every length, every file. All of it is detected and named; what
//! proves itself again is caught by a line that was kept elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_recorder::journal::Storage;
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::{DamageView, VerifyView};
use flightrec_recorder::{Checkpoint, Reader};
use flightrec_sim::SimStorage;

use crate::recorder_world::World;

type Files = BTreeMap<String, Vec<u8>>;

/// A small store that is sealed in several segments and goes on in the journal.
struct Sealed {
    files: Files,
    events: Vec<(u64, Vec<u8>)>,
    checkpoint: Checkpoint,
    /// The store as it was before the last seal, and before the last events.
    older: Vec<Files>,
}

impl Sealed {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        assert!(world.open());
        let mut older = Vec::new();
        // Each part is smaller than the one before, so that segments stay apart.
        for commits in [40, 16, 6] {
            for _ in 0..commits {
                assert!(world.commit());
            }
            assert!(world.seal());
            older.push(world.storage.files());
        }
        assert!(world.commit() && world.commit() && world.close());
        let files = without_derived(world.storage.files());
        let reader = read(&files).expect("it is whole");
        let segments = files.keys().filter(|path| path.starts_with("archive/events/")).count();
        assert!(segments >= 2, "{segments} segments");
        assert!(verify(&reader, &[]).ok);
        let checkpoint = reader.checkpoint().expect("there are events");
        Self { events: events(&reader), files, checkpoint, older }
    }

    /// Holds changed files to what must hold: the change is named, and nothing is served that was not recorded.
    fn judge(&self, files: &Files, what: &str) -> Vec<DamageView> {
        let reader = match read(files) {
            Ok(reader) => reader,
            // A store whose identity or list of segments was changed says so, and serves nothing.
            Err(error) => {
                assert!(!error.is_empty(), "{what}");
                return Vec::new();
            }
        };
        let report = match reader.verify_against(&[self.checkpoint.clone()], &mut |_| ()) {
            Ok(report) => report,
            Err(_named) => return Vec::new(),
        };
        assert!(!report.ok && !report.damage.is_empty(), "{what} was not noticed: {report:?}");
        for event in reader.events(&EventFilter::default()).flatten() {
            let mut json = Vec::new();
            event.write_json(&mut json);
            let recorded = self.events.iter().any(|(seq, known)| *seq == event.seq && *known == json);
            assert!(recorded, "{what}: event {} was never recorded so", event.seq);
        }
        report.damage
    }
}

fn without_derived(files: Files) -> Files {
    files.into_iter().filter(|(path, _)| !path.starts_with("derived/")).collect()
}

fn read(files: &Files) -> Result<Reader, String> {
    let storage: Arc<dyn Storage> = Arc::new(SimStorage::with_files(files, 0));
    Reader::open_storage(storage).map_err(|error| error.to_string())
}

fn verify(reader: &Reader, checkpoints: &[Checkpoint]) -> VerifyView {
    reader.verify_against(checkpoints, &mut |_| ()).expect("a sound disk reads")
}

fn events(reader: &Reader) -> Vec<(u64, Vec<u8>)> {
    let json = |event: flightrec_recorder::RecordedEvent| {
        let mut json = Vec::new();
        event.write_json(&mut json);
        (event.seq, json)
    };
    reader.events(&EventFilter::default()).map(|event| json(event.expect("a sound disk reads"))).collect()
}

fn changeable(files: &Files) -> Vec<String> {
    files.keys().filter(|path| path.starts_with("archive/") || *path == "STORE").cloned().collect()
}

#[test]
fn every_byte_of_what_is_sealed_is_missed() {
    let sealed = Sealed::new(3_001);
    let mut cases = 0;
    let mut kinds = BTreeMap::<String, u64>::new();
    for path in changeable(&sealed.files) {
        let mut files = sealed.files.clone();
        for at in 0..sealed.files[&path].len() {
            // Verifying all of a segment for each of its bytes is too much; its ends are looked at closely.
            let close = at < 600 || sealed.files[&path].len() - at < 600 || path == "archive/MANIFEST";
            if !close && at % 37 != 0 {
                continue;
            }
            let whole = sealed.files[&path][at];
            files.get_mut(&path).expect("it is there")[at] = whole ^ (1 << (at % 8));
            for damage in sealed.judge(&files, &format!("a bit of byte {at} of {path}")) {
                *kinds.entry(damage.kind).or_default() += 1;
            }
            files.get_mut(&path).expect("it is there")[at] = whole;
            cases += 1;
        }
    }
    println!("{cases} bytes: {kinds:?}");
    assert!(cases >= 3_000, "{cases}");
    assert!(kinds.contains_key("bad_segment"), "{kinds:?}");
}

#[test]
fn every_length_and_every_missing_file_is_missed() {
    let sealed = Sealed::new(3_002);
    let mut cases = 0;
    for path in changeable(&sealed.files) {
        let whole = &sealed.files[&path];
        let mut files = sealed.files.clone();
        for len in (0..whole.len()).step_by(71).chain([whole.len() - 1]) {
            files.insert(path.clone(), whole[..len].to_vec());
            sealed.judge(&files, &format!("{path} cut to {len} bytes"));
            cases += 1;
        }
        let longer = [&whole[..], b"more"].concat();
        files.insert(path.clone(), longer);
        sealed.judge(&files, &format!("{path} with more at its end"));
        files.remove(&path);
        sealed.judge(&files, &format!("{path} removed"));
        cases += 2;
    }
    println!("{cases} lengths");
    assert!(cases >= 300, "{cases}");
}

#[test]
fn swapped_copied_and_foreign_files_are_named() {
    let sealed = Sealed::new(3_003);
    let foreign = Sealed::new(3_004);
    let paths: Vec<String> = sealed.files.keys().filter(|path| path.starts_with("archive/events/")).cloned().collect();
    for a in &paths {
        for b in paths.iter().filter(|b| *b != a) {
            let mut files = sealed.files.clone();
            files.insert(a.clone(), sealed.files[b].clone());
            let kinds = kinds(&sealed.judge(&files, &format!("{b} copied over {a}")));
            assert!(kinds.iter().any(|kind| kind == "wrong_segment"), "{kinds:?}");
            files.insert(b.clone(), sealed.files[a].clone());
            sealed.judge(&files, &format!("{a} and {b} swapped"));
        }
        let other = foreign.files.iter().find(|(path, _)| path.starts_with("archive/events/")).expect("it is sealed").1;
        let mut files = sealed.files.clone();
        files.insert(a.clone(), other.clone());
        let kinds = kinds(&sealed.judge(&files, &format!("another store's segment as {a}")));
        assert!(kinds.iter().any(|kind| kind == "foreign_store"), "{kinds:?}");
    }
    let mut files = sealed.files.clone();
    files.insert("archive/events/more.parquet".to_owned(), foreign.files["archive/MANIFEST"].clone());
    assert_eq!(kinds(&sealed.judge(&files, "a file that nobody sealed")), ["foreign_file"]);
    let mut files = sealed.files.clone();
    files.insert("archive/MANIFEST".to_owned(), foreign.files["archive/MANIFEST"].clone());
    sealed.judge(&files, "another store's list of segments");
}

fn kinds(damage: &[DamageView]) -> Vec<String> {
    damage.iter().map(|one| one.kind.clone()).collect()
}

#[test]
fn an_older_copy_is_caught_by_a_checkpoint_that_was_kept_elsewhere() {
    let sealed = Sealed::new(3_005);
    for (at, older) in sealed.older.iter().enumerate() {
        let older = without_derived(older.clone());
        // A whole older copy proves itself; the line that was kept does not fit it.
        assert!(verify(&read(&older).expect("it is whole"), &[]).ok, "copy {at}");
        assert_eq!(kinds(&sealed.judge(&older, &format!("the older copy {at}"))), ["rolled_back"]);
        // Parts of an older copy do not even prove themselves.
        for dir in ["archive/", "journal/"] {
            let mut files: Files = sealed
                .files
                .iter()
                .filter(|(path, _)| !path.starts_with(dir))
                .map(|(a, b)| (a.clone(), b.clone()))
                .collect();
            files.extend(older.iter().filter(|(path, _)| path.starts_with(dir)).map(|(a, b)| (a.clone(), b.clone())));
            if files != sealed.files {
                sealed.judge(&files, &format!("{dir} of the older copy {at}"));
            }
        }
    }
}

#[test]
fn a_log_that_was_written_anew_is_caught_by_a_checkpoint_that_was_kept_elsewhere() {
    let sealed = Sealed::new(3_006);
    // The same store, with another history that proves itself from its first event on.
    let mut forged = Sealed::new(3_007).files;
    let reader = read(&forged).expect("it is whole");
    assert!(verify(&reader, &[]).ok);
    let report = verify(&reader, &[sealed.checkpoint.clone()]);
    assert_eq!(kinds(&report.damage), ["other_store"]);
    forged.insert("STORE".to_owned(), sealed.files["STORE"].clone());
    sealed.judge(&forged, "another log under the name of this store");
}
