//! Which segments the archive has, and where the journal goes on: the one file that decides it.
//!
//! ```text
//! archive/MANIFEST   one line of JSON, one line with its SHA-256
//! ```
//! A change is prepared beside what is there: new segments are written under temporary names and synced. Then the manifest
//! is replaced, in one step; from that moment on the change has happened. Only then the new files get their names and
//! the old ones go, which [`Manifest::settle`] finishes after a crash at any point.

use std::io::ErrorKind;

use flightrec_journal::{
    ChainHash, Origin, SegmentId, Seq, Storage, StoreId, read_digested_line, remove_if_there, write_digested_line,
};
use serde_json::{Value, json};

use crate::entry::{DIR, SegmentEntry, leftover_of, path, temporary_path};
use crate::error::{ManifestError, io};
use crate::forgetting::Forgetting;
use crate::hex::{hex, unhex};

const PATH: &str = "archive/MANIFEST";
const MAX_BYTES: u64 = 256 << 20;
/// The version that is written and read.
const FORMAT: u64 = 1;

/// The segments of a store, in the order of their positions, and where its journal begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    store: StoreId,
    generation: u64,
    origin: Origin,
    segments: Vec<SegmentEntry>,
    /// Files that are no longer segments, and may still be there.
    obsolete: Vec<String>,
    /// How often something was forgotten.
    forgettings: u64,
    /// What was forgotten and is not told in the log yet.
    untold: Vec<Forgetting>,
}

impl Manifest {
    /// The manifest of a store that has sealed nothing.
    pub fn empty(store: StoreId) -> Self {
        Self {
            store,
            generation: 0,
            origin: Origin::genesis(store),
            segments: Vec::new(),
            obsolete: Vec::new(),
            forgettings: 0,
            untold: Vec::new(),
        }
    }

