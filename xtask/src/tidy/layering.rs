//! Who may depend on whom and know what: the architecture's rooms, as data.

use super::scan::Source;
use super::tree::{Finding, Tree};

/// A crate and the workspace crates it may use.
struct Room {
    package: &'static str,
    may_use: &'static [&'static str],
}

const EVENTS: &str = "flightrec-events";
const JOURNAL: &str = "flightrec-journal";
const ARCHIVE: &str = "flightrec-archive";
const RECORDER: &str = "flightrec-recorder";
const SESSIONS: &str = "flightrec-sessions";
const INGEST: &str = "flightrec-ingest";
const SQL: &str = "flightrec-sql";
const SERVER: &str = "flightrec-server";
const CLI: &str = "flightrec-cli";

const ROOMS: &[Room] = &[
    Room { package: EVENTS, may_use: &[] },
    Room { package: JOURNAL, may_use: &[] },
    Room { package: ARCHIVE, may_use: &[EVENTS, JOURNAL] },
    Room { package: RECORDER, may_use: &[EVENTS, JOURNAL, ARCHIVE] },
    Room { package: SESSIONS, may_use: &[EVENTS, RECORDER] },
    Room { package: INGEST, may_use: &[EVENTS] },
    Room { package: SQL, may_use: &[EVENTS, ARCHIVE, RECORDER] },
    Room { package: SERVER, may_use: &[EVENTS, JOURNAL, ARCHIVE, RECORDER, SESSIONS, INGEST, SQL] },
    Room { package: CLI, may_use: &[EVENTS, JOURNAL, ARCHIVE, RECORDER, SESSIONS, INGEST, SQL, SERVER] },
    Room { package: "xtask", may_use: &[] },
];

/// Crates whose presence under the recorder would force a runtime or an engine on its host.
const HEAVY: &[&str] = &["tokio", "async-std", "smol", "hyper", "axum", "reqwest", "object_store", "datafusion"];

/// Files outside `cli` and `xtask` that may touch the disk, each with its reason.
const DISK_DOORS: &[(&str, &str)] = &[
    (
        "crates/journal/src/storage/disk.rs",
        "the one storage that is a real disk; all else goes through the storage seam",
    ),
    (
        "crates/sessions/src/tools/confined.rs",
        "the tools of sessions read the files of a workspace, never those of a store",
    ),
];

/// Crates that may touch the disk anywhere: they are the outermost rooms.
const DISK_ROOMS: &[&str] = &["crates/cli/", "crates/server/", "xtask/"];

const EDGE_WORDS: &[&str] = &["StatusCode", "status_code", "http_status", "ExitCode"];

pub(super) fn crate_direction(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, member) in &tree.graph.members {
        let Some(room) = ROOMS.iter().find(|room| room.package == name) else {
            findings.push(Finding::broken(
                &member.manifest,
                1,
                format!("{name} has no room yet; add it to ROOMS in xtask/src/tidy/layering.rs"),
            ));
            continue;
        };
        for dependency in &member.dependencies {
            // A crate may name itself: its tests turn on a feature of its own that way.
            let inside = dependency != name && ROOMS.iter().any(|other| other.package == dependency);
            if inside && !room.may_use.contains(&dependency.as_str()) {
                findings.push(Finding::broken(
                    &member.manifest,
                    line_of(tree, &member.manifest, dependency),
                    format!("{name} must not know {dependency}; turn the arrow around"),
                ));
            }
        }
    }
    findings
}

pub(super) fn light_recorder(tree: &Tree) -> Vec<Finding> {
    HEAVY
        .iter()
        .filter(|heavy| tree.graph.recorder_tree.contains(**heavy))
        .map(|heavy| {
            Finding::broken(
                "crates/recorder/Cargo.toml",
                1,
                format!(
                    "{heavy} is built with {RECORDER}; `cargo tree -p {RECORDER} -i {heavy}` \
                     shows through whom"
                ),
            )
        })
        .collect()
}

