//! Content by its SHA-256: redacted before it is hashed, kept once, compressed, verified on every read.
//!
//! ```text
//! artifacts/ab/abcdef…   byte 0: 0 = content as it is, 1 = zstd frame; then the bytes
//! ```
//! The name is the hash of the content, so giving the same content twice keeps one file, and several
//! processes may give at once.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flightrec_events::{ArtifactId, Sha256Hex};
use flightrec_journal::{Access, Storage, StorageFile, read_file, remove_if_there, write_all_at};
use sha2::{Digest, Sha256};

use crate::error::ArtifactError;
use crate::named::Named;
use crate::redact::Redactor;
use crate::view::{ArtifactCheck, ArtifactView, DamageView};

/// The most bytes of one artifact.
pub const MAX_ARTIFACT_BYTES: u64 = 256 * 1024 * 1024;

const DIR: &str = "artifacts";
/// How many interrupted or concurrent writes of one content may have left a temporary file.
const MAX_TEMPORARIES: u32 = 1_000;
const RAW: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 3;

/// How many contents that were given last are known: those stay, although no event may have named them yet.
const MAX_LATELY: usize = 65_536;
/// How many threads write contents that are given together.
const MAX_WRITERS: usize = 8;

/// Content that has its name and is ready to be written: redacted and hashed, and nowhere on the disk yet.
#[derive(Debug)]
pub struct PreparedArtifact {
    path: String,
    view: ArtifactView,
    clean: Vec<u8>,
}

impl PreparedArtifact {
    /// Its name.
    pub const fn view(&self) -> &ArtifactView {
        &self.view
    }
}

/// The artifacts of one store.
#[derive(Debug, Clone)]
pub struct Artifacts {
    storage: Arc<dyn Storage>,
    /// Built when it is first needed: whoever only reads never pays for it.
    redactor: Arc<OnceLock<Arc<Redactor>>>,
    lately: Arc<Mutex<Lately>>,
}

/// The contents that were given last.
#[derive(Debug, Default)]
struct Lately {
    order: VecDeque<[u8; 32]>,
    names: HashSet<[u8; 32]>,
}

impl Lately {
    fn note(&mut self, sha256: [u8; 32]) {
        if !self.names.insert(sha256) {
            return;
        }
        self.order.push_back(sha256);
        if self.order.len() > MAX_LATELY
            && let Some(old) = self.order.pop_front()
        {
            self.names.remove(&old);
        }
    }

    fn holds(&self, sha256: &[u8; 32]) -> bool {
        self.names.contains(sha256)
    }
}

impl Artifacts {
    /// The artifacts as a recorder sees them, with its redactor.
    pub(crate) fn new(storage: Arc<dyn Storage>, redactor: Arc<Redactor>) -> Self {
        Self { storage, redactor: Arc::new(OnceLock::from(redactor)), lately: Arc::default() }
    }

    /// The artifacts as a reader sees them: content that it gives is redacted by the default policy.
    pub(crate) fn of_reader(storage: Arc<dyn Storage>) -> Self {
        Self { storage, redactor: Arc::default(), lately: Arc::default() }
    }

    /// Takes content: redacts it, hashes it, keeps it. When this returns, the content is durable.
    ///
    /// # Errors
    /// [`ArtifactError::TooLarge`], or [`ArtifactError::Io`] if the disk refuses.
    pub fn put(&self, content: &[u8]) -> Result<ArtifactView, ArtifactError> {
        let prepared = self.prepare(content)?;
        self.keep(std::slice::from_ref(&prepared))?;
        Ok(prepared.view)
    }

    /// Takes several contents, as [`put`](Self::put) does each. Their files are synced at the same time, which
    /// a journalling file system does in few commits, and each directory once.
    ///
    /// # Errors
    /// As [`put`](Self::put); some of the contents may have been kept then.
    pub fn put_all(&self, contents: &[&[u8]]) -> Result<Vec<ArtifactView>, ArtifactError> {
        let prepared = contents.iter().map(|content| self.prepare(content)).collect::<Result<Vec<_>, _>>()?;
        self.keep(&prepared)?;
        Ok(prepared.into_iter().map(|prepared| prepared.view).collect())
    }

