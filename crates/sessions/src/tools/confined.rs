//! The tools' one door to the disk: a directory that paths do not lead out of, and where programs are found.
//!
//! All of it blocks, for the time of a few system calls: reading is bounded to [`MAX_READ_BYTES`] and listing to
//! [`MAX_SEEN_ENTRIES`], nothing is opened that could wait for somebody, and so the work is done where it is asked
//! for, without a thread. A directory on a network that hangs makes the caller hang.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, FileType, FileTypeExt as _, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use super::output::printable_name;
use crate::tool::ToolFailure;

/// The most bytes that are read of one file.
pub(super) const MAX_READ_BYTES: u64 = 1024 * 1024;

/// The most entries of a directory that are listed.
pub(super) const MAX_LISTED_ENTRIES: usize = 1000;

/// The most entries of a directory that are looked at.
const MAX_SEEN_ENTRIES: usize = 100_000;

/// A directory, held open.
#[derive(Debug)]
pub(super) struct Confined {
    root: Dir,
    /// Where it was when it was opened, without symbolic links.
    path: PathBuf,
}

/// The beginning of a text file, or all of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TextFile {
    /// What was read.
    pub(super) text: String,
    /// How long the file is.
    pub(super) file_bytes: u64,
    /// Whether the file goes on.
    pub(super) is_cut: bool,
}

/// The entries of a directory, by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The first of them, one line each.
    pub(super) lines: Vec<String>,
    /// How many more were seen.
    pub(super) further: usize,
    /// Whether all were seen.
    pub(super) is_whole: bool,
}

pub(super) fn failure(code: &'static str, message: impl Into<String>) -> ToolFailure {
    ToolFailure { code, message: message.into(), retryable: false }
}

impl Confined {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let root = Dir::open_ambient_dir(&path, ambient_authority())?;
        Ok(Self { root, path })
    }

    /// Where it was when it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether [`Confined::path`] still leads to this directory and not to another that took its name.
    pub(super) fn is_still_there(&self) -> bool {
        let held = self.root.dir_metadata().map(|held| (held.dev(), held.ino()));
        let named = fs::symlink_metadata(&self.path).map(|named| (named.dev(), named.ino()));
        matches!((held, named), (Ok(held), Ok(named)) if held == named)
    }

    /// Reads up to `max_bytes` of a regular file that holds UTF-8.
    pub(super) fn read_text(&self, path: &str, max_bytes: u64) -> Result<TextFile, ToolFailure> {
        let told = |error: io::Error| problem(path, &error);
        let relative = relative(path)?;
        // Looked at before it is opened: opening a device may already do something.
        check_regular(path, self.root.metadata(relative).map_err(told)?.file_type())?;
        // Not to wait for a writer, should a FIFO have taken its place meanwhile.
        let no_waiting = OFlags::NONBLOCK.bits().cast_signed();
        let options = OpenOptions::new().read(true).custom_flags(no_waiting).clone();
        let file = self.root.open_with(relative, &options).map_err(told)?;
        let facts = file.metadata().map_err(told)?;
        check_regular(path, facts.file_type())?;

        let mut bytes = Vec::new();
        file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(told)?;
        let is_cut = bytes.len() as u64 > max_bytes;
        if is_cut {
            bytes.pop();
        }
        let file_bytes = facts.len().max(bytes.len() as u64);
        Ok(TextFile { text: text(path, bytes, is_cut)?, file_bytes, is_cut })
    }

    /// Lists a directory.
    pub(super) fn list(&self, path: &str) -> Result<Listing, ToolFailure> {
        let told = |error: io::Error| problem(path, &error);
        let directory = self.root.open_dir(relative(path)?).map_err(told)?;
        let mut first: BTreeMap<OsString, DirEntry> = BTreeMap::new();
        let (mut seen, mut is_whole) = (0, true);
        for entry in directory.entries().map_err(told)? {
            if seen == MAX_SEEN_ENTRIES {
                is_whole = false;
                break;
            }
            seen += 1;
            let entry = entry.map_err(told)?;
            first.insert(entry.file_name(), entry);
            if first.len() > MAX_LISTED_ENTRIES {
                first.pop_last();
            }
        }
        let further = seen - first.len();
        let lines = first.iter().map(|(name, entry)| line(&printable_name(name), entry)).collect();
        Ok(Listing { lines, further, is_whole })
    }
}

/// A path as it may be given: within the directory, by its looks alone.
fn relative(path: &str) -> Result<&Path, ToolFailure> {
    let outside = |why: &str| {
        Err(failure(
            "outside_workspace",
            format!("{why}; give a path below the workspace, such as `src/main.rs`; `.` is the workspace itself"),
        ))
    };
    if path.is_empty() {
        return Err(failure("not_found", "the path is empty; `.` is the workspace itself"));
    }
    for component in Path::new(path).components() {
        match component {
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir => return outside(&format!("`{path}` goes up by `..`")),
            Component::RootDir | Component::Prefix(_) => return outside(&format!("`{path}` is absolute")),
        }
    }
    Ok(Path::new(path))
}

fn check_regular(path: &str, kind: FileType) -> Result<(), ToolFailure> {
    if kind.is_file() {
        return Ok(());
    }
    let kind = word(kind);
    let advice = if kind == "directory" { "list it instead" } else { "only regular files can be read" };
    Err(failure("not_a_file", format!("`{path}` is a {kind}; {advice}")))
}

fn word(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        kind if kind.is_symlink() => "symbolic link",
        kind if kind.is_fifo() => "FIFO",
        kind if kind.is_socket() => "socket",
        kind if kind.is_block_device() || kind.is_char_device() => "device",
        _ => "special file",
    }
}

/// One line of a listing. What vanished after it was seen is still named.
fn line(name: &str, entry: &DirEntry) -> String {
    let Ok(facts) = entry.metadata() else {
        return format!("{name} (gone)");
    };
    match facts.file_type() {
        kind if kind.is_dir() => format!("{name}/"),
        kind if kind.is_file() => format!("{name} ({} bytes)", facts.len()),
        kind => format!("{name} ({})", word(kind)),
    }
}

/// Bytes as text; a character that the cut went through is left out.
fn text(path: &str, mut bytes: Vec<u8>, is_cut: bool) -> Result<String, ToolFailure> {
    if let Err(error) = std::str::from_utf8(&bytes) {
        let good = error.valid_up_to();
        if !is_cut || error.error_len().is_some() {
            return Err(failure("not_text", format!("`{path}` is no UTF-8 text: byte {good} begins no character")));
        }
        bytes.truncate(good);
    }
    String::from_utf8(bytes).map_err(|_| failure("not_text", format!("`{path}` is no UTF-8 text")))
}

/// An error of the disk, for the model.
fn problem(path: &str, error: &io::Error) -> ToolFailure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the list of the standard library is open")]
    match error.kind() {
        io::ErrorKind::NotFound => failure("not_found", format!("there is no `{path}`; list its directory")),
        // Without a number of the system it is the confinement that refused.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
            failure("outside_workspace", format!("a symbolic link on the way to `{path}` leads out of the workspace"))
        }
        io::ErrorKind::PermissionDenied => failure("permission_denied", format!("`{path}` may not be read")),
        io::ErrorKind::NotADirectory => {
            failure("not_a_directory", format!("`{path}`, or a part of it, is no directory"))
        }
        _ => failure("io", format!("`{path}` cannot be read: {error}")),
    }
}

/// Whether a path leads to a regular file that may be executed.
pub(super) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// A path without symbolic links; `None` if there is nothing.
pub(super) fn resolved(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}
