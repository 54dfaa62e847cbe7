//! Which session an id stands for, and which session spawned which, where telemetry told so late.
//!
//! Spans arrive in any order, children mostly first. What is recorded before its session is known stands
//! under an id of its own, a stand-in; a later `session.linked` says whose part that is. A session is then
//! a group: its own id and every stand-in that leads to it. No event is changed, and no order matters:
//! of several links of one id the strongest evidence counts, then the earliest.

use std::collections::BTreeSet;

use flightrec_events::LinkEvidence;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

/// The longest chain of stand-ins that is followed. Spans nest a few dozen levels deep; only hostile
/// records hold longer chains.
const MAX_CHAIN: usize = 4_096;

/// The most parents that are remembered of one id: all but the earliest are doubts.
const MAX_PARENTS: usize = 16;

/// Where a stand-in belongs. Ordered: the smaller one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The trace alone tells it: no span or attribute does.
    pub(crate) is_guess: bool,
    pub(crate) at_us: i64,
    pub(crate) target: u32,
    /// The span that tells so, or the missing one that would.
    pub(crate) span: Option<[u8; 8]>,
}

impl Place {
    pub(crate) const fn new(evidence: LinkEvidence, at_us: i64, target: u32, span: Option<[u8; 8]>) -> Self {
        let is_guess = match evidence {
            LinkEvidence::Trace => true,
            LinkEvidence::Attribute | LinkEvidence::ParentSpan | LinkEvidence::SpanLink | LinkEvidence::ToolResult => {
                false
            }
        };
        Self { is_guess, at_us, target, span }
    }
}

/// All links, by the index of a session id in the projection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Places {
    part_of: FxHashMap<u32, Place>,
    /// The stand-ins that are directly part of an id.
    parts: FxHashMap<u32, BTreeSet<u32>>,
    /// Who is said to have spawned an id, earliest first.
    parents: FxHashMap<u32, BTreeSet<(i64, u32)>>,
    /// The ids that are said to be spawned by an id.
    spawned: FxHashMap<u32, BTreeSet<u32>>,
}

impl Places {
    /// Takes a link in. A link that would make an id part of itself counts for nothing.
    pub(crate) fn place(&mut self, id: u32, place: Place) {
        let held = self.part_of.get(&id).copied();
        if held.is_some_and(|held| held <= place) || self.root_of(place.target) == id || place.target == id {
            return;
        }
        if let Some(held) = held
            && let Some(parts) = self.parts.get_mut(&held.target)
        {
            parts.remove(&id);
        }
        self.parts.entry(place.target).or_default().insert(id);
        self.part_of.insert(id, place);
    }

    /// Remembers who is said to have spawned an id.
    pub(crate) fn spawn(&mut self, id: u32, parent: u32, at_us: i64) {
        let parents = self.parents.entry(id).or_default();
        parents.insert((at_us, parent));
        if parents.len() > MAX_PARENTS {
            parents.pop_last();
        }
        self.spawned.entry(parent).or_default().insert(id);
    }

    /// Whether nothing is linked: the common case of sessions that their host recorded itself.
    pub(crate) fn is_empty(&self) -> bool {
        self.part_of.is_empty() && self.parents.is_empty()
    }

    /// Where an id belongs, if it stands in for another.
    pub(crate) fn place_of(&self, id: u32) -> Option<&Place> {
        self.part_of.get(&id)
    }

    /// The id that an id stands for in the end; itself if it stands for none.
    pub(crate) fn root_of(&self, id: u32) -> u32 {
        let mut at = id;
        for _ in 0..MAX_CHAIN {
            match self.part_of.get(&at) {
                Some(place) => at = place.target,
                None => return at,
            }
        }
        at
    }

    /// Every id that stands for `root`, `root` first.
    pub(crate) fn group(&self, root: u32) -> Vec<u32> {
        let mut group = vec![root];
        let mut next = 0;
        while let Some(at) = group.get(next) {
            next += 1;
            if let Some(parts) = self.parts.get(at) {
                group.extend(parts);
            }
        }
        group
    }

    /// Whether other ids stand for this one.
    pub(crate) fn has_parts(&self, id: u32) -> bool {
        self.parts.get(&id).is_some_and(|parts| !parts.is_empty())
    }

    /// The session that is said to have spawned the group of `root`: the earliest that is not itself.
    fn first_parent(&self, root: u32) -> Option<(i64, u32)> {
        if self.parents.is_empty() {
            return None;
        }
        let said = self.group(root).into_iter().filter_map(|id| self.parents.get(&id)).flatten();
        said.map(|(at_us, parent)| (*at_us, self.root_of(*parent))).filter(|(_, parent)| *parent != root).min()
    }

