//! Events of every kind, in blocks, and a store to seal them in.

use std::path::PathBuf;
use std::sync::Arc;

use flightrec_archive::{Seal, SealedBlock, Segment, SegmentEntry};
use flightrec_events::{CheckedEvent, Id, Kind, Payload, Registry};
use flightrec_journal::{ChainHash, DiskStorage, LinkHasher, RecordHash, Seq, Storage, StoreId};

pub(crate) const STORE: StoreId = StoreId::from_bytes(*b"a sealed store..");

/// Blocks with the link behind each.
pub(crate) struct Log {
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) blocks: Vec<(usize, usize, i64, ChainHash)>,
}

impl Log {
    /// So many rounds of all sample events, in blocks of changing size.
    pub(crate) fn new(rounds: usize) -> Self {
        let events = events();
        let mut records = Vec::new();
        for round in 0..rounds {
            for (at, event) in events.iter().enumerate() {
                let mut event = flightrec_events::Event::clone(event);
                event.event_id = flightrec_events::EventId::v7(1_700_000_000_000 + round as u64, at as u128);
                let mut stored = Vec::new();
                event.check().unwrap().encode(&mut stored);
                records.push(stored);
            }
        }
        Self::of(records, ChainHash::genesis(STORE))
    }

    /// So many inferences of a few sessions, each with a job and a response of its own.
    pub(crate) fn of_unlike(count: usize) -> Self {
        let sample = events().into_iter().find(|event| event.kind() == Some(Kind::LlmInference)).unwrap();
        let id = |text: String| Some(Id::new(&*text).unwrap());
        let record = |at: usize| {
            let mut event = flightrec_events::Event::clone(&sample);
            event.event_id = flightrec_events::EventId::v7(1_700_000_000_000, at as u128);
            event.model_session_id = id(format!("session-{}", at % 7));
            event.job_id = id(format!("{:016x}", (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            if let Payload::LlmInference(inference) = &mut event.payload {
                inference.request_id = id(format!("req_{at:040}"));
            }
            let mut stored = Vec::new();
            event.check().unwrap().encode(&mut stored);
            stored
        };
        Self::of((0..count).map(record).collect(), ChainHash::genesis(STORE))
    }

    fn of(records: Vec<Vec<u8>>, mut link: ChainHash) -> Self {
        let mut blocks = Vec::new();
        let mut start = 0;
        while start < records.len() {
            let len = (1 + blocks.len() % 7).min(records.len() - start);
            let stamp_us = 1_760_000_000_000_000 + (blocks.len() as i64 % 5 - 2) * 1_000_000;
            let mut hasher = LinkHasher::new(link, Seq::new(start as u64 + 1), len as u32, stamp_us);
            records[start..start + len].iter().for_each(|record| hasher.push(&RecordHash::of(record)));
            link = hasher.finish();
            blocks.push((start, len, stamp_us, link));
            start += len;
        }
        Self { records, blocks }
    }

    /// Seals some of the blocks.
    pub(crate) fn seal(&self, storage: &dyn Storage, blocks: std::ops::Range<usize>) -> SegmentEntry {
        let start = blocks.start.checked_sub(1).map_or(ChainHash::genesis(STORE), |before| self.blocks[before].3);
        let mut seal = Seal::new(STORE, start);
        for (at, len, stamp_us, link) in &self.blocks[blocks] {
            let records: Vec<&[u8]> = self.records[*at..at + len].iter().map(Vec::as_slice).collect();
            let (first_seq, stamp_us, link) = (Seq::new(*at as u64 + 1), *stamp_us, *link);
            seal.push(SealedBlock { first_seq, stamp_us, link, records: &records }).unwrap();
        }
        seal.write(storage).unwrap()
    }
}

/// Valid events of every built-in kind, and of a declared one.
pub(crate) fn events() -> Vec<CheckedEvent> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../test-data");
    let mut registry = Registry::new();
    let mut families: Vec<_> =
        std::fs::read_dir(data.join("families")).unwrap().map(|entry| entry.unwrap().path()).collect();
    families.sort();
    for family in families {
        registry.declare(&std::fs::read(family).unwrap()).unwrap();
    }
    let declared = r#"{"event_id":"01999a7b-0000-7000-8000-00000000dec1","code":"FR-EVT-TERM-001","type":"terminal.opened","timestamp":"2026-01-02T03:04:05.000006Z","actor":"human","model_session_id":"s-1","payload":{"terminal_id":"t-1","shell":"bash","cwd":"/srv"}}"#;
    let more = [
        declared,
        r#"{"event_id":"01999a7b-0000-7000-8000-00000000dec2","code":"FR-EVT-SESS-LINK-001","type":"session.linked","timestamp":"2026-01-02T03:04:05.000006Z","actor":"system","model_session_id":"s-1","payload":{"session_id":"s-1","relation":"PART_OF","target_session_id":"s-2","evidence":"TRACE","span_id":"00000000000000a1"}}"#,
        r#"{"event_id":"01999a7b-0000-7000-8000-00000000dec3","code":"FR-EVT-SPAN-002","type":"span.closed","timestamp":"2026-01-02T03:04:05.000006Z","actor":"system","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","activity_span_id":"00000000000000a1","model_session_id":"s-1","payload":{"status":"ok","tokens_in":3,"cost_usd":0.25}}"#,
        r#"{"event_id":"01999a7b-0000-7000-8000-00000000dec4","code":"FR-EVT-REC-001","type":"recorder.opened","timestamp":"2026-01-02T03:04:05.000006Z","actor":"system","payload":{"recorder_version":"0.1.0","format_version":1,"declarations":["a","b"]}}"#,
        r#"{"event_id":"01999a7b-0000-7000-8000-00000000dec5","code":"FR-EVT-REC-002","type":"recorder.recovered","timestamp":"2026-01-02T03:04:05.000006Z","actor":"system","payload":{"bytes_truncated":7,"spans_abandoned":0}}"#,
        r#"{"event_id":"01999a7b-0000-7000-8000-00000000dec6","code":"FR-EVT-REC-003","type":"recorder.retention_purged","timestamp":"2026-01-02T03:04:05.000006Z","actor":"system","payload":{"first_seq":1,"last_seq":9,"events":5,"policy":"older than 30d"}}"#,
        r#"{"event_id":"01999a7b-0000-7000-8000-00000000dec7","code":"FR-EVT-REC-004","type":"recorder.events_dropped","timestamp":"2026-01-02T03:04:05.000006Z","actor":"system","payload":{"count":1,"cause":"queue full","first_at":"2026-01-02T03:04:05.000006Z","last_at":"2026-01-02T03:04:05.000006Z"}}"#,
    ];
    let cases = std::fs::read_to_string(data.join("conformance-all.ndjson")).unwrap();
    let cases = cases.lines().map(|case| serde_json::from_str::<serde_json::Value>(case).unwrap());
    let lines: Vec<String> = cases
        .flat_map(|case| case["lines"].as_array().unwrap().clone())
        .map(|line| line.as_str().unwrap().to_owned())
        .chain(more.map(str::to_owned))
        .collect();
    lines.iter().filter_map(|line| registry.parse(line.as_bytes()).ok()).collect()
}

pub(crate) struct Store {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Store {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = Arc::new(DiskStorage::new(dir.path()));
        Self { dir, storage }
    }

    pub(crate) fn open(&self, entry: &SegmentEntry) -> Segment {
        Segment::open(&*self.storage, STORE, entry).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("archive/events").join(name)
    }
}
