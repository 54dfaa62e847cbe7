//! The projection, put aside so that an open does not read the whole log.
//!
//! Packed sessions lie in files of their own, which are written once; the snapshot names them, and holds the rest. A few
//! neighbouring files become one when they are small, so that there are few however many sessions there are.

use std::io;
use std::sync::{Arc, PoisonError};

use flightrec_journal::sabotage::{Sabotage, sabotaged};
use flightrec_journal::{ChainHash, Storage, StoreId, remove_if_there};
use serde::{Deserialize, Serialize};

use crate::derived::{self, DIR, Derived, Format};
use crate::error::ReadError;
use crate::fold::{Entries, Page, Projection, SessionFold, Sessions};
use crate::log::Log;
use crate::page_file::{self, Reference};
use crate::side_by_side::{at_once, side_by_side};

pub(crate) const PATH: &str = "derived/snapshot.frs";
/// Raise the version whenever what is folded, or how, changes: older snapshots are then folded anew.
const FORMAT: Format = Format { magic: *b"FRSNAPSH", version: 9 };
/// The most pages of a file that is put together with others: 65,536 sessions.
const MAX_MERGED_PAGES: usize = 1_024;
/// How often a snapshot is read whose files go away meanwhile, because a writer puts another aside.
const TRIES: usize = 8;

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

/// A session that is not packed: its index, when something last happened to it, its fold, and its entries in the ledger.
#[derive(Deserialize)]
struct HotSession(u32, u64, SessionFold, Entries);

/// The same, to be written.
#[derive(Serialize)]
struct HotSessionRef<'a>(u32, u64, &'a SessionFold, Entries);

/// A projection at one moment, to be written while it goes on.
pub(crate) struct Aside {
    /// How often something had been forgotten, and the last position that was folded.
    reached: (u64, Option<u64>),
    rest: Vec<u8>,
    pages: Vec<Arc<Page>>,
}

impl Aside {
    pub(crate) fn of(projection: &Projection) -> io::Result<Self> {
        let hot: Vec<HotSessionRef<'_>> = projection
            .sessions
            .hot_ones()
            .into_iter()
            .map(|(at, touched, fold)| HotSessionRef(at, touched, fold, projection.ledger.entries_of(at)))
            .collect();
        let rest = postcard::to_stdvec(&(projection, projection.sessions.len(), hot)).map_err(io::Error::other)?;
        let reached = (projection.forgettings, projection.last_seq);
        Ok(Self { reached, rest, pages: projection.sessions.pages().cloned().collect() })
    }

    /// Puts it aside, in place of what was put aside before; unless that is newer, or this holds what is forgotten now.
    pub(crate) fn write(&self, log: &Log) -> io::Result<()> {
        let (storage, store) = (&**log.storage(), log.store());
        let mut last = log.aside.lock().unwrap_or_else(PoisonError::into_inner);
        let (forgettings, seq) = self.reached;
        let is_newer = last.reached.0 == forgettings && last.reached.1 > seq;
        if is_newer || forgettings < log.view().manifest.forgettings() {
            return Ok(());
        }
        let names = storage.list(DIR)?;
        let files = self.file_pages(storage, store, &names, &mut last.last_file)?;
        let mut content = postcard::to_stdvec(&files).map_err(io::Error::other)?;
        content.extend_from_slice(&self.rest);
        derived::write(storage, PATH, FORMAT, store, &content)?;
        last.reached = self.reached;
        remove_pages(storage, &names, &files)
    }

    /// Makes sure that every page lies in a file. The order of the files is the order of the pages. No number is given twice:
    /// a reader may still go by an older snapshot.
    fn file_pages(
        &self,
        storage: &dyn Storage,
        store: StoreId,
        names: &[String],
        last: &mut u64,
    ) -> io::Result<Vec<Reference>> {
        let present: Vec<u64> = names.iter().filter_map(|name| page_file::number_of(name)).collect();
        let mut files: Vec<(Reference, usize)> = Vec::new();
        let mut unfiled = 0;
        for page in &self.pages {
            match page.file().filter(|file| present.contains(&file.number)) {
                Some(file) if unfiled == 0 => match files.last_mut() {
                    Some((last, pages)) if last.0 == file.number => *pages += 1,
                    Some(_) | None => files.push(((file.number, file.digest), 1)),
                },
                // What follows pages without a file is written behind them.
                Some(_) | None => unfiled += 1,
            }
        }
        if unfiled > 0 {
            while let Some((_, pages)) = files.last()
                && *pages <= unfiled
                && *pages + unfiled <= MAX_MERGED_PAGES
            {
                unfiled += *pages;
                files.pop();
            }
            *last = present.into_iter().chain([*last]).max().unwrap_or_default();
            let first = self.pages.len() - unfiled;
            for pages in self.pages[first..].chunks(MAX_MERGED_PAGES) {
                *last += 1;
                files.push((page_file::write(storage, store, *last, pages)?, pages.len()));
            }
        }
        Ok(files.into_iter().map(|(reference, _)| reference).collect())
    }
}

