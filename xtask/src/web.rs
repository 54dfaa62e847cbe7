//! `cargo xtask web`: the page is checked, tested in a browser against the real program, and built again; what is
//! committed of it, and embedded in the program, must be what comes out.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::options::Options;
use crate::process::{Job, Stopwatch};
use crate::workspace::Workspace;

/// The page's source, relative to the root.
const WEB: &str = "web";
/// What is built of it and committed.
const DIST: &str = "web/dist";
/// Every package it is built with, each with its version and checksum.
const LOCK: &str = "web/package-lock.json";
/// The copy of the lock file beside packages that were installed by it.
const INSTALLED: &str = "web/node_modules/.installed-lock.json";
/// The oldest Node that the build tools run on.
const NODE: (u32, u32) = (20, 19);

/// Checks, tests and builds the page. `--write` commits to what was built, `--measure` prints how fast it is.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Error> {
    let mut options = Options::new(arguments);
    let writes = options.switch("--write");
    let measures = options.switch("--measure");
    options.finish()?;
    check_node(workspace)?;
    install(workspace)?;
    for script in ["types", "lint", "unit"] {
        npm(workspace, &["run", "--silent", script]).run()?;
    }
    build(workspace, writes)?;
    if measures {
        workspace.cargo("build").args(["--release", "--package", "flightrec-cli", "--bin", "flightrec"]).run()?;
        return npm(workspace, &["run", "--silent", "measure"])
            .env("FLIGHTREC_BIN", program(workspace, "release"))
            .run();
    }
    workspace.cargo("build").args(["--package", "flightrec-cli", "--bin", "flightrec"]).run()?;
    let watch = Stopwatch::start();
    npm(workspace, &["run", "--silent", "browser"]).env("FLIGHTREC_BIN", program(workspace, "debug")).run()?;
    println!(
        "the page was driven in a browser in {:.0} s; pictures are in target/web-shots",
        watch.elapsed().as_secs_f64()
    );
    Ok(())
}

fn npm(workspace: &Workspace, arguments: &[&str]) -> Job {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    Job::new(program, &workspace.root().join(WEB)).args(arguments)
}

fn program(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace.target().join(profile).join(format!("flightrec{}", env::consts::EXE_SUFFIX))
}

fn check_node(workspace: &Workspace) -> Result<(), Error> {
    let version = Job::new("node", workspace.root()).arg("--version").stdout()?;
    if version_of(&version).is_some_and(|found| found >= NODE) {
        return Ok(());
    }
    Err(Error::Check(format!("node is {}; the page is built with {}.{} or later", version.trim(), NODE.0, NODE.1)))
}

/// Major and minor of `v20.19.2`.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Installs what the lock file names, unless that was done.
fn install(workspace: &Workspace) -> Result<(), Error> {
    let lock = workspace.read(LOCK)?;
    if workspace.read(INSTALLED).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    npm(workspace, &["ci", "--ignore-scripts", "--loglevel=error"]).run()?;
    workspace.write(INSTALLED, &lock)
}

/// Builds the page, and compares it with what is committed, or takes its place.
fn build(workspace: &Workspace, writes: bool) -> Result<(), Error> {
    let built = if writes { workspace.root().join(DIST) } else { workspace.target().join("web-dist") };
    npm(workspace, &["run", "--silent", "build", "--", "--emptyOutDir", "--logLevel", "warn", "--outDir"])
        .arg(built.clone())
        .run()?;
    let differing = differing(&files(&workspace.root().join(DIST))?, &files(&built)?);
    if differing.is_empty() {
        return Ok(());
    }
    Err(Error::Check(format!("{DIST} is not what is built of it: {}; `cargo xtask web --write`", differing.join(", "))))
}

fn files(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { action: "read", path, source }
    };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).map_err(cannot(directory))? {
        let path = entry.map_err(cannot(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, fs::read(&path).map_err(cannot(&path))?);
    }
    Ok(files)
}

/// The names of files that are not in both, or not the same.
fn differing(committed: &BTreeMap<String, Vec<u8>>, built: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut names: Vec<&String> = committed.keys().chain(built.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter(|name| committed.get(*name) != built.get(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version_of("v20.19.2\n").unwrap() >= NODE && version_of("v24.1.0").unwrap() >= NODE);
        assert!(version_of("v20.9.0").unwrap() < NODE && version_of("v18.20.4").unwrap() < NODE);
        assert_eq!(version_of("not found"), None);
    }

    #[test]
    fn what_is_missing_added_or_changed_differs() {
        let of = |files: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
            files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let committed = of(&[("a", "1"), ("b", "1"), ("c", "1")]);
        assert_eq!(differing(&committed, &of(&[("a", "1"), ("b", "2"), ("d", "1")])), ["b", "c", "d"]);
        assert!(differing(&committed, &committed.clone()).is_empty());
    }

    #[test]
    fn the_lock_file_names_no_registry_and_every_version_is_one() {
        let workspace = Workspace::find().unwrap();
        assert!(!workspace.read(LOCK).unwrap().contains("\"resolved\""));
        let package: serde_json::Value = serde_json::from_str(&workspace.read("web/package.json").unwrap()).unwrap();
        for kind in ["dependencies", "devDependencies"] {
            for (name, version) in package[kind].as_object().unwrap() {
                let version = version.as_str().unwrap();
                assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{name} {version}");
            }
        }
    }

    #[test]
    fn what_is_shipped_of_others_has_a_licence_that_is_allowed() {
        let lock: serde_json::Value = serde_json::from_str(&Workspace::find().unwrap().read(LOCK).unwrap()).unwrap();
        let mut shipped = 0;
        for (path, package) in lock["packages"].as_object().unwrap() {
            let licence = package["license"].as_str().unwrap_or("none");
            if path.is_empty() {
                continue;
            }
            if package["dev"] == true || package["devOptional"] == true {
                let known = ["MIT", "Apache-2.0", "ISC", "BSD-3-Clause", "0BSD", "MPL-2.0"];
                assert!(known.contains(&licence), "{path} {licence}");
            } else {
                assert_eq!(licence, "MIT", "{path}");
                shipped += 1;
            }
        }
        assert_eq!(shipped, 3);
    }
}