    /// The session that spawned the group of `root`. Where sessions are nested in each other's spans in a
    /// circle, the link that was made last is the return, not the spawn.
    pub(crate) fn parent_of(&self, root: u32) -> Option<u32> {
        let (at_us, parent) = self.first_parent(root)?;
        let mut seen = FxHashSet::from_iter([root]);
        let mut at = parent;
        let mut last = (at_us, root);
        while seen.insert(at) {
            let Some((at_us, above)) = self.first_parent(at) else { return Some(parent) };
            last = last.max((at_us, at));
            at = above;
        }
        // Only a circle that runs through the session itself concerns it.
        (at != root || last.1 != root).then_some(parent)
    }

    /// The sessions that the group of `root` spawned.
    pub(crate) fn children_of(&self, root: u32) -> Vec<u32> {
        if self.spawned.is_empty() {
            return Vec::new();
        }
        let claimed: BTreeSet<u32> = self
            .group(root)
            .into_iter()
            .filter_map(|id| self.spawned.get(&id))
            .flatten()
            .map(|child| self.root_of(*child))
            .collect();
        claimed.into_iter().filter(|child| self.parent_of(*child) == Some(root)).collect()
    }

    /// Whether every index lies below `sessions`.
    pub(crate) fn is_sound(&self, sessions: usize) -> bool {
        let within = |id: &u32| (*id as usize) < sessions;
        self.part_of.iter().all(|(id, place)| within(id) && within(&place.target))
            && self.parts.iter().all(|(id, parts)| within(id) && parts.iter().all(within))
            && self.parents.iter().all(|(id, said)| within(id) && said.iter().all(|(_, parent)| within(parent)))
            && self.spawned.iter().all(|(id, spawned)| within(id) && spawned.iter().all(within))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(evidence: LinkEvidence, at_us: i64, target: u32) -> Place {
        Place::new(evidence, at_us, target, None)
    }

    #[test]
    fn the_strongest_evidence_counts_then_the_earliest() {
        let links = [
            place(LinkEvidence::Trace, 1, 7),
            place(LinkEvidence::ParentSpan, 9, 8),
            place(LinkEvidence::ParentSpan, 5, 9),
        ];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut places = Places::default();
            for at in order {
                places.place(1, links[at]);
            }
            assert_eq!(places.root_of(1), 9);
            assert_eq!((places.group(9), places.group(7), places.group(8)), (vec![9, 1], vec![7], vec![8]));
        }
    }

    #[test]
    fn nothing_is_part_of_itself() {
        let mut places = Places::default();
        places.place(1, place(LinkEvidence::Trace, 0, 1));
        places.place(1, place(LinkEvidence::Trace, 0, 2));
        places.place(2, place(LinkEvidence::ParentSpan, 0, 1));
        assert_eq!((places.root_of(1), places.root_of(2)), (2, 2));
    }

    #[test]
    fn a_session_that_is_entered_again_is_not_its_own_grandchild() {
        let mut places = Places::default();
        places.spawn(2, 1, 10); // 1 spawned 2,
        places.spawn(1, 2, 20); // and 2 called 1 back.
        assert_eq!((places.parent_of(1), places.parent_of(2)), (None, Some(1)));
        assert_eq!((places.children_of(1), places.children_of(2)), (vec![2], vec![]));
    }

    #[test]
    fn a_stand_in_speaks_for_its_session() {
        let mut places = Places::default();
        places.spawn(3, 1, 10);
        places.place(1, place(LinkEvidence::ParentSpan, 0, 2));
        assert_eq!((places.parent_of(3), places.children_of(2)), (Some(2), vec![3]));
    }

    proptest! {
        #[test]
        fn no_order_of_links_matters(
            links in proptest::collection::vec((0_u32..8, any::<bool>(), 0_i64..4, 8_u32..12), 1..12),
            rotate in 0_usize..12,
        ) {
            let fold = |links: &[(u32, bool, i64, u32)]| {
                let mut places = Places::default();
                for (id, guess, at, target) in links {
                    let evidence = if *guess { LinkEvidence::Trace } else { LinkEvidence::ParentSpan };
                    places.place(*id, place(evidence, *at, *target));
                    places.spawn(*id, target + 4, *at);
                }
                (0..16).map(|id| (places.root_of(id), places.group(id), places.parent_of(id))).collect::<Vec<_>>()
            };
            let mut turned = links.clone();
            turned.rotate_left(rotate % links.len());
            turned.reverse();
            prop_assert_eq!(fold(&links), fold(&turned));
        }
    }
}
