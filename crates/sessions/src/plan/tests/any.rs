//! Texts that are anything: no panic, and errors that lie within the text.

use proptest::prelude::*;

use super::super::{MAX_ERRORS_TOLD, Plan};
use super::bundled::DEMO;

/// Reads a text; if it is no plan, looks whether its errors make sense.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let Err(errors) = Plan::parse(text) else { return Ok(()) };
    let lines: Vec<&str> = text.split('\n').collect();
    prop_assert!(!errors.errors.is_empty() && errors.errors.len() <= MAX_ERRORS_TOLD);
    let mut last = 0;
    for error in &errors.errors {
        prop_assert!((1..=lines.len()).contains(&error.line), "line {} of {}", error.line, lines.len());
        let columns = lines[error.line - 1].chars().count() + 1;
        prop_assert!((1..=columns).contains(&error.column), "{}:{}", error.line, error.column);
        prop_assert!(!error.message.contains('\n') && error.line >= last);
        last = error.line;
    }
    let shown = errors.to_string();
    prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    Ok(())
}

/// Pieces that plans are made of, and what breaks them.
const PIECES: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "\"\"\"",
    "'",
    "=",
    ".",
    ",",
    "#",
    "\n",
    "\r\n",
    "\t",
    "\u{0}",
    "\u{1b}[2J",
    "ß",
    "\u{202e}",
    "-1",
    "0",
    "1e999",
    "0.0000000001",
    "99999999999999999999",
    "inf",
    "true",
    "1979-05-27",
    "name",
    "[[sessions]]\n",
    "count = 1024\n",
    "after = [\"digest\"]\n",
    "spawns = [\"scout\"]\n",
    "[roles.coder]\n",
    "spawn_depth = 16\n",
    "api_key = \"x\"\n",
    "plan.name = 1\n",
    "steps = []\n",
    "{ text = \"x\" }",
    "a.b.c.d.e.f.g.h.i = 1\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_change_of_the_demo_is_a_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, any::<prop::sample::Index>()), 1..5)
    ) {
        let mut text = DEMO.to_owned();
        for (place, dropped, piece) in edits {
            let from = text.floor_char_boundary(place.index(text.len() + 1));
            let to = text.floor_char_boundary((from + dropped).min(text.len())).max(from);
            text.replace_range(from..to, PIECES[piece.index(PIECES.len())]);
        }
        survives(&text)?;
    }

    #[test]
    fn no_line_of_the_demo_left_out_or_doubled_is_a_panic(line in 0_usize..400, again in any::<bool>()) {
        let mut lines: Vec<&str> = DEMO.lines().collect();
        let at = line % lines.len();
        if again { lines.insert(at, lines[at]) } else { lines.remove(at); }
        survives(&lines.join("\n"))?;
    }

    #[test]
    fn no_text_is_a_panic(text in "[\\[\\]{}=\\.,\"'#a-c0-9 \n]{0,200}") {
        survives(&text)?;
    }
}

#[test]
fn no_cut_of_the_demo_is_a_panic() {
    for end in (0..DEMO.len()).step_by(61).filter(|end| DEMO.is_char_boundary(*end)) {
        survives(&DEMO[..end]).unwrap();
    }
}
