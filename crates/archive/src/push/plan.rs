//! What to put and what to remove: a pure function of what a store has and what is there.

use std::collections::HashMap;

use object_store::path::Path;

use super::source::Content;
use crate::entry::SegmentEntry;

/// An object that has to be at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) object: Path,
    pub(super) what: What,
    /// Whether an object of this name and length can only be this one: the manifest there names it with this digest,
    /// or its name is its digest.
    pub(super) is_vouched: bool,
}

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Segment(SegmentEntry),
    Artifact(Content),
}

impl Wanted {
    pub(super) const fn bytes(&self) -> u64 {
        match &self.what {
            What::Segment(entry) => entry.bytes,
            What::Artifact(content) => content.bytes,
        }
    }

    pub(super) const fn is_segment(&self) -> bool {
        match self.what {
            What::Segment(_) => true,
            What::Artifact(_) => false,
        }
    }
}

/// What is to be done. Artifacts come before segments: content is there before the events that name it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// To be put.
    pub(super) put: Vec<Wanted>,
    /// There by name and length; to be put unless it is there by content.
    pub(super) doubtful: Vec<Wanted>,
    /// There.
    pub(super) there: Vec<Wanted>,
    /// There, and not wanted: to be removed, once the new manifest is in force.
    pub(super) obsolete: Vec<Path>,
}

impl Plan {
    /// Compares what is wanted with the objects that are there and their lengths. With `verify` nothing is believed by
    /// its name.
    pub(super) fn new(wanted: Vec<Wanted>, mut there: HashMap<Path, u64>, verify: bool) -> Self {
        let mut plan = Self::default();
        let (segments, artifacts): (Vec<_>, Vec<_>) = wanted.into_iter().partition(Wanted::is_segment);
        for wanted in artifacts.into_iter().chain(segments) {
            let group = match there.remove(&wanted.object) {
                Some(bytes) if bytes == wanted.bytes() && wanted.is_vouched && !verify => &mut plan.there,
                Some(bytes) if bytes == wanted.bytes() => &mut plan.doubtful,
                Some(_) | None => &mut plan.put,
            };
            group.push(wanted);
        }
        plan.obsolete = there.into_keys().collect();
        plan.obsolete.sort_unstable();
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(name: u8, bytes: u64) -> Wanted {
        let what = What::Artifact(Content { sha256: [name; 32], bytes });
        Wanted { object: Path::from(format!("a/{name}")), what, is_vouched: true }
    }

    fn segment(name: u8, bytes: u64, is_vouched: bool) -> Wanted {
        use flightrec_journal::{ChainHash, Seq};
        let entry = SegmentEntry {
            file: SegmentEntry::file_name(Seq::new(1), Seq::new(2), 0),
            first_seq: Seq::new(1),
            last_seq: Seq::new(2),
            revision: 0,
            events: 2,
            bytes,
            sha256: [name; 32],
            tail_bytes: 1,
            tail_sha256: [0; 32],
            chain_start: ChainHash::from_bytes([0; 32]),
            chain_end: ChainHash::from_bytes([0; 32]),
        };
        Wanted { object: Path::from(format!("s/{name}")), what: What::Segment(entry), is_vouched }
    }

    #[test]
    fn what_is_there_whole_is_left_and_the_rest_is_put_artifacts_first() {
        let wanted =
            vec![segment(1, 10, true), segment(2, 10, false), segment(3, 10, true), artifact(4, 5), artifact(5, 5)];
        let there = [("s/1", 10), ("s/2", 10), ("s/3", 9), ("a/4", 5), ("s/9", 1), ("a/9", 1)];
        let there = || there.map(|(name, bytes)| (Path::from(name), bytes)).into_iter().collect();
        let names = |group: &[Wanted]| group.iter().map(|one| one.object.to_string()).collect::<Vec<_>>();
        let plan = Plan::new(wanted.clone(), there(), false);
        assert_eq!(names(&plan.put), ["a/5", "s/3"]);
        assert_eq!(names(&plan.doubtful), ["s/2"], "nobody vouches for it");
        assert_eq!(names(&plan.there), ["a/4", "s/1"]);
        assert_eq!(plan.obsolete, ["a/9", "s/9"].map(Path::from));
        let plan = Plan::new(wanted, there(), true);
        assert_eq!(names(&plan.put), ["a/5", "s/3"]);
        assert_eq!(names(&plan.doubtful), ["a/4", "s/1", "s/2"], "nothing is believed by its name");
        assert_eq!(names(&plan.there), [""; 0]);
    }
}
