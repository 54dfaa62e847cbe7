//! The directory of a store: who it is, which format it has, which families it was written with.
//!
//! ```text
//! STORE                  identity and format: one line of JSON, one line with its SHA-256
//! LOCK                   held by the one writer
//! journal/               the log: the only truth
//! artifacts/ab/abcd…     content by its SHA-256
//! families/<sha256>.json declarations that the store was written with
//! derived/               snapshots and indexes; can be deleted at any time
//! ```

use std::sync::Arc;

use flightrec_events::{Id, Registry, Timestamp};
use flightrec_journal::{
    LockGuard, Storage, StoreId, read_digested_line, read_file, write_digested_line, write_file_atomically,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::OpenError;
use crate::hex;

/// The version of the store's layout that this program reads and writes.
pub const STORE_FORMAT: u64 = 1;

/// The version of this program, as it is kept in stores.
pub const RECORDER_VERSION: &str = env!("CARGO_PKG_VERSION");

const STORE_FILE: &str = "STORE";
const LOCK_FILE: &str = "LOCK";
const JOURNAL_DIR: &str = "journal";
const FAMILIES_DIR: &str = "families";
const MAX_STORE_FILE_BYTES: u64 = 64 * 1024;
const MAX_DECLARATION_BYTES: u64 = 4 * 1024 * 1024;

/// The file that says who the store is does not say it any more.
fn changed() -> OpenError {
    OpenError::Damaged("its STORE file was changed; restore it from a copy".to_owned())
}

/// The one writer's hold on a store.
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held, not read")] Box<dyn LockGuard>);

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lock")
    }
}

/// A store's files, and who it is.
#[derive(Debug, Clone)]
pub(crate) struct StoreFiles {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) id: StoreId,
    /// The version of the program that wrote it last.
    pub(crate) written_by: String,
    created_at: String,
}

impl StoreFiles {
    /// Opens what is there.
    pub(crate) fn open(storage: Arc<dyn Storage>) -> Result<Self, OpenError> {
        match read_digested_line(&*storage, STORE_FILE, MAX_STORE_FILE_BYTES) {
            Ok(Some(line)) => Self::parse(storage, &line),
            Ok(None) => {
                let log = storage.list(JOURNAL_DIR).map_err(OpenError::io("list", JOURNAL_DIR))?;
                if log.is_empty() {
                    Err(OpenError::NoStore)
                } else {
                    Err(OpenError::Damaged(
                        "its STORE file is missing, and there is a log; restore the file from a copy".to_owned(),
                    ))
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(changed()),
            Err(error) => Err(OpenError::io("read", STORE_FILE)(error)),
        }
    }

    /// Opens what is there, or makes a new store where there is none.
    pub(crate) fn open_or_create(storage: Arc<dyn Storage>, fresh_id: u128, now: Timestamp) -> Result<Self, OpenError> {
        match Self::open(Arc::clone(&storage)) {
            Err(OpenError::NoStore) => {
                let files = Self {
                    storage,
                    id: StoreId::from_bytes(fresh_id.to_be_bytes()),
                    written_by: RECORDER_VERSION.to_owned(),
                    created_at: now.to_string(),
                };
                files.write()?;
                Ok(files)
            }
            other => other,
        }
    }

    fn parse(storage: Arc<dyn Storage>, line: &str) -> Result<Self, OpenError> {
        let facts: Value = serde_json::from_str(line).map_err(|_| changed())?;
        let found = facts["format"].as_u64().ok_or_else(changed)?;
        if found > STORE_FORMAT {
            return Err(OpenError::NewerFormat { found, known: STORE_FORMAT });
        }
        let text = |key: &str| facts[key].as_str().map(str::to_owned).ok_or_else(changed);
        let id = u128::from_str_radix(&text("store_id")?, 16).map_err(|_| changed())?;
        Ok(Self {
            storage,
            id: StoreId::from_bytes(id.to_be_bytes()),
            written_by: text("written_by")?,
            created_at: text("created_at")?,
        })
    }

    fn write(&self) -> Result<(), OpenError> {
        let facts = json!({
            "format": STORE_FORMAT,
            "store_id": hex(self.id.as_bytes()),
            "created_at": self.created_at,
            "written_by": self.written_by,
        });
        write_digested_line(&*self.storage, STORE_FILE, &facts.to_string()).map_err(OpenError::io("write", STORE_FILE))
    }

    /// Takes the writer's lock; it is free again when the guard is dropped or the process dies.
    pub(crate) fn lock(storage: &dyn Storage) -> Result<Lock, OpenError> {
        storage.lock(LOCK_FILE).map_err(OpenError::io("lock", LOCK_FILE))?.map(Lock).ok_or(OpenError::Locked)
    }

    /// Notes that this version writes from now on; answers with the version that did before, if another.
    pub(crate) fn take_over(&mut self) -> Result<Option<String>, OpenError> {
        if self.written_by == RECORDER_VERSION {
            return Ok(None);
        }
        let previous = std::mem::replace(&mut self.written_by, RECORDER_VERSION.to_owned());
        self.write()?;
        Ok(Some(previous))
    }

    /// The built-in families and those that the store was written with.
    pub(crate) fn registry(&self) -> Result<Registry, OpenError> {
        let mut registry = Registry::new();
        for name in self.declarations()? {
            let path = format!("{FAMILIES_DIR}/{name}");
            let bytes =
                read_file(&*self.storage, &path, MAX_DECLARATION_BYTES).map_err(OpenError::io("read", &path))?;
            if name != declaration_name(&bytes) {
                return Err(OpenError::Damaged(format!("{path} was changed; restore it from a copy")));
            }
            registry.declare(&bytes).map_err(|source| OpenError::Declaration { path, source })?;
        }
        Ok(registry)
    }

    /// The names of the declaration files that the store was written with.
    pub(crate) fn declarations(&self) -> Result<Vec<String>, OpenError> {
        let names = self.storage.list(FAMILIES_DIR).map_err(OpenError::io("list", FAMILIES_DIR))?;
        Ok(names.into_iter().filter(|name| name.strip_suffix(".json").is_some()).collect())
    }

    /// Adds a declaration to a registry, and keeps it with the store from now on.
    pub(crate) fn declare(&self, registry: &mut Registry, bytes: &[u8]) -> Result<(), OpenError> {
        let path = format!("{FAMILIES_DIR}/{}", declaration_name(bytes));
        registry.declare(bytes).map_err(|source| OpenError::Declaration { path: path.clone(), source })?;
        if self.declarations()?.contains(&declaration_name(bytes)) {
            return Ok(());
        }
        write_file_atomically(&*self.storage, &path, bytes).map_err(OpenError::io("write", &path))
    }

    /// The store's declarations as ids, for `recorder.opened`.
    pub(crate) fn declaration_ids(&self) -> Result<Vec<Id>, OpenError> {
        Ok(self.declarations()?.iter().filter_map(|name| Id::new(name.trim_end_matches(".json")).ok()).collect())
    }
}

fn declaration_name(bytes: &[u8]) -> String {
    format!("{}.json", hex(&Sha256::digest(bytes)))
}
