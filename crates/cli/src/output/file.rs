//! Output into a file that is whole or not there.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::exit::Failure;

/// Writes a file: first under a name of its own beside it, then, synced, under its name. What is no
/// regular file, such as a pipe or a device, is written to directly.
pub(crate) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let cannot = |error: &std::io::Error| Failure::file("write", path, error);
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let mut out = BufWriter::new(File::options().write(true).open(path).map_err(|error| cannot(&error))?);
        return named(write(&mut out).and_then(|()| out.flush().map_err(Failure::from)), path);
    }
    let mut name =
        path.file_name().ok_or_else(|| Failure::usage(format!("{} names no file", path.display())))?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let mut out = BufWriter::new(File::create_new(&part).map_err(|error| cannot(&error))?);
    let written = write(&mut out).and_then(|()| {
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&part, path)?;
        Ok(())
    });
    if written.is_err() {
        // The failure that is told matters more than this one.
        let _gone = fs::remove_file(&part).is_ok();
    }
    named(written, path)
}

/// Failures of standard output are told of the file instead.
fn named(written: Result<(), Failure>, path: &Path) -> Result<(), Failure> {
    written.map_err(|failure| match failure {
        Failure::Told { exit, message } => {
            let message = message.replace("cannot write the output", &format!("cannot write {}", path.display()));
            Failure::Told { exit, message }
        }
        Failure::OutputClosed => Failure::failed(format!("cannot write {}: its reader has gone", path.display())),
        other @ (Failure::Listed { .. } | Failure::Arguments(_)) => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        fs::write(&path, "old").unwrap();
        let failed = write_file(&path, |out| {
            out.write_all(b"half")?;
            Err(Failure::failed("stop"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write_file(&path, |out| Ok(out.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write_file(&dir.path().join("no/such/dir"), |_| Ok(())).is_err());
        assert!(write_file(dir.path(), |_| Ok(())).is_err());
    }
}
