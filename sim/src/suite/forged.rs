//! An attacker makes digests right again, or digests and links.

use std::sync::Arc;

use flightrec_journal::{Compression, DamageKind, Seq, Storage, verify};

use super::forge;
use super::tamper::{Files, Judged, Sample};
use crate::disk::SimStorage;
use crate::history::{STORE, genesis};

/// An attacker changes blocks and makes digests right, or digests and links: the records tell by the link, the link by
/// the next one, and the last of all by the one that was kept elsewhere.
pub fn forged_blocks() -> u64 {
    let mut cases = 0;
    for close in [true, false] {
        let sample = Sample::build(STORE, 9, Compression::Off, close);
        for (name, bytes) in &sample.files {
            for (number, frame) in forge::frames(bytes).iter().enumerate().filter(|(_, frame)| frame.records > 0) {
                let block = Forged { sample: &sample, name, segment: forge::segment_of(name), number, frame };
                cases += block.edited() + block.chained_anew() + block.removed_or_doubled();
            }
        }
    }
    cases
}

/// One block of a sample, whose bytes an attacker changes.
struct Forged<'s> {
    sample: &'s Sample,
    name: &'s str,
    segment: u64,
    /// The place of the block among the frames of its segment.
    number: usize,
    frame: &'s forge::Frame,
}

impl Forged<'_> {
    /// The files after a change to the bytes of this block's segment.
    fn changed(&self, change: impl FnOnce(&mut Vec<u8>)) -> Files {
        let mut files = self.sample.files.clone();
        change(files.get_mut(self.name).expect("the file is there"));
        files
    }

    fn what(&self) -> String {
        format!("{}, block of {}", self.name, self.frame.first_seq)
    }

    /// Records and stamp are changed and the digest made right: the link is not the one that follows.
    fn edited(&self) -> u64 {
        let Forged { segment, frame, .. } = *self;
        let mut places: Vec<usize> = (0..8).map(|byte| frame.offset + forge::STAMP_AT + byte).collect();
        let records = forge::records(&self.sample.files[self.name], frame);
        places.extend(records.iter().flat_map(|record| record.clone().step_by(3)));
        for at in &places {
            let files = self.changed(|bytes| {
                bytes[*at] ^= 1;
                forge::reseal(bytes, STORE, segment, frame.offset);
            });
            self.has_a_bad_link(&files, &format!("{} edited at {at}", self.what()));
        }
        if records.len() > 1 {
            let files = self.changed(|bytes| {
                // The same records in another order.
                let first = records[0].end;
                bytes[frame.payload_at()..frame.end()].rotate_left(first - frame.payload_at());
                forge::reseal(bytes, STORE, segment, frame.offset);
            });
            self.has_a_bad_link(&files, &format!("{} in another order", self.what()));
        }
        places.len() as u64 + u64::from(records.len() > 1)
    }

    /// `verify` names this block and nothing else.
    fn has_a_bad_link(&self, files: &Files, what: &str) {
        let judged = lenient(self.sample, files);
        let [damage] = &judged.damage[..] else { panic!("{what}: {:?}", judged.damage) };
        assert_eq!(damage.kind, DamageKind::BadLink, "{what}");
        assert_eq!((damage.segment.get(), damage.offset), (self.segment, self.frame.offset as u64), "{what}");
        assert_eq!((damage.seq_from, damage.seq_to), self.range(), "{what}");
        assert_eq!(judged.missing.len() as u64, u64::from(self.frame.records), "{what}: only this block is in doubt");
    }

    fn last_seq(&self) -> u64 {
        self.frame.first_seq + u64::from(self.frame.records) - 1
    }

    fn range(&self) -> (Option<Seq>, Option<Seq>) {
        (Some(Seq::new(self.frame.first_seq)), Some(Seq::new(self.last_seq())))
    }

    /// The link is made right as well, here and then in all of the segment.
    fn chained_anew(&self) -> u64 {
        let Forged { sample, segment, number, frame, .. } = *self;
        let what = self.what();
        let relinked = self.changed(|bytes| {
            bytes[frame.end() - 1] ^= 1;
            forge::relink(bytes, frame);
            forge::reseal(bytes, STORE, segment, frame.offset);
        });
        let last_segment = Some(self.name) == sample.files.keys().next_back().map(String::as_str);
        let judged = lenient(sample, &relinked);
        if self.last_seq() >= sample.proven && !sample.closed {
            assert_eq!(judged.damage, Vec::new(), "{what}: nothing that is proven follows and could tell");
            assert_ne!(judged.chain_head, sample.chain_head, "{what}: the kept link tells");
        } else {
            let [damage] = &judged.damage[..] else { panic!("{what} linked anew: {:?}", judged.damage) };
            assert_eq!(damage.kind, DamageKind::ChainBroken, "{what} linked anew");
            assert_eq!((damage.seq_from, damage.seq_to), self.range(), "{what} linked anew");
        }
        let mut chained = relinked;
        forge::rechain(chained.get_mut(self.name).expect("the file is there"), STORE, segment, number);
        let judged = lenient(sample, &chained);
        assert_eq!(judged.damage.is_empty(), last_segment, "{what} chained anew: {:?}", judged.damage);
        assert!(!last_segment || judged.chain_head != sample.chain_head, "{what}: the kept link tells");
        2
    }

    /// The block is taken out, or put in a second time, and the digests behind it are made right.
    fn removed_or_doubled(&self) -> u64 {
        let Forged { sample, segment, frame, .. } = *self;
        let what = self.what();
        let gone = self.changed(|bytes| {
            bytes.drain(frame.offset..frame.end());
            forge::reseal_from(bytes, STORE, segment, frame.offset);
        });
        if self.last_seq() > sample.proven {
            // The end of a log that was not closed can be cut: the kept link tells.
            assert_eq!(lenient(sample, &gone).damage, Vec::new(), "{what} removed");
            assert_ne!(lenient(sample, &gone).chain_head, sample.chain_head, "{what} removed");
        } else {
            first_bad_is(sample, &gone, frame.first_seq, &format!("{what} removed"));
        }
        let doubled = self.changed(|bytes| {
            let copy = bytes[frame.offset..frame.end()].to_vec();
            bytes.splice(frame.end()..frame.end(), copy);
            forge::reseal_from(bytes, STORE, segment, frame.end());
        });
        let judged = sample.judge(&doubled, &what).expect("it opens");
        assert!(!judged.damage.is_empty() || judged.torn.is_some(), "{what} doubled");
        assert!(judged.missing.iter().all(|seq| *seq > sample.proven), "{what} doubled");
        2
    }
}

/// The damage names this record first.
fn first_bad_is(sample: &Sample, files: &Files, first_seq: u64, what: &str) {
    let judged = lenient(sample, files);
    let named = judged.damage.iter().filter_map(|one| one.seq_from).min();
    assert_eq!(named.map(Seq::get), Some(first_seq), "{what}: {:?}", judged.damage);
}

/// Verifies files whose records may be forged.
fn lenient(sample: &Sample, files: &Files) -> Judged {
    let shared: Arc<dyn Storage> = Arc::new(SimStorage::with_files(files, 3));
    let report = verify(&shared, STORE, genesis(), |_| ()).expect("a healthy disk");
    let missing = sample.history.submitted() - report.records;
    Judged {
        served: Vec::new(),
        missing: vec![0; missing as usize],
        damage: report.damage,
        torn: report.torn_tail,
        chain_head: report.chain_head,
    }
}
