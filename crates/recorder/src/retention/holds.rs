//! Sessions that stay until their hold is released, in the file `HOLDS` of the store.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use flightrec_events::Timestamp;
use flightrec_journal::{Storage, read_digested_line, write_digested_line};
use serde::{Deserialize, Serialize};

const PATH: &str = "HOLDS";
/// Held while the holds are changed: two who change them at once would lose one change.
const LOCK_PATH: &str = "HOLDS.lock";
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why a session stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why, in the words of whoever asked for it.
    pub reason: String,
    /// Since when, as RFC 3339.
    pub since: String,
}

/// All holds of a store, by session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Holds(BTreeMap<Arc<str>, Hold>);

/// The holds could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The file is not what was written.
    #[error(
        "the file HOLDS of the store was changed: nothing is forgotten until it is restored from a copy, or removed and the holds are placed again"
    )]
    Damaged,
    /// Another process changes them.
    #[error("another process is changing the holds of this store; try again")]
    Locked,
    /// The file system refused.
    #[error("cannot {doing} the file HOLDS of the store")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl Holds {
    /// Reads the holds of a store; none if there is no file.
    pub(crate) fn load(storage: &dyn Storage) -> Result<Self, HoldError> {
        let line = match read_digested_line(storage, PATH, MAX_BYTES) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Self::default()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(HoldError::Damaged),
            Err(source) => return Err(HoldError::Io { doing: "read", source }),
        };
        serde_json::from_str(&line).map_err(|_| HoldError::Damaged)
    }

    /// Changes the holds of a store. When this returns, the change is durable.
    pub(crate) fn change<T>(storage: &dyn Storage, change: impl FnOnce(&mut Self) -> T) -> Result<T, HoldError> {
        let locked = storage.lock(LOCK_PATH).map_err(|source| HoldError::Io { doing: "lock", source })?;
        let _lock = locked.ok_or(HoldError::Locked)?;
        let mut holds = Self::load(storage)?;
        let answer = change(&mut holds);
        holds.save(storage)?;
        Ok(answer)
    }

    fn save(&self, storage: &dyn Storage) -> Result<(), HoldError> {
        let line = serde_json::to_string(self).map_err(|_| HoldError::Damaged)?;
        write_digested_line(storage, PATH, &line).map_err(|source| HoldError::Io { doing: "write", source })
    }

    /// Whether a session is held.
    pub fn is_held(&self, session: &str) -> bool {
        self.0.contains_key(session)
    }

    /// Places a hold; the first reason and time of a session that is held already stay.
    pub fn insert(&mut self, session: &str, reason: &str, since: Timestamp) -> bool {
        if self.is_held(session) {
            return false;
        }
        let hold = Hold { reason: reason.to_owned(), since: since.to_string() };
        self.0.insert(session.into(), hold);
        true
    }

    /// Releases a hold; whether there was one.
    pub fn remove(&mut self, session: &str) -> bool {
        self.0.remove(session).is_some()
    }

    /// All of them, by session.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Hold)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flightrec_journal::DiskStorage;

    #[test]
    fn holds_come_back_and_a_changed_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::new(dir.path());
        assert_eq!(Holds::load(&storage).unwrap(), Holds::default());
        let hold = |reason: &str| Holds::change(&storage, |holds| holds.insert("s-1", reason, Timestamp::default()));
        assert!(hold("audit \"A\"\nline two").unwrap());
        assert!(!hold("another").unwrap());
        let holds = Holds::load(&storage).unwrap();
        assert_eq!(holds.iter().next().unwrap().1.reason, "audit \"A\"\nline two");
        let path = dir.path().join(PATH);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(matches!(Holds::load(&storage), Err(HoldError::Damaged)), "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(matches!(Holds::load(&storage), Err(HoldError::Damaged)), "cut at {at}");
        }
    }
}
