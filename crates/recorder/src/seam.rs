//! The seams through which time and chance come in, so that a run can be repeated byte for byte.

use std::cell::Cell;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher};

use flightrec_events::{EventId, SpanId, Timestamp, TraceId};

/// Tells the time.
pub trait Clock: Send + Sync + Debug {
    /// The present time, which may jump in either direction.
    fn now(&self) -> Timestamp;
}

/// Makes identities.
pub trait IdSource: Send + Sync + Debug {
    /// 128 bits that nobody else has drawn.
    fn random(&self) -> u128;

    /// An event id of version 7.
    fn event_id(&self, now: Timestamp) -> EventId {
        EventId::v7(u64::try_from(now.as_micros() / 1000).unwrap_or(0), self.random())
    }

    /// A span id.
    fn span_id(&self) -> SpanId {
        SpanId::from_bytes(((self.random() as u64) | 1).to_be_bytes()).expect("its last bit is set")
    }

    /// A trace id.
    fn trace_id(&self) -> TraceId {
        TraceId::from_bytes((self.random() | 1).to_be_bytes()).expect("its last bit is set")
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(since.as_micros() as i64).unwrap_or_default()
    }
}

/// Chance from the operating system: each thread draws a seed once and goes on from there.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

thread_local! {
    static STATE: Cell<(u64, u64)> = Cell::new((system_seed(), system_seed()));
}

/// 64 bits that the standard library takes from the operating system.
fn system_seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

impl IdSource for SystemIds {
    fn random(&self) -> u128 {
        STATE.with(|state| {
            let (mut a, mut b) = state.get();
            let bits = u128::from(split_mix(&mut a)) << 64 | u128::from(split_mix(&mut b));
            state.set((a, b));
            bits
        })
    }
}

/// One step of SplitMix64: a counter, well mixed, so that no state repeats within 2^64 steps.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_do_not_repeat_and_carry_the_time() {
        let ids: HashSet<EventId> = (0..10_000).map(|_| SystemIds.event_id(SystemClock.now())).collect();
        assert_eq!(ids.len(), 10_000);
        let text = SystemIds.event_id(Timestamp::from_micros(1_700_000_000_000_000).unwrap()).to_string();
        assert!(text.starts_with("018bcfe5-6800-7"), "{text}");
    }
}
