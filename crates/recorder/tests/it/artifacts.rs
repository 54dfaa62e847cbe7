//! Content by its hash: redacted before it is hashed, kept once, verified on every read.

use std::sync::{Arc, Barrier};

use flightrec_recorder::events::Sha256Hex;
use flightrec_recorder::{ArtifactError, MAX_ARTIFACT_BYTES, Reader, Recorder};
use sha2::{Digest, Sha256};

use crate::memory::Memory;
use crate::sample::{open, options, verify};

fn files(memory: &Memory) -> Vec<String> {
    memory.names().into_iter().filter(|name| name.starts_with("artifacts/")).collect()
}

fn hash(content: &[u8]) -> Sha256Hex {
    Sha256Hex::from_bytes(Sha256::digest(content).into())
}

#[test]
fn content_comes_back_and_is_kept_once() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let dense: Vec<u8> =
        (0..2_000_u64).flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24).to_le_bytes()).collect();
    let contents: [&[u8]; 5] = [b"", b"x", b"many words, many words, many words", &[0, 255, 254, 0], &dense];
    for (number, content) in contents.into_iter().enumerate() {
        for _ in 0..3 {
            let view = recorder.artifacts().put(content).unwrap();
            assert_eq!((view.sha256, view.bytes, view.redacted), (hash(content), content.len() as u64, false));
            assert_eq!(view.artifact_id.sha256(), view.sha256);
        }
        assert_eq!(files(&memory).len(), number + 1);
        assert_eq!(recorder.artifacts().get(hash(content)).unwrap(), content);
    }
    let long = b"many words, ".repeat(1_000);
    let view = recorder.artifacts().put(&long).unwrap();
    let path = format!("artifacts/{}/{}", &view.sha256.to_string()[..2], view.sha256);
    assert!(memory.get(&path).len() < long.len() / 10, "compressed");
    recorder.close().unwrap();
    let reader = Reader::open_storage(memory.shared()).unwrap();
    assert_eq!(reader.artifacts().get(view.sha256).unwrap(), long);
}

#[test]
fn secrets_go_before_the_hash() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let content = format!("log in with password={}", "correct-horse-7");
    let view = recorder.artifacts().put(content.as_bytes()).unwrap();
    assert!(view.redacted);
    let kept = recorder.artifacts().get(view.sha256).unwrap();
    assert_eq!(kept, b"log in with password=[REDACTED:password:password_assignment]");
    assert_eq!((view.sha256, view.bytes), (hash(&kept), kept.len() as u64));
    assert!(matches!(recorder.artifacts().get(hash(content.as_bytes())), Err(ArtifactError::NotFound(_))));
    recorder.close().unwrap();
}

#[test]
fn no_damaged_content_is_served() {
    let memory = Memory::default();
    let recorder = open(&memory);
    for content in [&b"short"[..], &b"long enough to be compressed, long enough to be compressed".repeat(9)] {
        let sha256 = recorder.artifacts().put(content).unwrap().sha256;
        let path = format!("artifacts/{}/{sha256}", &sha256.to_string()[..2]);
        let whole = memory.get(&path);
        for at in 0..whole.len() {
            for bit in 0..8 {
                memory.flip(&path, at, bit);
                // A frame has a few bits that say nothing of the content.
                match recorder.artifacts().get(sha256) {
                    Ok(served) => assert_eq!(served, content, "bit {bit} of byte {at}"),
                    Err(error) => assert!(matches!(error, ArtifactError::Damaged(_)), "{error}"),
                }
                memory.flip(&path, at, bit);
            }
        }
        for len in 0..whole.len() {
            memory.set(&path, whole[..len].to_vec());
            assert!(matches!(recorder.artifacts().get(sha256), Err(ArtifactError::Damaged(_))), "cut to {len}");
        }
        let answer = verify(recorder.reader());
        assert_eq!((answer.ok, answer.artifacts.bad, answer.damage[0].kind.as_str()), (false, 1, "bad_artifact"));
        assert_eq!(recorder.artifacts().put(content).unwrap().sha256, sha256, "giving it again mends it");
        assert_eq!(recorder.artifacts().get(sha256).unwrap(), content);
    }
    assert!(verify(recorder.reader()).ok);
    recorder.close().unwrap();
}

#[test]
fn a_bomb_is_not_unpacked_and_the_limit_holds() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let zeros = vec![0; MAX_ARTIFACT_BYTES as usize + 1];
    assert!(matches!(recorder.artifacts().put(&zeros), Err(ArtifactError::TooLarge { limit: MAX_ARTIFACT_BYTES })));
    assert_eq!(files(&memory), [""; 0]);
    let mut bomb = vec![1];
    bomb.extend(zstd::bulk::compress(&zeros, 1).unwrap());
    let sha256 = hash(&zeros);
    memory.set(&format!("artifacts/{}/{sha256}", &sha256.to_string()[..2]), bomb);
    assert!(matches!(recorder.artifacts().get(sha256), Err(ArtifactError::Damaged(_))), "longer than anything kept");
    recorder.close().unwrap();
}

#[test]
fn many_may_give_the_same_content_at_once() {
    const GIVERS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let recorder = Arc::new(Recorder::open_with(dir.path(), options()).unwrap());
    let start = Arc::new(Barrier::new(GIVERS));
    let givers: Vec<_> = (0..GIVERS)
        .map(|giver| {
            let (recorder, start) = (Arc::clone(&recorder), Arc::clone(&start));
            let path = dir.path().to_owned();
            std::thread::spawn(move || {
                // Half of them from elsewhere, as another process would.
                let reader = Reader::open(path).unwrap();
                let artifacts = if giver % 2 == 0 { recorder.artifacts() } else { reader.artifacts() };
                for round in 0..12 {
                    start.wait();
                    let content = format!("content {round}, ").repeat(500);
                    let view = artifacts.put(content.as_bytes()).unwrap();
                    assert_eq!(artifacts.get(view.sha256).unwrap(), content.as_bytes());
                }
            })
        })
        .collect();
    for giver in givers {
        giver.join().unwrap();
    }
    let answer = verify(recorder.reader());
    assert_eq!((answer.ok, answer.artifacts.checked), (true, 12));
    Arc::into_inner(recorder).unwrap().close().unwrap();
}

#[test]
fn what_an_interrupted_giver_left_is_in_nobodys_way() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let sha256 = hash(b"content");
    let path = format!("artifacts/{}/{sha256}", &sha256.to_string()[..2]);
    memory.set(&format!("{path}.0.tmp"), b"half".to_vec());
    assert_eq!(recorder.artifacts().put(b"content").unwrap().sha256, sha256);
    assert_eq!(recorder.artifacts().get(sha256).unwrap(), b"content");
    memory.fail_syncs(true);
    assert!(matches!(recorder.artifacts().put(b"other"), Err(ArtifactError::Io { .. })));
    memory.fail_syncs(false);
    assert!(matches!(recorder.artifacts().get(hash(b"other")), Err(ArtifactError::NotFound(_))));
    recorder.artifacts().put(b"other").unwrap();
    let left: Vec<_> = files(&memory).into_iter().filter(|name| name.strip_suffix(".tmp").is_some()).collect();
    assert_eq!(left, [format!("{path}.0.tmp")], "a failure cleans up after itself");
    assert!(verify(recorder.reader()).ok);
    recorder.close().unwrap();
}
