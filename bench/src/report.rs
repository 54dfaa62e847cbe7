//! The table of figures, and who measured them.

use std::process::Command;

use flightrec_recorder::{Clock, SystemClock};

use crate::measure::peak_mib;

/// One line of the table.
pub struct Row {
    pub what: &'static str,
    pub figure: String,
    pub aim: &'static str,
    pub met: bool,
    pub note: &'static str,
}

/// Who measured when, of what, and on what.
pub fn written_by(command: &str) -> String {
    let now = SystemClock.now().to_string();
    let commit = said(Command::new("git").args(["rev-parse", "--short", "HEAD"]));
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let model = model.trim_start_matches([' ', '\t', ':']).split('@').next().unwrap_or_default().trim();
    format!(
        "Written by {command} on {} at commit {commit}, on {} cores of {model} with the store on the\nmachine's own disk.",
        &now[..10],
        cores()
    )
}

/// What stands above the table.
pub fn heading() {
    println!("# Benchmarks\n");
    println!(
        "{} Ours and the raw disk take turns in one run; medians are quoted. Another machine has other figures: run it there.\n",
        written_by("`cargo xtask bench`")
    );
}

/// The table.
pub fn table(rows: &[Row]) {
    println!("| what | figure | aim | met |\n|---|---|---|---|");
    for row in rows {
        println!("| {} | {} | {} | {} |", row.what, row.figure, row.aim, if row.met { "yes" } else { "**no**" });
    }
}

/// What stands below the table.
pub fn remarks(rows: &[Row], events: usize) {
    println!("\nStore of {events} events; peak memory of the bench {:.0} MiB.\n", peak_mib());
    println!("## Beyond their aim\n");
    let notes: Vec<&Row> = rows.iter().filter(|row| !row.met && !row.note.is_empty()).collect();
    for row in &notes {
        println!("- **{}** ({}): {}", row.what, row.figure, row.note);
    }
    if notes.is_empty() {
        println!("Nothing.");
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a command printed, in one line.
fn said(command: &mut Command) -> String {
    command.output().ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default().trim().to_owned()
}
