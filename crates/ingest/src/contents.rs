//! Where content goes: never into an event.
//!
//! The content of a request is collected first and made durable, then its events are made: they name
//! what is safe already.

use flightrec_events::{ArtifactId, Sha256Hex};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use crate::facts::Facts;
use crate::memory::Recent;

/// Content that was taken: redacted first, then hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of what was kept.
    pub sha256: Sha256Hex,
    /// The id to put into events.
    pub artifact_id: ArtifactId,
    /// Whether secrets were taken out.
    pub redacted: bool,
}

/// The hash of content as it came. Secrets may be in it: it is held in memory and never written.
type Given = [u8; 32];

/// What a request holds of content, each text once.
#[derive(Debug, Default)]
pub struct Contents<'a>(FxHashMap<Given, &'a str>);

/// What became of the content of a request.
#[derive(Debug, Default)]
pub struct KeptContents(FxHashMap<Given, Kept>);

/// Content that was kept lately.
#[derive(Debug, Default)]
pub struct KeptLately(Recent<Given, Kept>);

impl<'a> Contents<'a> {
    pub(crate) fn collect(&mut self, facts: &'a Facts<'_>) {
        let tool = facts.tool.iter().flat_map(|tool| [tool.arguments.as_deref(), tool.result.as_deref()]).flatten();
        facts.messages.iter().map(|message| &*message.content).chain(tool).for_each(|text| self.add(text));
    }

    pub(crate) fn add(&mut self, text: &'a str) {
        if !text.is_empty() {
            self.0.insert(given(text), text);
        }
    }

    /// Whether the request holds no content.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was kept of it lately, and the rest, which is to be kept now.
    pub fn split(&self, lately: &KeptLately) -> (KeptContents, Vec<&'a str>) {
        let mut kept = KeptContents::default();
        let mut missing = Vec::new();
        for (given, text) in &self.0 {
            match lately.0.get(given) {
                Some(known) => {
                    kept.0.insert(*given, *known);
                }
                None => missing.push(*text),
            }
        }
        (kept, missing)
    }
}

impl KeptContents {
    /// Says what became of a text, once it is durable.
    pub fn keep(&mut self, text: &str, kept: Kept) {
        self.0.insert(given(text), kept);
    }

    pub(crate) fn find(&self, text: &str) -> Option<Kept> {
        if text.is_empty() { None } else { self.0.get(&given(text)).copied() }
    }
}

impl KeptLately {
    /// Remembers what became of the content of a request, once all of it is durable.
    pub fn remember(&mut self, contents: &KeptContents) {
        for (given, kept) in &contents.0 {
            if self.0.get(given).is_none() {
                self.0.put(*given, *kept);
            }
        }
    }
}

fn given(text: &str) -> Given {
    Sha256::digest(text.as_bytes()).into()
}