/// Removes the files of packed sessions that a snapshot does not name.
fn remove_pages(storage: &dyn Storage, names: &[String], files: &[Reference]) -> io::Result<()> {
    for name in names {
        let is_named = page_file::number_of(name).is_some_and(|number| files.iter().any(|(named, _)| *named == number));
        if !is_named && (page_file::number_of(name).is_some() || page_file::is_leftover(name)) {
            remove_if_there(storage, &format!("{DIR}/{name}"))?;
        }
    }
    Ok(())
}

/// Removes what an interrupted writing left, and the snapshot itself if it is of no use.
pub(crate) fn remove_leftovers(log: &Log, is_useless: bool) -> io::Result<()> {
    let storage = &**log.storage();
    remove_if_there(storage, &format!("{PATH}.tmp"))?;
    if is_useless {
        remove_if_there(storage, PATH)?;
    }
    let named = match derived::read(storage, PATH, FORMAT, log.store())? {
        Derived::Whole(content) => split(&content).map_or_else(Vec::new, |(files, _)| files),
        Derived::Absent | Derived::Damaged => Vec::new(),
    };
    remove_pages(storage, &storage.list(DIR)?, &named)
}

/// The files that a snapshot names, and the rest of it.
fn split(content: &[u8]) -> Option<(Vec<Reference>, &[u8])> {
    postcard::take_from_bytes(content).ok()
}

/// Takes a snapshot, if it belongs to the log: where its last event lies, the log must have the same link in its hash
/// chain.
pub(crate) fn load(log: &Log) -> Result<Loaded, ReadError> {
    let io = |source| ReadError::Io { path: PATH.to_owned(), source };
    let mut tries = 0;
    let projection = loop {
        let content = match derived::read(&**log.storage(), PATH, FORMAT, log.store()).map_err(io)? {
            Derived::Whole(content) => content,
            Derived::Absent => return Ok(Loaded::Absent),
            Derived::Damaged => return Ok(Loaded::Unusable("its bytes do not have their digest".to_owned())),
        };
        tries += 1;
        match restore(log, &content) {
            Ok(Some(projection)) => break projection,
            Ok(None) => return Ok(Loaded::Unusable("it cannot be read".to_owned())),
            // A writer may have put another one aside meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                return Ok(Loaded::Unusable(error.to_string()));
            }
            Err(error) => return Err(io(error)),
        }
    };
    Ok(belongs(log, projection))
}

/// The projection of a snapshot; `None` if its parts do not belong together.
fn restore(log: &Log, content: &[u8]) -> io::Result<Option<Projection>> {
    let Some((files, rest)) = split(content) else { return Ok(None) };
    let Ok((mut projection, count, hot)) = postcard::from_bytes::<(Projection, u32, Vec<HotSession>)>(rest) else {
        return Ok(None);
    };
    let mut pages = Vec::new();
    for files in files.chunks(at_once(&**log.storage())) {
        for opened in side_by_side(files, |reference| page_file::open(&**log.storage(), log.store(), *reference)) {
            let opened = opened?;
            projection.ledger.cold.add_filed(opened.file, opened.keys);
            pages.extend(opened.pages);
        }
    }
    let (hot, entries): (Vec<_>, Vec<_>) =
        hot.into_iter().map(|HotSession(at, touched, fold, entries)| ((at, touched, fold), entries)).unzip();
    let Some(sessions) = Sessions::restore(count, hot, pages) else { return Ok(None) };
    Ok(projection.restore(sessions, entries).then_some(projection))
}

