//! The directory of the store, and what to say when it does not open.
// tidy: no-wildcard

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flightrec_events::Registry;
use flightrec_recorder::archive::ManifestError;
use flightrec_recorder::journal::{OpenError as JournalOpenError, ReadError as JournalReadError};
use flightrec_recorder::{
    AnswerError, ArtifactError, LookupError, OpenError, Options, ReadError, Reader, Recorder, VerifyError,
};

use crate::exit::{Exit, Failure, chain};

/// Where the store is, and what the user adds to it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// The directory.
    pub(crate) path: PathBuf,
    /// Whether the user named the directory.
    pub(crate) is_named: bool,
    families: Vec<PathBuf>,
}

impl Store {
    /// The store that the user named, or the one in the platform's data directory.
    pub(crate) fn new(data: Option<PathBuf>, families: Vec<PathBuf>) -> Result<Self, Failure> {
        let is_named = data.is_some();
        let path = match data {
            Some(path) => path,
            None => default_path(|name| std::env::var_os(name).map(PathBuf::from)).ok_or_else(|| {
                Failure::usage("neither HOME nor a data directory is set: name the store's directory with --data DIR or FLIGHTREC_DATA")
            })?,
        };
        Ok(Self { path, is_named, families })
    }

    /// Opens the store to read.
    pub(crate) fn reader(&self) -> Result<Reader, Failure> {
        Reader::open(&self.path).map_err(|error| self.open_failure(&error))
    }

    /// Opens the store to read, if there is one.
    pub(crate) fn reader_if_any(&self) -> Result<Option<Reader>, Failure> {
        match Reader::open(&self.path) {
            Ok(reader) => Ok(Some(reader)),
            Err(OpenError::NoStore) => Ok(None),
            Err(error) => Err(self.open_failure(&error)),
        }
    }

    /// Opens the store to write, or makes one.
    pub(crate) fn recorder(&self) -> Result<Recorder, Failure> {
        self.recorder_with(Options::default())
    }

    /// Opens the store to write with options of one's own, or makes one.
    pub(crate) fn recorder_with(&self, options: Options) -> Result<Recorder, Failure> {
        let options = Options { declarations: self.declarations()?, ..options };
        Recorder::open_with(&self.path, options).map_err(|error| self.open_failure(&error))
    }

    /// The built-in families and those that the user's files declare.
    pub(crate) fn declared_registry(&self) -> Result<Registry, Failure> {
        let mut registry = Registry::new();
        self.declare(&mut registry)?;
        Ok(registry)
    }

    /// Adds the families that the user's files declare.
    pub(crate) fn declare(&self, registry: &mut Registry) -> Result<Vec<Vec<u8>>, Failure> {
        let mut files = Vec::new();
        for path in &self.families {
            let bytes = std::fs::read(path).map_err(|error| Failure::file("read the families in", path, &error))?;
            registry.declare(&bytes).map_err(|error| {
                Failure::failed(format!("cannot use the families in {}: {}", path.display(), chain(&error)))
            })?;
            files.push(bytes);
        }
        Ok(files)
    }

    fn declarations(&self) -> Result<Vec<Vec<u8>>, Failure> {
        self.declare(&mut Registry::new())
    }

    /// The whole id of the one session that begins with `prefix`.
    pub(crate) fn resolve(&self, reader: &Reader, prefix: &str) -> Result<Arc<str>, Failure> {
        if prefix.is_empty() {
            return Err(Failure::usage(
                "the session's id is empty: give its beginning, as `flightrec sessions` shows it",
            ));
        }
        reader.resolve(prefix).map_err(|error| self.lookup_failure(&error))
    }

    fn told(&self, exit: Exit, error: &dyn Error) -> Failure {
        Failure::Told { exit, message: format!("{}: {}", self.path.display(), chain(error)) }
    }

    /// What to say when the store does not open.
    pub(crate) fn open_failure(&self, error: &OpenError) -> Failure {
        self.told(exit_of_open(error), error)
    }

    /// What to say when the log cannot be read.
    pub(crate) fn read_failure(&self, error: &ReadError) -> Failure {
        self.told(exit_of_read(error), error)
    }

    /// What to say when no one session answers.
    pub(crate) fn lookup_failure(&self, error: &LookupError) -> Failure {
        match error {
            LookupError::NotFound(_) | LookupError::Ambiguous { .. } => self.told(Exit::Failed, error),
        }
    }

    /// What to say when a question about one session has no answer.
    pub(crate) fn answer_failure(&self, error: &AnswerError) -> Failure {
        match error {
            AnswerError::Lookup(error) => self.lookup_failure(error),
            AnswerError::Read(error) => self.read_failure(error),
        }
    }

