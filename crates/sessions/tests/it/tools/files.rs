//! Reading and listing: within the workspace all is found, and nothing leads out of it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use flightrec_sessions::{ToolFailure, Workspace};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use serde_json::json;

use super::ask;

struct Place {
    temp: tempfile::TempDir,
    root: PathBuf,
    workspace: Workspace,
}

/// A workspace beside a secret.
fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap().join("workspace");
    fs::create_dir_all(root.join("src/deep")).unwrap();
    fs::create_dir(temp.path().join("outside")).unwrap();
    fs::write(temp.path().join("outside/secret"), "the secret").unwrap();
    fs::write(root.join("src/main.rs"), "fn main() {}\n").unwrap();
    let workspace = Workspace::open(&root, [""; 0]).unwrap();
    assert_eq!(workspace.path(), root);
    Place { temp, root, workspace }
}

impl Place {
    fn read(&self, path: &str) -> Result<String, ToolFailure> {
        ask(&self.workspace, "read_file", json!({"path": path})).map(|output| {
            assert_eq!(output.files, [path]);
            output.text
        })
    }

    fn read_up_to(&self, path: &str, max_bytes: f64) -> String {
        ask(&self.workspace, "read_file", json!({"path": path, "max_bytes": max_bytes})).unwrap().text
    }

    fn list(&self, path: &str) -> Result<String, ToolFailure> {
        ask(&self.workspace, "list_directory", json!({"path": path})).map(|output| output.text)
    }
}

#[test]
fn files_are_read_by_every_way_to_write_their_path() {
    let place = place();
    symlink("main.rs", place.root.join("src/file-link")).unwrap();
    symlink("src", place.root.join("directory-link")).unwrap();
    symlink("../main.rs", place.root.join("src/deep/up-and-back")).unwrap();
    for path in [
        "src/main.rs",
        "./src/main.rs",
        "src//./main.rs",
        "src/file-link",
        "directory-link/main.rs",
        "directory-link/file-link",
        "directory-link/deep/up-and-back",
    ] {
        assert_eq!(place.read(path), Ok("fn main() {}\n".into()), "{path}");
    }
}

