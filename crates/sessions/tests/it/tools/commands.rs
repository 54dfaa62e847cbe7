//! Running programs: only what is allowed, within bounds, and nothing of it stays.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};

use flightrec_sessions::events::Timestamp;
use flightrec_sessions::{SimulatedTime, ToolFailure, ToolOutput, Workspace};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::{call, tool};

struct Place {
    _temp: tempfile::TempDir,
    root: PathBuf,
    workspace: Workspace,
}

fn place(commands: &[&str]) -> Place {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap().join("workspace");
    fs::create_dir(&root).unwrap();
    let workspace = Workspace::open(&root, commands).unwrap();
    Place { _temp: temp, root, workspace }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run(workspace: &Workspace, program: &str, args: &[&str]) -> Result<ToolOutput, ToolFailure> {
    let (_stopper, call) = call(json!({"program": program, "args": args}));
    block_on(tool(workspace, "run_command").call(call))
}

fn sh(workspace: &Workspace, script: &str) -> String {
    run(workspace, "sh", &["-c", script]).unwrap().text
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from(0o600), 0).unwrap();
}

#[test]
fn the_exit_code_and_both_outputs_are_told_in_their_order() {
    let place = place(&["sh"]);
    let cases = [
        ("echo out; echo err >&2; echo out; exit 3", "exit code 3\nout\nerr\nout\n"),
        ("true", "exit code 0, no output"),
        ("kill -9 $$", "ended by signal 9, no output"),
        ("echo before; kill -15 $$", "ended by signal 15\nbefore\n"),
        ("printf 'a\\377b'", "exit code 0\na\u{fffd}b\n[1 bytes are no UTF-8 and shown as \u{fffd}]"),
    ];
    for (script, text) in cases {
        assert_eq!(sh(&place.workspace, script), text, "{script}");
    }
}

