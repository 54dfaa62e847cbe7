//! All sessions: the ones that something happens to as they are, the others packed in pages.
//!
//! A session has an index, given in the order in which ids appear. Whoever asks is told the same of both kinds; whoever
//! folds takes a packed session out first, and it is packed again, in another page, once it has been left alone for long.

use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::cold_keys::Lead;
use super::page::{Entries, Key, PAGE_SESSIONS, Page, leads_of};
use super::rows::Row;
use super::session::SessionFold;

/// How many pages are held unpacked for the next question.
const UNPACKED_PAGES: usize = 16;

/// No session, or no slot.
const NONE: u32 = u32::MAX;

/// What stands for an id, or for several names together.
pub(crate) fn digest_of(parts: &[&[u8]]) -> Key {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize()[..16]);
    key
}

fn id_key(id: &str) -> Key {
    digest_of(&[id.as_bytes()])
}

/// One session, wherever it is.
#[derive(Debug)]
pub(crate) enum SessionRef<'a> {
    Hot(&'a SessionFold),
    /// Of a page, by its place there.
    Cold(Arc<[SessionFold]>, usize),
    /// Put together of several ids.
    Whole(Box<SessionFold>),
}

impl Deref for SessionRef<'_> {
    type Target = SessionFold;

    fn deref(&self) -> &SessionFold {
        match self {
            SessionRef::Hot(fold) => fold,
            SessionRef::Cold(page, slot) => &page[*slot],
            SessionRef::Whole(fold) => fold,
        }
    }
}

impl SessionRef<'_> {
    pub(crate) fn into_owned(self) -> SessionFold {
        match self {
            SessionRef::Hot(fold) => fold.clone(),
            SessionRef::Cold(page, slot) => page[slot].clone(),
            SessionRef::Whole(fold) => *fold,
        }
    }
}

#[derive(Debug)]
struct Hot {
    fold: SessionFold,
    /// The position at which something last happened to it.
    touched: u64,
}

/// Who names whom as parent: by what stands for the parent's id, whether that session is in this store or not.
#[derive(Debug, Default)]
struct Kin {
    first: FxHashMap<Key, u32>,
    /// By session, the next child of the same parent.
    next: Vec<u32>,
}

impl Kin {
    fn link(&mut self, parent: Key, child: u32) {
        if self.next.len() <= child as usize {
            self.next.resize(child as usize + 1, NONE);
        }
        self.next[child as usize] = self.first.insert(parent, child).unwrap_or(NONE);
    }

    fn children(&self, parent: Key) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = self.first.get(&parent).copied().unwrap_or(NONE);
        while at != NONE {
            found.push(at);
            at = self.next.get(at as usize).copied().unwrap_or(NONE);
        }
        found.sort_unstable();
        found
    }
}

#[derive(Debug)]
struct Shelved {
    page: Arc<Page>,
    /// How many of its sessions were not taken out since.
    left: u32,
}

/// Pages that were unpacked lately, oldest first.
type Unpacked = VecDeque<(u32, Arc<[SessionFold]>)>;

/// All sessions, by index.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    hot: FxHashMap<u32, Box<Hot>>,
    hot_ids: FxHashMap<Arc<str>, u32>,
    ids: FxHashMap<Key, u32>,
    kin: Kin,
    /// By session, its page and its place there; nothing if it is hot.
    slots: Vec<u32>,
    pages: Vec<Option<Shelved>>,
    unpacked: Mutex<Unpacked>,
}