    /// Redacts and hashes content without keeping it: for events that name it before [`keep`](Self::keep) does.
    ///
    /// # Errors
    /// [`ArtifactError::TooLarge`].
    pub fn prepare(&self, content: &[u8]) -> Result<PreparedArtifact, ArtifactError> {
        if content.len() as u64 > MAX_ARTIFACT_BYTES {
            return Err(ArtifactError::TooLarge { limit: MAX_ARTIFACT_BYTES });
        }
        let (clean, redacted) = self.redactor.get_or_init(Arc::default).redact_bytes(content);
        let sha256 = Sha256Hex::from_bytes(Sha256::digest(&clean).into());
        let view = ArtifactView { artifact_id: ArtifactId::new(sha256), sha256, bytes: clean.len() as u64, redacted };
        Ok(PreparedArtifact { path: path(sha256), view, clean: clean.into_owned() })
    }

    /// Keeps prepared contents. When this returns, they are durable.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] if the disk refuses; some of the contents may have been kept then.
    pub fn keep(&self, prepared: &[PreparedArtifact]) -> Result<(), ArtifactError> {
        {
            let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
            for one in prepared {
                lately.note(*one.view.sha256.as_bytes());
            }
        }
        let share = prepared.len().div_ceil(MAX_WRITERS).max(1);
        std::thread::scope(|scope| {
            let write_share = |share: &[PreparedArtifact]| share.iter().try_for_each(|one| self.write_content(one));
            let mut shares = prepared.chunks(share);
            let own = shares.next().unwrap_or_default();
            let others: Vec<_> = shares.map(|share| scope.spawn(move || write_share(share))).collect();
            let written = write_share(own);
            others.into_iter().fold(written, |written, other| {
                let panicked = |_| Err(ArtifactError::Damaged("a thread that wrote content panicked".to_owned()));
                written.and(other.join().unwrap_or_else(panicked))
            })
        })?;
        self.sync_names(prepared)
    }

    /// Writes content under its name, unless it stands there whole. Its name is not durable yet.
    fn write_content(&self, prepared: &PreparedArtifact) -> Result<(), ArtifactError> {
        let PreparedArtifact { path, view, clean } = prepared;
        if matches!(self.read(path, view.sha256), Ok(kept) if kept == *clean) {
            return Ok(());
        }
        let io = |source| ArtifactError::Io { doing: "write", path: path.clone(), source };
        let mut bytes = vec![ZSTD];
        bytes.extend(zstd::bulk::compress(clean, LEVEL).map_err(io)?);
        if bytes.len() > clean.len() {
            bytes.clear();
            bytes.push(RAW);
            bytes.extend_from_slice(clean);
        }
        self.write(path, &bytes).map_err(io)
    }

