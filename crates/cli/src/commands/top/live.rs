//! The live screen: keys, signals and the time in between.

use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::sync::mpsc;

use super::canvas::{Canvas, Palette};
use super::control::{Asked, Control};
use super::order::placed;
use super::paint;
use super::picture::Picture;
use super::watch::Watch;
use crate::args::TopArgs;
use crate::commands::Run;
use crate::commands::signals::Signals;
use crate::exit::{Exit, Failure, Outcome};

/// So many keys wait to be taken; whoever types faster waits.
const WAITING_KEYS: usize = 64;

/// A terminal in its own mode; whatever happens, it gets its old one back. So it does when something panics, before
/// that is told.
struct Screen(DefaultTerminal);

impl Screen {
    fn enter() -> Result<Self, Failure> {
        ratatui::try_init().map(Self).map_err(|error| {
            // Half of it may have been done.
            ratatui::restore();
            Failure::failed(format!("cannot use this terminal: {error}; `flightrec top --once` prints a frame"))
        })
    }
}

impl Screen {
    /// Draws every cell the next time, without asking the terminal for anything: keys are read on another thread.
    fn forget(&mut self) -> Result<(), Failure> {
        let size = self.0.size().map_err(|error| cannot_draw(&error))?;
        self.0.resize(size.into()).map_err(|error| cannot_draw(&error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _shown = self.0.show_cursor().is_ok();
        // What panics has restored it before it told why; once more would move the cursor over that.
        if !std::thread::panicking() {
            ratatui::restore();
        }
    }
}

/// Shows the store until somebody ends it.
pub(super) fn run(run: &Run, args: &TopArgs, mut watch: Watch<'_>, mut control: Control, palette: Palette) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot begin: {error}")))?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        // Read before the screen changes, so that a store that cannot be read is told on a quiet terminal.
        let mut picture = watch.look(run.now())?;
        let mut screen = Screen::enter()?;
        let mut input = listen();
        let mut ticks = tokio::time::interval(args.every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            draw(&mut screen, &picture, &mut watch, &mut control, palette)?;
            let asked = tokio::select! {
                biased;
                () = signals.next() => Asked::Quit,
                event = input.recv() => match event {
                    Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                        control.press(key, &placed(&picture, &control.wanted.clone()))
                    }
                    Some(_) => Asked::Redraw,
                    // Nobody can type any more: the terminal is gone.
                    None => Asked::Quit,
                },
                _ = ticks.tick() => if control.is_paused { Asked::Redraw } else { Asked::Look },
            };
            match asked {
                Asked::Redraw => {}
                Asked::Look => picture = watch.look(run.now())?,
                Asked::Anew => screen.forget()?,
                Asked::Quit => return Ok(Exit::Done),
            }
        }
    })
}

fn draw(
    screen: &mut Screen,
    picture: &Picture,
    watch: &mut Watch<'_>,
    control: &mut Control,
    palette: Palette,
) -> Result<(), Failure> {
    let rows = placed(picture, &control.wanted);
    let selected = rows.get(control.place(&rows)).map(|placed| placed.row.session.session_id.clone());
    let detail = match selected.filter(|_| control.with_detail) {
        Some(id) => watch.detail(&id)?,
        None => None,
    };
    let drawn = screen.0.draw(|frame| {
        let area = frame.area();
        paint::draw(&mut Canvas::new(frame.buffer_mut(), area, palette), picture, &rows, detail, control);
    });
    drawn.map(|_| ()).map_err(|error| cannot_draw(&error))
}

fn cannot_draw(error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot draw on this terminal: {error}"))
}

/// Reads keys on a thread of its own, which ends with the process: reading cannot be interrupted.
fn listen() -> mpsc::Receiver<Event> {
    let (send, receive) = mpsc::channel(WAITING_KEYS);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if send.blocking_send(event).is_err() {
                break;
            }
        }
    });
    receive
}
