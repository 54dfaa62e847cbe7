//! `top`: as text, and live on a terminal of its own.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::{Value, json};

use super::support::{Running, Store, created, created_as, event, inference, message, span_opened, state};

const SPAN: &str = "00f067aa0ba902b7";
const ENTERED: &str = "\u{1b}[?1049h";
const LEFT: &str = "\u{1b}[?1049l";

fn scheduled(code: &str, name: &str, session: &str, at_s: u32, rest: &Value) -> Value {
    let mut payload = json!({"session_id": session, "job_id": format!("{session}-job")});
    payload.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    event(code, name, session, at_s, payload)
}

fn enqueued(session: &str, at_s: u32) -> Value {
    let rest = json!({"lane": "PRIMARY", "priority": 50, "concurrency_group": null});
    scheduled("FR-EVT-SESS-SCHED-001", "session_scheduler.enqueue", session, at_s, &rest)
}

fn held(session: &str, at_s: u32) -> Value {
    let rest = json!({"provider": "p-1", "backoff_ms": 250, "attempt": 0, "limit": "request_rate"});
    scheduled("FR-EVT-SESS-SCHED-003", "session_scheduler.rate_limited", session, at_s, &rest)
}

fn store() -> Store {
    Store::with(&[
        created_as(
            "parent",
            0,
            &json!({"role": "lead", "wp_id": "WP-1", "budget": {"tokens": 1000, "warn_percent": 50}}),
        ),
        created_as("child", 1, &json!({"parent_session_id": "parent", "spawn_depth": 1})),
        created("waits", 2),
        state("parent", 3, "CREATED", "ACTIVE", "dispatched"),
        span_opened("parent", 3, SPAN, None, "model_run", "chat m-1"),
        inference("child", 4, "00f067aa0ba902b8", (500, 100), Some(0.5)),
        state("child", 5, "CREATED", "BLOCKED", "awaiting_input"),
        enqueued("waits", 6),
        state("waits", 6, "CREATED", "BLOCKED", "awaiting_dispatch"),
        held("waits", 7),
        created("done", 8),
        state("done", 9, "CREATED", "FAILED", "it broke"),
    ])
}

#[test]
fn one_frame_as_text() {
    let frame = store().run(["top", "--once"]).code(0).stdout;
    let line = |part: &str| frame.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {frame}"));
    assert!(line("active").contains("▶ 1 active  ◷ 2 blocked"), "{frame}");
    assert!(line("held by a limit").contains("cost $0.500") && line("queued").contains("1 held by a limit"), "{frame}");
    // The budget of a session counts what those below it used.
    assert!(line("budget").contains("60% warned session parent 600 of 1,000"), "{frame}");
    assert!(line("chat m-1").starts_with("▶ ACTIVE") && line("chat m-1").contains("lead"), "{frame}");
    assert!(line("awaiting_input").contains("└ child"), "{frame}");
    assert!(line("held by request_rate of p-1").contains("waits"), "{frame}");
    assert!(line("✕ FAILED").contains("done"), "{frame}");
    assert!(!frame.contains('\u{1b}'));
    let lively = store().run(["top", "--once", "--live", "--flat", "--sort", "cost"]).code(0).stdout;
    assert!(!lively.contains("✕ FAILED") && !lively.contains('└'), "{lively}");
    let coders = store().run(["top", "--once", "--role", "lead"]).code(0).stdout;
    assert!(coders.contains("parent") && !coders.contains("waits"), "{coders}");
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let store = store();
    let refused = store.run(["top"]).code(2);
    assert!(refused.stdout.is_empty() && refused.stderr.contains("flightrec sessions"), "{}", refused.stderr);
    assert!(store.run(["top", "--once", "--format", "json"]).code(2).stderr.contains("flightrec sessions"));
    assert!(store.run(["top", "--every", "1ms"]).code(2).stderr.contains("100ms"));
    assert!(Store::new().run(["top", "--once"]).code(1).stderr.contains("store"));
}

#[test]
fn an_empty_store_and_a_thousand_sessions() {
    let empty = Store::with(&[]);
    assert!(empty.run(["top", "--once"]).code(0).stdout.contains("No sessions yet"));
    let events: Vec<Value> = (0..1_000).map(|n| created(&format!("s-{n:04}"), n)).collect();
    let frame = Store::with(&events).run(["top", "--once"]).code(0).stdout;
    assert_eq!(frame.lines().filter(|line| line.starts_with("○ CREATED")).count(), 1_000);
}

