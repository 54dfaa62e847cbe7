//! Reading several files at once, where the storage allows it.

use std::panic::resume_unwind;
use std::thread::{self, Builder};

use flightrec_journal::Storage;

/// The most that is done at once for one question.
const MOST: usize = 4;

/// How many files of a storage are read at once.
pub(crate) fn at_once(storage: &dyn Storage) -> usize {
    storage.readers().clamp(1, MOST)
}

/// Does something with each of a few things at once, the first of them on this thread; answers in their order.
pub(crate) fn side_by_side<T: Sync, R: Send>(things: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let act = &act;
    let Some((first, others)) = things.split_first() else { return Vec::new() };
    thread::scope(|scope| {
        let begin = |thing| Builder::new().spawn_scoped(scope, move || act(thing)).map_err(|_| thing);
        let others: Vec<_> = others.iter().map(begin).collect();
        let ended = others.into_iter().map(|other| match other {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // There are too many threads already.
            Err(thing) => act(thing),
        });
        std::iter::once(act(first)).chain(ended).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_in_the_order_of_the_things() {
        for count in 0..10 {
            let things: Vec<usize> = (0..count).collect();
            assert_eq!(side_by_side(&things, |thing| thing * 2), things.iter().map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_is_not_lost() {
        side_by_side(&[1, 2, 3], |n| assert!(*n < 3, "the third"));
    }
}
