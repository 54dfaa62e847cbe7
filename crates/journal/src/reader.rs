//! Reading a log, also while another process writes it.

use std::sync::Arc;

use crate::block::{Block, BlockRef};
use crate::cursor::Cursor;
use crate::damage::{Damage, DamageKind};
use crate::error::{IoContext, OpenError, ReadError};
use crate::format::FormatVersion;
use crate::frame::{FRAME_HEADER_BYTES, FrameKind};
use crate::id::{SegmentId, Seq, StoreId};
use crate::layout::{DIR, list_segments, segment_path};
use crate::log_walk::LogWalk;
use crate::origin::Origin;
use crate::payload::Decoder;
use crate::segment::{Found, Head, SegmentFile, open_segment};
use crate::storage::{Access, Storage};

/// Reads a log from its [`Origin`] on; never writes, takes no lock, and works on read-only media.
///
/// It sees what is written, which may be more than what is durable.
#[derive(Clone, Debug)]
pub struct Reader {
    storage: Arc<dyn Storage>,
    store: StoreId,
    origin: Origin,
}

/// One segment, by its name and first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub id: SegmentId,
    /// The seq of its first record, also when there is none yet; `None` when its header is damaged.
    pub first_seq: Option<Seq>,
    /// A later segment exists: nothing more is written to this one.
    pub sealed: bool,
    /// The length of the file, in bytes.
    pub len: u64,
}

impl Reader {
    /// Opens the log of `store` for reading; a log that is not there yet is empty.
    ///
    /// # Errors
    ///
    /// [`OpenError::NewerFormat`] when a later release wrote it, [`OpenError::ForeignStore`] when all of it belongs to
    /// another store.
    pub fn open(storage: Arc<dyn Storage>, store: StoreId, origin: Origin) -> Result<Self, OpenError> {
        let ids = list_segments(&*storage, origin.segment).context("list", DIR)?;
        let mut foreign = None;
        for id in ids.iter().rev() {
            let (_, head) = open_segment(&*storage, store, *id, Access::Read)?;
            let path = segment_path(*id);
            match head {
                Head::Unreadable(found) => {
                    let newest_read = FormatVersion::CURRENT;
                    return Err(OpenError::NewerFormat { path, found, newest_read });
                }
                Head::Foreign(found) => {
                    let error = OpenError::ForeignStore { path, found, expected: store };
                    foreign = foreign.or(Some(error));
                }
                Head::Good(_) | Head::Bad(_) | Head::Misplaced(_) => return Ok(Self { storage, store, origin }),
            }
        }
        foreign.map_or(Ok(Self { storage, store, origin }), Err)
    }

    /// The same log, seen from another beginning on: for who takes its first segments elsewhere, or hears of it.
    #[must_use]
    pub fn at(&self, origin: Origin) -> Self {
        Self { origin, ..self.clone() }
    }

    /// Where the log begins.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// A cursor over the blocks from the one that holds `from` on; its first block may begin earlier.
    ///
    /// What lies before is skipped by its headers, neither decompressed nor verified.
    pub fn cursor(&self, from: Seq) -> Cursor {
        Cursor::new(LogWalk::new(Arc::clone(&self.storage), self.store, self.origin, from, false))
    }

