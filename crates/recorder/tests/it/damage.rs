//! `verify` finds every flipped byte, every cut and every lost file, and names what it found.

use flightrec_recorder::events::{Payload, Sha256Hex};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::view::{FindingKind, ProjectionCheck, VerifyView};
use flightrec_recorder::{Options, Reader, Recorder, VerifyStage};

use crate::memory::Memory;
use crate::sample::{id, message, open, options, read, take, verify, workload};

const CONTENT: &[u8] = b"content that somebody gave, content that is compressed, content";

/// A small store with a file of every kind.
fn store() -> Memory {
    store_of(24)
}

/// The same, with twice so many events.
fn store_of(events: usize) -> Memory {
    let memory = Memory::default();
    let family = r#"{"$defs":{"X-1":{"x-type":"x.one","type":"object","properties":{},"additionalProperties":false}}}"#;
    let declaration = family.as_bytes().to_vec();
    let options = Options { declarations: vec![declaration], ..options() };
    let recorder = Recorder::open_storage(memory.shared(), options).unwrap();
    take(&recorder, workload(0).into_iter().take(events).collect());
    recorder.artifacts().put(CONTENT).unwrap();
    take(&recorder, workload(100).into_iter().take(events).collect());
    recorder.close().unwrap();
    memory
}

/// What a program that is started anew finds: an answer, or why there is none.
fn look(memory: &Memory) -> Result<VerifyView, String> {
    let reader = Reader::open_storage(memory.shared()).map_err(|error| error.to_string())?;
    reader.verify(&mut |_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_sound_store_is_ok_and_says_what_it_read() {
    let memory = store();
    let mut stages = Vec::new();
    let answer = read(&memory).verify(&mut |step| stages.push((step.stage, step.events))).unwrap();
    assert!(answer.ok && answer.damage.is_empty(), "{answer:?}");
    assert_eq!((answer.events, answer.first_seq, answer.last_seq), (48, Some(1), Some(48)));
    assert_eq!((answer.artifacts.checked, answer.artifacts.missing, answer.artifacts.bad), (1, 0, 0));
    assert_eq!((answer.projections, answer.chain_head.len()), (ProjectionCheck::Match, 64));
    assert!(stages.contains(&(VerifyStage::Log, 48)) && stages.contains(&(VerifyStage::Events, 48)));
    assert!(stages.contains(&(VerifyStage::Artifacts, 0)));
}

#[test]
fn every_flipped_byte_is_found() {
    // Few events, so that the thousands of readings are short.
    let memory = store_of(4);
    let mut kinds = std::collections::BTreeSet::new();
    let (mut cases, mut inert) = (0, 0);
    for path in memory.names() {
        kinds.insert(path.split(['/', '-']).next().unwrap().to_owned());
        let whole = memory.get(&path);
        for at in 0..whole.len() {
            let bit = (at % 8) as u32;
            memory.flip(&path, at, bit);
            match look(&memory) {
                Err(_) => {}
                Ok(answer) if !answer.ok => {}
                // A compressed frame has a few bits that say nothing of the content, which its hash proves.
                Ok(_) if path.starts_with("artifacts/") => {
                    let sha256 = Sha256Hex::from_hex(path.rsplit('/').next().unwrap()).unwrap();
                    assert_eq!(read(&memory).artifacts().get(sha256).unwrap(), CONTENT);
                    inert += 1;
                }
                Ok(_) => panic!("bit {bit} of byte {at} of {} in {path} was not noticed", whole.len()),
            }
            memory.flip(&path, at, bit);
            cases += 1;
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["STORE", "artifacts", "derived", "families", "journal"]);
    assert!(cases > 5_000 && inert < 8, "{cases} cases, {inert} without effect");
    assert!(look(&memory).unwrap().ok, "every flip was taken back");
}

#[test]
fn every_cut_file_is_found() {
    let memory = store();
    for path in memory.names() {
        let whole = memory.get(&path);
        for len in (0..whole.len()).step_by(1 + whole.len() / 200) {
            memory.set(&path, whole[..len].to_vec());
            if let Ok(answer) = look(&memory) {
                assert!(!answer.ok, "{path} cut to {len} of {}", whole.len());
            }
        }
        memory.set(&path, [&whole[..], b"more"].concat());
        if let Ok(answer) = look(&memory) {
            assert!(!answer.ok, "{path} with bytes behind its end");
        }
        memory.set(&path, whole);
    }
    assert!(look(&memory).unwrap().ok);
}

/// In the middle of what follows the first page of a segment.
fn in_the_middle(len: usize) -> usize {
    4096 + (len - 4096) / 2
}

#[test]
fn a_damaged_block_loses_itself_alone() {
    let memory = store();
    let recorder = open(&memory);
    take(&recorder, workload(200));
    recorder.close().unwrap();
    let journal = memory.names().into_iter().find(|name| name.starts_with("journal/")).unwrap();
    let middle = in_the_middle(memory.get(&journal).len());
    memory.flip(&journal, middle, 0);
    let answer = look(&memory).unwrap();
    assert_eq!((answer.damage[0].kind.as_str(), answer.damage[0].segment.as_str()), ("bad_block", journal.as_str()));
    assert_eq!((answer.damage[0].seq_from, answer.damage[0].seq_to), (Some(25), Some(48)));
    assert_eq!((answer.events, answer.projections), (48, ProjectionCheck::Differ));
    // A reader that knew the block from what was put aside tells the error, and goes on behind it.
    let reader = read(&memory);
    let events: Vec<_> = reader.events(&EventFilter::default()).collect();
    assert_eq!((events.len(), events.iter().filter(|event| event.is_err()).count()), (49, 1));
    assert_eq!(events.last().unwrap().as_ref().unwrap().seq, 72);
    let gaps = |id: &str| {
        let findings = reader.session(id).unwrap().session.findings;
        findings.into_iter().filter(|finding| finding.kind == FindingKind::Gap).map(|gap| gap.seq).collect::<Vec<_>>()
    };
    assert_eq!((gaps("s-a-100"), gaps("s-a-200")), (vec![Some(25)], vec![]));
    // A writer goes on behind it, and what is made anew agrees with the log.
    memory.delete_dir("derived/");
    let recorder = open(&memory);
    take(&recorder, workload(300));
    recorder.close().unwrap();
    let answer = look(&memory).unwrap();
    assert_eq!((answer.ok, answer.damage.len(), answer.events), (false, 1, 72));
    assert_eq!(answer.projections, ProjectionCheck::Match);
}

#[test]
fn a_lost_segment_is_found_by_what_it_leaves() {
    let memory = Memory::default();
    let recorder = open(&memory);
    for round in 0..250 {
        take(&recorder, workload(round * 100));
    }
    recorder.close().unwrap();
    let segments: Vec<_> = memory.names().into_iter().filter(|name| name.starts_with("journal/")).collect();
    assert!(segments.len() >= 3, "{segments:?}");
    for (number, segment) in segments.iter().enumerate() {
        let copy = memory.copy();
        copy.delete(segment);
        let answer = look(&copy).unwrap();
        assert!(!answer.ok, "{segment} is gone");
        if number + 1 < segments.len() {
            assert!(answer.damage.iter().any(|found| found.kind == "missing_segment"), "{answer:?}");
        } else {
            // Nothing in the log tells that its end is gone; what was put aside does.
            assert!(answer.damage.iter().any(|found| found.kind == "bad_snapshot"), "{answer:?}");
        }
        assert!(answer.events < 250 * 24);
    }
}

#[test]
fn content_that_was_never_given_is_counted_and_no_damage() {
    let memory = store();
    let recorder = open(&memory);
    let mut named = message(900, "s-a-0").into_event();
    let absent = Sha256Hex::from_bytes([3; 32]);
    if let Payload::SessionMessage(message) = &mut named.payload {
        message.content_artifact_id = Some(flightrec_recorder::events::ArtifactId::new(absent));
    }
    named.actor_id = Some(id("a"));
    take(&recorder, vec![named.check().unwrap()]);
    recorder.close().unwrap();
    let answer = look(&memory).unwrap();
    assert_eq!((answer.ok, answer.artifacts.missing, answer.artifacts.checked), (true, 1, 1));
}

#[test]
fn what_was_put_aside_and_differs_is_told() {
    let (memory, other) = (store(), store());
    // A whole store file of another store: the log does not belong to it.
    let recorder = open(&other);
    take(&recorder, workload(500));
    recorder.close().unwrap();
    memory.set("STORE", other.get("STORE"));
    assert!(look(&memory).is_err(), "the log belongs to another store");
    assert!(verify(&read(&other)).ok);
    let reader = read(&other);
    other.delete("STORE");
    assert!(reader.verify(&mut |_| ()).is_err(), "also for one who had opened it before");
    assert!(look(&other).unwrap_err().contains("STORE"));
    assert!(Recorder::open_storage(other.shared(), options()).is_err(), "nothing new is made over an old log");
}
