//! What the keys make of what is shown.

use std::sync::Arc;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::keys::{Action, action_of};
use super::order::{Placed, Wanted};
use crate::args::{TopArgs, TopSort};

/// The most characters of a filter.
const MAX_WORDS: usize = 64;

/// What is shown, and how.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) wanted: Wanted,
    /// The selected session; the first row without it.
    pub(super) selected: Option<Arc<str>>,
    /// The row at the top of the table.
    pub(super) first: usize,
    /// The rows that the table has room for, as it was drawn last.
    pub(super) room: usize,
    /// Whether a filter is being typed, and what it was before.
    pub(super) typing: Option<String>,
    pub(super) is_paused: bool,
    pub(super) with_help: bool,
    pub(super) with_detail: bool,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To be drawn again.
    Redraw,
    /// To look at the store at once.
    Look,
    /// To be drawn anew, because something else wrote on the terminal.
    Anew,
    /// To end.
    Quit,
}

impl Control {
    /// As the arguments say.
    pub(super) fn new(args: &TopArgs) -> Self {
        let wanted = Wanted {
            sort: args.sort,
            is_turned: false,
            is_tree: !args.flat,
            with_ended: !args.live,
            words: String::new(),
        };
        Self {
            wanted,
            selected: None,
            first: 0,
            room: 0,
            typing: None,
            is_paused: false,
            with_help: false,
            with_detail: true,
        }
    }

    /// Takes a key.
    pub(super) fn press(&mut self, key: KeyEvent, rows: &[Placed<'_>]) -> Asked {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Asked::Quit;
        }
        if is_control && key.code == KeyCode::Char('l') {
            return Asked::Anew;
        }
        if self.typing.is_some() {
            self.type_key(key.code, is_control);
            return Asked::Redraw;
        }
        if self.with_help {
            self.with_help = false;
            // Whoever ends from the help wants to end the help.
            return Asked::Redraw;
        }
        let Some(action) = action_of(key.code) else { return Asked::Redraw };
        match action {
            Action::Quit => return Asked::Quit,
            Action::Anew => return Asked::Anew,
            Action::Pause => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Asked::Redraw } else { Asked::Look };
            }
            Action::Help => self.with_help = true,
            Action::Filter => self.typing = Some(self.wanted.words.clone()),
            Action::AllWords => self.wanted.words.clear(),
            Action::Tree => self.wanted.is_tree = !self.wanted.is_tree,
            Action::Ended => self.wanted.with_ended = !self.wanted.with_ended,
            Action::Turn => self.wanted.is_turned = !self.wanted.is_turned,
            Action::Detail => self.with_detail = !self.with_detail,
            Action::SortNext => self.sort_by(1),
            Action::SortBefore => self.sort_by(TopSort::ALL.len() - 1),
            Action::Sort(sort) => self.sort(sort),
            Action::Down => self.select(rows, |at, _| at.saturating_add(1)),
            Action::Up => self.select(rows, |at, _| at.saturating_sub(1)),
            Action::PageDown => self.select(rows, usize::saturating_add),
            Action::PageUp => self.select(rows, usize::saturating_sub),
            Action::First => self.select(rows, |_, _| 0),
            Action::Last => self.select(rows, |_, _| usize::MAX),
        }
        Asked::Redraw
    }

    /// A key while a filter is typed.
    fn type_key(&mut self, key: KeyCode, is_control: bool) {
        let has_room = self.wanted.words.chars().count() < MAX_WORDS;
        if let KeyCode::Char(c) = key {
            match (c, is_control) {
                ('u', true) => self.wanted.words.clear(),
                (c, false) if has_room => self.wanted.words.extend(c.to_lowercase()),
                (_, _) => {}
            }
        } else if key == KeyCode::Backspace {
            self.wanted.words.pop();
        } else if key == KeyCode::Enter {
            self.typing = None;
        } else if key == KeyCode::Esc {
            self.wanted.words = self.typing.take().unwrap_or_default();
        }
    }

    fn sort(&mut self, sort: TopSort) {
        self.wanted.is_turned = self.wanted.sort == sort && !self.wanted.is_turned;
        self.wanted.sort = sort;
    }

    /// Goes so many columns on, around the end.
    fn sort_by(&mut self, columns: usize) {
        let at = TopSort::ALL.iter().position(|sort| *sort == self.wanted.sort).unwrap_or(0);
        self.wanted.sort = TopSort::ALL[(at + columns) % TopSort::ALL.len()];
        self.wanted.is_turned = false;
    }

    fn select(&mut self, rows: &[Placed<'_>], step: impl Fn(usize, usize) -> usize) {
        let at = step(self.place(rows), self.room.max(1)).min(rows.len().saturating_sub(1));
        self.selected = rows.get(at).map(|placed| Arc::clone(&placed.row.session.session_id));
    }

    /// The place of the selected row; the first if it is not there.
    pub(super) fn place(&self, rows: &[Placed<'_>]) -> usize {
        let is_selected = |placed: &Placed<'_>| Some(&placed.row.session.session_id) == self.selected.as_ref();
        rows.iter().position(is_selected).unwrap_or(0)
    }

    /// Scrolls so that the selected row is to be seen in a table of so many lines.
    pub(super) fn scroll(&mut self, rows: &[Placed<'_>], room: usize) {
        self.room = room;
        let at = self.place(rows);
        let lowest = (at + 1).saturating_sub(room);
        self.first = self.first.clamp(lowest, at.max(lowest)).min(rows.len().saturating_sub(room));
    }
}
