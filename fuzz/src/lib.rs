//! Fuzz targets: every reader of bytes that others wrote, as a plain function.
//!
//! A target takes any bytes and must neither panic nor contradict itself: what it accepts must
//! come back unchanged when written and read again. The same functions run under libFuzzer
//! (`fuzz_targets/`, feature `libfuzzer`, nightly) and under the stable runner (`fuzz-smoke`).
//!
//! A new target is a row of [`TARGETS`], a function, its seeds, and a file in `fuzz_targets/`
//! with its `[[bin]]`; a test holds the table to those files.

mod derived;
mod events;
mod journal;
mod memory;
mod mutate;
mod otlp;
mod plan;
mod redact;
mod transcripts;

pub use mutate::{Numbers, mutate};

use std::io;

/// A function that takes any bytes, and inputs to start from.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name, the same as that of its file in `fuzz_targets/`.
    pub name: &'static str,
    /// The function; a panic is a failure.
    pub run: fn(&[u8]),
    /// Valid inputs, made by the writers of the formats.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many mutations an everyday run takes: seconds of work, whatever one input costs.
    pub everyday: u64,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "event_json", run: events::json, seeds: events::json_seeds, everyday: 100_000 },
    Target { name: "event_stored", run: events::stored, seeds: events::stored_seeds, everyday: 100_000 },
    Target { name: "event_declaration", run: events::declaration, seeds: events::declaration_seeds, everyday: 20_000 },
    Target { name: "journal_segment", run: journal::segment, seeds: journal::segment_seeds, everyday: 20_000 },
    Target { name: "derived_files", run: derived::files, seeds: derived::file_seeds, everyday: 2_000 },
    Target { name: "otlp_traces", run: otlp::traces, seeds: otlp::traces_seeds, everyday: 5_000 },
    Target { name: "otlp_logs", run: otlp::logs, seeds: otlp::logs_seeds, everyday: 5_000 },
    Target { name: "transcript", run: transcripts::transcript, seeds: transcripts::seeds, everyday: 5_000 },
    Target { name: "plan", run: plan::plan, seeds: plan::plan_seeds, everyday: 50_000 },
    Target { name: "redact_bytes", run: redact::bytes, seeds: redact::bytes_seeds, everyday: 50_000 },
    Target { name: "redact_text", run: redact::text, seeds: redact::text_seeds, everyday: 50_000 },
];

/// Runs the target called `name` on `data`.
///
/// # Panics
/// If there is no such target, and whenever the target finds a failure.
pub fn target(name: &str, data: &[u8]) {
    let target =
        TARGETS.iter().find(|target| target.name == name).expect("a test holds the table to the libFuzzer files");
    (target.run)(data);
}

impl Target {
    /// The made seeds and those kept as files in `seeds/<name>/`, in a fixed order.
    ///
    /// # Errors
    /// What the system says when a kept file cannot be read.
    pub fn all_seeds(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut seeds = (self.seeds)();
        let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(self.name);
        if place.is_dir() {
            let mut files = std::fs::read_dir(place)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<_>>>()?;
            files.sort();
            for file in files {
                seeds.push(std::fs::read(file)?);
            }
        }
        Ok(seeds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_target_has_its_libfuzzer_file_and_the_other_way_round() {
        let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
        let files: BTreeSet<String> =
            std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let wanted: BTreeSet<String> = TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
        assert_eq!(files, wanted);
        let manifest = include_str!("../Cargo.toml");
        for target in TARGETS {
            let line = format!("name = \"{}\"", target.name);
            assert!(manifest.contains(&line), "no [[bin]] with {line}");
        }
    }

    #[test]
    fn each_target_takes_its_seeds() {
        for target in TARGETS {
            let seeds = target.all_seeds().unwrap();
            assert!(!seeds.is_empty(), "{} has no seed", target.name);
            for seed in seeds {
                (target.run)(&seed);
            }
        }
    }
}
