//! A picture on a canvas.

use super::canvas::{Canvas, Palette};
use super::control::Control;
use super::keys::KEYS;
use super::order::Placed;
use super::picture::{Detail, Picture};
use super::{columns, detail, header, help, table};
use ratatui::style::Style;

/// A table has so many rows before details get room.
const LEAST_ROWS: usize = 5;

/// The most lines that details take.
const MOST_DETAIL: usize = 14;

/// The least lines in which details say anything.
const LEAST_DETAIL: usize = 5;

/// Draws everything that is shown. The control learns how many rows there is room for.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    picture: &Picture,
    rows: &[Placed<'_>],
    shown: Option<&Detail>,
    control: &mut Control,
) {
    let (width, height) = (canvas.width(), canvas.height());
    let mut head = header::lines(header::groups(picture, control, canvas.palette), width);
    // A low screen keeps the table: a title, a row, and the last line.
    head.truncate(height.saturating_sub(LEAST_ROWS + 2).max(1));
    for (y, line) in head.iter().enumerate() {
        header::line(canvas, y, line);
    }
    let foot = usize::from(height > head.len() + 3);
    let rest = height.saturating_sub(head.len() + 1 + foot);
    let details = if shown.is_some() && control.with_detail && rest >= LEAST_ROWS + LEAST_DETAIL {
        (rest / 2).min(MOST_DETAIL)
    } else {
        0
    };
    let room = rest - details;
    control.scroll(rows, room);
    let seen = &rows[control.first.min(rows.len())..(control.first + room).min(rows.len())];
    let places = columns::places(width, picture.now, seen);
    table::titles(canvas, head.len(), &places, control);
    let mut body = canvas.lines(head.len() + 1, room);
    let selected = control.place(rows);
    for (y, placed) in seen.iter().enumerate() {
        table::row(&mut body, y, &places, placed, picture.now);
        if control.first + y == selected {
            body.restyle(y, Palette::TURNED);
        }
    }
    if rows.is_empty() {
        body.text(0, 0, nothing(picture, control), width, Style::new());
    }
    if let Some(shown) = shown.filter(|_| details > 0) {
        detail::draw(&mut canvas.lines(head.len() + 1 + room, details), shown, picture.now);
    }
    if foot > 0 {
        footer(canvas, height - 1, rows.len(), picture, control);
    }
    if control.with_help {
        help::draw(canvas);
    }
}

/// What to say where a table has no rows.
pub(super) fn nothing(picture: &Picture, control: &Control) -> &'static str {
    if picture.rows.is_empty() {
        "No sessions yet. They show up here as soon as somebody records into this store."
    } else if !control.wanted.words.is_empty() {
        "No session has these words. Esc shows all."
    } else {
        "No session is live. `e` shows those that have ended."
    }
}

