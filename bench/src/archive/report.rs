//! The table: what was measured of ours and of others, beside the aim.

use super::figures::Figures;
use super::ours::ASKED_FOR;
use crate::report::written_by;

/// What was measured of a peer.
#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    /// Nothing, if it could not be measured.
    pub figures: Option<Figures>,
    /// What could not be, and why, in a sentence.
    pub note: Option<String>,
}

/// One line of the table.
struct Line {
    what: &'static str,
    cell: fn(&Figures) -> Option<String>,
    aim: Aim,
    /// Whether ours has reached the aim.
    met: fn(&Figures) -> bool,
}

/// What is aimed at.
#[derive(Debug, Clone, Copy)]
enum Aim {
    /// To know it.
    Known,
    Told(&'static str),
    /// What a million sessions may take, for as many as there are.
    OfAllSessions,
}

const fn line(what: &'static str, cell: fn(&Figures) -> Option<String>, aim: Aim, met: fn(&Figures) -> bool) -> Line {
    Line { what, cell, aim, met }
}

fn known(_: &Figures) -> bool {
    true
}

/// The aim of what concerns all sessions is for a million of them.
const OF_A_MILLION_MS: f64 = 20.0;
/// However few sessions there are, so much is little.
const LITTLE_MS: f64 = 1.0;

/// What the aim for a million sessions is for those that there are.
fn aim_of_all(figures: &Figures) -> f64 {
    let sessions = figures.get("sessions").unwrap_or(f64::NAN);
    (OF_A_MILLION_MS * sessions / 1e6).max(LITTLE_MS)
}

fn of_all(figures: &Figures, name: &str) -> bool {
    within(figures, name, aim_of_all(figures))
}

/// Whether a measure is at most so much.
fn within(figures: &Figures, name: &str, limit: f64) -> bool {
    figures.get(name).is_some_and(|value| value <= limit)
}

const LINES: &[Line] = &[
    line(
        "kept, an event",
        |f| bytes(f, "bytes_per_event"),
        Aim::Told("≤ 45 B"),
        |f| within(f, "bytes_per_event", 45.0),
    ),
    line("of that: archive, journal, derived, artifacts", parts, Aim::Known, known),
    line(
        "recorded or loaded until durable",
        |f| rate(f, "build_events_per_s"),
        Aim::Told("≥ 1 M events/s"),
        |f| f.get("build_events_per_s").is_some_and(|rate| rate >= 1e6),
    ),
    line("of that time, making the events", |f| share(f, "making_share"), Aim::Known, known),
    line(
        "from one durable answer to the next meanwhile: p99.9, longest",
        |f| pair(f, "gap_p999_ms", "gap_max_ms"),
        Aim::Told("no stall over 50 ms"),
        |f| within(f, "gap_max_ms", 50.0),
    ),
    line(
        "wait for a durable answer, with all that is in flight: p50, p99.9",
        |f| pair(f, "wait_p50_ms", "wait_p999_ms"),
        Aim::Known,
        known,
    ),
    line("sealed, a second of the sealing thread's CPU", |f| rate(f, "sealed_per_cpu_s"), Aim::Known, known),
    line("not yet sealed at the last durable answer; closed after", behind, Aim::Known, known),
    line("peak memory of that", |f| memory(f, "build_peak_mib"), Aim::Known, known),
    line(
        "open to one session's facts: warm, cold",
        |f| pair(f, "open_warm_ms", "open_cold_ms"),
        Aim::Told("≤ 200 ms (of 100 M)"),
        |f| within(f, "open_warm_ms", 200.0) && within(f, "open_cold_ms", 200.0),
    ),
    line(
        "and a list of one more: warm, cold",
        |f| pair(f, "open_list_warm_ms", "open_list_cold_ms"),
        Aim::OfAllSessions,
        |f| of_all(f, "open_list_warm_ms"),
    ),
    line(
        "open to write, to one session's facts: warm, cold",
        |f| pair(f, "open_to_write_warm_ms", "open_to_write_cold_ms"),
        Aim::Told("≤ 200 ms (of 100 M)"),
        |f| within(f, "open_to_write_warm_ms", 200.0) && within(f, "open_to_write_cold_ms", 200.0),
    ),
    line("peak memory of an open", |f| memory(f, "open_peak_mib"), Aim::Known, known),
    line(
        "one session's events, warm: p50, p99",
        |f| pair(f, "session_p50_ms", "session_p99_ms"),
        Aim::Told("≤ 1 ms"),
        |f| within(f, "session_p50_ms", 1.0),
    ),
    line(
        "one session's events, cold: p50, p99",
        |f| pair(f, "session_cold_p50_ms", "session_cold_p99_ms"),
        Aim::Told("≤ 10 ms"),
        |f| within(f, "session_cold_p50_ms", 10.0),
    ),
    line(
        "the spans of a session of 30,000",
        |f| ms(f, "long_spans_ms"),
        Aim::Told("≤ 30 ms"),
        |f| within(f, "long_spans_ms", 30.0),
    ),
    line(
        "the same with its facts, states and descendants",
        |f| ms(f, "long_detail_ms"),
        Aim::Told("≤ 30 ms"),
        |f| within(f, "long_detail_ms", 30.0),
    ),
    line("its tree of sessions", |f| ms(f, "tree_ms"), Aim::Told("≤ 20 ms"), |f| within(f, "tree_ms", 20.0)),
    line("the 50 sessions that changed last", |f| ms(f, "latest_ms"), Aim::OfAllSessions, |f| of_all(f, "latest_ms")),
    line(
        "50 sessions by state, role and model",
        |f| ms(f, "filtered_ms"),
        Aim::OfAllSessions,
        |f| of_all(f, "filtered_ms"),
    ),
    line("cost by work packet", |f| ms(f, "cost_by_wp_ms"), Aim::OfAllSessions, |f| of_all(f, "cost_by_wp_ms")),
    line("cost by role", |f| ms(f, "cost_by_role_ms"), Aim::OfAllSessions, |f| of_all(f, "cost_by_role_ms")),
    line("cost by model", |f| ms(f, "cost_by_model_ms"), Aim::OfAllSessions, |f| of_all(f, "cost_by_model_ms")),
    line("peak memory while asked", |f| memory(f, "ask_peak_mib"), Aim::Known, known),
    line("everything read again and proven (`verify`)", verified, Aim::Known, known),
    line("peak memory of that", |f| memory(f, "verify_peak_mib"), Aim::Known, known),
];

/// The section of the report.
pub fn section(events: usize, ours: &Figures, peers: &[Column]) -> String {
    let mut text = format!("## The archive at size: {} events\n\n{}", grouped(events), method(events, ours));
    let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    text +=
        &format!("| what | flightrec | {} | aim |\n|---|---|{}---|\n", names.join(" | "), "---|".repeat(peers.len()));
    for line in LINES {
        let own = (line.cell)(ours).map(|cell| if (line.met)(ours) { cell } else { format!("**{cell}**") });
        let others = peers.iter().map(|peer| peer.figures.as_ref().and_then(line.cell));
        let cells = [own].into_iter().chain(others).map(|cell| cell.unwrap_or_else(|| "—".to_owned()));
        let aim = match line.aim {
            Aim::Known => "—".to_owned(),
            Aim::Told(aim) => aim.to_owned(),
            Aim::OfAllSessions => {
                format!("≤ {:.1} ms ({OF_A_MILLION_MS:.0} ms for 1 M sessions)", aim_of_all(ours))
            }
        };
        text += &format!("| {} | {} | {aim} |\n", line.what, cells.collect::<Vec<_>>().join(" | "));
    }
    for note in peers.iter().filter_map(|peer| peer.note.as_ref()) {
        text += &format!("\n{note}.\n");
    }
    text
}

/// Who measured what, and how.
fn method(events: usize, ours: &Figures) -> String {
    let said = |name: &str| ours.get(name).map_or(0, |value| value.round() as usize);
    let by = written_by(&format!("`cargo xtask bench --only archive --events {events}`"));
    let (sessions, of_one) = (grouped(said("sessions")), said("session_events"));
    format!(
        "{by}\n\n\
         The reference workload: {sessions} sessions, 64 at a time, one of them with 30,000 spans; {ASKED_FOR} others are asked for, which have {of_one} events\n\
         each. Every engine gets the same events in the same order, and every answer is compared with ours. **Bold** is what is beyond its aim. Each step\n\
         runs in a process of its own; warm is out of the page cache, cold after the files left it. *DuckDB* is a table of its own, loaded at once from the\n\
         plain file and asked through Python; *SQLite* a table with an index by session, in transactions of 16,384 events, asked in-process; *plain Parquet*\n\
         is in order of arrival, zstd 3, and asked through DuckDB. They keep the envelope and what is asked for in columns, and the payload as JSON.\n\n"
    )
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(figures: &Figures, name: &str) -> Option<String> {
    figures.get(name).map(|bytes| format!("{bytes:.1} B"))
}

fn parts(figures: &Figures) -> Option<String> {
    let part = |name: &str| figures.get(&format!("{name}_bytes_per_event")).map(|bytes| format!("{bytes:.1}"));
    Some(format!("{}, {}, {}, {} B", part("archive")?, part("journal")?, part("derived")?, part("artifacts")?))
}

fn rate(figures: &Figures, name: &str) -> Option<String> {
    figures.get(name).map(|rate| format!("{:.0} k events/s", rate / 1e3))
}

fn memory(figures: &Figures, name: &str) -> Option<String> {
    figures.get(name).map(|mib| format!("{} MiB", grouped(mib.round() as usize)))
}

fn milliseconds(value: f64) -> String {
    match value {
        value if value < 0.1 => format!("{:.0} µs", value * 1e3),
        value if value < 10.0 => format!("{value:.2} ms"),
        value if value < 100.0 => format!("{value:.1} ms"),
        value if value < 10_000.0 => format!("{} ms", grouped(value.round() as usize)),
        value => format!("{:.1} s", value / 1e3),
    }
}

fn ms(figures: &Figures, name: &str) -> Option<String> {
    figures.get(name).map(milliseconds)
}

fn pair(figures: &Figures, first: &str, second: &str) -> Option<String> {
    Some(format!("{}, {}", ms(figures, first)?, ms(figures, second)?))
}

fn share(figures: &Figures, name: &str) -> Option<String> {
    figures.get(name).map(|share| format!("{:.0} %", share * 100.0))
}

fn behind(figures: &Figures) -> Option<String> {
    Some(format!("{} of the events; {:.1} s", share(figures, "sealed_behind_share")?, figures.get("close_s")?))
}

fn verified(figures: &Figures) -> Option<String> {
    let seconds = figures.get("verify_s")?;
    Some(format!("{seconds:.1} s, {}", rate(figures, "verify_events_per_s")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_its_aim_is_bold_and_what_is_not_there_is_a_dash() {
        let mut ours = Figures::default();
        ours.set("bytes_per_event", 52.25);
        ours.set("session_p50_ms", 0.5);
        ours.set("session_p99_ms", 1234.5);
        let mut theirs = Figures::default();
        theirs.set("bytes_per_event", 100.0);
        let peers = [
            Column { name: "DuckDB", figures: Some(theirs), note: None },
            Column { name: "SQLite", figures: None, note: Some("SQLite is left out: there is no room".to_owned()) },
        ];
        let text = section(12_345_678, &ours, &peers);
        assert!(text.starts_with("## The archive at size: 12,345,678 events\n"), "{text}");
        assert!(text.contains("| what | flightrec | DuckDB | SQLite | aim |\n|---|---|---|---|---|\n"), "{text}");
        assert!(text.contains("| kept, an event | **52.2 B** | 100.0 B | — | ≤ 45 B |"), "{text}");
        assert!(
            text.contains("| one session's events, warm: p50, p99 | 0.50 ms, 1,235 ms | — | — | ≤ 1 ms |"),
            "{text}"
        );
        assert!(text.contains("\nSQLite is left out: there is no room.\n"), "{text}");
    }
}
