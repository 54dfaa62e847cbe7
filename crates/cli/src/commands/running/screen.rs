//! Progress while sessions run: lines that renew themselves on a terminal, a line for each change elsewhere.

use std::io::{self, IsTerminal as _, Write as _};

use flightrec_events::{Id, Timestamp};
use flightrec_recorder::Reader;
use flightrec_sessions::SessionStatus;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::changes::Changes;
use super::lines::{self, Room};
use crate::commands::short_ids::ShortIds;
use crate::console::Console;
use crate::escape::escape;

/// How often a terminal is drawn, at most, in a second.
const DRAWS_PER_SECOND: u8 = 8;

/// Where progress is shown.
pub(super) struct Screen {
    console: Console,
    kind: Kind,
}

enum Kind {
    /// Nowhere.
    Quiet,
    /// As text.
    Plain(Changes),
    /// On the last lines of a terminal.
    Live { all: MultiProgress, lines: Vec<ProgressBar>, short: ShortIds, known: usize, is_held: bool },
}

impl Screen {
    /// Progress on standard error: nothing if that is unwanted. What was on record before is not told again.
    pub(super) fn new(console: Console, reader: &Reader) -> Self {
        let kind = if console.quiet {
            Kind::Quiet
        } else if io::stderr().is_terminal() {
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
            let all = MultiProgress::with_draw_target(target);
            Kind::Live { all, lines: Vec::new(), short: ShortIds::all(reader), known: 0, is_held: false }
        } else {
            Kind::Plain(Changes::from_now(reader))
        };
        Self { console, kind }
    }

    /// Shows the sessions as they are now.
    pub(super) fn show(&mut self, sessions: &[SessionStatus], reader: &Reader, now: Timestamp) {
        match &mut self.kind {
            Kind::Quiet | Kind::Live { is_held: true, .. } => {}
            Kind::Plain(changes) => changes.tell(self.console, reader, sessions),
            Kind::Live { all, lines, short, known, .. } => {
                if *known != sessions.len() {
                    (*short, *known) = (ShortIds::all(reader), sessions.len());
                }
                let name = |id: &Id| escape(short.get(id.as_str())).into_owned();
                draw(all, lines, &lines::lines(sessions, name, now, room()));
            }
        }
    }

    /// A line that stays.
    pub(super) fn note(&self, line: &str) {
        match &self.kind {
            Kind::Quiet | Kind::Plain(_) => self.console.note(line),
            Kind::Live { all, .. } => all.suspend(|| self.console.note(line)),
        }
    }

    /// Makes room for a question, which stands where progress was until [`Self::go_on`]. It is asked even of those
    /// who want no notes.
    pub(super) fn ask(&mut self, question: &str) {
        self.clear();
        if let Kind::Live { is_held, .. } = &mut self.kind {
            *is_held = true;
        }
        let mut terminal = io::stderr();
        let _nobody_listens = write!(terminal, "{question}").and_then(|()| terminal.flush()).is_ok();
    }

    /// Shows progress again.
    pub(super) fn go_on(&mut self) {
        if let Kind::Live { is_held, .. } = &mut self.kind {
            *is_held = false;
        }
    }

    /// Takes progress away; what stays is what was noted.
    pub(super) fn clear(&mut self) {
        if let Kind::Live { all, lines, .. } = &mut self.kind {
            // A terminal that is gone needs no clearing.
            let _cleared = all.clear().is_ok();
            lines.drain(..).for_each(|line| all.remove(&line));
        }
    }
}

/// What the terminal has room for; a line is left for what the user types.
fn room() -> Room {
    let (width, lines) = terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0));
    Room { width: usize::from(width.max(20)), lines: usize::from(lines.max(4)) - 1 }
}

fn draw(all: &MultiProgress, bars: &mut Vec<ProgressBar>, lines: &[String]) {
    bars.drain(lines.len().min(bars.len())..).for_each(|bar| all.remove(&bar));
    while bars.len() < lines.len() {
        let style = ProgressStyle::with_template("{msg}").expect("the template is a placeholder and nothing else");
        bars.push(all.add(ProgressBar::new_spinner().with_style(style)));
    }
    for (bar, line) in bars.iter().zip(lines) {
        if bar.message() != *line {
            bar.set_message(line.clone());
        }
    }
}
