//! The one writer of a log.

use std::sync::Arc;

use crate::batch::Batch;
use crate::block::BlockRef;
use crate::chain::{ChainHash, LinkHasher};
use crate::error::{IoContext, IoFailure, OpenError, WriteError};
use crate::format::{FormatVersion, HEADER_BYTES, SLACK_BYTES, SegmentHeader};
use crate::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, MAX_RAW_BYTES, Place};
use crate::id::{SegmentId, Seq, StoreId};
use crate::layout::segment_path;
use crate::options::WriterOptions;
use crate::origin::Origin;
use crate::payload::Encoder;
use crate::recovery::{Recovery, ResumeAt, recover};
use crate::roll::{Preparer, extend, install, marker, seal};
use crate::sabotage::{Sabotage, sabotaged};
use crate::storage::{Storage, StorageFile, write_all_at};

/// Kept free behind every block: the end marker, and zeros in which recovery sees that nothing was cut off.
const RESERVE_BYTES: u64 = SLACK_BYTES + SLACK_BYTES;

/// Appends batches to a log.
///
/// The holder of the store's lock ([`Storage::lock`]) makes the one writer; the journal itself takes no lock. A writer
/// runs on one thread and does the same calls in the same order for the same input.
///
/// Three words, three promises: a batch is *written* when [`append`](Self::append) returns, and survives the end of the
/// process; it is *durable* when a later [`sync`](Self::sync) returns, and survives a power cut. After any failure the
/// writer is poisoned and promises nothing more.
///
/// ```
/// # use std::sync::Arc;
/// use flightrec_journal::{Batch, DiskStorage, Origin, Reader, ScanItem, Seq, StoreId, Writer, WriterOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let storage = Arc::new(DiskStorage::new(dir.path()));
/// let store = StoreId::from_bytes([1; 16]);
/// let origin = Origin::genesis(store);
/// let (mut writer, recovery) = Writer::open(storage.clone(), store, origin, WriterOptions::default())?;
/// assert!(recovery.was_clean && recovery.last_seq.is_none());
///
/// let mut batch = Batch::new(0);
/// batch.push(b"hello");
/// writer.append(&batch)?;
/// assert_eq!(writer.durable_seq(), None); // written only
/// assert_eq!(writer.sync()?, Some(Seq::FIRST));
///
/// let reader = Reader::open(storage, store, origin)?;
/// let Some(ScanItem::Block(block)) = reader.cursor(Seq::FIRST).next()? else { panic!("a block") };
/// assert_eq!(block.records().next(), Some((Seq::FIRST, &b"hello"[..])));
/// writer.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    storage: Arc<dyn Storage>,
    store: StoreId,
    options: WriterOptions,
    active: Active,
    next_seq: Seq,
    durable: u64,
    chain: ChainHash,
    encoder: Encoder,
    frame: Vec<u8>,
    preparer: Preparer,
    poison: Option<String>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Active {
    file: Arc<dyn StorageFile>,
    id: SegmentId,
    capacity: u64,
    /// The seq of its first record, also when there is none yet.
    first_seq: Seq,
    /// Up to where the file has been filled with zeros or blocks.
    filled: u64,
    /// The end of the last frame.
    used: u64,
    /// The last frame is a close marker.
    closed: bool,
    /// Bytes were written since the last sync.
    dirty: bool,
}

impl Writer {
    /// Opens the log of `store`, or begins it, and recovers its tail. What lies before `origin` is not looked at.
    ///
    /// When this returns, everything that [`Recovery::last_seq`] covers is durable. Damage does not hinder opening: it
    /// is reported, left in place, and the log goes on behind it.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; a log that could not be opened can be opened again.
    pub fn open(
        storage: Arc<dyn Storage>,
        store: StoreId,
        origin: Origin,
        options: WriterOptions,
    ) -> Result<(Self, Recovery), OpenError> {
        let (resume, recovery) = recover(&*storage, store, &origin)?;
        let encoder = Encoder::new(options.compression).context("set up compression for", "")?;
        let mut preparer = Preparer::new(Arc::clone(&storage), options.prepare);
        let active = match resume.place {
            ResumeAt::Segment { file, id, capacity, first_seq, used, closed } => {
                let filled = file.len().context("measure", &segment_path(id))?;
                Active { file, id, capacity, first_seq, filled, used, closed, dirty: false }
            }
            ResumeAt::NewSegment { id, after_loss, last_capacity } => {
                let header = SegmentHeader {
                    version: FormatVersion::CURRENT,
                    after_loss,
                    store,
                    segment: id,
                    capacity: options.capacity_after(last_capacity),
                    first_seq: resume.next_seq,
                    chain: resume.chain,
                };
                Active::begin(&*storage, &mut preparer, header)?
            }
        };
        let writer = Self {
            storage,
            store,
            options,
            active,
            next_seq: resume.next_seq,
            durable: resume.next_seq.get() - 1,
            chain: resume.chain,
            encoder,
            frame: Vec::new(),
            preparer,
            poison: None,
        };
        Ok((writer, recovery))
    }

