//! Which packed session may hold an entry of the ledger: the beginnings of keys, sorted.
//!
//! A beginning leads to a session that held the key once; whether it still does, its page tells. What lies in files is
//! read when the first key is looked for: whoever only asks for sessions never needs it.

use std::io;
use std::sync::Arc;

use super::page::{Extract, Key, PageFile};

/// How many bytes one key takes in a file.
const ENTRY_BYTES: usize = 12;
/// The most keys of a run that is merged with others.
const MAX_MERGED: usize = 1 << 20;

/// The first eight bytes of a key, and the session.
pub(crate) type Lead = (u64, u32);

#[derive(Debug, Default)]
pub(crate) struct ColdKeys {
    runs: Vec<Vec<Lead>>,
    /// Those that still lie in files alone.
    filed: Vec<(Arc<PageFile>, Extract)>,
}

/// The first eight bytes of a key.
pub(crate) fn lead(key: &Key) -> u64 {
    let (first, _) = key.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first)
}

impl ColdKeys {
    /// Keys that lie in a file, read when they are needed.
    pub(crate) fn add_filed(&mut self, file: Arc<PageFile>, extract: Extract) {
        self.filed.push((file, extract));
    }

    pub(crate) fn add(&mut self, mut run: Vec<Lead>) {
        if run.is_empty() {
            return;
        }
        run.sort_unstable();
        while let Some(last) = self.runs.last()
            && last.len() <= run.len()
            && last.len() + run.len() <= MAX_MERGED
            && let Some(last) = self.runs.pop()
        {
            run = merge(&[last, run]);
        }
        self.runs.push(run);
    }

    /// The sessions that may hold a key.
    pub(crate) fn find(&mut self, key: &Key) -> io::Result<Vec<u32>> {
        while let Some((file, extract)) = self.filed.last() {
            let run = decode(&file.read(*extract)?);
            self.filed.pop();
            self.runs.insert(0, run);
        }
        let wanted = lead(key);
        let mut found = Vec::new();
        for run in &self.runs {
            let from = run.partition_point(|(lead, _)| *lead < wanted);
            found.extend(run[from..].iter().take_while(|(lead, _)| *lead == wanted).map(|(_, session)| *session));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

/// Sorted runs as one.
pub(crate) fn merge(runs: &[Vec<Lead>]) -> Vec<Lead> {
    let mut all = runs.concat();
    all.sort_unstable();
    all.dedup();
    all
}

pub(crate) fn encode(run: &[Lead]) -> Vec<u8> {
    run.iter().flat_map(|(lead, session)| lead.to_le_bytes().into_iter().chain(session.to_le_bytes())).collect()
}

pub(crate) fn decode(bytes: &[u8]) -> Vec<Lead> {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    bytes.chunks_exact(ENTRY_BYTES).map(|entry| (number(&entry[..8]), number(&entry[8..]) as u32)).collect()
}
