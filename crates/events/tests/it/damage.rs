//! Bytes that nobody wrote: each byte changed, every length cut, and noise.

use flightrec_events::{CheckedEvent, Kind, Registry, SessionPrefix};
use proptest::prelude::*;

use crate::sample::{full_event, one_of_each, parse, printed, stored};

/// Reads bytes in every way there is; whatever comes out can be written again.
fn read(bytes: &[u8]) -> bool {
    let _either = SessionPrefix::new("s").matches(bytes);
    let Ok(event) = CheckedEvent::decode(bytes) else { return false };
    let again = stored(&event);
    let back = CheckedEvent::decode(&again).expect("what was decoded is encoded again");
    assert_eq!(stored(&back), again);
    assert!(!printed(&event).is_empty());
    true
}

#[test]
fn a_changed_byte_never_panics() {
    for json in Kind::ALL.iter().map(|&kind| full_event(kind)) {
        let bytes = stored(&parse(&json));
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            for change in [0x01, 0x02, 0x80] {
                damaged[at] = bytes[at] ^ change;
                read(&damaged);
            }
            for value in [0x00, 0xff] {
                damaged[at] = value;
                read(&damaged);
            }
            damaged[at] = bytes[at];
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for json in Kind::ALL.iter().map(|&kind| full_event(kind)).chain(one_of_each()) {
        let bytes = stored(&parse(&json));
        assert!(read(&bytes));
        for len in 0..bytes.len() {
            assert!(!read(&bytes[..len]), "cut at {len} of {}", bytes.len());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(!read(&longer));
    }
}

#[test]
fn a_newer_version_is_refused() {
    let mut bytes = stored(&parse(&full_event(Kind::SpanOpened)));
    bytes[0] = 2;
    assert_eq!(
        CheckedEvent::decode(&bytes).unwrap_err().to_string(),
        "stored event cannot be read: it has an unknown version"
    );
}

#[test]
fn a_damaged_line_never_panics() {
    let registry = Registry::new();
    for json in one_of_each() {
        let line = json.to_string().into_bytes();
        let mut damaged = line.clone();
        for at in 0..line.len() {
            for change in [0x01, 0x20, 0x80] {
                damaged[at] = line[at] ^ change;
                let _any = registry.parse(&damaged);
            }
            damaged[at] = line[at];
            assert!(registry.parse(&line[..at]).is_err());
        }
    }
}

proptest! {
    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), tag in 0_u8..30) {
        read(&bytes);
        read(&[&[1, tag][..], &bytes].concat());
        let _any = Registry::new().parse(&bytes);
    }
}
