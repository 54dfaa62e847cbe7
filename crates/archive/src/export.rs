//! Events to one Parquet file outside of the archive, in the order in which they come.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use flightrec_events::{CheckedEvent, Timestamp};
use flightrec_journal::{Seq, StoreId};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use crate::column;
use crate::footer::key;
use crate::hex::hex;
use crate::schema::Schema;
use crate::table::TableRows;
use crate::writer::{CREATED_BY, GROUP_BYTES, GROUP_ROWS, write_group};

/// Why a file of events could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the events cannot be written as Parquet")]
pub struct ExportError(#[from] ParquetError);

impl ExportError {
    /// What the operating system said, if the output failed.
    pub fn output(&self) -> Option<ErrorKind> {
        let ParquetError::External(source) = &self.0 else { return None };
        source.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
    }
}

/// Writes events as rows of the archive's columns to any output.
///
/// The file is no segment: it may hold any events, has no part in the hash chain, and its rows are in the order in which
/// they came. Memory: one row group, as of a segment.
pub struct EventsFile<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: TableRows,
    events: u64,
}

impl<W: Write + Send> EventsFile<W> {
    /// Begins a file with events of a store.
    ///
    /// # Errors
    /// [`ExportError`] if the output fails, as of every other call.
    pub fn create(out: W, store: StoreId) -> Result<Self, ExportError> {
        let properties = column::properties_in_order(CREATED_BY)?;
        let mut file = SerializedFileWriter::new(out, Schema::message()?, Arc::new(properties))?;
        file.append_key_value_metadata(KeyValue::new(key::STORE.to_owned(), hex(store.as_bytes())));
        Ok(Self { file, rows: TableRows::default(), events: 0 })
    }

    /// Adds an event.
    pub fn push(&mut self, seq: Seq, recorded_at: Timestamp, event: &CheckedEvent) -> Result<(), ExportError> {
        self.rows.push(seq, recorded_at, event);
        self.events += 1;
        let rows = self.rows.len();
        let full = rows == GROUP_ROWS || (rows.is_multiple_of(1024) && self.rows.bytes() > GROUP_BYTES);
        if full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if !self.rows.is_empty() {
            write_group(&mut self.file, self.rows.buffer())?;
            self.rows.clear();
        }
        Ok(())
    }

    /// Writes what is left, and the footer; answers with how many events the file holds.
    pub fn finish(mut self) -> Result<u64, ExportError> {
        self.flush()?;
        self.file.finish()?;
        Ok(self.events)
    }
}
