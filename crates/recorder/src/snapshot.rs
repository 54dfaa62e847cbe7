//! The projection, put aside so that an open does not read the whole log.

use std::io;

use flightrec_journal::sabotage::{Sabotage, sabotaged};
use flightrec_journal::{ChainHash, Storage, StoreId, remove_if_there};

use crate::derived::{self, Derived, Format};
use crate::error::ReadError;
use crate::fold::Projection;
use crate::log::Log;

pub(crate) const PATH: &str = "derived/snapshot.frs";
/// Raise the version whenever what is folded, or how, changes: older snapshots are then folded anew.
const FORMAT: Format = Format { magic: *b"FRSNAPSH", version: 8 };

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

/// Removes what an interrupted writing left, and the snapshot itself if it is of no use.
pub(crate) fn remove_leftovers(storage: &dyn Storage, is_useless: bool) -> io::Result<()> {
    remove_if_there(storage, &format!("{PATH}.tmp"))?;
    if is_useless {
        remove_if_there(storage, PATH)?;
    }
    Ok(())
}

/// Takes a snapshot, if it belongs to the log: where its last event lies, the log must have the same link in its hash
/// chain.
pub(crate) fn load(log: &Log) -> Result<Loaded, ReadError> {
    let io = |source| ReadError::Io { path: PATH.to_owned(), source };
    let content = match derived::read(&**log.storage(), PATH, FORMAT, log.store()).map_err(io)? {
        Derived::Whole(content) => content,
        Derived::Absent => return Ok(Loaded::Absent),
        Derived::Damaged => return Ok(Loaded::Unusable("its bytes do not have their digest".to_owned())),
    };
    let mut projection = match postcard::from_bytes::<Projection>(&content) {
        Ok(projection) if projection.is_sound() => Box::new(projection),
        Ok(_) | Err(_) => return Ok(Loaded::Unusable("it cannot be read".to_owned())),
    };
    let Some(last) = projection.last_seq else { return Ok(Loaded::Absent) };
    let is_older = projection.forgettings != log.view().manifest.forgettings();
    if is_older && !sabotaged(Sabotage::KeepOldSnapshot) {
        // Something was forgotten since, or was about to be when the power went.
        return Ok(Loaded::Absent);
    }
    projection.trim(log.view().origin_seq());
    if link_behind(log, &projection, last) == Some(projection.chain()) {
        Ok(Loaded::Good(projection))
    } else {
        Ok(Loaded::Unusable(format!(
            "it was taken at event {last}, which the log does not hold any more: the log was cut or replaced"
        )))
    }
}

/// The link behind the last event of a projection; `None` if it cannot be read, or the log does not hold it.
fn link_behind(log: &Log, projection: &Projection, last: u64) -> Option<ChainHash> {
    match projection.blocks.last() {
        Some(place) => log.view().journal.read_block(&place.reference()).ok().map(|block| block.chain),
        None => log.link_at(last).ok().flatten(),
    }
}
