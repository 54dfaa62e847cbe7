//! Which rows, in which order: children below their parents, or a flat list.

use std::cmp::{Ordering, Reverse};

use flightrec_events::{State, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::picture::{Picture, Row};
use crate::args::TopSort;

/// What is wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) sort: TopSort,
    /// Whether the order is turned around.
    pub(super) is_turned: bool,
    pub(super) is_tree: bool,
    pub(super) with_ended: bool,
    /// What has to stand in a row, in lower case; everything passes an empty one.
    pub(super) words: String,
}

/// A row in its place.
#[derive(Debug)]
pub(super) struct Placed<'p> {
    pub(super) row: &'p Row,
    /// The lines that lead to it in a tree.
    pub(super) branch: String,
}

/// The rows that are wanted, in their order.
pub(super) fn placed<'p>(picture: &'p Picture, wanted: &Wanted) -> Vec<Placed<'p>> {
    let rows = &picture.rows;
    let passes = |row: &Row| (wanted.with_ended || !row.session.state.is_terminal()) && holds(row, &wanted.words);
    let mut ranked: Vec<usize> = (0..rows.len()).collect();
    if wanted.is_tree {
        let forest = Forest::of(rows);
        // A row whose descendant passes stays, so that the branch is whole.
        let kept = forest.with_ancestors((0..rows.len()).filter(|at| passes(&rows[*at])));
        let best = forest.best(rows);
        let by = |a: &usize, b: &usize| {
            by_rank(wanted, best[*a], best[*b]).then_with(|| compare(wanted, &rows[*a], &rows[*b], picture.now))
        };
        ranked.sort_by(by);
        return forest.walk(&ranked, &kept).map(|(at, branch)| Placed { row: &rows[at], branch }).collect();
    }
    ranked.retain(|at| passes(&rows[*at]));
    ranked.sort_by(|a, b| compare(wanted, &rows[*a], &rows[*b], picture.now));
    ranked.into_iter().map(|at| Placed { row: &rows[at], branch: String::new() }).collect()
}

/// Whether the words stand in a row, as it is shown.
fn holds(row: &Row, words: &str) -> bool {
    let session = &row.session;
    let texts = [&session.role, &session.model_id, &session.wp_id, &session.label, &session.provider];
    words.is_empty()
        || std::iter::once(&*session.session_id)
            .chain(texts.into_iter().flatten().map(|text| &**text))
            .chain([session.state.as_str(), row.doing.what.as_str()])
            .any(|text| text.to_lowercase().contains(words))
}

/// At work first, ended last.
const fn rank(state: State) -> u8 {
    match state {
        State::Active => 0,
        State::Blocked => 1,
        State::Paused => 2,
        State::Created => 3,
        State::Completed | State::Failed | State::Cancelled => 4,
    }
}

/// In a tree a session stands where the liveliest below it would.
fn by_rank(wanted: &Wanted, a: u8, b: u8) -> Ordering {
    let order = if wanted.sort == TopSort::State { a.cmp(&b) } else { Ordering::Equal };
    if wanted.is_turned { order.reverse() } else { order }
}

fn compare(wanted: &Wanted, a: &Row, b: &Row, now: Timestamp) -> Ordering {
    // What is unknown comes last, either way.
    let text = |text: fn(&Row) -> &Option<std::sync::Arc<str>>| {
        text(a).is_none().cmp(&text(b).is_none()).then_with(|| turned(wanted, text(a).cmp(text(b))))
    };
    let number = |number: &dyn Fn(&Row) -> Option<i128>| {
        let (a, b) = (number(a), number(b));
        a.is_none().cmp(&b.is_none()).then_with(|| turned(wanted, b.cmp(&a)))
    };
    let order = match wanted.sort {
        TopSort::State => turned(wanted, rank(a.session.state).cmp(&rank(b.session.state))),
        TopSort::Session => turned(wanted, a.session.session_id.cmp(&b.session.session_id)),
        TopSort::Role => text(|row| &row.session.role),
        TopSort::Model => text(|row| &row.session.model_id),
        TopSort::Wp => text(|row| &row.session.wp_id),
        TopSort::Age => number(&|row| row.age_us(now).map(i128::from)),
        TopSort::Tokens => number(&|row| Some(row.session.tokens.total.into())),
        TopSort::Cost => number(&|row| i128::try_from(row.session.cost.own_nanos).ok()),
        TopSort::Inclusive => number(&|row| i128::try_from(row.session.cost.inclusive_nanos).ok()),
        TopSort::Doing => number(&|row| row.doing.age_us(now).map(i128::from)),
    };
    let latest = |row: &Row| Reverse(row.session.updated_at);
    order.then_with(|| latest(a).cmp(&latest(b))).then_with(|| a.session.session_id.cmp(&b.session.session_id))
}

fn turned(wanted: &Wanted, order: Ordering) -> Ordering {
    if wanted.is_turned { order.reverse() } else { order }
}

/// Who is whose parent, by their places.
struct Forest {
    parents: Vec<Option<usize>>,
}

impl Forest {
    fn of(rows: &[Row]) -> Self {
        let places: FxHashMap<&str, usize> =
            rows.iter().enumerate().map(|(at, row)| (&*row.session.session_id, at)).collect();
        let parent = |row: &Row| places.get(row.session.parent_session_id.as_deref()?).copied();
        let mut forest = Self { parents: rows.iter().map(parent).collect() };
        // Sessions that claim to have spawned each other: the first of them stands on top.
        for at in 0..rows.len() {
            if forest.above(at).any(|above| above == at) {
                forest.parents[at] = None;
            }
        }
        forest
    }

    /// All above one, the nearest first; it ends where it would come back to one that it had.
    fn above(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let mut seen = FxHashSet::default();
        std::iter::successors(self.parents[at], |at| self.parents[*at]).take_while(move |at| seen.insert(*at))
    }

    fn with_ancestors(&self, rows: impl Iterator<Item = usize>) -> Vec<bool> {
        let mut kept = vec![false; self.parents.len()];
        for row in rows {
            kept[row] = true;
            for above in self.above(row) {
                if std::mem::replace(&mut kept[above], true) {
                    break;
                }
            }
        }
        kept
    }

    /// The best rank of each and all below it.
    fn best(&self, rows: &[Row]) -> Vec<u8> {
        let mut best: Vec<u8> = rows.iter().map(|row| rank(row.session.state)).collect();
        for (at, row) in rows.iter().enumerate() {
            let own = rank(row.session.state);
            self.above(at).for_each(|above| best[above] = best[above].min(own));
        }
        best
    }

    /// The kept rows, parents before children, siblings as they are ranked, without recursion.
    fn walk(&self, ranked: &[usize], kept: &[bool]) -> impl Iterator<Item = (usize, String)> {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.parents.len()];
        let mut stack = Vec::new();
        for at in ranked.iter().copied().filter(|at| kept[*at]) {
            match self.parents[at] {
                Some(parent) => children[parent].push(at),
                None => stack.push((at, String::new(), String::new())),
            }
        }
        stack.reverse();
        std::iter::from_fn(move || {
            let (at, branch, below) = stack.pop()?;
            let own = std::mem::take(&mut children[at]);
            let last = own.len().saturating_sub(1);
            for (i, child) in own.into_iter().enumerate().rev() {
                let (fork, line) = if i == last { ("└ ", "  ") } else { ("├ ", "│ ") };
                stack.push((child, format!("{below}{fork}"), format!("{below}{line}")));
            }
            Some((at, branch))
        })
    }
}