impl Sessions {
    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.slots.len() as u32
    }

    /// How many are not packed.
    pub(crate) fn hot(&self) -> usize {
        self.hot.len()
    }

    /// The session with an id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.hot_ids.get(id).copied().or_else(|| self.ids.get(&id_key(id)).copied())
    }

    /// The sessions whose ids begin so, by index.
    pub(crate) fn beginning_with(&self, prefix: &str) -> Vec<(u32, Arc<str>)> {
        let hot = self.hot.iter().filter(|(_, hot)| hot.fold.id.starts_with(prefix));
        let mut found: Vec<(u32, Arc<str>)> = hot.map(|(at, hot)| (*at, Arc::clone(&hot.fold.id))).collect();
        for (number, shelved) in (0..).zip(&self.pages) {
            let Some(page) = shelved.as_ref().map(|shelved| &shelved.page).filter(|page| page.head.may_hold(prefix))
            else {
                continue;
            };
            let sessions = page.head.sessions.iter().zip(0..);
            let held = sessions.filter(|(at, slot)| self.slots[**at as usize] == number * PAGE_SESSIONS as u32 + slot);
            let Ok(folds) = self.unpack(number, page) else { continue };
            let ids = held.map(|(at, slot)| (*at, Arc::clone(&folds[slot as usize].id)));
            found.extend(ids.filter(|(_, id)| id.starts_with(prefix)));
        }
        found.sort_unstable_by_key(|(at, _)| *at);
        found
    }

    /// A session that is not known yet.
    pub(crate) fn add(&mut self, id: Arc<str>, touched: u64) -> u32 {
        let at = self.len();
        self.ids.insert(id_key(&id), at);
        self.slots.push(NONE);
        self.put_hot(at, SessionFold::new(id), touched);
        at
    }

    fn put_hot(&mut self, at: u32, fold: SessionFold, touched: u64) {
        self.hot_ids.insert(Arc::clone(&fold.id), at);
        self.hot.insert(at, Box::new(Hot { fold, touched }));
    }

    /// A session as it is known now.
    pub(crate) fn get(&self, at: u32) -> SessionRef<'_> {
        if let Some(hot) = self.hot.get(&at) {
            return SessionRef::Hot(&hot.fold);
        }
        match self.shelved(at).and_then(|(page, slot, shelved)| Some((self.unpack(page, &shelved.page).ok()?, slot))) {
            Some((folds, slot)) => SessionRef::Cold(folds, slot),
            // Nobody asks for what is not there, and a page that was read whole can be unpacked, unless it was forged.
            None => SessionRef::Whole(Box::new(SessionFold::new("".into()))),
        }
    }

    /// A session that is hot, to fold into; `None` if it has to be taken out of its page first.
    pub(crate) fn get_mut(&mut self, at: u32, touched: u64) -> Option<&mut SessionFold> {
        let hot = self.hot.get_mut(&at)?;
        hot.touched = touched;
        Some(&mut hot.fold)
    }

    /// Says that a session names its parent.
    pub(crate) fn link(&mut self, parent: &str, child: u32) {
        self.kin.link(id_key(parent), child);
    }

    /// The sessions that name one as their parent.
    pub(crate) fn children(&self, parent: &str) -> Vec<u32> {
        self.kin.children(id_key(parent))
    }

    pub(crate) fn is_hidden(&self, at: u32) -> bool {
        match self.shelved(at) {
            Some((_, slot, shelved)) => shelved.page.head.is_hidden(slot),
            None => self.hot.get(&at).is_none_or(|hot| hot.fold.is_hidden()),
        }
    }

    pub(crate) fn is_eventless(&self, at: u32) -> bool {
        match self.shelved(at) {
            Some((_, slot, shelved)) => shelved.page.head.is_eventless(slot),
            None => self.hot.get(&at).is_none_or(|hot| hot.fold.extent.events == 0),
        }
    }

    /// What lists and roll-ups ask of a session, if it is packed.
    pub(crate) fn packed_row(&self, at: u32) -> Option<Row<'_>> {
        let (_, slot, shelved) = self.shelved(at)?;
        shelved.page.rows.get(slot)
    }

    /// The entries of the ledger that belong to a session, if it is packed.
    pub(crate) fn packed_entries(&self, at: u32) -> io::Result<Option<Entries>> {
        let Some((_, slot, shelved)) = self.shelved(at) else { return Ok(None) };
        Ok(shelved.page.entries()?.into_iter().nth(slot))
    }

    /// Takes a session out of its page, if it is packed; its entries are the ledger's again.
    pub(crate) fn take_out(&mut self, at: u32, touched: u64) -> io::Result<Option<Entries>> {
        let Some((page, slot, shelved)) = self.shelved(at) else { return Ok(None) };
        let entries = shelved.page.entries()?.into_iter().nth(slot).unwrap_or_default();
        let folds = self.unpack(page, &shelved.page)?;
        let fold = folds[slot].clone();
        self.slots[at as usize] = NONE;
        if let Some(Some(shelved)) = self.pages.get_mut(page as usize) {
            shelved.left -= 1;
            if shelved.left == 0 {
                self.pages[page as usize] = None;
            }
        }
        self.put_hot(at, fold, touched);
        Ok(Some(entries))
    }

    /// The hot sessions to which nothing has happened since a position, ascending.
    pub(crate) fn left_alone_since(&self, seq: u64) -> Vec<u32> {
        let mut found: Vec<u32> = self.hot.iter().filter(|(_, hot)| hot.touched < seq).map(|(at, _)| *at).collect();
        found.sort_unstable();
        found
    }

    /// Packs hot sessions, each with its entries; at most a page's worth, ascending. Answers with the beginnings of their
    /// keys.
    pub(crate) fn put_away(&mut self, sessions: Vec<(u32, Entries)>) -> io::Result<Vec<Lead>> {
        let taken: Vec<(u32, SessionFold, Entries)> = sessions
            .into_iter()
            .filter_map(|(at, entries)| Some((at, self.hot.get(&at)?.fold.clone(), entries)))
            .collect();
        let page = Page::pack(&taken, id_key)?;
        for (at, fold, _) in &taken {
            self.hot_ids.remove(&fold.id);
            self.hot.remove(at);
        }
        let leads = taken.iter().flat_map(|(at, _, entries)| leads_of(*at, entries)).collect();
        self.push_page(Arc::new(page));
        Ok(leads)
    }

    fn push_page(&mut self, page: Arc<Page>) {
        let number = self.pages.len() as u32;
        let left = page.head.sessions.len() as u32;
        for (slot, at) in page.head.sessions.iter().enumerate() {
            self.slots[*at as usize] = number * PAGE_SESSIONS as u32 + slot as u32;
        }
        self.pages.push(Some(Shelved { page, left }));
    }

    fn shelved(&self, at: u32) -> Option<(u32, usize, &Shelved)> {
        let slot = *self.slots.get(at as usize).filter(|slot| **slot != NONE)? as usize;
        let page = slot / PAGE_SESSIONS;
        Some((page as u32, slot % PAGE_SESSIONS, self.pages.get(page)?.as_ref()?))
    }

    fn unpack(&self, number: u32, page: &Page) -> io::Result<Arc<[SessionFold]>> {
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = unpacked.iter().rev().find(|(held, _)| *held == number) {
            return Ok(Arc::clone(found));
        }
        let folds: Arc<[SessionFold]> = page.sessions()?.into();
        if unpacked.len() >= UNPACKED_PAGES {
            unpacked.pop_front();
        }
        unpacked.push_back((number, Arc::clone(&folds)));
        Ok(folds)
    }

    /// Every page that holds a session, in the order in which they were packed.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.pages.iter().flatten().map(|shelved| &shelved.page)
    }

    /// The hot sessions, each with the position at which something last happened to it; ascending.
    pub(crate) fn hot_ones(&self) -> Vec<(u32, u64, &SessionFold)> {
        let mut all: Vec<_> = self.hot.iter().map(|(at, hot)| (*at, hot.touched, &hot.fold)).collect();
        all.sort_unstable_by_key(|(at, ..)| *at);
        all
    }

    /// So many sessions, of hot ones and of pages in the order in which they were packed; `None` if they are not
    /// exactly these. A session that is in several places is what the latest of them says.
    pub(crate) fn restore(count: u32, hot: Vec<(u32, u64, SessionFold)>, pages: Vec<Arc<Page>>) -> Option<Self> {
        let mut sessions = Self { slots: vec![NONE; count as usize], ..Self::default() };
        sessions.ids.reserve(count as usize);
        for (at, touched, fold) in hot {
            if at >= count {
                return None;
            }
            sessions.ids.insert(id_key(&fold.id), at);
            if let Some(parent) = fold.parent() {
                sessions.link(parent, at);
            }
            sessions.put_hot(at, fold, touched);
        }
        sessions.pages.resize_with(pages.len(), || None);
        for (number, page) in pages.into_iter().enumerate().rev() {
            let mut left = 0;
            if !page.head.is_sound(count) {
                return None;
            }
            for (slot, at) in page.head.sessions.iter().enumerate() {
                if sessions.slots[*at as usize] != NONE || sessions.hot.contains_key(at) {
                    continue;
                }
                left += 1;
                sessions.slots[*at as usize] = (number * PAGE_SESSIONS + slot) as u32;
                sessions.ids.insert(page.head.ids[slot], *at);
                if let Some(parent) = page.head.parents[slot] {
                    sessions.kin.link(parent, *at);
                }
            }
            if left > 0 {
                sessions.pages[number] = Some(Shelved { page, left });
            }
        }
        let is_whole = sessions.ids.len() == count as usize
            && (0..count).all(|at| sessions.slots[at as usize] != NONE || sessions.hot.contains_key(&at));
        is_whole.then_some(sessions)
    }

    /// Forgets which blocks of the journal hold a session's events, where these are gone.
    pub(crate) fn trim_blocks(&mut self, is_there: impl Fn(u64) -> bool) {
        for hot in self.hot.values_mut() {
            hot.fold.blocks.retain(|first| is_there(*first));
        }
    }
}
