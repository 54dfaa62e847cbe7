//! The keys, on top of everything else.

use unicode_width::UnicodeWidthStr as _;

use super::canvas::{Canvas, Palette};
use super::keys::KEYS;
use ratatui::style::Style;

const TITLE: &str = "Keys";
const END: &str = "any key goes back";

/// Draws the help.
pub(super) fn draw(canvas: &mut Canvas<'_>) {
    let keys = KEYS.iter().map(|key| key.shown.width()).max().unwrap_or(0);
    let abouts = KEYS.iter().map(|key| key.about.width()).max().unwrap_or(0);
    let (inner, height) = (keys + 2 + abouts, KEYS.len() + 2);
    let mut box_of = canvas.middle(inner + 4, height);
    box_of.clear();
    let (width, height) = (box_of.width(), box_of.height());
    let rule = |left: &str, right: &str, text: &str| {
        let fill = width.saturating_sub(text.width() + 4);
        format!("{left} {text} {}{right}", "─".repeat(fill))
    };
    box_of.text(0, 0, &rule("┌", "┐", TITLE), width, Palette::STRONG);
    for (key, y) in KEYS.iter().zip(1..height.saturating_sub(1)) {
        box_of.text(0, y, "│", 1, Palette::STRONG);
        box_of.text(2, y, key.shown, keys, Palette::STRONG);
        box_of.text(keys + 4, y, key.about, width.saturating_sub(keys + 6), Style::new());
        box_of.text(width.saturating_sub(1), y, "│", 1, Palette::STRONG);
    }
    box_of.text(0, height.saturating_sub(1), &rule("└", "┘", END), width, Palette::STRONG);
}
