//! Small segments become one, so that a question looks into few.
//!
//! Of the newest segments so many are merged as keep each older one at least as large as what comes after it: an event is
//! written again a few times, however often little is sealed. What was merged stands in the old segments' place in one step.

use flightrec_archive::{ForgetNothing, RewriteError, SegmentEntry, rewrite};

use super::seal::{MAX_SEGMENT_EVENTS, SealError, Sealer};

impl Sealer {
    /// Merges the newest segments, if they are small and whole: what is damaged stays where it is. The caller has the
    /// turn.
    pub(super) fn merge_small(&self) -> Result<(), SealError> {
        match self.try_merge() {
            Err(SealError::Merge(RewriteError::Read(error))) if error.kind().is_some() => Ok(()),
            Err(SealError::Read(error)) if error.is_damage() => Ok(()),
            merged => merged,
        }
    }

    fn try_merge(&self) -> Result<(), SealError> {
        let view = self.log.view();
        let entries = view.manifest.segments();
        let small = &entries[first_to_merge(entries)..];
        if small.len() < 2 {
            return Ok(());
        }
        let storage = &**self.log.storage();
        let segments = small.iter().map(|entry| self.log.segment(entry)).collect::<Result<Vec<_>, _>>()?;
        let revision = view.manifest.next_generation();
        let merged = rewrite(storage, self.log.store(), &segments, revision, &mut ForgetNothing)?;
        let manifest = view.manifest.replacing(vec![merged]);
        manifest.commit(storage)?;
        self.log.install(manifest.clone(), &view.journal);
        Ok(manifest.settle(storage)?)
    }
}

/// Where the segments begin that become one: as many of the newest as fit, none of which is larger than those after it
/// together.
fn first_to_merge(entries: &[SegmentEntry]) -> usize {
    let mut first = entries.len();
    let mut events = 0;
    for (at, entry) in entries.iter().enumerate().rev() {
        let is_last = at + 1 == entries.len();
        if events + entry.events > MAX_SEGMENT_EVENTS || (!is_last && entry.events > events) {
            break;
        }
        events += entry.events;
        first = at;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use flightrec_journal::{ChainHash, Seq};

    fn entries(events: &[u64]) -> Vec<SegmentEntry> {
        let entry = |events: &u64| SegmentEntry {
            file: String::new(),
            first_seq: Seq::new(1),
            last_seq: Seq::new(1),
            revision: 0,
            events: *events,
            bytes: 0,
            sha256: [0; 32],
            tail_bytes: 0,
            tail_sha256: [0; 32],
            chain_start: ChainHash::from_bytes([0; 32]),
            chain_end: ChainHash::from_bytes([0; 32]),
        };
        events.iter().map(entry).collect()
    }

    #[test]
    fn the_newest_are_merged_until_one_is_larger_than_all_after_it() {
        let cases: [(&[u64], usize); 8] = [
            (&[], 0),
            (&[5], 0),
            (&[5, 5], 0),
            (&[9, 5], 1),
            (&[100, 9, 5, 5], 1),
            (&[100, 60, 30, 20, 10, 10], 0),
            (&[400_000, 200_000, 200_000], 1),
            (&[524_288, 1], 1),
        ];
        for (events, first) in cases {
            assert_eq!(first_to_merge(&entries(events)), first, "{events:?}");
        }
    }

    #[test]
    fn sealing_little_a_thousand_times_leaves_few_segments() {
        let mut sizes: Vec<u64> = Vec::new();
        let mut written = 0;
        for sealed in std::iter::repeat_n(100, 1_000) {
            sizes.push(sealed);
            let first = first_to_merge(&entries(&sizes));
            if first + 1 < sizes.len() {
                let merged = sizes.drain(first..).sum();
                written += merged;
                sizes.push(merged);
            }
        }
        assert!(sizes.len() <= 11, "{sizes:?}");
        assert!(written <= 100_000 * 10, "{written}");
    }
}