#[test]
fn no_path_and_no_link_leads_out() {
    let place = place();
    let secret = place.temp.path().join("outside/secret");
    symlink(&secret, place.root.join("absolute")).unwrap();
    symlink("../outside/secret", place.root.join("relative")).unwrap();
    symlink("relative", place.root.join("chain")).unwrap();
    symlink("../outside", place.root.join("directory")).unwrap();
    symlink("..", place.root.join("up")).unwrap();
    symlink("/dev/zero", place.root.join("device")).unwrap();
    symlink("/proc/self/root", place.root.join("magic")).unwrap();
    symlink(place.root.join("src/main.rs"), place.root.join("absolute-inside")).unwrap();
    let absolute = secret.to_str().unwrap();
    let inside = place.root.join("src/main.rs");
    for path in [
        absolute,
        inside.to_str().unwrap(),
        "/",
        "//etc/passwd",
        "..",
        "../outside/secret",
        "src/..",
        "src/../src/main.rs",
        "src/deep/../../../outside/secret",
        "./../outside/secret",
        "absolute",
        "relative",
        "chain",
        "directory/secret",
        "directory/../src/main.rs",
        "up/outside/secret",
        "up/workspace/src/main.rs",
        "device",
        "magic/etc/passwd",
        "absolute-inside",
    ] {
        for answer in [place.read(path), place.list(path)] {
            let failure = answer.unwrap_err();
            assert_eq!((failure.code, failure.retryable), ("outside_workspace", false), "{path}: {failure}");
            assert!(!failure.message.contains("the secret"), "{path}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_told_by_a_code_and_a_way_on() {
    let place = place();
    symlink("nowhere", place.root.join("dangling")).unwrap();
    symlink("loop-b", place.root.join("loop-a")).unwrap();
    symlink("loop-a", place.root.join("loop-b")).unwrap();
    fs::write(place.root.join("bytes"), b"text \xff\xfe").unwrap();
    fs::write(place.root.join("cut-off"), "ü".as_bytes().split_last().unwrap().1).unwrap();
    let cases = [
        ("", "not_found", "`.` is the workspace itself"),
        ("none", "not_found", "there is no `none`"),
        ("src/none.rs", "not_found", "list its directory"),
        ("dangling", "not_found", "there is no `dangling`"),
        ("src/main.rs/x", "not_a_directory", "is no directory"),
        ("src/main.rs/", "not_a_directory", "is no directory"),
        ("src", "not_a_file", "`src` is a directory; list it instead"),
        (".", "not_a_file", "`.` is a directory"),
        ("loop-a", "io", "`loop-a` cannot be read"),
        ("nul\0nul", "io", "cannot be read"),
        ("bytes", "not_text", "`bytes` is no UTF-8 text: byte 5 begins no character"),
        ("cut-off", "not_text", "byte 0 begins no character"),
    ];
    for (path, code, part) in cases {
        let failure = place.read(path).unwrap_err();
        assert_eq!(failure.code, code, "{path:?}: {failure}");
        assert!(failure.message.contains(part), "{path:?}: {failure}");
    }
}

#[test]
fn what_would_wait_or_act_is_refused_without_opening_it() {
    let place = place();
    mknodat(CWD, place.root.join("fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let _listener = UnixListener::bind(place.root.join("socket")).unwrap();
    symlink("fifo", place.root.join("link-to-fifo")).unwrap();
    for (path, kind) in [("fifo", "FIFO"), ("link-to-fifo", "FIFO"), ("socket", "socket")] {
        let failure = place.read(path).unwrap_err();
        assert_eq!(failure.code, "not_a_file");
        assert_eq!(failure.message, format!("`{path}` is a {kind}; only regular files can be read"));
        assert_eq!(place.list(path).unwrap_err().code, "not_a_directory");
    }
}

#[test]
fn long_files_are_cut_between_characters_and_say_so() {
    let place = place();
    let write = |name: &str, text: &str| fs::write(place.root.join(name), text).unwrap();
    write("empty", "");
    write("five", "aüüb\n".trim_end());
    write("long", &"x".repeat(70_000));
    write("huge", &"y".repeat(2 * 1024 * 1024));
    assert_eq!(place.read("empty").unwrap(), "");
    assert_eq!(place.read_up_to("five", 6.0), "aüüb");
    assert_eq!(place.read_up_to("five", 7.0), "aüüb");
    assert_eq!(place.read_up_to("five", 5.0), "aüü\n[cut: these are the first 5 of 6 bytes]");
    assert_eq!(place.read_up_to("five", 4.0), "aü\n[cut: these are the first 3 of 6 bytes]");
    let usual = place.read("long").unwrap();
    assert_eq!(usual, format!("{}\n[cut: these are the first 65536 of 70000 bytes]", "x".repeat(65_536)));
    let most = place.read_up_to("huge", 1_048_576.0);
    assert_eq!(most, format!("{}\n[cut: these are the first 1048576 of 2097152 bytes]", "y".repeat(1_048_576)));
}

#[test]
fn listings_are_sorted_bounded_and_one_line_an_entry() {
    let place = place();
    assert_eq!(place.list("src/deep").unwrap(), "[the directory is empty]");
    symlink("../../outside/secret", place.root.join("src/link")).unwrap();
    mknodat(CWD, place.root.join("src/fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    fs::write(place.root.join("src/two\nlines"), "12345").unwrap();
    fs::write(place.root.join("src").join(std::ffi::OsStr::from_bytes(b"z\xff")), "").unwrap();
    let expected =
        "deep/\nfifo (FIFO)\nlink (symbolic link)\nmain.rs (13 bytes)\ntwo\\nlines (5 bytes)\nz\\xff (0 bytes)";
    assert_eq!(place.list("src").unwrap(), expected);
    assert_eq!(place.list(".").unwrap(), "src/");
    assert_eq!(place.list("src/main.rs").unwrap_err().code, "not_a_directory");
    assert_eq!(place.list("none").unwrap_err().code, "not_found");

    for number in 0..1003 {
        fs::write(place.root.join(format!("src/deep/{number:04}")), "").unwrap();
    }
    let many = place.list("src/deep").unwrap();
    let lines: Vec<&str> = many.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[999]), (1001, "0000 (0 bytes)", "0999 (0 bytes)"));
    assert_eq!(lines[1000], "[3 more entries are not shown]");
}

#[test]
fn renaming_meanwhile_opens_no_way_out() {
    let place = place();
    // A directory and a link that leads out take turns at one name.
    fs::create_dir(place.root.join("turn")).unwrap();
    fs::write(place.root.join("turn/secret"), "harmless").unwrap();
    symlink("../outside", place.root.join("other")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (a, b) = (place.root.join("turn"), place.root.join("other"));
                renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let (mut read, mut refused) = (0, 0);
        while read < 200 || refused < 200 {
            match place.read("turn/secret") {
                Ok(text) => {
                    assert_eq!(text, "harmless");
                    read += 1;
                }
                Err(failure) => {
                    assert_eq!(failure.code, "outside_workspace", "{failure}");
                    refused += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_directory_that_takes_the_workspaces_name_is_not_read() {
    let place = place();
    fs::rename(&place.root, place.temp.path().join("moved")).unwrap();
    fs::create_dir_all(place.root.join("src")).unwrap();
    fs::write(place.root.join("src/main.rs"), "another").unwrap();
    assert_eq!(place.read("src/main.rs"), Ok("fn main() {}\n".into()));
}