    /// The position that the next record gets.
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// The last record that is known to be durable.
    pub fn durable_seq(&self) -> Option<Seq> {
        (self.durable > 0).then_some(Seq::new(self.durable))
    }

    /// The last link of the hash chain, as of the last block: kept elsewhere together with the seq, it proves later what the log held.
    pub fn chain_head(&self) -> ChainHash {
        self.chain
    }

    /// Writes a batch as one block: all of it will be there, or nothing. It is not durable yet.
    ///
    /// # Errors
    ///
    /// An empty or too long batch is refused and does no harm. Every other failure poisons the writer; whether the
    /// batch is there shows when the store is re-opened.
    pub fn append(&mut self, batch: &Batch) -> Result<BlockRef, WriteError> {
        self.check_poison()?;
        if batch.is_empty() {
            return Err(WriteError::EmptyBatch);
        }
        if batch.bytes() > MAX_RAW_BYTES {
            return Err(WriteError::TooLarge { bytes: batch.bytes(), limit: MAX_RAW_BYTES });
        }
        if sabotaged(Sabotage::SplitBatch) && batch.len() > 1 {
            let (first, second) = batch.halves();
            self.append(&first)?;
            return self.append(&second);
        }
        let result = self.write_block(batch);
        self.guard(result)
    }

    /// Makes all that was appended durable, and answers the last durable record.
    ///
    /// # Errors
    ///
    /// Any failure poisons the writer. A failed sync is never tried again: the disk may have lost the bytes and say
    /// that all is well the second time.
    pub fn sync(&mut self) -> Result<Option<Seq>, WriteError> {
        self.check_poison()?;
        let result = self.sync_active();
        self.guard(result)?;
        Ok(self.durable_seq())
    }

    /// Goes on in the next segment at once, and answers where that begins: everything before it is durable, and nothing
    /// more is written to the segments before. When the active segment holds no block it stays the active one.
    ///
    /// # Errors
    ///
    /// Any failure poisons the writer.
    pub fn roll_now(&mut self) -> Result<Origin, WriteError> {
        self.check_poison()?;
        if self.active.first_seq < self.next_seq {
            let planned = self.options.capacity_after_part(self.active.capacity, self.active.used);
            let result = self.roll(planned, 0);
            self.guard(result)?;
        }
        Ok(Origin { segment: self.active.id, seq: self.next_seq, chain: self.chain })
    }

    /// Closes the log in an orderly way: all durable, end marker written, file cut to its exact length.
    ///
    /// Dropping the writer instead is safe, like a crash: the next open finds the end by itself.
    ///
    /// # Errors
    ///
    /// As for [`sync`](Self::sync).
    pub fn close(mut self) -> Result<(), WriteError> {
        self.check_poison()?;
        let result = self.write_end();
        self.guard(result)
    }

    fn check_poison(&self) -> Result<(), WriteError> {
        match &self.poison {
            Some(cause) if !sabotaged(Sabotage::NoPoison) => Err(WriteError::Poisoned { cause: cause.clone() }),
            Some(_) | None => Ok(()),
        }
    }

    fn guard<T>(&mut self, result: Result<T, IoFailure>) -> Result<T, WriteError> {
        result.map_err(|failure| {
            self.poison = Some(format!("{failure}: {}", failure.source));
            WriteError::from(failure)
        })
    }

    fn write_block(&mut self, batch: &Batch) -> Result<BlockRef, IoFailure> {
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        frame.resize(FRAME_HEADER_BYTES, 0);
        let codec = self.encoder.encode_into(batch.raw(), &mut frame);
        let result = self.write_frame(batch, codec, &mut frame);
        self.frame = frame;
        result
    }

