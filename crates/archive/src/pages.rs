//! The pages of a chunk, decompressed with a context that each thread keeps.
//!
//! The Parquet library makes a compressor and a decompressor for every chunk that it opens, and one session is a few rows
//! of some sixty chunks: making contexts took half the time of reading it. So the library is told that the
//! chunks are not compressed, and what it gives out is decompressed here.

use std::cell::RefCell;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use zstd::bulk::Decompressor;

/// More than any page has: one value may be as large as an event.
const MAX_PAGE_BYTES: u64 = 1 << 30;

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The same chunks, as if they were not compressed. `None` if one of them is compressed otherwise than a segment's are.
pub(crate) fn without_compression(metadata: ParquetMetaData) -> Result<Option<ParquetMetaData>, ParquetError> {
    let mut file = metadata.into_builder();
    let mut groups = Vec::new();
    for group in file.take_row_groups() {
        let mut group = group.into_builder();
        let mut chunks = Vec::new();
        for chunk in group.take_columns() {
            if !matches!(chunk.compression(), Compression::ZSTD(_)) {
                return Ok(None);
            }
            chunks.push(chunk.into_builder().set_compression(Compression::UNCOMPRESSED).build()?);
        }
        groups.push(group.set_column_metadata(chunks).build()?);
    }
    Ok(Some(file.set_row_groups(groups).build()))
}

/// Decompresses the pages of a reader that does not.
pub(crate) struct Decompressed<R>(pub(crate) R);

impl<R: PageReader> PageReader for Decompressed<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        self.0.get_next_page()?.map(decompressed).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.0.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.0.at_record_boundary()
    }
}

impl<R: PageReader> Iterator for Decompressed<R> {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

fn decompressed(mut page: Page) -> Result<Page, ParquetError> {
    match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = decompress(buf)?,
        Page::DataPageV2 { .. } => {
            return Err(ParquetError::General("a page is of a version that no segment has".to_owned()));
        }
    }
    Ok(page)
}

fn decompress(frame: &Bytes) -> Result<Bytes, ParquetError> {
    let refused = || ParquetError::General("a page does not decompress".to_owned());
    // A page without any value may have no bytes at all.
    if frame.is_empty() {
        return Ok(Bytes::new());
    }
    let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
    let size = size.filter(|size| *size <= MAX_PAGE_BYTES).ok_or_else(refused)?;
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new()?),
        };
        Ok(decompressor.decompress(frame, size as usize).map_err(|_| refused())?.into())
    })
}
