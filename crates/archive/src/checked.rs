//! The bytes of a segment's columns, checked before anyone decodes them.
//!
//! The Parquet library writes no checksums of pages. So the footer keeps a CRC-32 of every 8 KiB of the file before it
//! (`flightrec.checksums`, base64), and no byte is handed on whose block does not have its checksum.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flightrec_journal::sabotage::{Sabotage, sabotaged};
use flightrec_journal::{IoFailure, StorageFile, read_up_to};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::error::io;
use crate::varint::Decoded;

/// How many bytes have one checksum.
const BLOCK_BYTES: usize = 8 << 10;

/// Computes the checksums of what is written.
#[derive(Debug, Default)]
pub(crate) struct Checksums {
    done: Vec<u32>,
    open: crc32fast::Hasher,
    open_bytes: usize,
}

impl Checksums {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.open_bytes));
            self.open.update(head);
            self.open_bytes += head.len();
            if self.open_bytes == BLOCK_BYTES {
                self.end_block();
            }
            bytes = rest;
        }
    }

    fn end_block(&mut self) {
        self.done.push(std::mem::take(&mut self.open).finalize());
        self.open_bytes = 0;
    }

    /// The checksums of all that was written, as text for the footer.
    pub(crate) fn into_text(mut self) -> String {
        if self.open_bytes > 0 {
            self.end_block();
        }
        let bytes: Vec<u8> = self.done.iter().flat_map(|crc| crc.to_le_bytes()).collect();
        STANDARD.encode(bytes)
    }
}

/// The checksums behind a text of the footer, of a file with so many bytes before its tail.
pub(crate) fn from_text(text: &str, data_bytes: u64) -> Decoded<Vec<u32>> {
    let bytes = STANDARD.decode(text).map_err(|_| "the checksums are no base64")?;
    if (bytes.len() / 4) as u64 != data_bytes.div_ceil(BLOCK_BYTES as u64) || !bytes.len().is_multiple_of(4) {
        return Err("the checksums are not those of the file");
    }
    Ok(bytes.chunks_exact(4).map(|crc| u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]])).collect())
}

/// The part of a file before its tail.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) path: String,
    pub(crate) checksums: Vec<u32>,
    pub(crate) data_bytes: u64,
}

/// Why bytes were not handed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Io(#[from] IoFailure),
    #[error("the bytes at offset {offset} do not have their checksum")]
    Checksum { offset: u64 },
}

impl CheckedFile {
    /// Bytes whose checksums were looked at.
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, Refused> {
        let block = BLOCK_BYTES as u64;
        let outside = Refused::Checksum { offset };
        let Some(end) = offset.checked_add(len as u64).filter(|end| *end <= self.data_bytes) else {
            return Err(outside);
        };
        let from = offset - offset % block;
        let until = end.next_multiple_of(block).min(self.data_bytes);
        let mut bytes = vec![0; (until - from) as usize];
        let read = read_up_to(&*self.file, &mut bytes, from).map_err(io("read", &self.path))?;
        // What is missing does not have its checksum.
        bytes.truncate(read);
        let mut blocks = bytes.chunks(BLOCK_BYTES);
        for at in from / block..until.div_ceil(block) {
            let own = blocks.next().unwrap_or_default();
            let is_whole = self.checksums.get(at as usize) == Some(&crc32fast::hash(own));
            if !is_whole && !sabotaged(Sabotage::NoSegmentCheck) {
                return Err(Refused::Checksum { offset: at * block });
            }
        }
        let start = (offset - from) as usize;
        Ok(Bytes::from(bytes).slice(start..start + len))
    }
}

impl Length for CheckedFile {
    fn len(&self) -> u64 {
        self.data_bytes
    }
}

impl ChunkReader for CheckedFile {
    type T = std::io::Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let len = self.data_bytes.saturating_sub(start) as usize;
        self.get_bytes(start, len).map(std::io::Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.read(start, length).map_err(|refused| ParquetError::External(Box::new(refused)))
    }
}
