//! Environments of Python for checks that are written in it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::process::Job;
use crate::workspace::Workspace;

/// The copy of the requirements inside an environment that holds all of them.
const INSTALLED: &str = "installed-requirements.txt";

/// The Python of an environment that holds the requirements in a file, made anew if they changed since it was made.
/// `probe` is a module that only a whole one has.
pub(crate) fn environment(
    workspace: &Workspace,
    requirements: &str,
    venv: &Path,
    probe: &str,
) -> Result<PathBuf, Error> {
    let wanted = workspace.read(requirements)?;
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let kept = venv.join(INSTALLED);
    let is_same = fs::read_to_string(&kept).is_ok_and(|installed| installed == wanted);
    // An environment outlives neither its directory's move nor the Python that it was made with.
    let probe = format!("import {probe}");
    if is_same && Job::new(&python.to_string_lossy(), workspace.root()).args(["-c", &probe]).works() {
        return Ok(python);
    }
    remove(venv)?;
    let system = if cfg!(windows) { "python" } else { "python3" };
    if !Job::new(system, workspace.root()).args(["-c", "import venv, ensurepip"]).works() {
        return Err(Error::Check(format!(
            "`{system}` with its modules `venv` and `ensurepip` is needed; Debian has them in python3-venv"
        )));
    }
    println!("making {} from {requirements}", venv.display());
    Job::new(system, workspace.root()).args(["-m", "venv"]).arg(venv).run()?;
    let install = Job::new(&python.to_string_lossy(), workspace.root())
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"])
        .args(["--requirement", requirements]);
    println!("    $ {}", install.line());
    install.run()?;
    // Last, so that an environment which was made only in part is made again.
    fs::write(&kept, wanted).map_err(|source| Error::File { action: "write", path: kept, source })?;
    Ok(python)
}

/// Removes a directory with all that is in it; that there is none is no failure.
pub(crate) fn remove(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::File { action: "remove", path: directory.to_owned(), source })
        }
        _ => Ok(()),
    }
}