    /// Reads the manifest of a store; an empty one if nothing was ever sealed.
    ///
    /// # Errors
    /// [`ManifestError`] if it is damaged, newer, another store's, or its segments do not follow one another.
    pub fn load(storage: &dyn Storage, store: StoreId) -> Result<Self, ManifestError> {
        let damaged = |what| ManifestError::Damaged { file: PATH.to_owned(), what };
        let line = match read_digested_line(storage, PATH, MAX_BYTES) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Self::empty(store)),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(damaged("it is not what was written")),
            Err(source) => return Err(io("read", PATH)(source).into()),
        };
        let json: Value = serde_json::from_str(&line).map_err(|_| damaged("it is no JSON"))?;
        let format = json["format"].as_u64().ok_or_else(|| damaged("it has no format"))?;
        if format > FORMAT {
            return Err(ManifestError::NewerFormat { file: PATH.to_owned(), found: format, known: FORMAT });
        }
        let manifest = Self::from_json(&json).ok_or_else(|| damaged("a fact is missing"))?;
        if manifest.store != store {
            let (found, expected) = (manifest.store.to_string(), store.to_string());
            return Err(ManifestError::ForeignStore { file: PATH.to_owned(), found, expected });
        }
        manifest.check().map(|()| manifest)
    }

    fn from_json(json: &Value) -> Option<Self> {
        let origin = &json["origin"];
        let segments = json["segments"].as_array()?.iter().map(SegmentEntry::from_json).collect::<Option<_>>()?;
        let name = |name: &Value| name.as_str().map(str::to_owned);
        Some(Self {
            store: StoreId::from_bytes(unhex(json["store_id"].as_str()?)?),
            generation: json["generation"].as_u64()?,
            origin: Origin {
                segment: SegmentId::new(origin["segment"].as_u64()?),
                seq: Seq::new(origin["seq"].as_u64()?),
                chain: ChainHash::from_bytes(unhex(origin["chain"].as_str()?)?),
            },
            segments,
            obsolete: json["obsolete"].as_array()?.iter().map(name).collect::<Option<_>>()?,
            forgettings: json["forgettings"].as_u64()?,
            untold: json["untold"].as_array()?.iter().map(Forgetting::from_json).collect::<Option<_>>()?,
        })
    }

    /// Whether the segments follow one another from the first event to the origin, and their chain does.
    fn check(&self) -> Result<(), ManifestError> {
        let mut end = Origin::genesis(self.store);
        let mut before = "the beginning of the log";
        let origin = (self.origin.seq, self.origin.chain, "the journal");
        let starts = self.segments.iter().map(|entry| (entry.first_seq, entry.chain_start, &*entry.file));
        let ends = self.segments.iter().map(|entry| (entry.last_seq.plus(1), entry.chain_end));
        for ((seq, chain, name), (next_seq, next_chain)) in
            starts.chain([origin]).zip(ends.chain([(origin.0, origin.1)]))
        {
            let what = match (seq == end.seq, chain == end.chain) {
                (true, true) => {
                    (end.seq, end.chain, before) = (next_seq, next_chain, name);
                    continue;
                }
                (false, _) => "other events were to follow",
                (true, false) => "the hash chain does not go on",
            };
            return Err(ManifestError::Broken { segment: name.to_owned(), before: before.to_owned(), what });
        }
        Ok(())
    }

    /// How often it was changed.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Where the journal goes on behind the last segment.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// The segments, in the order of their positions.
    pub fn segments(&self) -> &[SegmentEntry] {
        &self.segments
    }

    /// How often something was forgotten: what was folded before the last time does not hold any more.
    pub const fn forgettings(&self) -> u64 {
        self.forgettings
    }

    /// What was forgotten and is not told in the log yet.
    pub fn untold(&self) -> &[Forgetting] {
        &self.untold
    }

    /// How many events of the sealed range were forgotten.
    pub fn forgotten_events(&self) -> u64 {
        self.segments.iter().map(SegmentEntry::forgotten).sum()
    }

    /// The manifest with one more segment, behind which the journal goes on.
    #[must_use]
    pub fn with(&self, entry: SegmentEntry, origin: Origin) -> Self {
        let mut next = Self { origin, ..self.next() };
        next.segments.push(entry);
        next
    }

    /// The manifest with segments that take the place of those with the same positions.
    #[must_use]
    pub fn replacing(&self, entries: Vec<SegmentEntry>) -> Self {
        let mut next = self.next();
        for entry in entries {
            let is_replaced = |old: &SegmentEntry| entry.first_seq <= old.first_seq && old.last_seq <= entry.last_seq;
            let at = next.segments.partition_point(|old| old.first_seq < entry.first_seq);
            let count = next.segments[at..].iter().take_while(|old| is_replaced(old)).count();
            let old = next.segments.splice(at..at + count, [entry]);
            next.obsolete.extend(old.map(|old| old.file));
        }
        next
    }

    /// The manifest after something was forgotten, which is to be told in the log.
    #[must_use]
    pub fn forgetting(mut self, forgetting: Forgetting) -> Self {
        self.forgettings += 1;
        self.untold.push(forgetting);
        self
    }

    /// The manifest after the log has told of a forgetting.
    #[must_use]
    pub fn told(&self, event_id: [u8; 16]) -> Self {
        let mut next = self.next();
        next.untold.retain(|forgetting| forgetting.event_id != event_id);
        next
    }

    /// The revision of segments that the next manifest names first.
    pub const fn next_generation(&self) -> u64 {
        self.generation + 1
    }

    /// What the next change begins with. This manifest was settled before.
    fn next(&self) -> Self {
        Self { generation: self.next_generation(), obsolete: Vec::new(), ..self.clone() }
    }

    /// Makes this the manifest of the store. When this returns, the change is durable; what follows from it is not
    /// done yet: see [`settle`](Self::settle).
    ///
    /// # Errors
    /// [`ManifestError`] if its segments do not follow one another, or the storage fails; the manifest before may then
    /// be in force, or this one.
    pub fn commit(&self, storage: &dyn Storage) -> Result<(), ManifestError> {
        self.check()?;
        let line = json!({
            "format": FORMAT,
            "store_id": hex(self.store.as_bytes()),
            "generation": self.generation,
            "origin": {
                "segment": self.origin.segment.get(),
                "seq": self.origin.seq.get(),
                "chain": hex(self.origin.chain.as_bytes()),
            },
            "segments": self.segments.iter().map(SegmentEntry::to_json).collect::<Vec<_>>(),
            "obsolete": self.obsolete,
            "forgettings": self.forgettings,
            "untold": self.untold.iter().map(Forgetting::to_json).collect::<Vec<_>>(),
        })
        .to_string();
        Ok(write_digested_line(storage, PATH, &line).map_err(io("write", PATH))?)
    }

    /// Brings the files in line: gives new segments their names, removes what is obsolete and what an interrupted
    /// change left. Files that the manifest does not name and that are no leftovers of ours are not touched. Every change
    /// begins with it, so that nothing obsolete is lost sight of.
    ///
    /// # Errors
    /// [`ManifestError`] if the storage fails; it can be called again, at any time.
    pub fn settle(&self, storage: &dyn Storage) -> Result<(), ManifestError> {
        let names = storage.list(DIR).map_err(io("list", DIR))?;
        let mut changed = false;
        for name in &names {
            let Some(file) = leftover_of(name) else { continue };
            let is_named = self.segments.iter().any(|entry| entry.file == file);
            if is_named && !names.iter().any(|name| name == file) {
                storage.rename(&temporary_path(file), &path(file)).map_err(io("rename", &temporary_path(file)))?;
            } else {
                storage.remove(&temporary_path(file)).map_err(io("remove", &temporary_path(file)))?;
            }
            changed = true;
        }
        for file in self.obsolete.iter().filter(|file| names.contains(file)) {
            remove_if_there(storage, &path(file)).map_err(io("remove", &path(file)))?;
            changed = true;
        }
        if changed {
            storage.sync_dir(DIR).map_err(io("sync", DIR))?;
        }
        Ok(())
    }

    /// Files among the segments that the manifest does not name: nobody reads them, and nobody removes them.
    ///
    /// # Errors
    /// [`ManifestError`] if the storage fails.
    pub fn foreign_files(&self, storage: &dyn Storage) -> Result<Vec<String>, ManifestError> {
        let mut names = storage.list(DIR).map_err(io("list", DIR))?;
        names.retain(|name| {
            let known = |file: &str| self.segments.iter().any(|entry| entry.file == file);
            !known(name) && leftover_of(name).is_none() && !self.obsolete.contains(name)
        });
        Ok(names)
    }
}
