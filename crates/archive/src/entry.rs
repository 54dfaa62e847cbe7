//! What the manifest says of one segment, and the names of its files.

use flightrec_journal::{ChainHash, Seq};
use serde_json::{Value, json};

use crate::hex::{hex, unhex};

/// The directory of segments.
pub(crate) const DIR: &str = "archive/events";

const ENDING: &str = ".parquet";
const TEMPORARY: &str = ".tmp";

/// One segment: where it lies, what it holds, and what proves that it is what was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentEntry {
    /// The name of its file in `archive/events`.
    pub file: String,
    /// The first record of its range.
    pub first_seq: Seq,
    /// The last record of its range.
    pub last_seq: Seq,
    /// The generation of the manifest that first named it, if it took the place of others; else 0.
    pub revision: u64,
    /// How many rows it has; fewer than the range is long where retention has forgotten some.
    pub events: u64,
    /// The length of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// The length of what lies behind the last column: indexes, filters, footer.
    pub tail_bytes: u64,
    /// SHA-256 of that part: an open checks it without reading the rest.
    pub tail_sha256: [u8; 32],
    /// The link that its first block continues.
    pub chain_start: ChainHash,
    /// The link of its last block.
    pub chain_end: ChainHash,
}

impl SegmentEntry {
    /// The name of the file with these records: one that took the place of others has a name of its own.
    pub fn file_name(first_seq: Seq, last_seq: Seq, revision: u64) -> String {
        let range = format!("{:020}-{:020}", first_seq.get(), last_seq.get());
        if revision == 0 { format!("{range}{ENDING}") } else { format!("{range}.{revision}{ENDING}") }
    }

    /// How many events of its range were forgotten.
    pub fn forgotten(&self) -> u64 {
        (self.last_seq.get() - self.first_seq.get() + 1).saturating_sub(self.events)
    }

    pub(crate) fn path(&self) -> String {
        path(&self.file)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "first_seq": self.first_seq.get(),
            "last_seq": self.last_seq.get(),
            "revision": self.revision,
            "events": self.events,
            "bytes": self.bytes,
            "sha256": hex(&self.sha256),
            "tail_bytes": self.tail_bytes,
            "tail_sha256": hex(&self.tail_sha256),
            "chain_start": hex(self.chain_start.as_bytes()),
            "chain_end": hex(self.chain_end.as_bytes()),
        })
    }

    pub(crate) fn from_json(json: &Value) -> Option<Self> {
        let number = |name: &str| json[name].as_u64();
        let digest = |name: &str| unhex::<32>(json[name].as_str()?);
        let entry = Self {
            file: json["file"].as_str()?.to_owned(),
            first_seq: Seq::new(number("first_seq")?),
            last_seq: Seq::new(number("last_seq")?),
            revision: number("revision")?,
            events: number("events")?,
            bytes: number("bytes")?,
            sha256: digest("sha256")?,
            tail_bytes: number("tail_bytes")?,
            tail_sha256: digest("tail_sha256")?,
            chain_start: ChainHash::from_bytes(digest("chain_start")?),
            chain_end: ChainHash::from_bytes(digest("chain_end")?),
        };
        let sound = entry.first_seq <= entry.last_seq
            && entry.file == Self::file_name(entry.first_seq, entry.last_seq, entry.revision)
            && entry.tail_bytes <= entry.bytes;
        sound.then_some(entry)
    }
}

/// The path of a segment's file.
pub(crate) fn path(file: &str) -> String {
    format!("{DIR}/{file}")
}

/// The path of a segment's file before the manifest names it.
pub(crate) fn temporary_path(file: &str) -> String {
    format!("{DIR}/{file}{TEMPORARY}")
}

/// The segment's file behind the name of a leftover of ours.
pub(crate) fn leftover_of(name: &str) -> Option<&str> {
    let file = name.strip_suffix(TEMPORARY)?;
    let (first, last) = file.strip_suffix(ENDING)?.split_once('-')?;
    let (last, revision) = last.split_once('.').unwrap_or((last, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_seq = |text: &str| text.len() == 20 && is_number(text);
    (is_seq(first) && is_seq(last) && is_number(revision)).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn entry() -> SegmentEntry {
        SegmentEntry {
            file: SegmentEntry::file_name(Seq::new(1), Seq::new(90), 7),
            first_seq: Seq::new(1),
            last_seq: Seq::new(90),
            revision: 7,
            events: 88,
            bytes: 4000,
            sha256: [1; 32],
            tail_bytes: 1000,
            tail_sha256: [2; 32],
            chain_start: ChainHash::from_bytes([3; 32]),
            chain_end: ChainHash::from_bytes([4; 32]),
        }
    }

    #[test]
    fn an_entry_comes_back_and_without_any_of_its_facts_it_does_not() {
        let json = entry().to_json();
        assert_eq!(SegmentEntry::from_json(&json), Some(entry()));
        for name in json.as_object().unwrap().keys() {
            let mut without = json.clone();
            without.as_object_mut().unwrap().remove(name);
            assert_eq!(SegmentEntry::from_json(&without), None, "{name}");
        }
        let mut elsewhere = json;
        elsewhere["file"] = "../../STORE".into();
        assert_eq!(SegmentEntry::from_json(&elsewhere), None);
    }

    #[test]
    fn leftovers_of_ours_are_known_by_name() {
        let name = |revision| SegmentEntry::file_name(Seq::new(7), Seq::new(9), revision);
        assert_eq!(name(0), "00000000000000000007-00000000000000000009.parquet");
        assert_eq!(name(12), "00000000000000000007-00000000000000000009.12.parquet");
        for name in [name(0), name(12)] {
            assert_eq!(leftover_of(&format!("{name}.tmp")), Some(&name[..]));
            assert_eq!(leftover_of(&name), None);
        }
        let odd = format!("{}.x.parquet.tmp", &name(0)[..41]);
        for other in ["notes.parquet.tmp", "7-9.parquet.tmp", ".tmp", "a.tmp", &odd] {
            assert_eq!(leftover_of(other), None, "{other}");
        }
    }
}