fn belongs(log: &Log, mut projection: Projection) -> Loaded {
    let Some(last) = projection.last_seq else { return Loaded::Absent };
    let is_older = projection.forgettings != log.view().manifest.forgettings();
    if is_older && !sabotaged(Sabotage::KeepOldSnapshot) {
        // Something was forgotten since, or was about to be when the power went.
        return Loaded::Absent;
    }
    projection.trim(log.view().origin_seq());
    if link_behind(log, &projection, last) == Some(projection.chain()) {
        Loaded::Good(Box::new(projection))
    } else {
        Loaded::Unusable(format!(
            "it was taken at event {last}, which the log does not hold any more: the log was cut or replaced"
        ))
    }
}

/// The link behind the last event of a projection; `None` if it cannot be read, or the log does not hold it.
fn link_behind(log: &Log, projection: &Projection, last: u64) -> Option<ChainHash> {
    match projection.blocks.last() {
        Some(place) => log.view().journal.read_block(&place.reference()).ok().map(|block| block.chain),
        None => log.link_at(last).ok().flatten(),
    }
}

/// The files of packed sessions that are damaged where no open reads them, by their paths.
pub(crate) fn damaged_files(log: &Log) -> io::Result<Vec<String>> {
    let read = || derived::read(&**log.storage(), PATH, FORMAT, log.store());
    let mut aside = read()?;
    for _ in 0..TRIES {
        let Derived::Whole(content) = &aside else { return Ok(Vec::new()) };
        let bad = damaged_of(log, split(content).map_or_else(Vec::new, |(files, _)| files))?;
        let now = read()?;
        if bad.is_empty() || now == aside {
            return Ok(bad);
        }
        // A writer has put another one aside meanwhile.
        aside = now;
    }
    Ok(Vec::new())
}

fn damaged_of(log: &Log, files: Vec<Reference>) -> io::Result<Vec<String>> {
    let mut bad = Vec::new();
    for reference in files {
        let opened = page_file::open(&**log.storage(), log.store(), reference);
        match opened.and_then(|opened| opened.check()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => bad.push(page_file::path(reference.0)),
            // It may be part of another one by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bad)
}

#[cfg(test)]
mod tests {
    use flightrec_archive::Forgetting;
    use flightrec_journal::{DiskStorage, Seq};

    use super::*;

    fn log(dir: &tempfile::TempDir) -> Log {
        Log::open(Arc::new(DiskStorage::new(dir.path())), StoreId::from_bytes([7; 16])).unwrap()
    }

    fn aside(forgettings: u64, last_seq: u64) -> Aside {
        let mut projection = Projection::empty(forgettings);
        projection.last_seq = Some(last_seq);
        Aside::of(&projection).unwrap()
    }

    /// How often something had been forgotten, and the last position, of what is put aside.
    fn held(log: &Log) -> (u64, Option<u64>) {
        let Derived::Whole(content) = derived::read(&**log.storage(), PATH, FORMAT, log.store()).unwrap() else {
            panic!("nothing is put aside");
        };
        let projection = restore(log, &content).unwrap().unwrap();
        (projection.forgettings, projection.last_seq)
    }

    #[test]
    fn what_is_written_late_does_not_replace_what_is_newer() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir);
        for (last_seq, expected) in [(2, 2), (1, 2), (2, 2), (3, 3)] {
            aside(0, last_seq).write(&log).unwrap();
            assert_eq!(held(&log), (0, Some(expected)));
        }
    }

    #[test]
    fn what_was_folded_before_something_was_forgotten_is_put_aside_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir);
        aside(0, 5).write(&log).unwrap();
        // Written before the manifest is replaced, with what is left; should that fail, life goes on as before.
        aside(1, 5).write(&log).unwrap();
        assert_eq!(held(&log), (1, Some(5)));
        aside(0, 6).write(&log).unwrap();
        assert_eq!(held(&log), (0, Some(6)));
        let forgetting = Forgetting {
            event_id: [1; 16],
            decided_us: 0,
            first_seq: Seq::new(1),
            last_seq: Seq::new(1),
            events: 1,
            artifacts: 0,
            policy: String::new(),
        };
        let view = log.view();
        log.install(view.manifest.clone().forgetting(forgetting), &view.journal);
        aside(1, 6).write(&log).unwrap();
        aside(0, 7).write(&log).unwrap();
        assert_eq!(held(&log), (1, Some(6)));
    }
}
