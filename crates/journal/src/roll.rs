//! Making segments: ahead of need, in place, and sealed at their end.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::chain::ChainHash;
use crate::error::{IoContext, IoFailure};
use crate::format::{FormatVersion, SegmentHeader};
use crate::frame::{Codec, FRAME_HEADER_BYTES, FrameHeader, FrameKind, Place};
use crate::id::{SegmentId, Seq, StoreId};
use crate::layout::{DIR, SPARE_PATH, segment_path};
use crate::recovery::write_zeros;
use crate::sabotage::{Sabotage, sabotaged};
use crate::storage::{Storage, StorageFile, remove_if_there, sync_dir};

/// Zeros are written and synced in steps of this size: a sync of the active segment, which may have to wait for them,
/// never waits for more.
const ZERO_STEP_BYTES: u64 = 1 << 20;

/// Where the next segment is made ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepare {
    /// On a thread of its own, so that no append waits for it.
    Background,
    /// Within the append that makes it necessary: the same calls in the same order every time.
    Inline,
}

/// Fills `file` with zeros up to `until` bytes, durably.
pub(crate) fn extend(file: &dyn StorageFile, until: u64) -> io::Result<()> {
    let mut len = file.len()?;
    while len < until {
        let next = until.min(len + ZERO_STEP_BYTES);
        write_zeros(file, len, next)?;
        file.sync_data()?;
        len = next;
    }
    Ok(())
}

type SpareResult = Result<Spare, IoFailure>;

/// A segment file without a header: zeros, synced.
#[derive(Debug)]
pub(crate) struct Spare {
    file: Arc<dyn StorageFile>,
    bytes: u64,
}

fn make_spare(storage: &dyn Storage, bytes: u64) -> SpareResult {
    remove_if_there(storage, SPARE_PATH).context("remove", SPARE_PATH)?;
    let file = storage.create(SPARE_PATH).context("create", SPARE_PATH)?;
    extend(&*file, bytes).context("fill", SPARE_PATH)?;
    Ok(Spare { file, bytes })
}

/// Makes the next segment while the present one fills.
#[derive(Debug)]
pub(crate) struct Preparer {
    storage: Arc<dyn Storage>,
    mode: Prepare,
    state: Preparation,
}

#[derive(Debug)]
enum Preparation {
    None,
    Running(JoinHandle<SpareResult>),
    Done(SpareResult),
}

impl Preparer {
    pub(crate) fn new(storage: Arc<dyn Storage>, mode: Prepare) -> Self {
        Self { storage, mode, state: Preparation::None }
    }

    /// Begins to make a spare of `bytes`, unless one is there or under way. A failure shows when it is taken.
    pub(crate) fn begin(&mut self, bytes: u64) {
        if !matches!(self.state, Preparation::None) {
            return;
        }
        let storage = Arc::clone(&self.storage);
        let work = move || make_spare(&*storage, bytes);
        self.state = match self.mode {
            Prepare::Inline => Preparation::Done(work()),
            Prepare::Background => {
                let builder = thread::Builder::new().name("flightrec-segment".to_owned());
                // Without a thread the spare is made when it is needed.
                builder.spawn(work).map_or(Preparation::None, Preparation::Running)
            }
        };
    }

    fn finish(&mut self) -> Option<SpareResult> {
        match std::mem::replace(&mut self.state, Preparation::None) {
            Preparation::None => None,
            Preparation::Done(result) => Some(result),
            // A panic there is a failure to prepare: the spare is made again when it is needed.
            Preparation::Running(work) => work.join().ok(),
        }
    }

    /// Takes the spare, of at least `bytes`. One that could not be made ahead is made now, from nothing.
    pub(crate) fn take(&mut self, bytes: u64) -> SpareResult {
        match self.finish() {
            Some(Ok(spare)) => {
                extend(&*spare.file, bytes).context("fill", SPARE_PATH)?;
                Ok(Spare { bytes: bytes.max(spare.bytes), ..spare })
            }
            Some(Err(_)) | None => make_spare(&*self.storage, bytes),
        }
    }

    /// Throws a spare away.
    pub(crate) fn discard(&mut self) -> Result<(), IoFailure> {
        if self.finish().is_some() {
            remove_if_there(&*self.storage, SPARE_PATH).context("remove", SPARE_PATH)?;
        }
        Ok(())
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        // The thread must not outlive the writer: the next one may be at the same files.
        drop(self.finish());
    }
}

/// Turns a spare into a segment: its header is durable before it has its name, and the name before this returns.
pub(crate) fn install(
    storage: &dyn Storage,
    spare: &Spare,
    mut header: SegmentHeader,
) -> Result<(Arc<dyn StorageFile>, u64), IoFailure> {
    header.capacity = header.capacity.max(spare.bytes);
    header.version = FormatVersion::CURRENT;
    let path = segment_path(header.segment);
    crate::storage::write_all_at(&*spare.file, &header.encode(), 0).context("write", SPARE_PATH)?;
    spare.file.sync_data().context("sync", SPARE_PATH)?;
    storage.rename(SPARE_PATH, &path).context("name", &path)?;
    sync_dir(storage, DIR).context("sync", DIR)?;
    Ok((Arc::clone(&spare.file), header.capacity))
}

/// An end marker for this place: it holds no record, and leaves the chain where it is.
pub(crate) fn marker(kind: FrameKind, place: Place, next_seq: Seq, durable_seq: u64, head: ChainHash) -> Vec<u8> {
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    let mut header = FrameHeader {
        kind,
        codec: Codec::Raw,
        payload_len: 0,
        raw_len: 0,
        count: 0,
        first_seq: next_seq,
        durable_seq,
        stamp_us: 0,
        prev: head,
        link: head,
        digest: [0; 32],
    };
    header.seal(place, &mut bytes);
    bytes
}

/// Seals a segment whose successor is in place: everything durable, then the marker (unless it is there already), and
/// only when that is durable too is the file cut to its exact length. So a file without zeros at its end is complete.
pub(crate) fn seal(
    file: &dyn StorageFile,
    store: StoreId,
    segment: SegmentId,
    used: u64,
    missing_marker: Option<(Seq, ChainHash)>,
) -> Result<(), IoFailure> {
    let path = segment_path(segment);
    let mut end = used;
    if let Some((next_seq, head)) = missing_marker {
        if !sabotaged(Sabotage::NoSealSync) {
            file.sync_data().context("sync", &path)?;
        }
        let place = Place { store, segment, offset: used };
        let durable = next_seq.get() - 1;
        let bytes = marker(FrameKind::Roll, place, next_seq, durable, head);
        crate::storage::write_all_at(file, &bytes, used).context("write", &path)?;
        end += bytes.len() as u64;
    }
    if !sabotaged(Sabotage::NoSealSync) {
        file.sync_data().context("sync", &path)?;
    }
    file.set_len(end).context("cut", &path)?;
    if sabotaged(Sabotage::NoSealSync) { Ok(()) } else { file.sync_data().context("sync", &path) }
}
