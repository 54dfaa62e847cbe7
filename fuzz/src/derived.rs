//! Target of the derived files: any bytes in the place of a snapshot or of an index of ids, in a store that is sound.
//!
//! The first byte of an input says which file the rest is, and whether its digest is put right first, so that what lies
//! behind the check of the digest is reached too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use flightrec_events::{CheckedEvent, Timestamp};
use flightrec_journal::{Storage, WriterOptions};
use flightrec_recorder::query::{EventFilter, SessionFilter, SpanFilter};
use flightrec_recorder::view::{Outcome, VerifyView};
use flightrec_recorder::{Clock, CostKey, IdSource, Mode, Options, Reader, SteppedRecorder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::events;
use crate::memory::MemoryStorage;

const SNAPSHOT: &str = "derived/snapshot.frs";
const IDS: &str = "derived/ids-";

/// Where the digests stand: in a snapshot over what is before and after it, in an index over its head, both positions
/// of its name, and the fence after it.
const SNAPSHOT_DIGEST: std::ops::Range<usize> = 28..60;
const IDS_DIGEST: std::ops::Range<usize> = 96..128;
const IDS_BLOCK_BYTES: usize = 128 * 24;

#[derive(Debug)]
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_760_000_000_000_000).expect("a time of this century")
    }
}

#[derive(Debug, Default)]
struct CountedIds(AtomicU64);

impl IdSource for CountedIds {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1
    }
}

fn options() -> Options {
    let journal = WriterOptions {
        first_segment_bytes: 64 << 10,
        max_segment_bytes: 64 << 10,
        grow_bytes: 4 << 10,
        ..WriterOptions::default()
    };
    Options { clock: Arc::new(StillClock), ids: Arc::new(CountedIds::default()), journal, ..Options::default() }
}

/// A store with an event of every family, closed, and what it answers.
struct Sound {
    files: BTreeMap<String, Vec<u8>>,
    ids_path: String,
    last_seq: u64,
    answers: Value,
    /// What a writer answers to [`submissions`], and the answers afterwards.
    outcomes: Vec<Outcome>,
    answers_after: Value,
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let memory = Arc::new(MemoryStorage::default());
        let mut recorder = open(&memory).expect("a new store opens");
        for some in events::checked().chunks(6) {
            recorder.commit(vec![(some.to_vec(), Mode::Lenient)]).expect("memory takes a few events");
        }
        recorder.close().expect("memory takes a close");
        let files = memory.image();
        let ids_path = files.keys().find(|path| path.starts_with(IDS)).expect("a close files the ids").clone();
        let bare = without_derived(&files);
        let reader = Reader::open_storage(bare).expect("a store without derived files opens");
        let last_seq = reader.last_seq().expect("it has events");
        let answers = answers(&reader);
        let (outcomes, answers_after) = write_on(&without_derived(&files)).expect("it can be written on");
        Sound { files, ids_path, last_seq, answers, outcomes, answers_after }
    })
}

fn without_derived(files: &BTreeMap<String, Vec<u8>>) -> Arc<MemoryStorage> {
    let mut files = files.clone();
    files.retain(|path, _| !path.starts_with("derived/"));
    Arc::new(MemoryStorage::holding(files))
}

fn open(memory: &Arc<MemoryStorage>) -> Option<SteppedRecorder> {
    SteppedRecorder::open(Arc::clone(memory) as Arc<dyn Storage>, &options()).ok()
}

/// An event that is held already, another one under an id that is held, and one that is new.
fn submissions() -> Vec<CheckedEvent> {
    let mut all = events::checked();
    let held = all.swap_remove(0);
    let mut conflict = all.swap_remove(1).into_event();
    conflict.timestamp = Timestamp::from_micros(1_760_000_000_000_001).expect("a time of this century");
    let mut fresh = held.clone().into_event();
    fresh.event_id = CountedIds(AtomicU64::new(7_000)).event_id(StillClock.now());
    vec![held, conflict.check().expect("its time alone was changed"), fresh.check().expect("its id alone was changed")]
}