#[test]
fn a_program_runs_in_the_workspace_without_input_and_with_a_bare_environment() {
    let place = place(&["sh", "cat", "env"]);
    assert_eq!(run(&place.workspace, "cat", &[]).unwrap().text, "exit code 0, no output");
    assert_eq!(sh(&place.workspace, "pwd -P"), format!("exit code 0\n{}\n", place.root.display()));
    let variables = |workspace: &Workspace| {
        let text = run(workspace, "env", &[]).unwrap().text;
        text.lines().skip(1).map(|line| line.split_once('=').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(variables(&place.workspace), ["PATH"]);
    let named = place.workspace.clone().with_variable("LANG", "C.UTF-8");
    assert_eq!(variables(&named), ["LANG", "PATH"]);
    assert!(format!("{named:?} {:?}", named.tools()).contains("LANG"));
    assert!(!format!("{named:?} {:?}", named.tools()).contains("C.UTF-8"));
}

#[test]
fn no_shell_reads_the_arguments() {
    let place = place(&["printf"]);
    let args = ["%s|", "$HOME", "`id`", "a b", "*", "; true", ""];
    assert_eq!(run(&place.workspace, "printf", &args).unwrap().text, "exit code 0\n$HOME|`id`|a b|*|; true||");
}

#[test]
fn what_is_not_allowed_does_not_run() {
    let place = place(&["touch allowed", "ls"]);
    fs::write(place.root.join("ls"), "").unwrap();
    let absolute = place.root.join("ls");
    let cases: [(&str, &[&str]); 8] = [
        ("touch", &["other"]),
        ("touch", &[]),
        ("touch", &["-c", "allowed"]),
        ("sh", &["-c", "touch other"]),
        ("./ls", &[]),
        (absolute.to_str().unwrap(), &[]),
        ("ls touch", &["allowed"]),
        ("", &[]),
    ];
    for (program, args) in cases {
        let failure = run(&place.workspace, program, args).unwrap_err();
        assert_eq!(failure.code, "not_allowed", "{program} {args:?}");
        assert!(failure.message.ends_with("that begin with: `touch allowed`, `ls`"), "{failure}");
    }
    assert!(!place.root.join("other").exists());
    run(&place.workspace, "touch", &["allowed", "too"]).unwrap();
    assert!(place.root.join("allowed").exists() && place.root.join("too").exists());
}

#[test]
fn a_program_in_the_workspace_never_takes_the_name_of_another() {
    let place = place(&["sh"]);
    let write = "printf '#!/bin/sh\\necho mine' > id; chmod +x id; sh -c 'command -v id'";
    let text = sh(&place.workspace, write);
    assert!(!text.contains(place.root.to_str().unwrap()), "{text}");
}

#[test]
fn long_output_is_cut_and_says_so() {
    let place = place(&["sh"]);
    let text = sh(&place.workspace, "echo begin; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end");
    assert!(text.starts_with("exit code 0\nbegin\nxxx") && text.ends_with("xxx\nend\n"));
    assert!(text.contains("\n[934475 bytes left out]\n"), "{}", &text[text.find('[').unwrap()..][..60]);
    assert!(text.len() < 66_000);
}

#[test]
fn what_a_program_leaves_running_ends_with_it() {
    let place = place(&["sh"]);
    let held = place.root.join("held");
    fifo(&held);
    block_on(async {
        let mut end = pipe::OpenOptions::new().open_receiver(&held).unwrap();
        let (_stopper, call) = call(
            json!({"program": "sh", "args": ["-c", "exec 3>held; echo up >&3; (sleep 5; echo late >&3) & exit 7"]}),
        );
        let answer = tool(&place.workspace, "run_command").call(call).await.unwrap();
        assert_eq!(answer.text, "exit code 7, no output");
        // It ends when nobody holds the other end any more, and nobody lived to say more.
        let mut all = String::new();
        end.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "up\n");
    });
}

/// Starts a script, has it end in the middle, and sees that its whole group is gone.
fn end_in_the_middle(script: &str, ended: impl AsyncFnOnce(flightrec_sessions::Stopper, Running<'_>)) {
    let place = place(&["sh"]);
    let held = place.root.join("held");
    fifo(&held);
    block_on(async {
        let mut end = pipe::OpenOptions::new().open_receiver(&held).unwrap();
        let (stopper, call) = call(json!({"program": "sh", "args": ["-c", script]}));
        let mut running = tool(&place.workspace, "run_command").call(call);
        let mut up = [0; 3];
        tokio::select! {
            answer = &mut running => panic!("{answer:?}"),
            read = end.read_exact(&mut up) => assert_eq!((read.unwrap(), &up), (3, b"up\n")),
        }
        ended(stopper, running).await;
        let mut late = String::new();
        end.read_to_string(&mut late).await.unwrap();
        assert_eq!(late, "", "{script}");
    });
}

type Running<'a> = std::pin::Pin<Box<dyn Future<Output = Result<ToolOutput, ToolFailure>> + Send + 'a>>;

#[test]
fn a_stopped_command_ends_with_its_whole_group() {
    for script in [
        "exec 3>held; (sleep 5; echo late >&3) & echo up >&3; sleep 5; echo late >&3",
        "exec 3>held; trap '' TERM INT HUP; echo up >&3; sleep 5; echo late >&3",
        "exec 3>held; echo up >&3; i=0; while [ $i -lt 2000000 ]; do echo flood; i=$((i+1)); done; echo late >&3",
        "exec 3>held; echo up >&3; exec >/dev/null 2>&1; sleep 5; echo late >&3",
    ] {
        end_in_the_middle(script, async |stopper, running| {
            drop(stopper);
            assert_eq!(running.await.unwrap_err().code, "stopped", "{script}");
        });
    }
}

#[test]
fn a_command_at_its_time_limit_ends_with_its_whole_group() {
    let script = "exec 3>held; (sleep 5; echo late >&3) & echo up >&3; sleep 5; echo late >&3";
    end_in_the_middle(script, async |_stopper, running| drop(running));
}

#[test]
fn a_program_that_left_the_group_does_not_hold_up_the_answer() {
    let place = place(&["sh"]);
    fifo(&place.root.join("up"));
    // Whoever waits until nobody can write any more hears `late`.
    let script = "setsid sh -c 'echo up > up; sleep 5; echo late' & cat up";
    assert_eq!(sh(&place.workspace, script), "exit code 0\nup\n");
}

#[test]
fn a_command_that_is_not_wanted_is_not_started() {
    let place = place(&["touch"]);
    let (stopper, call) = call(json!({"program": "touch", "args": ["x"]}));
    drop(stopper);
    let failure = block_on(tool(&place.workspace, "run_command").call(call)).unwrap_err();
    assert_eq!(failure.code, "stopped");
    assert!(!place.root.join("x").exists());
}

#[test]
fn programs_need_real_time() {
    let place = place(&["touch"]);
    let (_stopper, call) = call(json!({"program": "touch", "args": ["x"]}));
    let time = SimulatedTime::new(Timestamp::default());
    let failure = time.run(tool(&place.workspace, "run_command").call(call)).unwrap().unwrap_err();
    assert_eq!(failure.code, "not_available");
    assert!(!place.root.join("x").exists());
}

#[test]
fn a_program_that_cannot_start_says_why() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let program = temp.path().join("program");
    fs::write(&program, "#!/none/such\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let place = place(&[program.to_str().unwrap(), "true"]);
    let failure = run(&place.workspace, program.to_str().unwrap(), &[]).unwrap_err();
    assert_eq!(failure.code, "not_started");
    assert!(failure.message.contains("No such file"), "{failure}");
    assert_eq!(run(&place.workspace, "true", &["nul\0"]).unwrap_err().code, "not_started");

    fs::rename(&place.root, place.root.with_extension("moved")).unwrap();
    assert_eq!(run(&place.workspace, "true", &[]).unwrap_err().code, "workspace_moved");
    fs::create_dir(&place.root).unwrap();
    assert_eq!(run(&place.workspace, "true", &[]).unwrap_err().code, "workspace_moved");
}

#[test]
fn a_program_in_the_workspace_runs_if_it_is_allowed_by_its_path() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let own = temp.path().join("own");
    fs::write(&own, "#!/bin/sh\necho \"own $1\"\n").unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
    let own = own.to_str().unwrap();
    let workspace = Workspace::open(temp.path(), [own]).unwrap();
    assert_eq!(run(&workspace, own, &["x"]).unwrap().text, "exit code 0\nown x\n");
}