    /// Reads one block by its place and verifies it.
    ///
    /// # Errors
    ///
    /// [`ReadError::BeforeOrigin`] when the block was taken elsewhere, [`ReadError::Damaged`] when these bytes are not the
    /// block that the reference names.
    pub fn read_block(&self, reference: &BlockRef) -> Result<Block, ReadError> {
        let Origin { segment: origin, .. } = self.origin;
        if reference.segment < origin {
            return Err(ReadError::BeforeOrigin { segment: reference.segment, origin });
        }
        let (file, head) = open_segment(&*self.storage, self.store, reference.segment, Access::Read)?;
        let bad = |kind, detail: &str| {
            let damage = Damage::harmless(kind, reference.segment, reference.offset, detail);
            let next = reference.last_seq().plus(1);
            ReadError::Damaged(damage.losing(reference.first_seq, next))
        };
        match head {
            // The digest of the block binds it to store and segment: a bad first page does not harm it.
            Head::Good(_) | Head::Bad(_) => {}
            Head::Foreign(_) => return Err(bad(DamageKind::ForeignStore, "the file is another store's")),
            Head::Misplaced(_) => return Err(bad(DamageKind::WrongSegment, "the file is another segment")),
            Head::Unreadable(found) => {
                let path = segment_path(reference.segment);
                let newest_read = FormatVersion::CURRENT;
                return Err(ReadError::NewerFormat { path, found, newest_read });
            }
        }
        let mut file = SegmentFile::new(file, self.store, reference.segment);
        let header = match file.frame_at(reference.offset)? {
            Found::Frame(header) => header,
            Found::Zeros => return Err(bad(DamageKind::BadBlock, "zeros where a block was")),
            Found::Eof => return Err(bad(DamageKind::BadBlock, "the file ends before the block")),
            Found::Bad(why) => return Err(bad(DamageKind::BadBlock, why)),
        };
        if header.kind != FrameKind::Batch || BlockRef::new(reference.segment, reference.offset, &header) != *reference
        {
            return Err(bad(DamageKind::BadBlock, "another block is at this place"));
        }
        let payload = file.payload(reference.offset, &header)?;
        match Decoder::default().decode(&header, payload) {
            Ok(raw) => Ok(Block::new(*reference, &header, raw)),
            Err(why) => Err(bad(DamageKind::BadContent, why)),
        }
    }

    /// The segments that are there now, in their order.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, ReadError> {
        let ids = list_segments(&*self.storage, self.origin.segment).context("list", DIR)?;
        let newest = ids.last().copied();
        let mut segments = Vec::with_capacity(ids.len());
        for id in ids {
            let (file, head) = open_segment(&*self.storage, self.store, id, Access::Read)?;
            let first_seq = match head {
                Head::Good(header) => Some(header.first_seq),
                Head::Bad(_) | Head::Foreign(_) | Head::Misplaced(_) | Head::Unreadable(_) => None,
            };
            let len = file.len().context("measure", &segment_path(id))?;
            segments.push(SegmentInfo { id, first_seq, sealed: newest != Some(id), len });
        }
        Ok(segments)
    }
    /// The segments that are sealed, oldest first, each with the origin of the log that is left without it and all before
    /// it.
    ///
    /// A segment is sealed when its end marker is in place, nothing follows that, and the next segment begins where it
    /// says: all records up to there are durable, and their bytes are final. One that ends in damage is not among them;
    /// the origin of a later one covers it.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn origins(&self) -> Result<Vec<(SegmentInfo, Origin)>, ReadError> {
        let segments = self.segments()?;
        let mut origins = Vec::with_capacity(segments.len());
        for pair in segments.windows(2) {
            if let Some(origin) = self.origin_between(&pair[0], &pair[1])? {
                origins.push((pair[0], origin));
            }
        }
        Ok(origins)
    }

    /// Where the log goes on behind a segment; `None` when that is not sealed.
    fn origin_between(&self, segment: &SegmentInfo, next: &SegmentInfo) -> Result<Option<Origin>, ReadError> {
        let (file, head) = open_segment(&*self.storage, self.store, segment.id, Access::Read)?;
        let Head::Good(_) = head else { return Ok(None) };
        let file = &mut SegmentFile::new(file, self.store, segment.id);
        let Some(marker_at) = file.len()?.checked_sub(FRAME_HEADER_BYTES as u64) else { return Ok(None) };
        let Found::Frame(marker) = file.frame_at(marker_at)? else { return Ok(None) };
        let (_, head) = open_segment(&*self.storage, self.store, next.id, Access::Read)?;
        let Head::Good(header) = head else { return Ok(None) };
        let continues = marker.kind == FrameKind::Roll
            && next.id == segment.id.plus(1)
            && (header.first_seq, header.chain) == (marker.first_seq, marker.link);
        Ok(continues.then_some(Origin { segment: next.id, seq: header.first_seq, chain: header.chain }))
    }
}
