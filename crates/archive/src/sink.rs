//! Where a segment's bytes go: a temporary file, hashed while it is written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flightrec_journal::sabotage::{Sabotage, sabotaged};
use flightrec_journal::{Storage, StorageFile, remove_if_there, write_all_at};
use sha2::{Digest, Sha256};

use crate::checked::Checksums;
use crate::entry::temporary_path;

/// How many bytes are written at once.
const WRITE_BYTES: usize = 256 << 10;

/// A new file, written from its beginning to its end. Clones write to the same file: the encoder holds one, and its
/// owner another.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Mutex<Output>>);

struct Output {
    file: Arc<dyn StorageFile>,
    /// How many bytes it is given, those that wait included.
    len: u64,
    /// What is not in the file yet: the encoder writes piece by piece.
    waiting: Vec<u8>,
    whole: Sha256,
    tail: Sha256,
    tail_from: u64,
    checksums: Checksums,
    /// The first failure of the storage: the encoder in between would hide it.
    failure: Option<io::Error>,
}

impl Output {
    fn write_waiting(&mut self) -> io::Result<()> {
        let at = self.len - self.waiting.len() as u64;
        write_all_at(&*self.file, &self.waiting, at)?;
        self.waiting.clear();
        Ok(())
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) tail_bytes: u64,
    pub(crate) tail_sha256: [u8; 32],
}

impl Sink {
    /// Begins the temporary file of a segment; a leftover under its name is replaced.
    pub(crate) fn create(storage: &dyn Storage, file: &str) -> io::Result<Self> {
        let path = temporary_path(file);
        remove_if_there(storage, &path)?;
        let file = storage.create(&path)?;
        let output = Output {
            file,
            len: 0,
            waiting: Vec::with_capacity(WRITE_BYTES),
            whole: Sha256::new(),
            tail: Sha256::new(),
            tail_from: 0,
            checksums: Checksums::default(),
            failure: None,
        };
        Ok(Self(Arc::new(Mutex::new(output))))
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        // Nothing panics while it is held; and if something did, the digests would tell.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on everything belongs to the tail; the checksums of what lies before.
    pub(crate) fn begin_tail(&self) -> Checksums {
        let mut output = self.output();
        output.tail = Sha256::new();
        output.tail_from = output.len;
        std::mem::take(&mut output.checksums)
    }

    /// Why a write failed.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.output().failure.take()
    }

    /// Makes the file durable; its name is not.
    pub(crate) fn finish(&self) -> io::Result<Written> {
        let mut output = self.output();
        output.write_waiting()?;
        if !sabotaged(Sabotage::NoArchiveSync) {
            output.file.sync_data()?;
        }
        Ok(Written {
            bytes: output.len,
            sha256: output.whole.clone().finalize().into(),
            tail_bytes: output.len - output.tail_from,
            tail_sha256: output.tail.clone().finalize().into(),
        })
    }
}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut output = self.output();
        output.waiting.extend_from_slice(buf);
        output.len += buf.len() as u64;
        if output.waiting.len() >= WRITE_BYTES
            && let Err(error) = output.write_waiting()
        {
            output.failure = Some(error);
            return Err(io::Error::other("the storage failed"));
        }
        output.whole.update(buf);
        output.tail.update(buf);
        output.checksums.update(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