/// Opens to write, submits, closes; `None` if the store cannot be opened.
fn write_on(memory: &Arc<MemoryStorage>) -> Option<(Vec<Outcome>, Value)> {
    let mut recorder = open(memory)?;
    let outcomes = recorder.commit(vec![(submissions(), Mode::Lenient)]).ok()?;
    let answers = answers(recorder.reader());
    recorder.close().ok()?;
    Some((outcomes.concat(), answers))
}

/// Everything that can be asked, in one value.
fn answers(reader: &Reader) -> Value {
    let events: Vec<Value> = reader
        .events(&EventFilter::default())
        .map(|event| match event {
            Ok(event) => {
                let mut line = Vec::new();
                event.write_json(&mut line);
                serde_json::from_slice(&line).expect("an event prints as JSON")
            }
            Err(error) => json!(error.to_string()),
        })
        .collect();
    let costs = [CostKey::Session, CostKey::WorkPacket, CostKey::Role, CostKey::Model, CostKey::Provider]
        .map(|key| json!(reader.cost(key, &SessionFilter::default())));
    let sessions = reader.sessions(&SessionFilter::default());
    let details: Vec<Value> = sessions
        .iter()
        .map(|session| match reader.session(&session.session_id) {
            Ok(detail) => json!(detail),
            Err(error) => json!(error.to_string()),
        })
        .collect();
    json!({
        "last_seq": reader.last_seq(),
        "event_count": reader.event_count(),
        "sessions": sessions,
        "details": details,
        "trees": reader.trees(),
        "spans": reader.spans(&SpanFilter::default()).map_err(|error| error.to_string()),
        "messages": reader.messages(None).map_err(|error| error.to_string()),
        "findings": reader.findings(),
        "rate": reader.rate(StillClock.now(), 60),
        "costs": costs,
        "events": events,
    })
}

fn verify(memory: &Arc<MemoryStorage>) -> Option<(Value, VerifyView)> {
    let reader = Reader::open_storage(Arc::clone(memory) as Arc<dyn Storage>).ok()?;
    let report = reader.verify(&mut |_| ()).ok()?;
    Some((answers(&reader), report))
}

/// Whatever a derived file holds: a file without its digest changes no answer, and one with its digest that does is
/// named by `verify`.
pub(crate) fn files(data: &[u8]) {
    let Some((selector, content)) = data.split_first() else { return };
    let sound = sound();
    let (path, sealed) = match selector % 4 {
        0 => (SNAPSHOT, content.to_vec()),
        1 => (sound.ids_path.as_str(), content.to_vec()),
        2 => (SNAPSHOT, with_snapshot_digest(content)),
        _ => (sound.ids_path.as_str(), with_ids_digest(content, sound.last_seq)),
    };
    let mut image = sound.files.clone();
    image.insert(path.to_owned(), sealed);
    let memory = Arc::new(MemoryStorage::holding(image.clone()));
    let read = verify(&memory);
    assert!(memory.image() == image, "reading has written");
    let written = write_on(&memory);
    if selector % 4 >= 2 {
        if let Some((answers, report)) = read {
            assert!(!report.ok || answers == sound.answers, "a forged file changed an answer, and verify is content");
        }
        return;
    }
    let (answers, _) = read.expect("a sound log can be read, whatever lies beside it");
    assert_eq!(answers, sound.answers, "a derived file changed an answer");
    let (outcomes, answers) = written.expect("a sound log can be written on, whatever lies beside it");
    assert_eq!(outcomes, sound.outcomes, "a derived file changed a verdict");
    assert_eq!(answers, sound.answers_after, "a derived file changed an answer");
    let (_, report) = verify(&memory).expect("what a writer closed can be read");
    assert!(report.ok, "a damaged derived file outlived the writer: {report:?}");
}

fn with_snapshot_digest(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    if bytes.len() >= SNAPSHOT_DIGEST.end {
        let mut hasher = Sha256::new();
        hasher.update(&bytes[..SNAPSHOT_DIGEST.start]);
        hasher.update(&bytes[SNAPSHOT_DIGEST.end..]);
        bytes[SNAPSHOT_DIGEST].copy_from_slice(&hasher.finalize());
    }
    bytes
}