pub(super) fn no_edges_inside(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in library_code(tree) {
        if path.starts_with("crates/cli/") || path.starts_with("crates/server/") {
            continue;
        }
        let words = source.words().filter(|word| EDGE_WORDS.contains(&word.text)).map(|word| (word.at, word.text));
        let ends = source.find_path("process::exit").map(|at| (at, "process::exit"));
        for (at, what) in words.chain(ends).filter(|(at, _)| !source.is_test(*at)) {
            findings.push(Finding::broken(
                path,
                source.line(at),
                format!("`{what}` belongs into cli or server; return an error here"),
            ));
        }
    }
    findings
}

pub(super) fn pure_vocabulary(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in library_code(tree).filter(|(path, _)| path.starts_with("crates/events/")) {
        for module in source.modules_of("std") {
            let outside = matches!(module.text, "fs" | "net" | "thread" | "process" | "env");
            if outside && !source.is_test(module.at) {
                findings.push(Finding::broken(
                    path,
                    source.line(module.at),
                    format!("`std::{}` in events; let the caller do it and pass the result in", module.text),
                ));
            }
        }
    }
    findings
}

pub(super) fn one_door_to_disk(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in library_code(tree) {
        let open =
            DISK_DOORS.iter().any(|(door, _)| *door == path) || DISK_ROOMS.iter().any(|room| path.starts_with(room));
        if open {
            continue;
        }
        let std = source.modules_of("std");
        let rustix = source.modules_of("rustix");
        let cap_std = source.modules_of("cap_std");
        for module in std.into_iter().chain(rustix).chain(cap_std) {
            if module.text == "fs" && !source.is_test(module.at) {
                findings.push(Finding::broken(
                    path,
                    source.line(module.at),
                    "file access beside the storage seam; go through it, or add this file with \
                     its reason to DISK_DOORS in xtask/src/tidy/layering.rs",
                ));
            }
        }
    }
    findings
}

pub(super) fn one_translator(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, member) in &tree.graph.members {
        for dependency in &member.dependencies {
            if name != INGEST && is_foreign(dependency) {
                findings.push(Finding::broken(
                    &member.manifest,
                    line_of(tree, &member.manifest, dependency),
                    format!("{name} depends on {dependency}; only {INGEST} may"),
                ));
            }
        }
    }
    let router = ["crates/ingest/", "crates/cli/", "crates/server/"];
    for (path, source) in library_code(tree) {
        if router.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        for word in source.words().filter(|word| is_foreign(word.text)) {
            if !source.is_test(word.at) {
                findings.push(Finding::broken(
                    path,
                    source.line(word.at),
                    format!("`{}` speaks of a foreign convention; translate it in ingest", word.text),
                ));
            }
        }
    }
    findings
}

fn is_foreign(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    lower.contains("opentelemetry") || lower.contains("otlp")
}

/// What is built into the crates under `crates/`: their `src`, without test files.
fn library_code(tree: &Tree) -> impl Iterator<Item = (&str, &Source)> {
    tree.rust().filter(|(path, _)| {
        let inside = path.strip_prefix("crates/").and_then(|path| path.split_once('/'));
        inside.is_some_and(|(_, rest)| rest.starts_with("src/")) && !tree.is_test_file(path)
    })
}

/// The line of `path` that begins with `word`, or 1.
fn line_of(tree: &Tree, path: &str, word: &str) -> usize {
    tree.file(path)
        .and_then(|file| file.text.lines().position(|line| line.starts_with(word)))
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_allow_only_rooms_above_them() {
        for (index, room) in ROOMS.iter().enumerate() {
            for used in room.may_use {
                let at = ROOMS.iter().position(|other| other.package == *used);
                assert!(
                    at.is_some_and(|at| at < index),
                    "{} may use {used}, which does not stand above it",
                    room.package
                );
            }
        }
    }
}
