//! What is known of the terminal and of the user's wishes.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use flightrec_events::State;
use flightrec_recorder::view::Severity;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::{ColorWhen, Format};

/// How to talk to the user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    /// The shape of what is printed.
    pub(crate) format: Format,
    /// Whether notes and progress are unwanted.
    pub(crate) quiet: bool,
    /// Whether standard output is a terminal.
    pub(crate) output_is_terminal: bool,
    /// Whether tables may have colours.
    pub(crate) colour: bool,
    /// The columns of the terminal, if the output goes to one.
    pub(crate) width: Option<usize>,
}

impl Console {
    /// Looks at the streams and the environment.
    pub(crate) fn new(format: Format, quiet: bool, colour: ColorWhen) -> Self {
        let output_is_terminal = io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = match colour {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => output_is_terminal && !dumb && !set("NO_COLOR"),
        };
        let width =
            output_is_terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
        Self { format, quiet, output_is_terminal, colour, width }
    }

    /// A line on standard error that is no data and no error.
    pub(crate) fn note(self, line: &str) {
        if !self.quiet {
            let _nobody_listens = writeln!(io::stderr(), "{}", crate::escape::escape(line)).is_ok();
        }
    }

    /// A progress bar on standard error; silent unless that is a terminal.
    pub(crate) fn progress(self, total: Option<u64>, template: &str) -> ProgressBar {
        let target = if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) };
        let bar = ProgressBar::with_draw_target(total, target);
        ProgressStyle::with_template(template).map_or(bar.clone(), |style| bar.with_style(style.progress_chars("━╸ ")))
    }
}

/// The colour of a state.
pub(crate) const fn of_state(state: State) -> Style {
    let colour = match state {
        State::Created => return Style::new(),
        State::Active => AnsiColor::Green,
        State::Paused => AnsiColor::Magenta,
        State::Blocked => AnsiColor::Cyan,
        State::Completed => AnsiColor::Blue,
        State::Failed => AnsiColor::Red,
        State::Cancelled => AnsiColor::Yellow,
    };
    colour.on_default()
}

/// The sign that stands before the word of a state, the same as on the page.
pub(crate) const fn sign(state: State) -> &'static str {
    match state {
        State::Created => "○",
        State::Active => "▶",
        State::Paused => "‖",
        State::Blocked => "◷",
        State::Completed => "✓",
        State::Failed => "✕",
        State::Cancelled => "⊘",
    }
}

/// The colour of a finding.
pub(crate) const fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Info => Style::new(),
        Severity::Warning => AnsiColor::Yellow.on_default(),
        Severity::Error => AnsiColor::Red.on_default(),
    }
}
