//! Where things lie: the checkout, its target directory, and the side workspaces.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::process::Job;

/// A workspace of its own beside the root one, with its own lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The fault runs: simulated disks, power cuts, sabotage.
    Sim,
    /// The fuzz targets.
    Fuzz,
    /// The benches.
    Bench,
}

impl Side {
    /// Every side workspace.
    pub(crate) const ALL: [Self; 3] = [Self::Sim, Self::Fuzz, Self::Bench];

    /// The directory, which is also the name of its corner in the target directory.
    pub(crate) fn directory(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Fuzz => "fuzz",
            Self::Bench => "bench",
        }
    }

    /// The manifest, relative to the root of the checkout.
    pub(crate) fn manifest(self) -> String {
        format!("{}/Cargo.toml", self.directory())
    }
}

/// The checkout that the chores work on.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the checkout: from cargo's own variable, else upwards from the current directory.
    pub(crate) fn find() -> Result<Self, Error> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(manifest) => PathBuf::from(manifest),
            None => {
                env::current_dir().map_err(|source| Error::File { action: "find", path: PathBuf::from("."), source })?
            }
        };
        let root = start
            .ancestors()
            .find(|place| place.join("xtask/Cargo.toml").is_file())
            .ok_or_else(|| Error::Usage(format!("{} is not inside a Flight Recorder checkout", start.display())))?
            .to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => root.join(directory),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The root of the checkout, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory of the root workspace, absolute.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Cargo in the root workspace.
    pub(crate) fn cargo(&self, subcommand: &str) -> Job {
        locked(Job::cargo(&self.root).arg(subcommand), subcommand)
    }

    /// Cargo in a side workspace, building under the root's target directory.
    pub(crate) fn side_cargo(&self, side: Side, subcommand: &str) -> Job {
        let job = Job::cargo(&self.root)
            .env("CARGO_TARGET_DIR", self.target.join(side.directory()).into_os_string())
            .args([subcommand, "--manifest-path"])
            .arg(side.manifest());
        locked(job, subcommand)
    }

    /// Reads a text file named relative to the root.
    pub(crate) fn read(&self, path: &str) -> Result<String, Error> {
        let path = self.root.join(path);
        fs::read_to_string(&path).map_err(|source| Error::File { action: "read", path, source })
    }

    /// Writes a text file named relative to the root, making its directory if needed.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<(), Error> {
        let path = self.root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| Error::File {
                action: "create",
                path: parent.to_owned(),
                source,
            })?;
        }
        fs::write(&path, text).map_err(|source| Error::File { action: "write", path, source })
    }
}

/// On a build machine the lock files are law; `cargo fmt` knows no locks.
fn locked(job: Job, subcommand: &str) -> Job {
    if env::var_os("CI").is_some() && subcommand != "fmt" { job.arg("--locked") } else { job }
}
