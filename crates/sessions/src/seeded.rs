//! Ids from a seed, so that a run repeats to the byte.

use std::sync::atomic::{AtomicU64, Ordering};

use flightrec_recorder::IdSource;

/// Draws the same ids in the same order for the same seed. For simulated runs alone: two runs with one seed draw one
/// set of ids.
#[derive(Debug)]
pub struct SeededIds(AtomicU64);

impl SeededIds {
    /// The ids of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn bits(&self) -> u64 {
        // One step of SplitMix64: a counter, well mixed.
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl IdSource for SeededIds {
    fn random(&self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_its_own_ids_every_time() {
        let draw = |seed| {
            let ids = SeededIds::new(seed);
            [(); 4].map(|()| ids.random())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