fn footer(canvas: &mut Canvas<'_>, y: usize, shown: usize, picture: &Picture, control: &Control) {
    let width = canvas.width();
    if control.typing.is_some() {
        let x = canvas.text(0, y, "/", 1, Palette::STRONG);
        let x = canvas.text(x, y, &control.wanted.words, width, Style::new());
        canvas.text(x, y, " ", 1, Palette::TURNED);
        return;
    }
    let count = match (shown, picture.rows.len()) {
        (shown, all) if shown == all => format!("{all} shown"),
        (shown, all) => format!("{shown} of {all} shown"),
    };
    let mut x = canvas.text(0, y, &count, width, Palette::SOFT) + 2;
    if !control.wanted.words.is_empty() {
        x = canvas.text(x, y, &format!("/{}", control.wanted.words), width, Palette::STRONG) + 2;
    }
    for (key, brief) in KEYS.iter().filter_map(|key| Some((key, key.brief?))) {
        let first = key.shown.split(' ').next().unwrap_or(key.shown);
        if x + first.len() + brief.len() > width {
            break;
        }
        x = canvas.text(x, y, first, width, Palette::STRONG) + 1;
        x = canvas.text(x, y, brief, width, Palette::SOFT) + 2;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use flightrec_events::State;
    use flightrec_recorder::lanes::LaneView;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::style::{Color, Modifier};
    use unicode_width::UnicodeWidthStr as _;

    use super::super::canvas::text_of;
    use super::super::control::Asked;
    use super::super::doing::{Doing, DoingKind};
    use super::super::order::placed;
    use super::super::sample::{doing, picture, row, session};
    use super::*;
    use crate::args::{Cli, Command};

    fn control(args: &[&str]) -> Control {
        let args = ["flightrec", "top"].iter().chain(args);
        let Command::Top(args) = Cli::try_parse_from(args).unwrap().command else { panic!("this is no top") };
        Control::new(&args)
    }

    fn detail() -> Detail {
        let session = session("child-1", Some("root"), State::Active, 10);
        let (states, spans, waits, handovers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Detail { lane: LaneView { session, states, spans, waits, handovers }, events: Vec::new() }
    }

    fn terminal(
        width: u16,
        height: u16,
        colour: bool,
        picture: &Picture,
        control: &mut Control,
    ) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let rows = placed(picture, &control.wanted);
        terminal
            .draw(|frame| {
                let area = frame.area();
                let mut canvas = Canvas::new(frame.buffer_mut(), area, Palette { colour });
                draw(&mut canvas, picture, &rows, Some(&detail()), control);
            })
            .unwrap();
        terminal
    }

    fn shown(width: u16, height: u16, picture: &Picture, control: &mut Control) -> String {
        text_of(terminal(width, height, false, picture, control).backend().buffer())
    }

    fn press(control: &mut Control, picture: &Picture, keys: &[KeyCode]) {
        for key in keys {
            let rows = placed(picture, &control.wanted.clone());
            assert_ne!(control.press(KeyEvent::from(*key), &rows), Asked::Quit, "{key:?}");
        }
    }

    fn ids(picture: &Picture, control: &Control) -> Vec<String> {
        let rows = placed(picture, &control.wanted);
        rows.iter().map(|placed| format!("{}{}", placed.branch, placed.row.short)).collect()
    }

    #[test]
    fn a_frame_has_everything() {
        let text = shown(130, 20, &picture(), &mut control(&[]));
        let expected = "\
flightrec top  2026-03-01T12:01:40Z  /a/store  1,234 events
▶ 1 active  ◷ 2 blocked  ‖ 0 paused  ○ 0 created  ✓ 1 completed  ✕ 0 failed  ⊘ 0 cancelled
cost $2.54 + 1 unpriced  $0.050/min  4,800 tokens  2,400 tokens/min  1 queued  1 held by a limit  1 finding
budget ████████░░ 83% warned session child-2 $2.50 of $3.00
STATE▾       SESSION    ROLE   MODEL  WP      AGE  TOKENS     OWN  INCLUSIVE  DOING
✓ COMPLETED  root       coder  m-1    WP-1  30.0s   1,200  $0.012     $0.012
▶ ACTIVE     ├ child-1  coder  m-1    WP-1  1m30s   1,200  $0.012     $0.012  3.0s  chat m-1
◷ BLOCKED    └ child-2  coder  m-1    WP-1  1m28s   1,200  ≥$2.50     $0.012  6.0s  held by request_rate of p-1
◷ BLOCKED    other      coder  m-1    WP-1  1m20s   1,200  $0.012     $0.012  1.0s  queued
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("─ child-1 ▶ ACTIVE"), "{text}");
        let last = text.lines().last().unwrap();
        assert_eq!(last, "4 shown  Enter details  / filter  t tree  e ended  → sort  Space pause  ? help  q quit");
    }

    #[test]
    fn every_size_is_drawn_and_nothing_reaches_beyond_it() {
        let picture = picture();
        for width in [0, 1, 2, 7, 20, 40, 80, 300] {
            for height in [0, 1, 2, 3, 5, 9, 24, 60] {
                for help in [false, true] {
                    let mut control = control(&[]);
                    control.with_help = help;
                    let text = shown(width, height, &picture, &mut control);
                    assert!(text.lines().all(|line| line.width() <= usize::from(width)), "{width}x{height}: {text}");
                }
            }
        }
        let narrow = shown(40, 12, &picture, &mut control(&[]));
        assert!(narrow.contains("child-1") && narrow.contains("▶ ACTIVE") && !narrow.contains("MODEL"), "{narrow}");
    }

    #[test]
    fn nothing_is_told_by_colour_alone() {
        let picture = picture();
        let (mut plain, mut colourful) = (control(&[]), control(&[]));
        let plain = terminal(120, 24, false, &picture, &mut plain);
        let colourful = terminal(120, 24, true, &picture, &mut colourful);
        let (plain, colourful) = (plain.backend().buffer(), colourful.backend().buffer());
        assert_eq!(text_of(plain), text_of(colourful));
        assert!(plain.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        assert!(colourful.content.iter().any(|cell| cell.fg == Color::Green));
        assert!(plain.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)), "the selected row");
    }

    #[test]
    fn what_a_store_holds_is_text() {
        let trick = "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}evil\u{200b}\r\n漢字\u{301}👩\u{200d}👩";
        let mut hostile = session(trick, None, State::Active, 0);
        for text in [&mut hostile.role, &mut hostile.model_id, &mut hostile.wp_id, &mut hostile.label] {
            *text = Some(trick.into());
        }
        let mut picture = picture();
        picture.rows = vec![row(hostile, doing(DoingKind::Works, &trick.repeat(20), 1))];
        picture.store = trick.to_owned();
        for width in [30, 80, 250] {
            let text = shown(width, 24, &picture, &mut control(&[]));
            assert!(!text.contains(|c: char| c != '\n' && crate::escape::is_unsafe(c)), "{text:?}");
            assert!(text.lines().all(|line| line.width() <= usize::from(width)), "{text}");
        }
    }

    #[test]
    fn an_empty_store_says_what_to_expect() {
        let mut picture = picture();
        picture.rows.clear();
        let text = shown(100, 20, &picture, &mut control(&[]));
        assert!(text.contains("No sessions yet"), "{text}");
    }

    #[test]
    fn keys_choose_rows_and_their_order() {
        let picture = picture();
        let mut control = control(&[]);
        assert_eq!(ids(&picture, &control), ["root", "├ child-1", "└ child-2", "other"]);
        press(&mut control, &picture, &[KeyCode::Char('t')]);
        assert_eq!(ids(&picture, &control), ["child-1", "other", "child-2", "root"]);
        press(&mut control, &picture, &[KeyCode::Char('c')]);
        assert_eq!(ids(&picture, &control)[0], "child-2");
        press(&mut control, &picture, &[KeyCode::Char('c')]);
        assert_eq!(ids(&picture, &control)[3], "child-2");
        press(&mut control, &picture, &[KeyCode::Char('e')]);
        assert_eq!(ids(&picture, &control).len(), 3);
        press(&mut control, &picture, &[KeyCode::Char('w')]);
        assert_eq!(ids(&picture, &control), ["child-2", "child-1", "other"]);
        // A round through all columns comes back.
        press(&mut control, &picture, &[KeyCode::Right; 10]);
        assert_eq!(ids(&picture, &control), ["child-2", "child-1", "other"]);
    }

    #[test]
    fn words_filter_as_they_are_typed_and_esc_takes_them_back() {
        let picture = picture();
        let mut control = control(&[]);
        let type_in = |control: &mut Control, text: &str| {
            press(control, &picture, &text.chars().map(KeyCode::Char).collect::<Vec<_>>());
        };
        type_in(&mut control, "/REQUEST_q");
        assert!(ids(&picture, &control).is_empty());
        press(&mut control, &picture, &[KeyCode::Backspace, KeyCode::Enter]);
        // The branch stays whole, and `q` has ended nothing.
        assert_eq!(ids(&picture, &control), ["root", "└ child-2"]);
        type_in(&mut control, "/x");
        press(&mut control, &picture, &[KeyCode::Esc]);
        assert_eq!(control.wanted.words, "request_");
        press(&mut control, &picture, &[KeyCode::Esc]);
        assert_eq!(ids(&picture, &control).len(), 4);
    }

    #[test]
    fn the_end_is_reached_by_q_and_by_ctrl_c_from_everywhere() {
        let picture = picture();
        let rows = placed(&picture, &control(&[]).wanted);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        let q = KeyEvent::from(KeyCode::Char('q'));
        for keys in [&[][..], &[KeyCode::Char('/')], &[KeyCode::Char('?')]] {
            let mut control = control(&[]);
            press(&mut control, &picture, keys);
            assert_eq!(control.press(ctrl_c, &rows), Asked::Quit);
        }
        let mut control = control(&[]);
        assert_eq!(control.press(q, &rows), Asked::Quit);
        press(&mut control, &picture, &[KeyCode::Char('?')]);
        assert!(shown(100, 30, &picture, &mut control).contains("any key goes back"));
        assert_eq!(control.press(q, &rows), Asked::Redraw, "it ends the help");
    }

    #[test]
    fn the_selected_session_stays_selected_and_in_sight() {
        let mut picture = picture();
        picture.rows =
            (0..1_000).map(|n| row(session(&format!("s-{n:04}"), None, State::Active, n), Doing::NOTHING)).collect();
        let mut control = control(&["--sort", "session"]);
        let text = shown(100, 20, &picture, &mut control);
        assert!(text.contains("s-0000") && control.room > 4, "{text}");
        press(&mut control, &picture, &[KeyCode::PageDown, KeyCode::Down]);
        let selected = control.selected.clone().unwrap();
        let turned = shown(100, 20, &picture, &mut control);
        assert!(turned.contains(&*selected), "{turned}");
        press(&mut control, &picture, &[KeyCode::Char('r')]);
        assert!(shown(100, 20, &picture, &mut control).contains(&*selected));
        press(&mut control, &picture, &[KeyCode::End]);
        assert!(shown(100, 20, &picture, &mut control).contains("s-0000"));
        // It goes, and the first is selected.
        picture.rows.retain(|row| row.session.session_id != *control.selected.as_ref().unwrap());
        shown(100, 20, &picture, &mut control);
        assert_eq!(control.first, 0);
    }

    #[test]
    fn sessions_that_spawned_each_other_are_all_there() {
        let mut picture = picture();
        picture.rows = vec![
            row(session("a", Some("b"), State::Active, 0), Doing::NOTHING),
            row(session("b", Some("a"), State::Active, 1), Doing::NOTHING),
            row(session("c", Some("c"), State::Active, 2), Doing::NOTHING),
            row(session("d", Some("b"), State::Active, 3), Doing::NOTHING),
        ];
        let mut found = ids(&picture, &control(&["--sort", "session"]));
        assert_eq!(found.len(), 4, "{found:?}");
        found.retain(|id| !id.starts_with(['├', '└', ' ', '│']));
        assert_eq!(found, ["a", "c"]);
    }
}
