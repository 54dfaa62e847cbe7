//! The projection, put aside so that an open does not read the whole log.

use std::io;

use flightrec_journal::{Reader as JournalReader, Storage, StoreId};

use crate::derived::{self, Derived, Format};
use crate::fold::Projection;

pub(crate) const PATH: &str = "derived/snapshot.frs";
/// Raise the version whenever what is folded, or how, changes: older snapshots are then folded anew.
const FORMAT: Format = Format { magic: *b"FRSNAPSH", version: 5 };

/// What a snapshot is good for.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// Fold on from here.
    Good(Box<Projection>),
    /// There is none; fold from the beginning.
    Absent,
    /// There is one that does not belong to this log as it is; fold from the beginning.
    Unusable(String),
}

/// Puts the projection aside.
pub(crate) fn write(storage: &dyn Storage, store: StoreId, projection: &Projection) -> io::Result<()> {
    let content = postcard::to_stdvec(projection).map_err(io::Error::other)?;
    derived::write(storage, PATH, FORMAT, store, &content)
}

/// Takes a snapshot, if it belongs to the log: its last event must lie where the snapshot says, in a
/// block with the same link in the hash chain.
pub(crate) fn load(storage: &dyn Storage, store: StoreId, journal: &JournalReader) -> io::Result<Loaded> {
    let content = match derived::read(storage, PATH, FORMAT, store)? {
        Derived::Whole(content) => content,
        Derived::Absent => return Ok(Loaded::Absent),
        Derived::Damaged => return Ok(Loaded::Unusable("its bytes do not have their digest".to_owned())),
    };
    let projection = match postcard::from_bytes::<Projection>(&content) {
        Ok(projection) if projection.is_sound() => Box::new(projection),
        Ok(_) | Err(_) => return Ok(Loaded::Unusable("it cannot be read".to_owned())),
    };
    let Some(last) = projection.blocks.last() else { return Ok(Loaded::Absent) };
    match journal.read_block(&last.reference()) {
        Ok(block) if block.chain == projection.chain() => Ok(Loaded::Good(projection)),
        Ok(_) | Err(_) => Ok(Loaded::Unusable(format!(
            "it was taken at event {}, which the log does not hold any more: the log was cut or replaced",
            last.last_seq()
        ))),
    }
}
