//! One segment file, seen from the reading side.

use std::io;
use std::sync::Arc;

use crate::error::{IoContext, IoFailure};
use crate::format::{FormatVersion, HEADER_BYTES, HeaderRead, SLACK_BYTES, SegmentHeader};
use crate::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, Place};
use crate::id::{SegmentId, Seq, StoreId};
use crate::layout::segment_path;
use crate::sabotage::{Sabotage, sabotaged};
use crate::storage::{Access, Storage, StorageFile, read_up_to};

/// How much is read at once while walking.
const WINDOW_BYTES: usize = 64 << 10;
/// How much is read at once while searching.
const SEARCH_BYTES: usize = 256 << 10;
/// A search gives up after hashing this many bytes more than twice the rest of the file: only bytes made to look like
/// blocks can get there.
const SEARCH_EXTRA_BYTES: u64 = 64 << 20;

/// What a segment's first page turned out to be, seen from its store and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Good(SegmentHeader),
    Bad(&'static str),
    Foreign(StoreId),
    Misplaced(SegmentId),
    Unreadable(FormatVersion),
}

/// Opens a segment and judges its first page.
pub(crate) fn open_segment(
    storage: &dyn Storage,
    store: StoreId,
    id: SegmentId,
    access: Access,
) -> Result<(Arc<dyn StorageFile>, Head), IoFailure> {
    let path = segment_path(id);
    let file = storage.open(&path, access).context("open", &path)?;
    let mut page = vec![0; HEADER_BYTES];
    let read = read_up_to(&*file, &mut page, 0).context("read", &path)?;
    let head = match SegmentHeader::decode(&page[..read]) {
        HeaderRead::Unreadable(version) => Head::Unreadable(version),
        HeaderRead::Bad(why) => Head::Bad(why),
        HeaderRead::Good(header) if sabotaged(Sabotage::NoStoreBinding) => Head::Good(header),
        HeaderRead::Good(header) if header.store != store => Head::Foreign(header.store),
        HeaderRead::Good(header) if header.segment != id => Head::Misplaced(header.segment),
        HeaderRead::Good(header) => Head::Good(header),
    };
    Ok((file, head))
}

/// What stands at one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame that is sound and belongs here.
    Frame(FrameHeader),
    /// Nothing but zeros, as far as a header reaches.
    Zeros,
    /// The end of the file.
    Eof,
    /// Something else; the text says what.
    Bad(&'static str),
}

/// What a search for later frames found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    /// The nearest sound frame.
    pub(crate) first: Option<(u64, FrameHeader)>,
    /// A frame proves that `wanted` had been durable, or the search gave up and cannot rule it out.
    pub(crate) proven: bool,
    /// The end of the last byte that is not zero; exact unless `proven`.
    pub(crate) used_until: u64,
}

/// A segment file with a window on its bytes.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    file: Arc<dyn StorageFile>,
    store: StoreId,
    pub(crate) id: SegmentId,
    window: Vec<u8>,
    window_at: u64,
}

impl SegmentFile {
    pub(crate) fn new(file: Arc<dyn StorageFile>, store: StoreId, id: SegmentId) -> Self {
        Self { file, store, id, window: Vec::new(), window_at: 0 }
    }

    pub(crate) fn len(&self) -> Result<u64, IoFailure> {
        self.file.len().context("measure", &segment_path(self.id))
    }

    /// Forgets what was read: the next look sees what is in the file now.
    pub(crate) fn forget(&mut self) {
        self.window.clear();
    }

    fn fail(&self, error: io::Error) -> IoFailure {
        IoFailure { doing: "read", path: segment_path(self.id), source: error }
    }

