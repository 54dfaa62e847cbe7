//! The plan as it is read, and what it sees of this machine.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flightrec_sessions::plan::MAX_PLAN_BYTES;
use flightrec_sessions::{Launch, LiveTime, MAX_PROMPT_BYTES, Plan, Surroundings};

use crate::exit::{Exit, Failure};

/// The plan of `up --demo`, byte for byte plans/demo.toml.
const BUNDLED_PLAN: &str = include_str!("../../../../../plans/demo.toml");

/// A plan that is sound, and what it needs of this machine.
pub(in crate::commands) struct Loaded {
    /// The plan.
    pub(in crate::commands) plan: Plan,
    /// What it needs, found.
    pub(in crate::commands) launch: Launch,
}

impl Loaded {
    /// Reads a plan from a file, or from standard input as `-`.
    pub(super) fn from_file(path: &Path) -> Result<Self, Failure> {
        let (name, bytes) = if path == Path::new("-") {
            ("standard input".to_owned(), limited(io::stdin().lock(), MAX_PLAN_BYTES as u64))
        } else {
            (path.display().to_string(), File::open(path).and_then(|file| limited(file, MAX_PLAN_BYTES as u64)))
        };
        let bytes = bytes.map_err(|error| Failure::file("read the plan", Path::new(&name), &error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = sound.split(|byte| *byte == b'\n').count();
            let lines = format!("{name}:{line}: this is no text in UTF-8: convert the file");
            Failure::Listed { exit: Exit::Rejected, lines }
        })?;
        // The file's own directory, or the present one for standard input.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::from_text(&name, &text, directory.to_owned())
    }

    /// The plan that is built in; its sessions look at the present directory.
    pub(in crate::commands) fn bundled() -> Result<Self, Failure> {
        Self::from_text("plans/demo.toml", BUNDLED_PLAN, PathBuf::from("."))
    }

    fn from_text(name: &str, text: &str, directory: PathBuf) -> Result<Self, Failure> {
        let plan = Plan::parse(text).map_err(|errors| {
            let lines = errors.in_file(name).to_string();
            Failure::Listed { exit: Exit::Rejected, lines }
        })?;
        let surroundings = Surroundings {
            time: Arc::new(LiveTime::new()),
            directory,
            // A value that is no text is no key.
            variable: &|name| std::env::var(name).ok(),
            read: &|path| limited(File::open(path)?, MAX_PROMPT_BYTES),
        };
        let launch = Launch::prepare(&plan, &surroundings)
            .map_err(|errors| Failure::Listed { exit: Exit::Failed, lines: errors.in_file(name).to_string() })?;
        Ok(Self { plan, launch })
    }
}

/// All that there is to read, or one byte more than the limit.
fn limited(file: impl io::Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_plan_can_run_with_nothing_but_the_present_directory() {
        let loaded = Loaded::bundled().unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(loaded.plan.name.as_str(), "demo");
        assert!(loaded.plan.providers.values().all(|provider| provider.api_key_env.is_none()));
    }
}