    /// What to say when content cannot be taken or given.
    pub(crate) fn artifact_failure(&self, error: &ArtifactError) -> Failure {
        self.told(exit_of_artifact(error), error)
    }

    /// What to say when the store cannot be verified at all.
    pub(crate) fn verify_failure(&self, error: &VerifyError) -> Failure {
        match error {
            VerifyError::Open(error) => self.open_failure(error),
            VerifyError::Read(error) => self.read_failure(error),
            VerifyError::Artifacts(error) => self.artifact_failure(error),
        }
    }
}

/// Where data of programs lives on this platform, from the environment.
fn default_path(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let given = |name: &str| variable(name).filter(|path| path.is_absolute());
    let data = if cfg!(target_os = "macos") {
        given("HOME")?.join("Library").join("Application Support")
    } else {
        given("XDG_DATA_HOME").or_else(|| given("HOME").map(|home| home.join(".local").join("share")))?
    };
    Some(data.join("flightrec"))
}

pub(crate) const fn exit_of_open(error: &OpenError) -> Exit {
    match error {
        OpenError::Damaged(_) => Exit::Damaged,
        OpenError::Journal(error) => match error {
            JournalOpenError::ForeignStore { .. } => Exit::Damaged,
            JournalOpenError::Io(_) | JournalOpenError::NewerFormat { .. } => Exit::Failed,
        },
        OpenError::Read(error) => exit_of_read(error),
        OpenError::NoStore
        | OpenError::Locked
        | OpenError::NewerFormat { .. }
        | OpenError::Declaration { .. }
        | OpenError::Write(_)
        | OpenError::Artifacts(_)
        | OpenError::Io { .. } => Exit::Failed,
    }
}

const fn exit_of_read(error: &ReadError) -> Exit {
    match error {
        ReadError::Journal(error) => match error {
            JournalReadError::Damaged(_) => Exit::Damaged,
            JournalReadError::Io(_) | JournalReadError::NewerFormat { .. } | JournalReadError::BeforeOrigin { .. } => {
                Exit::Failed
            }
        },
        ReadError::Archive(error) => {
            if error.kind().is_some() {
                Exit::Damaged
            } else {
                Exit::Failed
            }
        }
        ReadError::Manifest(error) => match error {
            ManifestError::Damaged { .. } | ManifestError::ForeignStore { .. } | ManifestError::Broken { .. } => {
                Exit::Damaged
            }
            ManifestError::Io(_) | ManifestError::NewerFormat { .. } => Exit::Failed,
        },
        ReadError::Event { .. } => Exit::Damaged,
        ReadError::Io { .. } => Exit::Failed,
    }
}

const fn exit_of_artifact(error: &ArtifactError) -> Exit {
    match error {
        ArtifactError::Damaged(_) => Exit::Damaged,
        ArtifactError::NotFound(_) | ArtifactError::TooLarge { .. } | ArtifactError::Io { .. } => Exit::Failed,
    }
}

/// Reads all of a file or of standard input (`-`), but no more than `limit` bytes.
pub(crate) fn read_all(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let mut content = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut content)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut content))
    };
    read.map_err(|error| Failure::file("read", path, &error))?;
    if content.len() as u64 > limit {
        return Err(Failure::failed(format!(
            "{} has more than {limit} bytes, the most that one artifact may hold: split it",
            path.display()
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn the_default_follows_the_base_directories() {
        let path = |xdg: Option<&str>, home: Option<&str>| {
            default_path(|name| match name {
                "XDG_DATA_HOME" => xdg.map(PathBuf::from),
                "HOME" => home.map(PathBuf::from),
                _ => None,
            })
        };
        assert_eq!(path(Some("/x"), Some("/h")), Some("/x/flightrec".into()));
        assert_eq!(path(None, Some("/h")), Some("/h/.local/share/flightrec".into()));
        assert_eq!(path(Some("relative"), Some("/h")), Some("/h/.local/share/flightrec".into()));
        assert_eq!(path(None, None), None);
    }

    #[test]
    fn only_damage_ends_with_the_code_for_damage() {
        assert_eq!(exit_of_open(&OpenError::Damaged(String::new())), Exit::Damaged);
        assert_eq!(exit_of_open(&OpenError::NewerFormat { found: 2, known: 1 }), Exit::Failed);
        assert_eq!(exit_of_open(&OpenError::NoStore), Exit::Failed);
        assert_eq!(exit_of_open(&OpenError::Locked), Exit::Failed);
        assert_eq!(exit_of_artifact(&ArtifactError::Damaged(String::new())), Exit::Damaged);
        assert_eq!(exit_of_artifact(&ArtifactError::NotFound(String::new())), Exit::Failed);
    }
}