/// Puts right the digests of the blocks in the fence, then the one of the head.
fn with_ids_digest(content: &[u8], last_seq: u64) -> Vec<u8> {
    let mut bytes = content.to_vec();
    if bytes.len() < IDS_DIGEST.end {
        return bytes;
    }
    let count = u64::from_le_bytes(std::array::from_fn(|at| bytes[24 + at]));
    let blocks = usize::try_from(count).unwrap_or(usize::MAX).div_ceil(128);
    let Some(body) = blocks.checked_mul(24).and_then(|fence| fence.checked_add(IDS_DIGEST.end)) else { return bytes };
    if body > bytes.len() {
        return bytes;
    }
    let digests: Vec<[u8; 32]> =
        bytes[body..].chunks(IDS_BLOCK_BYTES).map(|block| Sha256::digest(block).into()).collect();
    for (digest, entry) in digests.iter().zip(bytes[IDS_DIGEST.end..body].chunks_mut(24)) {
        entry[16..].copy_from_slice(&digest[..8]);
    }
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..IDS_DIGEST.start]);
    hasher.update(1_u64.to_le_bytes());
    hasher.update(last_seq.to_le_bytes());
    hasher.update(&bytes[IDS_DIGEST.end..body]);
    let digest = hasher.finalize();
    bytes[IDS_DIGEST].copy_from_slice(&digest);
    bytes
}

/// Each file as its writer made it, for each of the four ways to use it.
pub(crate) fn file_seeds() -> Vec<Vec<u8>> {
    let sound = sound();
    let seed = |selector: u8, path: &str| [&[selector], sound.files[path].as_slice()].concat();
    vec![seed(0, SNAPSHOT), seed(1, &sound.ids_path), seed(2, SNAPSHOT), seed(3, &sound.ids_path)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_are_where_the_writers_put_them() {
        let sound = sound();
        assert_eq!(with_snapshot_digest(&sound.files[SNAPSHOT]), sound.files[SNAPSHOT]);
        let ids = &sound.files[&sound.ids_path];
        assert_eq!(with_ids_digest(ids, sound.last_seq), *ids);
        for path in [SNAPSHOT, &sound.ids_path] {
            let mut broken = sound.files[path].clone();
            let last = broken.len() - 1;
            broken[last] ^= 1;
            let sealed =
                if path == SNAPSHOT { with_snapshot_digest(&broken) } else { with_ids_digest(&broken, sound.last_seq) };
            assert_ne!(sealed, broken, "the digest of {path} covers its last byte");
        }
    }

    #[test]
    fn a_sound_store_answers_and_judges() {
        let sound = sound();
        assert!(sound.answers["sessions"].as_array().unwrap().len() > 2, "{}", sound.answers["sessions"]);
        assert!(matches!(sound.outcomes[..], [Outcome::Duplicate, Outcome::Rejected(_), Outcome::Recorded { .. }]));
        let (answers, report) = verify(&Arc::new(MemoryStorage::holding(sound.files.clone()))).unwrap();
        assert!(report.ok, "{report:?}");
        assert_eq!(answers, sound.answers);
    }

    #[test]
    fn a_forged_snapshot_is_believed_and_named() {
        let sound = sound();
        let whole = &sound.files[SNAPSHOT];
        let named = (SNAPSHOT_DIGEST.end..whole.len())
            .filter(|at| {
                let mut forged = whole.clone();
                forged[*at] ^= 1;
                let mut image = sound.files.clone();
                image.insert(SNAPSHOT.to_owned(), with_snapshot_digest(&forged));
                verify(&Arc::new(MemoryStorage::holding(image)))
                    .is_some_and(|(answers, report)| answers != sound.answers && !report.ok)
            })
            .count();
        assert!(named > 20, "only {named} forgeries went as far as an answer: the digest is computed wrongly");
    }
}
