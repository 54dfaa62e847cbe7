//! Content that goes because the last event that named it was forgotten: noted, so that a crash leaves none behind.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use flightrec_events::Sha256Hex;
use flightrec_journal::{Storage, read_digested_line, remove_if_there, write_digested_line};
use serde::{Deserialize, Serialize};

use crate::artifacts::Artifacts;
use crate::error::OpenError;
use crate::log::{Log, LogItem};
use crate::named::each_named;
use crate::open;

const PATH: &str = "archive/UNREFERENCED";
const MAX_BYTES: u64 = 1 << 30;

/// The note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unreferenced {
    /// How often the store has forgotten something once the content may go.
    forgettings: u64,
    /// The last position that was looked at for the content's name.
    until_seq: u64,
    /// SHA-256 of each, as hex.
    sha256: Vec<String>,
}

impl Unreferenced {
    pub(crate) fn new(forgettings: u64, until_seq: u64, unnamed: &HashSet<[u8; 32]>) -> Self {
        let mut sha256: Vec<String> = unnamed.iter().map(|hash| crate::hex(hash)).collect();
        sha256.sort_unstable();
        Self { forgettings, until_seq, sha256 }
    }

    pub(crate) fn write(&self, storage: &dyn Storage) -> io::Result<()> {
        write_digested_line(storage, PATH, &serde_json::to_string(self)?)
    }

    pub(crate) fn remove(storage: &dyn Storage) -> io::Result<()> {
        remove_if_there(storage, PATH).map(drop)
    }

    /// Finishes what a crash interrupted: content that nothing names any more goes, unless it was not forgotten at all
    /// or something has named it since.
    pub(crate) fn finish(log: &Arc<Log>, artifacts: &Artifacts) -> Result<(), OpenError> {
        let storage = &**log.storage();
        // A note that is damaged names nothing; the content stays.
        let note = match read_digested_line(storage, PATH, MAX_BYTES) {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => serde_json::from_str::<Self>(&line).ok(),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(OpenError::io("read", PATH)(error)),
        };
        if let Some(note) = note.filter(|note| note.forgettings <= log.view().manifest.forgettings()) {
            let mut unnamed: HashSet<[u8; 32]> = note.sha256.iter().filter_map(|hex| hash(hex)).collect();
            let mut scan = log.scan(note.until_seq + 1);
            while let Some(item) = scan.next()? {
                let LogItem::Block(block) = item else { continue };
                for (seq, stored) in block.records() {
                    each_named(&open::decode(seq, stored)?, |sha256| {
                        unnamed.remove(&sha256);
                    });
                }
            }
            let unnamed: Vec<[u8; 32]> = unnamed.into_iter().collect();
            artifacts.remove(&unnamed)?;
        }
        Self::remove(storage).map_err(OpenError::io("remove", PATH))
    }
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    Sha256Hex::from_hex(hex).ok().map(|hash| *hash.as_bytes())
}
