//! The pages of a chunk, decompressed with a context that each thread keeps, and its dictionary only where it is needed.
//!
//! The Parquet library makes a compressor and a decompressor for every chunk that it opens, and one session is a few rows
//! of some sixty chunks: making contexts took half the time of reading it. So the library is told that the
//! chunks are not compressed, and what it gives out is decompressed here.
//!
//! Columns of ids and hashes give up their dictionary after a few rows of a group, and the pages behind do not refer to it;
//! but the library reads and decodes it before any of them, which took half of the rest.

use std::cell::RefCell;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use zstd::bulk::Decompressor;

/// More than any page has: one value may be as large as an event.
const MAX_PAGE_BYTES: u64 = 1 << 30;

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The chunks of each group as if they were not compressed. `None` if one of them is compressed otherwise than a
/// segment's are.
pub(crate) fn without_compression(
    metadata: &ParquetMetaData,
) -> Result<Option<Vec<Vec<ColumnChunkMetaData>>>, ParquetError> {
    let plain = |chunk: &ColumnChunkMetaData| {
        if !matches!(chunk.compression(), Compression::ZSTD(_)) {
            return Ok(None);
        }
        chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build().map(Some)
    };
    metadata.row_groups().iter().map(|group| group.columns().iter().map(plain).collect()).collect()
}

/// Decompresses the pages of a reader that does not. The dictionary comes before the first page that refers to it, and not
/// at all if none does that is read.
pub(crate) struct Decompressed<R> {
    pages: R,
    /// Another reader, which has the dictionary yet to come.
    dictionary: Option<R>,
    /// A page whose dictionary came before it.
    held: Option<Page>,
}

impl<R: PageReader> Decompressed<R> {
    /// The pages of one reader, and of another one of the same chunk the dictionary.
    pub(crate) fn new(mut pages: R, dictionary: R) -> Result<Self, ParquetError> {
        let has_dictionary = pages.peek_next_page()?.is_some_and(|page| page.is_dict);
        if has_dictionary {
            pages.skip_next_page()?;
        }
        Ok(Self { pages, dictionary: has_dictionary.then_some(dictionary), held: None })
    }
}

impl<R: PageReader> PageReader for Decompressed<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        if let Some(page) = self.held.take() {
            return Ok(Some(page));
        }
        let Some(page) = self.pages.get_next_page()? else { return Ok(None) };
        let page = decompressed(page)?;
        if matches!(page.encoding(), Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY)
            && let Some(mut reader) = self.dictionary.take()
        {
            self.held = Some(page);
            let found = reader.get_next_page()?.filter(|page| matches!(page, Page::DictionaryPage { .. }));
            let missing = || ParquetError::General("a dictionary is missing".to_owned());
            return decompressed(found.ok_or_else(missing)?).map(Some);
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        match &self.held {
            None => self.pages.peek_next_page(),
            Some(page) => {
                let num_levels = Some(page.num_values() as usize);
                Ok(Some(PageMetadata { num_rows: None, num_levels, is_dict: false }))
            }
        }
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        if self.held.take().is_some() { Ok(()) } else { self.pages.skip_next_page() }
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        if self.held.is_some() { Ok(false) } else { self.pages.at_record_boundary() }
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
