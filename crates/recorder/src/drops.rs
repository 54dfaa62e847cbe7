//! Counts events that were let go, until the record says so.

use std::sync::Mutex;

use flightrec_events::Timestamp;

/// How many events were let go, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) count: u64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
}

/// Shared by the callers, who count, and the writer, who records.
#[derive(Debug, Default)]
pub(crate) struct DropCounter {
    /// What is not in the record yet.
    open: Mutex<Option<Dropped>>,
    total: std::sync::atomic::AtomicU64,
}

impl DropCounter {
    pub(crate) fn count(&self, events: u64, now: Timestamp) {
        self.total.fetch_add(events, std::sync::atomic::Ordering::Relaxed);
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let dropped = open.get_or_insert(Dropped { count: 0, first_at: now, last_at: now });
        dropped.count += events;
        dropped.last_at = now;
    }

    /// Takes what is not in the record yet.
    pub(crate) fn take(&self) -> Option<Dropped> {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// All events that were let go since the recorder was opened.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(std::sync::atomic::Ordering::Relaxed)
    }
}
