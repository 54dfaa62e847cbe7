//! How much may be under way at once, between the input and the disk.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of input that are parsed and not yet answered, at most.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Counts bytes under way; whoever would go beyond the bound waits.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Mutex<usize>,
    changed: Condvar,
}

impl Window {
    /// Waits until there is room. A parcel larger than the whole window waits until it is alone.
    pub(crate) fn enter(&self, bytes: usize) {
        let mut under_way = self.hold();
        while *under_way > 0 && *under_way + bytes > MAX_BYTES {
            under_way = self.changed.wait(under_way).unwrap_or_else(PoisonError::into_inner);
        }
        *under_way += bytes;
    }

    /// Gives the room back.
    pub(crate) fn leave(&self, bytes: usize) {
        let mut under_way = self.hold();
        *under_way = under_way.saturating_sub(bytes);
        drop(under_way);
        self.changed.notify_one();
    }

    fn hold(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_than_the_bound_is_under_way() {
        let window = Window::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (tickets, parcels) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 0..200 {
                    let bytes = 1 + (i * 7_919) % (MAX_BYTES / 3);
                    window.enter(bytes);
                    most.fetch_max(now.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                    tickets.send(bytes).unwrap();
                }
                window.enter(2 * MAX_BYTES);
                assert_eq!(now.load(Ordering::SeqCst), 0, "a giant waits until it is alone");
                drop(tickets);
            });
            scope.spawn(|| {
                for bytes in parcels {
                    now.fetch_sub(bytes, Ordering::SeqCst);
                    window.leave(bytes);
                }
            });
        });
        assert!(most.load(Ordering::SeqCst) <= MAX_BYTES);
    }
}
