//! Room on the disk, and files out of the page cache.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{Advice, fadvise, statvfs};

/// How many bytes are free where a directory lies.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let found = statvfs(dir)?;
    Ok(found.f_bavail * found.f_frsize)
}

/// Makes everything below a path durable, so that it can be let go of.
pub fn sync_all(path: &Path) -> io::Result<()> {
    each_file(path, &|file| file.sync_all())
}

/// Asks the operating system to forget what it holds of the files below a path. They must be durable.
pub fn make_cold(path: &Path) -> io::Result<()> {
    each_file(path, &|file| Ok(fadvise(file, 0, None, Advice::DontNeed)?))
}

fn each_file(path: &Path, visit: &dyn Fn(&File) -> io::Result<()>) -> io::Result<()> {
    if path.is_dir() {
        return fs::read_dir(path)?.try_for_each(|entry| each_file(&entry?.path(), visit));
    }
    visit(&File::open(path)?)
}
