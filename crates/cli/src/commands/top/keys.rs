//! The keys, in one table: what is pressed, what it does, and what the help says.

use ratatui::crossterm::event::KeyCode;

use crate::args::TopSort;

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    Detail,
    Filter,
    AllWords,
    Tree,
    Ended,
    SortNext,
    SortBefore,
    Turn,
    Sort(TopSort),
    Pause,
    Anew,
    Help,
    Quit,
}

/// Keys with one meaning.
#[derive(Debug)]
pub(super) struct Key {
    codes: &'static [KeyCode],
    pub(super) action: Action,
    /// The keys as the help names them.
    pub(super) shown: &'static str,
    pub(super) about: &'static str,
    /// What the last line of the screen says, if it has a place there.
    pub(super) brief: Option<&'static str>,
}

const fn key(codes: &'static [KeyCode], action: Action, shown: &'static str, about: &'static str) -> Key {
    Key { codes, action, shown, about, brief: None }
}

const fn main(
    codes: &'static [KeyCode],
    action: Action,
    shown: &'static str,
    about: &'static str,
    brief: &'static str,
) -> Key {
    Key { codes, action, shown, about, brief: Some(brief) }
}

/// Every key, in the order of the help.
pub(super) const KEYS: &[Key] = &[
    key(&[KeyCode::Down, KeyCode::Char('j')], Action::Down, "↓ j", "the next session"),
    key(&[KeyCode::Up, KeyCode::Char('k')], Action::Up, "↑ k", "the one before"),
    key(&[KeyCode::PageDown], Action::PageDown, "PgDn", "a page down"),
    key(&[KeyCode::PageUp], Action::PageUp, "PgUp", "a page up"),
    key(&[KeyCode::Home, KeyCode::Char('g')], Action::First, "Home g", "the first"),
    key(&[KeyCode::End, KeyCode::Char('G')], Action::Last, "End G", "the last"),
    main(
        &[KeyCode::Enter, KeyCode::Char('d')],
        Action::Detail,
        "Enter d",
        "details of the selected session, or none",
        "details",
    ),
    main(
        &[KeyCode::Char('/')],
        Action::Filter,
        "/",
        "only rows with these words; Enter keeps them, Esc does not",
        "filter",
    ),
    key(&[KeyCode::Esc], Action::AllWords, "Esc", "all rows again"),
    main(&[KeyCode::Char('t')], Action::Tree, "t", "children below their parents, or a flat list", "tree"),
    main(&[KeyCode::Char('e')], Action::Ended, "e", "with sessions that have ended, or without", "ended"),
    main(&[KeyCode::Right, KeyCode::Char('>')], Action::SortNext, "→ >", "sort by the next column", "sort"),
    key(&[KeyCode::Left, KeyCode::Char('<')], Action::SortBefore, "← <", "sort by the column before"),
    key(&[KeyCode::Char('r')], Action::Turn, "r", "turn the order around"),
    key(&[KeyCode::Char('s')], Action::Sort(TopSort::State), "s", "sort by state: at work first"),
    key(&[KeyCode::Char('c')], Action::Sort(TopSort::Cost), "c", "sort by own cost"),
    key(&[KeyCode::Char('i')], Action::Sort(TopSort::Inclusive), "i", "sort by cost with descendants"),
    key(&[KeyCode::Char('w')], Action::Sort(TopSort::Doing), "w", "sort by how long it works or waits"),
    main(&[KeyCode::Char(' '), KeyCode::Char('p')], Action::Pause, "Space p", "stand still, or go on", "pause"),
    key(&[], Action::Anew, "Ctrl-L", "draw everything anew"),
    main(&[KeyCode::Char('?'), KeyCode::Char('h'), KeyCode::F(1)], Action::Help, "?", "this help", "help"),
    main(&[KeyCode::Char('q')], Action::Quit, "q Ctrl-C", "end", "quit"),
];

/// What a key does, if it does anything.
pub(super) fn action_of(code: KeyCode) -> Option<Action> {
    KEYS.iter().find(|key| key.codes.contains(&code)).map(|key| key.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
        for key in KEYS {
            for code in key.codes {
                assert_eq!(action_of(*code), Some(key.action), "{code:?}");
            }
        }
        assert_eq!(action_of(KeyCode::Char('z')), None);
    }
}