    /// Writes a file that has its name only once all its bytes are durable. Others may be writing the same
    /// content meanwhile, so that each takes a temporary name that nobody else has.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (temporary, file) = self.create_temporary(path)?;
        let written = write_all_at(&*file, bytes, 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| self.storage.rename(&temporary, path));
        written.inspect_err(|_| {
            // The first failure is the one to tell.
            let _gone = self.storage.remove(&temporary).is_ok();
        })
    }

    fn create_temporary(&self, path: &str) -> io::Result<(String, Arc<dyn StorageFile>)> {
        let mut attempt = 0;
        loop {
            let temporary = format!("{path}.{attempt}.tmp");
            match self.storage.create(&temporary) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < MAX_TEMPORARIES => attempt += 1,
                other => return Ok((temporary, other?)),
            }
        }
    }

    /// Makes names durable, and those of their directories, which may be new themselves. Whoever wrote a
    /// file that was there already may not have come to do so.
    fn sync_names(&self, prepared: &[PreparedArtifact]) -> Result<(), ArtifactError> {
        let dirs: BTreeSet<&str> =
            prepared.iter().map(|one| one.path.rsplit_once('/').map_or(DIR, |(dir, _)| dir)).collect();
        for dir in dirs.iter().chain((!dirs.is_empty()).then_some(&DIR)) {
            let io = |source| ArtifactError::Io { doing: "sync", path: (*dir).to_owned(), source };
            self.storage.sync_dir(dir).map_err(io)?;
        }
        Ok(())
    }

    /// Gives content back, after checking that it is what its name says.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`], [`ArtifactError::Damaged`], or [`ArtifactError::Io`].
    pub fn get(&self, sha256: Sha256Hex) -> Result<Vec<u8>, ArtifactError> {
        self.read(&path(sha256), sha256)
    }

    /// The file of an artifact as it lies, after checking that it holds what its name says: for whoever copies a store.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn file(&self, sha256: Sha256Hex) -> Result<Vec<u8>, ArtifactError> {
        let bytes = self.load(&path(sha256), sha256)?;
        decode(&bytes, sha256).map(|_content| bytes)
    }

    /// All artifacts with the lengths of their files, in the order of their names.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn files(&self) -> Result<Vec<(Sha256Hex, u64)>, ArtifactError> {
        let mut files = Vec::new();
        for first in 0..=u8::MAX {
            for sha256 in self.names(first)? {
                let path = path(sha256);
                let len = self.storage.open(&path, Access::Read).and_then(|file| file.len());
                match len {
                    Ok(len) => files.push((sha256, len)),
                    // Retention may have removed it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(source) => return Err(ArtifactError::Io { doing: "read", path, source }),
                }
            }
        }
        Ok(files)
    }

    /// The artifacts whose names begin with a byte, sorted.
    fn names(&self, first: u8) -> Result<Vec<Sha256Hex>, ArtifactError> {
        let dir = format!("{DIR}/{first:02x}");
        let names = self.storage.list(&dir);
        let names = names.map_err(|source| ArtifactError::Io { doing: "list", path: dir, source })?;
        Ok(names.iter().filter_map(|name| Sha256Hex::from_hex(name).ok()).collect())
    }

    fn read(&self, path: &str, sha256: Sha256Hex) -> Result<Vec<u8>, ArtifactError> {
        decode(&self.load(path, sha256)?, sha256)
    }

    fn load(&self, path: &str, sha256: Sha256Hex) -> Result<Vec<u8>, ArtifactError> {
        read_file(&*self.storage, path, MAX_ARTIFACT_BYTES + 1).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                ArtifactError::NotFound(format!("sha256:{sha256}"))
            } else {
                ArtifactError::Io { doing: "read", path: path.to_owned(), source }
            }
        })
    }

    /// Removes contents, except those that were given lately: an event that names them may be on its way.
    pub(crate) fn remove(&self, unnamed: &[[u8; 32]]) -> Result<(), ArtifactError> {
        let mut dirs = BTreeSet::new();
        for sha256 in unnamed {
            let path = path(Sha256Hex::from_bytes(*sha256));
            let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever gives the same content now waits until it is gone, and then writes it.
            if lately.holds(sha256) {
                continue;
            }
            let io = |source| ArtifactError::Io { doing: "remove", path: path.clone(), source };
            if remove_if_there(&*self.storage, &path).map_err(io)? {
                dirs.extend(path.rsplit_once('/').map(|(dir, _)| dir.to_owned()));
            }
        }
        for dir in dirs {
            let synced = self.storage.sync_dir(&dir);
            synced.map_err(|source| ArtifactError::Io { doing: "sync", path: dir, source })?;
        }
        Ok(())
    }

    /// Hashes every artifact again, and counts which of `named` were never given.
    pub(crate) fn verify(&self, named: Named) -> Result<(ArtifactCheck, Vec<DamageView>), ArtifactError> {
        let mut check = ArtifactCheck::default();
        let mut damage = Vec::new();
        let mut present = Vec::new();
        for first in 0..=u8::MAX {
            for sha256 in self.names(first)? {
                check.checked += 1;
                present.push(*sha256.as_bytes());
                let path = path(sha256);
                if let Err(error) = self.read(&path, sha256) {
                    check.bad += 1;
                    damage.push(DamageView {
                        kind: "bad_artifact".to_owned(),
                        segment: path,
                        seq_from: None,
                        seq_to: None,
                        detail: error.to_string(),
                    });
                }
            }
        }
        check.missing = named.count_without(present.into_iter());
        Ok((check, damage))
    }
}

/// The content of a file, if it is what its name says.
fn decode(bytes: &[u8], sha256: Sha256Hex) -> Result<Vec<u8>, ArtifactError> {
    let damaged = || ArtifactError::Damaged(format!("sha256:{sha256}"));
    let content = match bytes.split_first() {
        Some((&RAW, content)) => content.to_vec(),
        Some((&ZSTD, frame)) => {
            let decoder = zstd::stream::read::Decoder::new(frame).map_err(|_| damaged())?;
            let mut content = Vec::new();
            decoder.take(MAX_ARTIFACT_BYTES + 1).read_to_end(&mut content).map_err(|_| damaged())?;
            content
        }
        Some(_) | None => return Err(damaged()),
    };
    let whole = content.len() as u64 <= MAX_ARTIFACT_BYTES && Sha256::digest(&content)[..] == *sha256.as_bytes();
    if whole { Ok(content) } else { Err(damaged()) }
}

fn path(sha256: Sha256Hex) -> String {
    let name = sha256.to_string();
    format!("{DIR}/{}/{name}", &name[..2])
}