    fn write_frame(
        &mut self,
        batch: &Batch,
        codec: crate::frame::Codec,
        frame: &mut [u8],
    ) -> Result<BlockRef, IoFailure> {
        let frame_len = frame.len() as u64;
        if self.active.used + frame_len + RESERVE_BYTES > self.active.capacity {
            self.roll(self.options.capacity_after(Some(self.active.capacity)), frame_len)?;
        }
        self.active.make_room(frame_len, self.options.grow_bytes)?;
        let mut link = LinkHasher::new(self.chain, self.next_seq, batch.len() as u32, batch.stamp_us());
        for hash in batch.hashes() {
            link.push(hash);
        }
        let mut header = FrameHeader {
            kind: FrameKind::Batch,
            codec,
            payload_len: (frame.len() - FRAME_HEADER_BYTES) as u32,
            raw_len: batch.bytes() as u32,
            count: batch.len() as u32,
            first_seq: self.next_seq,
            durable_seq: self.durable,
            stamp_us: batch.stamp_us(),
            prev: self.chain,
            link: link.finish(),
            digest: [0; 32],
        };
        let offset = self.active.used;
        header.seal(Place { store: self.store, segment: self.active.id, offset }, frame);
        self.active.write(frame)?;
        self.active.closed = false;
        self.chain = header.link;
        self.next_seq = header.next_seq();
        if self.active.used > self.active.capacity / 2 {
            self.preparer.begin(self.options.capacity_after(Some(self.active.capacity)));
        }
        Ok(BlockRef::new(self.active.id, offset, &header))
    }

    fn sync_active(&mut self) -> Result<(), IoFailure> {
        if self.active.dirty {
            if !sabotaged(Sabotage::SkipSync) {
                let mut result = self.active.file.sync_data();
                if result.is_err() && sabotaged(Sabotage::RetryFailedSync) {
                    result = self.active.file.sync_data();
                }
                result.context("sync", &segment_path(self.active.id))?;
            }
            self.active.dirty = false;
        }
        self.durable = self.next_seq.get() - 1;
        Ok(())
    }

    /// Goes on in the next segment. Its file is complete and named before the old one is sealed, so that an end marker
    /// always has a successor; and the old one is sealed before anything is appended to the new one.
    fn roll(&mut self, planned: u64, frame_len: u64) -> Result<(), IoFailure> {
        // Until the marker is durable the old segment must end in zeros, also when it was closed and cut before.
        self.active.make_room(FRAME_HEADER_BYTES as u64, 0)?;
        let needed = (HEADER_BYTES as u64 + frame_len + RESERVE_BYTES).next_multiple_of(SLACK_BYTES);
        let header = SegmentHeader {
            version: FormatVersion::CURRENT,
            after_loss: false,
            store: self.store,
            segment: self.active.id.plus(1),
            capacity: planned.max(needed),
            first_seq: self.next_seq,
            chain: self.chain,
        };
        let next = Active::begin(&*self.storage, &mut self.preparer, header)?;
        let old = std::mem::replace(&mut self.active, next);
        seal(&*old.file, self.store, old.id, old.used, Some((self.next_seq, self.chain)))?;
        self.durable = self.next_seq.get() - 1;
        Ok(())
    }

    fn write_end(&mut self) -> Result<(), IoFailure> {
        self.preparer.discard()?;
        self.sync_active()?;
        if self.active.closed && self.active.filled == self.active.used {
            return Ok(());
        }
        if !self.active.closed {
            self.active.make_room(FRAME_HEADER_BYTES as u64, self.options.grow_bytes)?;
            let offset = self.active.used;
            let place = Place { store: self.store, segment: self.active.id, offset };
            let bytes = marker(FrameKind::Close, place, self.next_seq, self.durable, self.chain);
            self.active.write(&bytes)?;
            self.sync_active()?;
        }
        let path = segment_path(self.active.id);
        self.active.file.set_len(self.active.used).context("cut", &path)?;
        self.active.file.sync_data().context("sync", &path)
    }
}

impl Active {
    fn begin(storage: &dyn Storage, preparer: &mut Preparer, header: SegmentHeader) -> Result<Self, IoFailure> {
        let spare = preparer.take(header.capacity)?;
        let (file, capacity) = install(storage, &spare, header)?;
        Ok(Self {
            file,
            id: header.segment,
            capacity,
            first_seq: header.first_seq,
            filled: capacity,
            used: HEADER_BYTES as u64,
            closed: false,
            dirty: false,
        })
    }

    /// Fills the file with zeros, durably, as far as a frame and its reserve need.
    fn make_room(&mut self, frame_len: u64, grow_bytes: u64) -> Result<(), IoFailure> {
        let needed = self.used + frame_len + RESERVE_BYTES;
        if self.filled < needed {
            let grown = self.filled.saturating_add(grow_bytes).min(self.capacity);
            let until = needed.next_multiple_of(SLACK_BYTES).max(grown);
            extend(&*self.file, until).context("extend", &segment_path(self.id))?;
            self.filled = until;
        }
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), IoFailure> {
        self.dirty = true;
        write_all_at(&*self.file, frame, self.used).context("write", &segment_path(self.id))?;
        self.used += frame.len() as u64;
        Ok(())
    }
}
