//! From the arguments to a live screen, or to one frame as text.

use std::io::{BufWriter, IsTerminal as _, Write as _};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::{Canvas, Palette, text_of};
use super::control::Control;
use super::order::placed;
use super::picture::Picture;
use super::watch::Watch;
use super::{columns, header, live, paint, table};
use crate::args::{Format, TopArgs};
use crate::commands::Run;
use crate::exit::{Exit, Failure, Outcome};

/// The columns of a frame where no terminal says how many there are.
const USUAL_WIDTH: usize = 160;

pub(in crate::commands) fn run(run: &Run, args: &TopArgs) -> Outcome {
    if run.console.format != Format::Table {
        return Err(Failure::usage("`top` draws for people: leave --format out, or use `flightrec sessions` with it"));
    }
    let has_terminal = run.console.output_is_terminal && std::io::stdin().is_terminal();
    if !args.once && !has_terminal {
        return Err(Failure::usage(
            "`top` needs a terminal, and this is none: use `flightrec sessions`, or `flightrec top --once` for one frame",
        ));
    }
    let mut watch = Watch::new(&run.store, args, run.reader()?);
    let mut control = Control::new(args);
    if args.once {
        let picture = watch.look(run.now())?;
        let width = run.console.width.unwrap_or(USUAL_WIDTH);
        let mut out = BufWriter::new(std::io::stdout());
        out.write_all(frame(&picture, &mut control, width).as_bytes())?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    live::run(run, args, watch, control, Palette { colour: run.console.colour })
}

/// One frame as text, with every row.
pub(super) fn frame(picture: &Picture, control: &mut Control, width: usize) -> String {
    let palette = Palette { colour: false };
    let rows = placed(picture, &control.wanted);
    let head = header::lines(header::groups(picture, control, palette), width);
    let places = columns::places(width, picture.now, &rows);
    let mut text = String::new();
    let mut line = |draw: &mut dyn FnMut(&mut Canvas<'_>)| {
        let area = Rect::new(0, 0, width.min(usize::from(u16::MAX)) as u16, 1);
        let mut buffer = Buffer::empty(area);
        draw(&mut Canvas::new(&mut buffer, area, palette));
        text.push_str(&text_of(&buffer));
    };
    for pieces in &head {
        line(&mut |canvas| header::line(canvas, 0, pieces));
    }
    line(&mut |canvas| table::titles(canvas, 0, &places, control));
    for placed in &rows {
        line(&mut |canvas| table::row(canvas, 0, &places, placed, picture.now));
    }
    if rows.is_empty() {
        text.push_str(paint::nothing(picture, control));
        text.push('\n');
    }
    text
}
