//! What is looked at. Nothing is changed, and no check stops another.

use std::fs;
use std::path::Path;

use flightrec_events::Timestamp;
use flightrec_recorder::redact::{Context, Redactor};
use flightrec_recorder::view::FindingKind;
use flightrec_recorder::{OpenError, Reader, STORE_FORMAT};

use super::{Check, Status, disk};
use crate::exit::{Exit, chain};
use crate::output::words;
use crate::store::{Store, exit_of_open};

/// Less free space than this and a busy recorder stops soon.
const LITTLE_SPACE_BYTES: u64 = 256 * 1024 * 1024;
/// How far a clock may lie before the store's last event.
const MAX_BACKWARDS_US: i64 = 300_000_000;
/// No machine that runs this program lives before this time.
const YEAR_2025_US: i64 = 1_735_689_600_000_000;

pub(super) fn all(store: &Store, now: Timestamp) -> Vec<Check> {
    let mut checks = Vec::new();
    let reader = match Reader::open(&store.path) {
        Ok(reader) => Some(reader),
        Err(error) => {
            checks.push(unopened(store, &error));
            None
        }
    };
    if let Some(reader) = &reader {
        checks.push(check("store", Status::Ok, format!("format {STORE_FORMAT}, {}", identity(&store.path))));
        checks.push(contents(reader));
        checks.push(size(&store.path));
        checks.push(lock(&store.path));
        checks.push(permissions(&store.path));
    }
    checks.push(space(&store.path));
    checks.push(clock(reader.as_ref(), now));
    checks.push(redaction());
    checks
}

fn check(name: &'static str, status: Status, detail: impl Into<String>) -> Check {
    Check { name, status, detail: detail.into() }
}

fn unopened(store: &Store, error: &OpenError) -> Check {
    if matches!(error, OpenError::NoStore) && !store.is_named {
        return check("store", Status::Warning, "none yet: `flightrec record` makes it");
    }
    let status = match exit_of_open(error) {
        Exit::Damaged => Status::Damaged,
        Exit::Done | Exit::Failed | Exit::Usage | Exit::Rejected => Status::Error,
    };
    check("store", status, chain(error))
}

/// Who the store is, from the line of facts that it keeps about itself.
fn identity(path: &Path) -> String {
    let text = fs::read_to_string(path.join("STORE")).unwrap_or_default();
    let facts: serde_json::Value =
        text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let fact = |name: &str| facts[name].as_str().unwrap_or("unknown").to_owned();
    format!("id {}, created {}, last written by version {}", fact("store_id"), fact("created_at"), fact("written_by"))
}

fn contents(reader: &Reader) -> Check {
    let gaps = reader.findings().iter().filter(|finding| finding.kind == FindingKind::Gap).count() as u64;
    let sessions = words::counted(reader.session_ids().len() as u64, "session", "sessions");
    let events = words::counted(reader.event_count(), "event", "events");
    if gaps > 0 {
        let places = words::counted(gaps, "damaged place", "damaged places");
        return check(
            "contents",
            Status::Damaged,
            format!("{events}, {sessions}, {places}: run `flightrec verify` for the whole extent"),
        );
    }
    check("contents", Status::Ok, format!("{events}, {sessions}; `flightrec verify` checks every byte"))
}

fn size(path: &Path) -> Check {
    let sizes = ["journal", "artifacts", "derived"]
        .map(|part| disk::usage(&path.join(part)).map(|(files, bytes)| (part, files, bytes)));
    let mut parts = Vec::new();
    for size in sizes {
        match size {
            Ok((part, files, bytes)) => {
                parts.push(format!("{part} {} in {}", words::bytes(bytes), words::counted(files, "file", "files")));
            }
            Err(error) => return check("size", Status::Error, format!("cannot list {}: {error}", path.display())),
        }
    }
    check("size", Status::Ok, parts.join(", "))
}

fn lock(path: &Path) -> Check {
    let detail = match disk::lock_holder(&path.join("LOCK")) {
        disk::Holder::Process(process) => format!("process {process} writes to it; reading works meanwhile"),
        disk::Holder::Nobody => "no process writes to it".to_owned(),
        disk::Holder::Unknown => "this system does not tell who writes to it".to_owned(),
    };
    check("lock", Status::Ok, detail)
}

fn permissions(path: &Path) -> Check {
    let open = [path.to_owned(), path.join("STORE"), path.join("journal")].into_iter().find_map(|part| {
        let facts = fs::metadata(&part).ok()?;
        (disk::open_to_others(&facts) != 0).then_some(part)
    });
    match open {
        Some(part) => {
            let detail = format!(
                "{} is open to other users; `chmod -R go= {}` makes the store private",
                part.display(),
                path.display()
            );
            check("permissions", Status::Warning, detail)
        }
        None => check("permissions", Status::Ok, "for its owner alone"),
    }
}

fn space(path: &Path) -> Check {
    match disk::free_bytes(path) {
        Ok(free) if free < LITTLE_SPACE_BYTES => {
            check("space", Status::Error, format!("only {} free: make room, or recording stops", words::bytes(free)))
        }
        Ok(free) => check("space", Status::Ok, format!("{} free", words::bytes(free))),
        Err(error) => {
            check("space", Status::Error, format!("cannot ask the file system of {}: {error}", path.display()))
        }
    }
}

fn clock(reader: Option<&Reader>, now: Timestamp) -> Check {
    let last = reader.and_then(|reader| reader.event(reader.last_seq()?).ok().flatten()).map(|event| event.recorded_at);
    let (status, detail) = judge_clock(last, now);
    check("clock", status, detail)
}

/// Time is data and orders nothing, so a clock that is wrong misleads people and harms no record.
fn judge_clock(last: Option<Timestamp>, now: Timestamp) -> (Status, String) {
    if now.as_micros() < YEAR_2025_US {
        return (Status::Warning, format!("it says {now}, which has long passed: set it"));
    }
    match last {
        Some(last) if last.micros_since(now) > MAX_BACKWARDS_US => (
            Status::Warning,
            format!("it says {now}, and the last event was recorded at {last}: one of the two clocks was wrong"),
        ),
        Some(_) | None => (Status::Ok, format!("it says {now}")),
    }
}

fn redaction() -> Check {
    let redactor = Redactor::new();
    let detectors = redactor.detectors().count() as u64;
    let probe = redactor.redact("password=correct-horse-7", Context::Token);
    if probe.contains("correct-horse") {
        return check("redaction", Status::Error, "a planted password came through: do not record with this build");
    }
    check(
        "redaction",
        Status::Ok,
        format!("{}; a planted password was taken out", words::counted(detectors, "detector", "detectors")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_cannot_be_right() {
        let at = |text: &str| Timestamp::parse_text(text).unwrap();
        let now = at("2026-03-01T12:00:00Z");
        assert_eq!(judge_clock(None, now).0, Status::Ok);
        assert_eq!(judge_clock(Some(at("2026-03-01T12:04:00Z")), now).0, Status::Ok);
        assert_eq!(judge_clock(Some(at("2026-03-01T12:06:00Z")), now).0, Status::Warning);
        assert_eq!(judge_clock(None, at("1970-01-01T00:00:00Z")).0, Status::Warning);
    }
}