/// `top` on a terminal of its own, and everything that it has drawn.
struct Live {
    running: Running,
    keyboard: File,
    drawn: Receiver<Vec<u8>>,
    seen: String,
    /// All that was drawn, whatever was waited for.
    all: String,
    terminal: File,
}

impl Live {
    fn start(store: &Store, args: &[&str], colour: bool) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: 30, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let mut command = store.command(["top", "--every", "100ms"].iter().chain(args));
        command.env("TERM", "xterm-256color").stderr(Stdio::piped());
        if !colour {
            command.env("NO_COLOR", "1");
        }
        command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap());
        let running = Running(command.spawn().unwrap());
        let mut screen = File::from(ours);
        let keyboard = screen.try_clone().unwrap();
        let (send, drawn) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(read) = screen.read(&mut bytes) {
                if read == 0 || send.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { running, keyboard, drawn, seen: String::new(), all: String::new(), terminal }
    }

    /// Waits until something was drawn after what was waited for before. What changes on a screen is sent cell by cell;
    /// drawn anew it is text again.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            match self.drawn.recv_timeout(Duration::from_millis(200)) {
                Ok(bytes) => {
                    let drawn = String::from_utf8_lossy(&bytes);
                    self.seen.push_str(&drawn);
                    self.all.push_str(&drawn);
                }
                // What was sent cell by cell is asked for anew, however long it takes to come.
                Err(RecvTimeoutError::Timeout) => {
                    let ended = self.running.0.try_wait().unwrap();
                    assert!(ended.is_none(), "it ended without {text}: {ended:?}, {:?}", self.seen);
                    self.press(b"\x0c");
                }
                Err(RecvTimeoutError::Disconnected) => panic!("{text} is not in {:?}", self.seen),
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        // It may have ended already.
        let _taken = self.keyboard.write_all(keys).is_ok();
    }

    fn signal(&self, signal: &str) {
        let sent =
            std::process::Command::new("kill").args([signal, &self.running.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end: with the terminal as it was, and without an error.
    #[track_caller]
    fn ends(mut self) {
        self.wait_for(LEFT);
        assert_eq!(self.running.0.wait().unwrap().code(), Some(0));
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{modes:?}");
        let mut errors = String::new();
        self.running.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(errors, "");
    }
}

#[test]
fn what_another_process_records_shows_up_by_itself() {
    let store = store();
    let mut live = Live::start(&store, &[], true);
    live.wait_for(ENTERED);
    live.wait_for("held by request_rate");
    store.record(&[created("late-one", 20), message("late-one", 21, 1)]).code(0);
    live.wait_for("late-one");
    // It stands still while it is paused, and goes on.
    live.press(b"p");
    live.wait_for("paused");
    live.press(b"p?");
    live.wait_for("any key goes back");
    live.press(b"x/late-one\r");
    live.wait_for("1 of 5 shown");
    // A smaller terminal is drawn anew.
    tcsetwinsize(&live.terminal, Winsize { ws_row: 12, ws_col: 44, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    live.signal("-WINCH");
    live.wait_for("late-one");
    live.press(b"q");
    live.ends();
}

#[test]
fn every_way_out_gives_the_terminal_back() {
    let store = store();
    for way in ["\u{3}", "q", "-TERM", "-INT"] {
        let mut live = Live::start(&store, &[], true);
        live.wait_for("chat m-1");
        if way.starts_with('-') {
            live.signal(way);
        } else {
            live.press(way.as_bytes());
        }
        live.ends();
    }
}

#[test]
fn no_colours_for_those_who_want_none_and_no_sequence_of_the_store_s() {
    let trick = "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}";
    let store =
        Store::with(&[created_as("s-1", 0, &json!({"label": trick})), state("s-1", 1, "CREATED", "BLOCKED", trick)]);
    for colour in [false, true] {
        let mut live = Live::start(&store, &[], colour);
        live.wait_for(ENTERED);
        live.wait_for("a\\x1b]0;owned\\x07\\x1b[2J");
        live.press(b"q");
        live.wait_for(LEFT);
        let all = live.all;
        assert_eq!(all.contains("\u{1b}[38;"), colour, "{all:?}");
        assert!(!all.contains("\u{1b}]") && !all.contains('\u{7}') && !all.contains('\u{202e}'), "{all:?}");
    }
}