    /// Up to `len` bytes from `offset`, fewer at the end of the file.
    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], IoFailure> {
        let window_end = self.window_at + self.window.len() as u64;
        if offset < self.window_at || offset + len as u64 > window_end {
            let mut window = std::mem::take(&mut self.window);
            window.resize(len.max(WINDOW_BYTES), 0);
            let read = read_up_to(&*self.file, &mut window, offset);
            window.truncate(*read.as_ref().unwrap_or(&0));
            self.window = window;
            self.window_at = offset;
            read.map_err(|error| self.fail(error))?;
        }
        let start = (offset - self.window_at) as usize;
        let end = (start + len).min(self.window.len());
        Ok(&self.window[start..end])
    }

    /// The header at `offset` as far as it can be judged without its payload.
    pub(crate) fn header_at(&mut self, offset: u64) -> Result<Found, IoFailure> {
        let head = self.bytes(offset, FRAME_HEADER_BYTES)?;
        if head.is_empty() {
            return Ok(Found::Eof);
        }
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Found::Zeros);
        }
        Ok(match FrameHeader::decode(head) {
            Ok(header) => Found::Frame(header),
            Err(why) => Found::Bad(why),
        })
    }

    /// The frame at `offset`, verified.
    pub(crate) fn frame_at(&mut self, offset: u64) -> Result<Found, IoFailure> {
        let header = match self.header_at(offset)? {
            Found::Frame(header) => header,
            other @ (Found::Zeros | Found::Eof | Found::Bad(_)) => return Ok(other),
        };
        let place = Place { store: self.store, segment: self.id, offset };
        let len = header.frame_len() as usize;
        // A length that lies must not make us allocate: what is past the end of the file is not there.
        if len > WINDOW_BYTES && self.len()? < offset + len as u64 {
            return Ok(Found::Bad("the file ends inside the block"));
        }
        let frame = self.bytes(offset, len)?;
        if frame.len() < len {
            return Ok(Found::Bad("the file ends inside the block"));
        }
        let (head, payload) = frame.split_at(FRAME_HEADER_BYTES);
        if header.is_sound(place, head, payload) {
            Ok(Found::Frame(header))
        } else {
            Ok(Found::Bad("the digest of the block does not match"))
        }
    }

    /// The payload of the frame at `offset`, whose header was read before.
    pub(crate) fn payload(&mut self, offset: u64, header: &FrameHeader) -> Result<&[u8], IoFailure> {
        self.bytes(offset + FRAME_HEADER_BYTES as u64, header.payload_len as usize)
    }

    /// Whether the file (of `len` bytes) ends in the zeros that every active segment keeps behind `offset`.
    pub(crate) fn has_slack(&mut self, offset: u64, len: u64) -> Result<bool, IoFailure> {
        let Some(slack_at) = len.checked_sub(SLACK_BYTES).filter(|at| *at >= offset) else {
            return Ok(false);
        };
        if let Found::Frame(header) = self.header_at(offset)?
            && offset + header.frame_len() > slack_at
        {
            // No writer begins a block that leaves no slack: the file was longer once.
            return Ok(false);
        }
        let mut slack = vec![0; SLACK_BYTES as usize];
        let read = read_up_to(&*self.file, &mut slack, slack_at).map_err(|error| self.fail(error))?;
        Ok(read == slack.len() && slack.iter().all(|byte| *byte == 0))
    }

    /// Searches `from..len` for sound frames whose first seq is `wanted` or later.
    pub(crate) fn search(&mut self, from: u64, len: u64, wanted: Seq) -> Result<Search, IoFailure> {
        let mut result = Search { first: None, proven: false, used_until: from };
        let mut budget = 2 * len.saturating_sub(from) + SEARCH_EXTRA_BYTES;
        let mut chunk = vec![0; SEARCH_BYTES];
        let mut at = from;
        // Nothing before this offset is looked at for a magic again: it lies inside a sound frame.
        let mut resume_at = from;
        while at < len {
            let read = read_up_to(&*self.file, &mut chunk, at).map_err(|error| self.fail(error))?;
            if read == 0 {
                break;
            }
            let bytes = &chunk[..read];
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                result.used_until = at + last as u64 + 1;
                let mut start = 0;
                while let Some(hit) = find_magic(&bytes[start..]) {
                    let offset = at + (start + hit) as u64;
                    start += hit + 1;
                    if offset < resume_at {
                        continue;
                    }
                    let Some(header) = self.candidate(offset, wanted, &mut budget)? else {
                        if budget == 0 {
                            result.proven = true;
                            return Ok(result);
                        }
                        continue;
                    };
                    result.first = result.first.or(Some((offset, header)));
                    if header.durable_seq >= wanted.get() {
                        result.proven = true;
                        return Ok(result);
                    }
                    resume_at = offset + header.frame_len();
                }
            }
            if read < chunk.len() {
                break;
            }
            // The chunks overlap, so that a magic on their border is seen whole.
            at += (read - (FRAME_MAGIC.len() - 1)) as u64;
        }
        Ok(result)
    }

    fn candidate(&mut self, offset: u64, wanted: Seq, budget: &mut u64) -> Result<Option<FrameHeader>, IoFailure> {
        let header = match self.header_at(offset)? {
            Found::Frame(header) if header.first_seq >= wanted => header,
            Found::Frame(_) | Found::Zeros | Found::Eof | Found::Bad(_) => return Ok(None),
        };
        *budget = budget.saturating_sub(header.frame_len());
        if *budget == 0 {
            return Ok(None);
        }
        Ok(match self.frame_at(offset)? {
            Found::Frame(header) => Some(header),
            Found::Zeros | Found::Eof | Found::Bad(_) => None,
        })
    }
}

fn find_magic(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(hit) = bytes[at..].iter().position(|byte| *byte == FRAME_MAGIC[0]) {
        at += hit;
        if bytes[at..].starts_with(&FRAME_MAGIC) {
            return Some(at);
        }
        at += 1;
    }
    None
}
