//! A token bucket in whole numbers.

use flightrec_events::Timestamp;

/// One unit of a bucket is a part of a token so small that every microsecond brings a whole number of them.
const PARTS: i128 = 60_000_000;

/// So much per minute, refilled evenly, at most one minute's worth at once. Exact to the microsecond.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    per_minute: i128,
    /// In parts; below zero after more was used than there was.
    level: i128,
    as_of: Option<Timestamp>,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(per_minute: u64) -> Self {
        let per_minute = i128::from(per_minute);
        Self { per_minute, level: per_minute * PARTS, as_of: None }
    }

    /// Refills up to `now`; an earlier time than before changes nothing.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let as_of = self.as_of.map_or(now, |before| before.max(now));
        let passed_us = self.as_of.map_or(0, |before| i128::from(as_of.micros_since(before)));
        self.level = (self.level + self.per_minute * passed_us).min(self.capacity());
        self.as_of = Some(as_of);
    }

    /// Microseconds from the last refill until `amount` can be taken: zero if now, [`u64::MAX`] if never. What is
    /// larger than the bucket can be taken when it is full.
    pub(super) fn wait_us(&self, amount: u64) -> u64 {
        let missing = (i128::from(amount) * PARTS).min(self.capacity()) - self.level;
        if self.per_minute == 0 {
            return u64::MAX;
        }
        u64::try_from((missing.max(0) + self.per_minute - 1) / self.per_minute).unwrap_or(u64::MAX)
    }

    /// Takes an amount, whatever is left.
    pub(super) fn take(&mut self, amount: u64) {
        self.level = self.level.saturating_sub(i128::from(amount) * PARTS);
    }

    /// Gives an amount back, as far as there is room.
    pub(super) fn give_back(&mut self, amount: u64) {
        self.level = self.level.saturating_add(i128::from(amount) * PARTS).min(self.capacity());
    }

    /// What can be taken now, in whole tokens.
    pub(super) fn left(&self) -> u64 {
        u64::try_from(self.level.max(0) / PARTS).unwrap_or(u64::MAX)
    }

    /// What comes in a minute.
    pub(super) fn per_minute(&self) -> u64 {
        u64::try_from(self.per_minute).unwrap_or(u64::MAX)
    }

    fn capacity(&self) -> i128 {
        self.per_minute * PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(us: i64) -> Timestamp {
        Timestamp::from_micros(us).unwrap()
    }

    fn bucket(per_minute: u64) -> Bucket {
        let mut bucket = Bucket::new(per_minute);
        bucket.advance(at(0));
        bucket
    }

    #[test]
    fn waits_are_exact_to_the_microsecond() {
        // (per minute, taken at once, asked for, wait in microseconds)
        let table = [
            (60, 0, 1, 0),
            (60, 60, 1, 1_000_000),
            (60, 59, 1, 0),
            (7, 7, 1, 8_571_429),
            (7, 7, 7, 60_000_000),
            (7, 7, 8, 60_000_000),
            (7, 0, 1_000, 0),
            (7, 14, 7, 120_000_000),
            (0, 0, 1, u64::MAX),
            (1, u64::MAX, 1, u64::MAX),
            (60_000_000, 60_000_000, 1, 1),
            (120_000_000, 120_000_000, 1, 1),
            (120_000_000, 120_000_000, 3, 2),
        ];
        for (per_minute, taken, asked, wait_us) in table {
            let mut bucket = bucket(per_minute);
            bucket.take(taken);
            assert_eq!(bucket.wait_us(asked), wait_us, "{asked} after {taken} of {per_minute}");
        }
    }

    #[test]
    fn it_never_holds_more_than_a_minute() {
        let mut bucket = bucket(10);
        bucket.take(4);
        bucket.give_back(100);
        bucket.advance(at(i64::from(i32::MAX) * 1_000_000));
        assert_eq!((bucket.left(), bucket.wait_us(10)), (10, 0));
        bucket.take(10);
        assert_eq!(bucket.left(), 0);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_twice() {
        let mut bucket = bucket(60);
        bucket.take(60);
        bucket.advance(at(1_000_000));
        bucket.advance(at(0));
        bucket.advance(at(1_000_000));
        assert_eq!(bucket.left(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn how_often_it_is_refilled_changes_nothing(
            per_minute in 1..100_000u64, taken in 0..300_000u64, asked in 1..200_000u64,
            steps in prop::collection::vec(0..3_000_000i64, 0..20),
        ) {
            let (mut often, mut once) = (bucket(per_minute), bucket(per_minute));
            often.take(taken);
            once.take(taken);
            let wait_us = once.wait_us(asked);
            let mut now = 0;
            for step in steps {
                now += step;
                often.advance(at(now));
                let left_us = wait_us.saturating_sub(now as u64);
                prop_assert_eq!(often.wait_us(asked), left_us, "the end of a wait does not move");
            }
            once.advance(at(now));
            prop_assert_eq!(often.level, once.level);
        }
    }
}
