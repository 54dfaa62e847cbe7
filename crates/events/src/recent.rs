//! Ids that were read lately. Of the events that somebody reads, most name the same few sessions, jobs and models: these
//! share one allocation, which is made once and not once an event.

use std::cell::RefCell;
use std::sync::Arc;

/// How many ids each thread remembers; an id has at most 256 bytes.
const SLOTS: usize = 64;

thread_local! {
    static RECENT: RefCell<[Option<Arc<str>>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// A text: the allocation in which this thread read it lately, or a new one.
pub(crate) fn shared(text: &str) -> Arc<str> {
    RECENT.with_borrow_mut(|recent| {
        let slot = &mut recent[slot_of(text.as_bytes())];
        match slot {
            Some(held) if **held == *text => Arc::clone(held),
            Some(_) | None => Arc::clone(slot.insert(text.into())),
        }
    })
}

/// Where a text is remembered: by its length, its beginning and its end, which differ where ids do.
fn slot_of(text: &[u8]) -> usize {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (number(text), 0),
    };
    let mixed = (head ^ tail.rotate_left(32) ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_it_was_and_shares_its_allocation_with_the_last_reading() {
        let texts = ["", "a", "coder", "01999a7b-0000-7000-8000-000000000001", "\u{fe0f}", &"long ".repeat(50)];
        for text in texts {
            let first = shared(text);
            assert_eq!(&*first, text);
            assert!(Arc::ptr_eq(&first, &shared(text)), "{text}");
        }
        for n in 0..10_000 {
            let text = format!("session-{n}");
            assert_eq!(&*shared(&text), text);
        }
    }

    #[test]
    fn ids_that_differ_anywhere_near_their_ends_spread_over_the_slots() {
        let of = |name: &dyn Fn(u32) -> String| {
            (0..1_000).map(|n| slot_of(name(n).as_bytes())).collect::<std::collections::HashSet<_>>().len()
        };
        assert!(of(&|n| n.to_string()) > SLOTS / 2);
        assert!(of(&|n| format!("WP-{n:03}")) > SLOTS / 2);
        assert!(of(&|n| format!("01999a7b-0000-7000-8000-{n:012x}")) > SLOTS / 2);
    }
}
