//! Rows, in the order of the file, to one Parquet file.

use std::sync::Arc;

use flightrec_events::{CheckedEvent, Id, Timestamp};
use flightrec_journal::{ChainHash, Seq, Storage, StoreId};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use crate::blocks::{self, BlockEntry};
use crate::checked::Checksums;
use crate::column;
use crate::entry::{SegmentEntry, temporary_path};
use crate::error::{SealError, io};
use crate::footer::key;
use crate::hex::hex;
use crate::rows::RowBuffer;
use crate::schema::Schema;
use crate::sink::Sink;

/// The most rows of a row group.
pub(crate) const GROUP_ROWS: usize = 65_536;
/// A row group ends early when its values take more memory than this.
const GROUP_BYTES: usize = 64 << 20;

const CREATED_BY: &str = concat!("flightrec version ", env!("CARGO_PKG_VERSION"));

/// Which segment a file is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) store: StoreId,
    pub(crate) first_seq: Seq,
    pub(crate) last_seq: Seq,
    pub(crate) revision: u64,
}

/// What proves the rows of a segment, told once they are all there.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    pub(crate) chain_start: ChainHash,
    pub(crate) chain_end: ChainHash,
    /// The blocks of the range.
    pub(crate) blocks: Vec<BlockEntry>,
}

/// Writes one segment, row by row.
///
/// Memory: one row group, about 40 MB with usual events and never more than twice [`GROUP_BYTES`].
pub(crate) struct SegmentWriter {
    file_name: String,
    identity: Identity,
    sink: Sink,
    file: SerializedFileWriter<Sink>,
    rows: RowBuffer,
    events: u64,
    last_row: Option<(Option<Id>, Seq)>,
}

impl SegmentWriter {
    /// Begins the temporary file.
    pub(crate) fn create(storage: &dyn Storage, identity: Identity) -> Result<Self, SealError> {
        let file_name = SegmentEntry::file_name(identity.first_seq, identity.last_seq, identity.revision);
        let sink = Sink::create(storage, &file_name).map_err(io("create", &temporary_path(&file_name)))?;
        let properties = column::properties(CREATED_BY).map_err(encode)?;
        let file = Schema::message()
            .and_then(|message| SerializedFileWriter::new(sink.clone(), message, Arc::new(properties)))
            .map_err(encode)?;
        let rows = RowBuffer::new();
        Ok(Self { file_name, identity, sink, file, rows, events: 0, last_row: None })
    }

    /// Adds a row; rows come sorted by session, those without one first, and then by position.
    pub(crate) fn push(
        &mut self,
        seq: Seq,
        recorded_at: Timestamp,
        event: &CheckedEvent,
        stored: &[u8],
    ) -> Result<(), SealError> {
        let row = (event.model_session_id.clone(), seq);
        if self.last_row.as_ref().is_some_and(|last| *last >= row) {
            return Err(SealError::Order { seq });
        }
        self.last_row = Some(row);
        self.rows.push(seq, recorded_at, event, stored);
        self.events += 1;
        let full = self.rows.rows() == GROUP_ROWS
            || (self.rows.rows().is_multiple_of(1024) && self.rows.bytes() > GROUP_BYTES);
        if full { self.flush() } else { Ok(()) }
    }

    /// Writes what is left, and makes the file durable under its temporary name.
    pub(crate) fn finish(mut self, proof: &Proof) -> Result<SegmentEntry, SealError> {
        self.flush()?;
        let flushed = self.file.flush();
        flushed.map_err(|error| self.failed(error))?;
        let checksums = self.sink.begin_tail();
        self.append_facts(proof, checksums)?;
        let finished = self.file.finish();
        finished.map_err(|error| self.failed(error))?;
        let written = self.sink.finish().map_err(io("sync", &temporary_path(&self.file_name)))?;
        Ok(SegmentEntry {
            file: self.file_name,
            first_seq: self.identity.first_seq,
            last_seq: self.identity.last_seq,
            revision: self.identity.revision,
            events: self.events,
            bytes: written.bytes,
            sha256: written.sha256,
            tail_bytes: written.tail_bytes,
            tail_sha256: written.tail_sha256,
            chain_start: proof.chain_start,
            chain_end: proof.chain_end,
        })
    }

    fn append_facts(&mut self, proof: &Proof, checksums: Checksums) -> Result<(), SealError> {
        let blocks = blocks::to_text(&proof.blocks).map_err(encode)?;
        let facts = [
            (key::FORMAT, key::FORMAT_NOW.to_owned()),
            (key::STORE, hex(self.identity.store.as_bytes())),
            (key::FIRST_SEQ, self.identity.first_seq.to_string()),
            (key::LAST_SEQ, self.identity.last_seq.to_string()),
            (key::CHAIN_START, hex(proof.chain_start.as_bytes())),
            (key::CHAIN_END, hex(proof.chain_end.as_bytes())),
            (key::BLOCKS, blocks),
            (key::CHECKSUMS, checksums.into_text()),
        ];
        for (name, value) in facts {
            self.file.append_key_value_metadata(KeyValue::new(name.to_owned(), value));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SealError> {
        let rows = self.rows.rows();
        if rows == 0 {
            return Ok(());
        }
        let written = write_group(&mut self.file, &self.rows);
        written.map_err(|error| self.failed(error))?;
        self.rows.clear();
        Ok(())
    }

    /// The storage's own error, if it is behind the encoder's.
    fn failed(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SealError {
        match self.sink.take_failure() {
            Some(source) => SealError::Io(io("write", &temporary_path(&self.file_name))(source)),
            None => encode(error),
        }
    }
}

fn write_group(file: &mut SerializedFileWriter<Sink>, rows: &RowBuffer) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    let mut columns = rows.columns().iter();
    while let (Some(mut writer), Some(column)) = (group.next_column()?, columns.next()) {
        column.write(rows.rows(), &mut writer)?;
        writer.close()?;
    }
    group.close().map(drop)
}

fn encode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SealError {
    SealError::Encode { source: error.into() }
}
