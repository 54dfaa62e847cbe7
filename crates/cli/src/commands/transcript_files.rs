//! Where transcripts are: the files below a directory that an agent writes them to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use flightrec_ingest::transcripts::Agent;

use crate::exit::Failure;

/// How deep a directory is looked through.
const MAX_DEPTH: usize = 32;

/// A transcript.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TranscriptFile {
    pub(super) path: PathBuf,
    /// How long it is, compressed or not.
    pub(super) bytes: u64,
}

/// What a directory holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Transcripts, in the order of their paths.
    pub(super) files: Vec<TranscriptFile>,
    /// Symbolic links, which are not followed.
    pub(super) links: u64,
    /// What could not be looked at, and why.
    pub(super) unreadable: Vec<(PathBuf, io::Error)>,
}

/// Looks for the transcripts of an agent: below the directory that it keeps them in, if that lies in `directory`.
pub(super) fn find(agent: Agent, directory: &Path) -> Result<Found, Failure> {
    let facts = fs::metadata(directory).map_err(|error| Failure::file("read", directory, &error))?;
    let mut found = Found::default();
    if facts.is_file() {
        found.files.push(TranscriptFile { path: directory.to_owned(), bytes: facts.len() });
        return Ok(found);
    }
    let kept_in: &[&str] = match agent {
        Agent::ClaudeCode => &["projects"],
        Agent::Codex => &["sessions", "archived_sessions"],
    };
    let is_directory = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir());
    let mut roots: Vec<PathBuf> = kept_in.iter().map(|name| directory.join(name)).filter(is_directory).collect();
    if roots.is_empty() {
        roots.push(directory.to_owned());
    }
    for root in roots {
        found.walk(agent, &root, 0);
    }
    found.files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

impl Found {
    fn walk(&mut self, agent: Agent, directory: &Path, depth: usize) {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable.push((directory.to_owned(), error)),
        };
        for entry in entries {
            let looked = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?, entry)));
            match looked {
                Ok((path, kind, _)) if kind.is_dir() && depth < MAX_DEPTH => self.walk(agent, &path, depth + 1),
                Ok((path, kind, _)) if kind.is_dir() => {
                    self.unreadable
                        .push((path, io::Error::other(format!("it lies deeper than {MAX_DEPTH} directories"))));
                }
                Ok((_, kind, _)) if kind.is_symlink() => self.links += 1,
                Ok((path, kind, entry)) if kind.is_file() && is_transcript(agent, &path) => match entry.metadata() {
                    Ok(facts) => self.files.push(TranscriptFile { path, bytes: facts.len() }),
                    Err(error) => self.unreadable.push((path, error)),
                },
                Ok(_) => {}
                Err(error) => self.unreadable.push((directory.to_owned(), error)),
            }
        }
    }
}

/// Whether a file is a transcript, by its name.
fn is_transcript(agent: Agent, path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let has_lines = name.ends_with(".jsonl") || name.ends_with(".jsonl.zst");
    has_lines
        && match agent {
            // What was typed, in all sessions: no transcript.
            Agent::ClaudeCode => name != "history.jsonl",
            Agent::Codex => name.starts_with("rollout-"),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(agent: Agent, directory: &Path) -> Vec<String> {
        let found = find(agent, directory).unwrap();
        let name = |file: &TranscriptFile| file.path.strip_prefix(directory).unwrap().to_string_lossy().into_owned();
        found.files.iter().map(name).collect()
    }

    #[test]
    fn each_agents_own_directories_are_looked_through() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "history.jsonl",
            "projects/p/s.jsonl",
            "projects/p/s/subagents/agent-1.jsonl",
            "projects/p/s/subagents/agent-1.meta.json",
            "other/x.jsonl",
            "sessions/2026/11/22/rollout-a.jsonl",
            "sessions/2026/11/21/rollout-b.jsonl.zst",
            "archived_sessions/rollout-c.jsonl",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}\n").unwrap();
        }
        let claude = ["projects/p/s/subagents/agent-1.jsonl", "projects/p/s.jsonl"];
        assert_eq!(names(Agent::ClaudeCode, dir.path()), claude);
        assert_eq!(names(Agent::ClaudeCode, &dir.path().join("other")), ["x.jsonl"]);
        let codex = [
            "archived_sessions/rollout-c.jsonl",
            "sessions/2026/11/21/rollout-b.jsonl.zst",
            "sessions/2026/11/22/rollout-a.jsonl",
        ];
        assert_eq!(names(Agent::Codex, dir.path()), codex);
        assert_eq!(names(Agent::Codex, &dir.path().join("sessions/2026/11/22/rollout-a.jsonl")), [""]);
        assert!(find(Agent::Codex, &dir.path().join("nowhere")).is_err());
    }
}
