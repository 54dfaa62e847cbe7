//! Small files that prove themselves: one line of text, then one with its SHA-256.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};

use sha2::{Digest, Sha256};

use super::{Storage, read_file, write_file_atomically};

/// Puts a line at `path`, with its digest below it, as [`write_file_atomically`] does.
///
/// # Errors
/// What the storage says; the file is then what it was before.
pub fn write_digested_line(storage: &dyn Storage, path: &str, line: &str) -> io::Result<()> {
    write_file_atomically(storage, path, format!("{line}\n{}\n", digest(line)).as_bytes())
}

/// Takes the line at `path` that has its digest below it; `None` if there is no such file.
///
/// # Errors
/// [`ErrorKind::InvalidData`] if it is not what was written, or longer than `max_bytes`; else what the storage says.
pub fn read_digested_line(storage: &dyn Storage, path: &str, max_bytes: u64) -> io::Result<Option<String>> {
    let bytes = match read_file(storage, path, max_bytes) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let changed = |what| io::Error::new(ErrorKind::InvalidData, what);
    let text = String::from_utf8(bytes).map_err(|_| changed("it is no text"))?;
    let (line, below) = text.split_once('\n').ok_or_else(|| changed("it is cut off"))?;
    if below.strip_suffix('\n') == Some(&digest(line)) {
        Ok(Some(line.to_owned()))
    } else {
        Err(changed("it does not have its digest"))
    }
}

fn digest(line: &str) -> String {
    Sha256::digest(line).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DiskStorage;

    #[test]
    fn a_line_comes_back_and_a_changed_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::new(dir.path());
        let read = || read_digested_line(&storage, "FACTS", 200);
        assert_eq!(read().unwrap(), None);
        write_digested_line(&storage, "FACTS", "{\"a\":1}").unwrap();
        assert_eq!(read().unwrap().as_deref(), Some("{\"a\":1}"));
        let path = dir.path().join("FACTS");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read().unwrap_err().kind(), ErrorKind::InvalidData, "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(read().unwrap_err().kind(), ErrorKind::InvalidData, "cut at {at}");
        }
    }
}
