//! Whose turn it is: shares between lanes, and the order within one.
// tidy: no-wildcard

use flightrec_events::Lane;

use super::job::JobKey;
use crate::limits::LaneWeights;

/// How many dispatches of its lane make a waiting job one priority better against those that come later.
///
/// So a job of the default priority 50 goes before one of priority 0 that comes 800 dispatches after it, and the
/// worst priority gives way for at most 4,080 dispatches and whatever waits by then.
pub(super) const DISPATCHES_PER_PRIORITY: u64 = 16;

/// All lanes, in the order in which they go first where nothing else decides.
pub(super) const LANES: [Lane; 4] = [Lane::Primary, Lane::Subagent, Lane::Validation, Lane::Background];

/// One of something for each lane.
#[derive(Debug, Clone, Default)]
pub(super) struct PerLane<T>([T; 4]);

impl<T> PerLane<T> {
    pub(super) fn get(&self, lane: Lane) -> &T {
        &self.0[slot(lane)]
    }

    pub(super) fn get_mut(&mut self, lane: Lane) -> &mut T {
        &mut self.0[slot(lane)]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

const fn slot(lane: Lane) -> usize {
    match lane {
        Lane::Primary => 0,
        Lane::Subagent => 1,
        Lane::Validation => 2,
        Lane::Background => 3,
    }
}

/// A job's place in its lane: the least goes first. It is drawn once, when the job is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// The lane's dispatches when the job came, and its priority in dispatches.
    due: u64,
    arrival: u64,
    pub(super) key: JobKey,
}

/// Start-time fair queueing: each dispatch moves its lane on in virtual time by the inverse of its weight, and the
/// lane that is least far goes next.
///
/// The unit of virtual time is such that every stride is a whole number: the product of the other lanes' weights.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    shares: PerLane<Share>,
    /// Where the last dispatch began. A lane starts no earlier, so one that was idle has no credit.
    virtual_time: u128,
    dispatches: u64,
    arrivals: u64,
}

#[derive(Debug, Clone, Default)]
struct Share {
    stride: u128,
    next_start: u128,
    dispatches: u64,
    /// The number of its last dispatch among those of all lanes: of two that are equally far, the longer unserved goes.
    last_served: u64,
}

impl Lanes {
    /// A weight of 0 counts as 1.
    pub(super) fn new(weights: &LaneWeights) -> Self {
        let mut shares = PerLane::<Share>::default();
        for lane in LANES {
            let others = LANES.into_iter().filter(|other| *other != lane);
            shares.get_mut(lane).stride = others.map(|other| u128::from(weights.of(other).max(1))).product();
        }
        Self { shares, virtual_time: 0, dispatches: 0, arrivals: 0 }
    }

    /// The place of a job that comes now.
    pub(super) fn draw_turn(&mut self, lane: Lane, priority: u8, key: JobKey) -> Turn {
        self.arrivals += 1;
        let due = self.shares.get(lane).dispatches + u64::from(priority) * DISPATCHES_PER_PRIORITY;
        Turn { due, arrival: self.arrivals, key }
    }

    /// The lane that goes next among those that have a job which could go.
    pub(super) fn next(&self, could_go: impl Fn(Lane) -> bool) -> Option<Lane> {
        LANES.into_iter().filter(|lane| could_go(*lane)).min_by_key(|lane| {
            let share = self.shares.get(*lane);
            (share.next_start.max(self.virtual_time), share.last_served)
        })
    }

    /// Counts a dispatch.
    pub(super) fn dispatched(&mut self, lane: Lane) {
        self.dispatches += 1;
        let share = self.shares.get_mut(lane);
        self.virtual_time = share.next_start.max(self.virtual_time);
        share.next_start = self.virtual_time.saturating_add(share.stride);
        share.dispatches += 1;
        share.last_served = self.dispatches;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weights(of: [u32; 4]) -> LaneWeights {
        let [primary, subagent, validation, background] = of;
        LaneWeights { primary, subagent, validation, background }
    }

    fn serve(lanes: &mut Lanes, could_go: impl Fn(Lane) -> bool) -> Lane {
        let lane = lanes.next(could_go).unwrap();
        lanes.dispatched(lane);
        lane
    }

    #[test]
    fn a_lane_that_was_idle_has_no_credit() {
        let mut lanes = Lanes::new(&weights([1, 1, 1, 1]));
        for _ in 0..100 {
            assert_eq!(serve(&mut lanes, |lane| lane == Lane::Primary), Lane::Primary);
        }
        let next: Vec<Lane> = (0..4).map(|_| serve(&mut lanes, |lane| lane != Lane::Validation)).collect();
        assert_eq!(next, [Lane::Subagent, Lane::Background, Lane::Primary, Lane::Subagent]);
    }

    #[test]
    fn a_lane_that_can_go_only_now_and_then_gets_its_turn() {
        let mut lanes = Lanes::new(&weights([8, 4, 2, 1]));
        let mut background = 0;
        for round in 0..1_000 {
            let lane = serve(&mut lanes, |lane| lane != Lane::Background || round % 3 == 0);
            background += u32::from(lane == Lane::Background);
        }
        assert!((60..=70).contains(&background), "{background} of 1000, a fifteenth is 67");
    }

    #[test]
    fn a_weight_of_nothing_counts_as_one() {
        let mut lanes = Lanes::new(&weights([0, 1, 0, 0]));
        let primary = (0..100).filter(|_| serve(&mut lanes, |_| true) == Lane::Primary).count();
        assert_eq!(primary, 25);
    }

    #[test]
    fn the_order_within_a_lane() {
        let mut lanes = Lanes::new(&weights([1, 1, 1, 1]));
        let low = lanes.draw_turn(Lane::Primary, 2, JobKey(9));
        let high = lanes.draw_turn(Lane::Primary, 0, JobKey(8));
        let high_later = lanes.draw_turn(Lane::Primary, 0, JobKey(7));
        assert!(high < high_later && high_later < low);
        for _ in 0..DISPATCHES_PER_PRIORITY * 2 - 1 {
            lanes.dispatched(Lane::Primary);
        }
        assert!(lanes.draw_turn(Lane::Primary, 0, JobKey(1)) < low, "still more urgent");
        lanes.dispatched(Lane::Primary);
        assert!(lanes.draw_turn(Lane::Primary, 0, JobKey(1)) > low, "the old one has waited long enough");
        assert!(lanes.draw_turn(Lane::Subagent, 0, JobKey(1)) < low, "dispatches of other lanes do not count");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn lanes_that_always_wait_share_by_weight(of in [1..50u32, 1..50u32, 1..50u32, 1..50u32], rounds in 1..4_000u64) {
            let weights = weights(of);
            let mut lanes = Lanes::new(&weights);
            for _ in 0..rounds {
                serve(&mut lanes, |_| true);
            }
            let total: u64 = of.iter().map(|weight| u64::from(*weight)).sum();
            for lane in LANES {
                let weight = u64::from(weights.of(lane));
                let served = lanes.shares.get(lane).dispatches;
                // Each lane is ahead or behind by at most one dispatch of its own and a share of the others'.
                let (expected, slack) = (rounds * weight, total + 4 * weight);
                prop_assert!((served * total).abs_diff(expected) <= slack, "{lane}: {served} of {rounds}, {of:?}");
            }
        }
    }
}
