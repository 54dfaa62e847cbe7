//! The table: what was measured of ours and of others, beside the aim.

use std::fmt::Write as _;

use super::figures::Figures;

/// What was measured of one engine, or why nothing was.
#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub figures: Option<Figures>,
    pub note: Option<String>,
}

/// One line of the table.
struct Line {
    what: &'static str,
    cell: fn(&Figures) -> Option<String>,
    aim: &'static str,
    /// Whether ours has reached the aim.
    met: fn(&Figures) -> bool,
}

const fn line(
    what: &'static str,
    cell: fn(&Figures) -> Option<String>,
    aim: &'static str,
    met: fn(&Figures) -> bool,
) -> Line {
    Line { what, cell, aim, met }
}

fn known(_: &Figures) -> bool {
    true
}

/// Whether a measure is at most so much.
fn within(figures: &Figures, name: &str, limit: f64) -> bool {
    figures.get(name).is_some_and(|value| value <= limit)
}

const LINES: &[Line] = &[
    line("kept, an event", |f| bytes(f, "bytes_per_event"), "≤ 45 B", |f| within(f, "bytes_per_event", 45.0)),
    line("of that: archive, journal, derived, artifacts", parts, "", known),
    line(
        "recorded or loaded until durable",
        |f| rate(f, "build_events_per_s"),
        "≥ 1 M events/s",
        |f| f.get("build_events_per_s").is_some_and(|rate| rate >= 1e6),
    ),
    line(
        "wait for a durable answer meanwhile: p99.9, longest",
        |f| pair(f, "wait_p999_ms", "wait_max_ms"),
        "no stall over 50 ms",
        |f| within(f, "wait_max_ms", 50.0),
    ),
    line("sealed, a second of the sealing thread's CPU", |f| rate(f, "sealed_per_cpu_s"), "", known),
    line("not yet sealed at the last durable answer; closed after", behind, "", known),
    line("peak memory of that", |f| memory(f, "build_peak_mib"), "", known),
    line(
        "open to one session's facts: warm, cold",
        |f| pair(f, "open_warm_ms", "open_cold_ms"),
        "≤ 200 ms (of 100 M)",
        |f| within(f, "open_warm_ms", 200.0) && within(f, "open_cold_ms", 200.0),
    ),
    line(
        "and a list of one more: warm, cold",
        |f| pair(f, "open_list_warm_ms", "open_list_cold_ms"),
        "≤ 20 ms (of 1 M sessions)",
        |f| within(f, "open_list_warm_ms", 20.0),
    ),
    line(
        "open to write, to one session's facts: warm, cold",
        |f| pair(f, "open_to_write_warm_ms", "open_to_write_cold_ms"),
        "≤ 200 ms (of 100 M)",
        |f| within(f, "open_to_write_warm_ms", 200.0) && within(f, "open_to_write_cold_ms", 200.0),
    ),
    line("peak memory of an open", |f| memory(f, "open_peak_mib"), "", known),
    line(
        "one session's events, warm: p50, p99",
        |f| pair(f, "session_p50_ms", "session_p99_ms"),
        "≤ 1 ms",
        |f| within(f, "session_p50_ms", 1.0),
    ),
    line(
        "one session's events, cold: p50, p99",
        |f| pair(f, "session_cold_p50_ms", "session_cold_p99_ms"),
        "≤ 10 ms",
        |f| within(f, "session_cold_p50_ms", 10.0),
    ),
    line(
        "the spans of a session of 30,000",
        |f| ms(f, "long_spans_ms"),
        "≤ 30 ms",
        |f| within(f, "long_spans_ms", 30.0),
    ),
    line(
        "the same with its facts, states and descendants",
        |f| ms(f, "long_detail_ms"),
        "≤ 30 ms",
        |f| within(f, "long_detail_ms", 30.0),
    ),
    line("its tree of sessions", |f| ms(f, "tree_ms"), "≤ 20 ms", |f| within(f, "tree_ms", 20.0)),
    line("the 50 sessions that changed last", |f| ms(f, "latest_ms"), AIM_OF_ALL, |f| within(f, "latest_ms", 20.0)),
    line(
        "50 sessions by state, role and model",
        |f| ms(f, "filtered_ms"),
        AIM_OF_ALL,
        |f| within(f, "filtered_ms", 20.0),
    ),
    line("cost by work packet", |f| ms(f, "cost_by_wp_ms"), AIM_OF_ALL, |f| within(f, "cost_by_wp_ms", 20.0)),
    line("cost by role", |f| ms(f, "cost_by_role_ms"), AIM_OF_ALL, |f| within(f, "cost_by_role_ms", 20.0)),
    line("cost by model", |f| ms(f, "cost_by_model_ms"), AIM_OF_ALL, |f| within(f, "cost_by_model_ms", 20.0)),
    line("peak memory while asked", |f| memory(f, "ask_peak_mib"), "", known),
    line("everything read again and proven (`verify`)", verified, "", known),
    line("peak memory of that", |f| memory(f, "verify_peak_mib"), "", known),
];

