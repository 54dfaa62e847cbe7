//! Transcripts of coding agents: any lines, through reading and mapping.
//!
//! The first byte of an input says which agent wrote the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flightrec_events::Registry;
use flightrec_ingest::contents::KeptContents;
use flightrec_ingest::mapper::Mapper;
use flightrec_ingest::prices::PriceTable;
use flightrec_ingest::transcripts::{self, Agent, Line, Lines, Origin, Transcript};

/// A file: what is understood maps to checked events, and to the same ones when it is read again.
pub(crate) fn transcript(data: &[u8]) {
    let Some((first, lines)) = data.split_first() else { return };
    let agent = if first % 2 == 0 { Agent::ClaudeCode } else { Agent::Codex };
    let told = read(agent, lines);
    assert_eq!(told, read(agent, lines), "a second reading tells otherwise");
    let _contents = transcripts::contents(&told);
    let empty = PriceTable::with_user(br#"{"date":"2026-11-01","prices":[]}"#);
    let mut mapper = Mapper::new(empty.expect("a list without entries is a list"), Arc::new(Registry::new()));
    let events = mapper.transcript(&told, &KeptContents::default());
    assert_eq!(events.taken, told.len() as u64, "something told was not mapped");
    assert_eq!((events.refused, events.why), (0, None), "an event cannot be made");
}

fn read(agent: Agent, mut lines: &[u8]) -> Vec<transcripts::Told> {
    let name = "rollout-2026-03-01T12-00-00-01a20220-81a8-7733-aa44-c328a9d8c5e1.jsonl";
    let mut transcript = Transcript::new(agent, Origin::new(name));
    let mut cut = Lines::new(&mut lines);
    while let Some((_, line)) = cut.next_line().expect("memory can be read") {
        if let Line::Whole(line) | Line::Unfinished(line) = line {
            let _understood = transcript.line(line).is_ok();
        }
    }
    transcript.end();
    transcript.take()
}

/// The smallest transcripts of each agent.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-data/transcripts");
    let of = |name: &str, first: u8| {
        let mut files = Vec::new();
        collect(&samples.join(name), &mut files);
        let mut seeds: Vec<Vec<u8>> = files.iter().filter_map(|path| fs::read(path).ok()).collect();
        seeds.sort_by_key(Vec::len);
        seeds.into_iter().take(3).map(move |seed| [&[first], seed.as_slice()].concat())
    };
    of("claude-code-std", 0).chain(of("codex-cli", 1)).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
}
