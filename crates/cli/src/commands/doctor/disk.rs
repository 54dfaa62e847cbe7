//! Facts that only the operating system knows.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes that this user may still write on the file system of `path`, or of the closest directory above that exists.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let there = path.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let facts = rustix::fs::statvfs(there)?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

/// Files under a directory, and their bytes. Files that go while it looks are not counted.
pub(super) fn usage(dir: &Path) -> io::Result<(u64, u64)> {
    let mut total = (0, 0);
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => dirs.push(entry.path()),
                Ok(facts) => total = (total.0 + 1, total.1 + facts.len()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(total)
}

/// What others than the owner may do with a file, as its permission bits; 0 is private.
pub(super) fn open_to_others(facts: &Metadata) -> u32 {
    facts.mode() & 0o077
}

/// Who holds the writer's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// No process.
    Nobody,
    /// This process.
    Process(u32),
    /// The system does not list locks.
    Unknown,
}

/// Asks the system who holds the writer's lock. The lock itself is not touched: trying it could turn
/// away a writer that comes at this moment.
pub(super) fn lock_holder(lock: &Path) -> Holder {
    let Ok(listed) = fs::read_to_string("/proc/locks") else { return Holder::Unknown };
    let Ok(facts) = fs::metadata(lock) else { return Holder::Nobody };
    let (major, minor) = (rustix::fs::major(facts.dev()), rustix::fs::minor(facts.dev()));
    holder_in(&listed, &format!("{major:02x}:{minor:02x}:{}", facts.ino())).map_or(Holder::Nobody, Holder::Process)
}

/// The process that holds a whole-file lock on `file`, in the kernel's list:
/// `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF`.
fn holder_in(listed: &str, file: &str) -> Option<u32> {
    listed.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_held = words.get(1) == Some(&"FLOCK") && words.get(5) == Some(&file);
        if is_held { words.get(4)?.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_list_is_read() {
        let listed = "1: POSIX  ADVISORY  WRITE 3 fe:00:131 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 5 fe:00:9 0 EOF\n";
        assert_eq!(holder_in(listed, "fe:00:131"), Some(4711));
        assert_eq!(holder_in(listed, "fe:00:9"), None);
        assert_eq!(holder_in("", "fe:00:9"), None);
    }

    #[test]
    fn sizes_add_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/x"), [0; 10]).unwrap();
        fs::write(dir.path().join("y"), [0; 5]).unwrap();
        assert_eq!(usage(dir.path()).unwrap(), (2, 15));
        assert_eq!(usage(&dir.path().join("none")).unwrap(), (0, 0));
        assert!(free_bytes(&dir.path().join("not/yet/there")).unwrap() > 0);
    }
}