const AIM_OF_ALL: &str = "≤ 20 ms (of 1 M sessions)";

/// The section of the report.
pub fn section(events: usize, columns: &[Column]) -> String {
    let mut text = format!("## The archive at size: {} events\n\n", grouped(events));
    let sessions = columns[0].figures.as_ref().and_then(|ours| ours.get("sessions")).unwrap_or(f64::NAN);
    let _infallible = writeln!(
        text,
        "{}\n",
        crate::report::written_by(&format!("`cargo xtask bench --only archive --events {events}`"))
    );
    let _infallible = writeln!(
        text,
        "The reference workload, {} sessions, 64 at a time, one of them with 30,000 spans; every engine gets the same events in the same order, and every\n\
         answer is compared. **Bold** is what is beyond its aim. Each step runs in a process of its own; warm is out of the page cache, cold after it was\n\
         emptied of the files. *DuckDB* is a table of its own, loaded at once from the plain file and asked through Python; *SQLite* one with an index by session, in transactions\n\
         of 16,384 events, asked in-process; *plain Parquet* is in order of arrival, zstd 3, and asked through DuckDB. They keep the envelope and what is asked for\n\
         in columns, and the payload as JSON.\n",
        grouped(sessions as usize)
    );
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let _infallible =
        writeln!(text, "| what | {} | aim |\n|---|{}---|", names.join(" | "), "---|".repeat(columns.len()));
    for line in LINES {
        let cells: Vec<String> = columns.iter().enumerate().map(|(at, column)| cell(line, column, at == 0)).collect();
        let aim = if line.aim.is_empty() { "—" } else { line.aim };
        let _infallible = writeln!(text, "| {} | {} | {aim} |", line.what, cells.join(" | "));
    }
    for column in columns {
        if let Some(note) = &column.note {
            let _infallible = write!(text, "\n{} is left out: {note}.\n", column.name);
        }
    }
    text
}

fn cell(line: &Line, column: &Column, is_ours: bool) -> String {
    let Some(figures) = &column.figures else { return "—".to_owned() };
    match (line.cell)(figures) {
        None => "—".to_owned(),
        Some(cell) if is_ours && !(line.met)(figures) => format!("**{cell}**"),
        Some(cell) => cell,
    }
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

fn behind(figures: &Figures) -> Option<String> {
    let (share, seconds) = (figures.get("sealed_behind_share")?, figures.get("close_s")?);
    Some(format!("{:.0} % of the events; {seconds:.1} s", share * 100.0))
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
        let columns = [
            Column { name: "flightrec", figures: Some(ours), note: None },
            Column { name: "DuckDB", figures: Some(theirs), note: None },
            Column { name: "SQLite", figures: None, note: Some("there is no room".to_owned()) },
        ];
        let text = section(12_345_678, &columns);
        assert!(text.starts_with("## The archive at size: 12,345,678 events\n"), "{text}");
        assert!(text.contains("| what | flightrec | DuckDB | SQLite | aim |\n|---|---|---|---|---|\n"), "{text}");
        assert!(text.contains("| kept, an event | **52.2 B** | 100.0 B | — | ≤ 45 B |"), "{text}");
        assert!(
            text.contains("| one session's events, warm: p50, p99 | 0.50 ms, 1,234 ms | — | — | ≤ 1 ms |"),
            "{text}"
        );
        assert!(text.contains("\nSQLite is left out: there is no room.\n"), "{text}");
    }
}
