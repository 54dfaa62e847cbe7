//! Letting go of segments whose records were taken elsewhere.

use std::io;

use crate::id::SegmentId;
use crate::layout::{DIR, list_segments, segment_path};
use crate::storage::{Storage, remove_if_there, sync_dir};

/// Removes the segments before `segment`, lowest first, and answers how many there were; durable when it returns.
///
/// To be called once the [`Origin`](crate::Origin) of `segment` is durably kept: a log whose first segments are gone can
/// be opened from there on only. A call that was cut short may be repeated, at any time; what it left is not looked at by
/// those who know the origin.
///
/// # Errors
///
/// What the storage says; the segments that are still there are the highest of those that were to go.
pub fn remove_before(storage: &dyn Storage, segment: SegmentId) -> io::Result<u64> {
    let ids = list_segments(storage, SegmentId::FIRST)?;
    let mut removed = 0;
    for id in ids.iter().filter(|id| **id < segment) {
        removed += u64::from(remove_if_there(storage, &segment_path(*id))?);
    }
    if !ids.is_empty() {
        // Also when nothing was left to remove: an earlier call may have been cut short before its sync.
        sync_dir(storage, DIR)?;
    }
    Ok(removed)
}
