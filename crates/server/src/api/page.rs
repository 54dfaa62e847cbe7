//! One page of a list, and the cursor that finds the next.
//!
//! A cursor holds the place of the last item that was given, and the next page begins after that place:
//! so what is recorded meanwhile neither shifts nor repeats what was given. To a client it is a word
//! without meaning; it is only good for the list and the order that it comes from.

use std::fmt::Write as _;

use serde::Serialize;

use super::Question;
use crate::options::MAX_PAGE_ITEMS;
use crate::problem::Problem;

/// The place of an item in its list. No two items have the same.
pub(super) trait Place: Ord + Sized {
    /// The parts of the place, as texts.
    fn parts(&self) -> Vec<String>;

    /// A place from its parts.
    fn from_parts(parts: &[String]) -> Option<Self>;
}

/// How many items a client wants at most.
pub(super) fn limit(question: &Question) -> Result<usize, Problem> {
    let limit = question.number("limit")?.unwrap_or(MAX_PAGE_ITEMS as u64);
    if (1..=MAX_PAGE_ITEMS as u64).contains(&limit) {
        Ok(limit as usize)
    } else {
        Err(Problem::parameter("limit", format!("expected 1 to {MAX_PAGE_ITEMS}; `next_cursor` leads to what follows")))
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The page that was asked for, of a whole list. `list` is its name with whatever its order depends on.
    pub(super) fn of<P: Place>(
        question: &Question,
        list: &str,
        items: Vec<T>,
        place: impl Fn(&T) -> P,
    ) -> Result<Self, Problem> {
        Self::within(question, list, items, place, |_| 0, 0)
    }

    /// The same, but a page ends before the item with which it would weigh more than `most`; it has one at least.
    pub(super) fn within<P: Place>(
        question: &Question,
        list: &str,
        mut items: Vec<T>,
        place: impl Fn(&T) -> P,
        weigh: impl Fn(&T) -> u64,
        most: u64,
    ) -> Result<Self, Problem> {
        let limit = limit(question)?;
        items.sort_by_cached_key(&place);
        let after = after::<P>(question, list)?;
        let begin = after.map_or(0, |after| items.partition_point(|item| place(item) <= after));
        let mut items = items.split_off(begin);
        let fitting = limit.min(light(items.iter().map(weigh), most));
        let has_more = items.len() > fitting;
        items.truncate(fitting);
        let next_cursor = items.last().filter(|_| has_more).map(|last| cursor(list, &place(last)));
        Ok(Self { items, next_cursor })
    }

    /// The items, and the cursor that finds what follows.
    pub(super) fn into_parts(self) -> (Vec<T>, Option<String>) {
        (self.items, self.next_cursor)
    }
}

/// How many items from the first on weigh no more than `most` together; one at least.
fn light(weights: impl Iterator<Item = u64>, most: u64) -> usize {
    let sums = weights.scan(0_u64, |sum, weight| {
        *sum = sum.saturating_add(weight);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= most).count().max(1)
}

/// The place that the client's cursor holds.
pub(super) fn after<P: Place>(question: &Question, list: &str) -> Result<Option<P>, Problem> {
    question.read("cursor", |text| {
        read_cursor(list, text).ok_or("not a cursor of this list in this order; leave it out to begin anew")
    })
}

/// A cursor at a place of a list.
pub(super) fn cursor(list: &str, place: &impl Place) -> String {
    let mut parts = vec![list.to_owned()];
    parts.extend(place.parts());
    let mut cursor = String::new();
    for byte in serde_json::json!(parts).to_string().bytes() {
        // Writing to a string does not fail.
        let _written = write!(cursor, "{byte:02x}").is_ok();
    }
    cursor
}

fn read_cursor<P: Place>(list: &str, cursor: &str) -> Option<P> {
    let digits: Vec<u8> = cursor.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (pairs, odd) = digits.as_chunks::<2>();
    let json: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    let parts: Vec<String> = serde_json::from_slice(&json).ok().filter(|_| odd.is_empty())?;
    let (name, place) = parts.split_first()?;
    P::from_parts(place).filter(|_| name == list)
}

#[cfg(test)]
mod tests {
    use super::super::places::{BySeq, ByStart};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_ends_before_it_gets_too_heavy_but_is_never_empty() {
        let of = |weights: &[u64], most| light(weights.iter().copied(), most);
        assert_eq!([of(&[3, 4, 5], 7), of(&[3, 4, 5], 12), of(&[9, 1], 7), of(&[u64::MAX, u64::MAX], 7)], [2, 3, 1, 1]);
        assert_eq!(of(&[0, 0, 0], 0), 3);
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let made = cursor("events", &BySeq(7));
        assert_eq!(read_cursor("events", &made), Some(BySeq(7)));
        assert_eq!(read_cursor::<BySeq>("messages", &made), None);
        assert_eq!(read_cursor::<ByStart>("events", &made), None);
    }

    #[test]
    fn a_damaged_cursor_is_refused_or_another_place_but_never_a_panic() {
        let made = cursor("events", &BySeq(1_234_567));
        for at in 0..made.len() {
            for c in ['0', 'f', 'x', '\u{e4}'] {
                let mut damaged: Vec<char> = made.chars().collect();
                damaged[at] = c;
                let damaged: String = damaged.into_iter().collect();
                let _any_answer = read_cursor::<BySeq>("events", &damaged);
            }
            assert_eq!(read_cursor::<BySeq>("events", &made[..at]), None);
        }
    }

    proptest! {
        #[test]
        fn places_survive_their_cursors(start in any::<Option<i64>>(), session in ".{0,20}", span in ".{0,20}") {
            let place = ByStart { start_us: start, session, span };
            prop_assert_eq!(read_cursor("spans", &cursor("spans", &place)), Some(place));
        }
    }
}
