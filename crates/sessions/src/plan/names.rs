//! Names as they are told: quoted, listed, and the one that was probably meant.

/// The most names that a list tells.
const LISTED: usize = 32;

/// The most characters of a name that are told.
const NAME_CHARS: usize = 64;

/// The least characters of a part by which a name is known.
const PART_CHARS: usize = 3;

/// The most characters of a name that are compared.
const COMPARED_CHARS: usize = 32;

/// A name between back-quotes, safe to print, cut if it is long.
pub(super) fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let mut text: String = chars.by_ref().take(NAME_CHARS).map(printable).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    format!("`{text}`")
}

/// The character, or a mark for one that would move the cursor or turn the text around.
pub(super) fn printable(c: char) -> char {
    let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    match c {
        '\t' => ' ',
        c if c.is_control() || turns => '\u{fffd}',
        c => c,
    }
}

/// Names as a list; none if there are none.
pub(super) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let mut names = names;
    let told: Vec<String> = names.by_ref().take(LISTED).map(quoted).collect();
    let more = names.count();
    if told.is_empty() {
        return None;
    }
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(told.join(", ") + &more)
}

/// The name that `wanted` was probably to be: the same but for case and separators, or a few letters off, or the only
/// one that it is a part of.
pub(super) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let plain = |name: &str| -> Vec<char> {
        let word = |c: &char| !matches!(c, '_' | '-' | ' ' | '.');
        name.chars().take(COMPARED_CHARS).filter(word).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(wanted);
    let allowed = (wanted.len() / 3).max(1);
    let near = names.clone().filter_map(|name| {
        let known = plain(name);
        let distance = distance(&wanted, &known, allowed)?;
        (distance < known.len()).then_some((distance, name))
    });
    if let Some((_, name)) = near.min_by_key(|(distance, _)| *distance) {
        return Some(name);
    }
    let has_part = |name: &&str| plain(name).windows(wanted.len()).any(|part| part == wanted);
    let mut whole = names.filter(|name| wanted.len() >= PART_CHARS && has_part(name));
    whole.next().filter(|_| whole.next().is_none())
}

/// How many letters are to be changed, added, dropped or swapped with their neighbour, if it is at most `most`.
fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &of_a) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &of_b) in b.iter().enumerate() {
            let mut steps = (last[j] + usize::from(of_a != of_b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && of_a == b[j - 1] && a[i - 1] == of_b {
                steps = steps.min(before[j - 1] + 1);
            }
            row.push(steps);
        }
        if row.iter().chain(&last).all(|steps| *steps > most) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|steps| *steps <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        const NAMES: [&str; 6] = ["small", "large", "SESSION_PERSISTENT", "max_retries", "cost_usd", "coder"];
        for (wanted, meant) in [
            ("smal", Some("small")),
            ("samll", Some("small")),
            ("Large", Some("large")),
            ("session-persistent", Some("SESSION_PERSISTENT")),
            ("max_retrys", Some("max_retries")),
            ("cost", Some("cost_usd")),
            ("persistent", Some("SESSION_PERSISTENT")),
            ("es", None),
            ("costusd", Some("cost_usd")),
            ("decoder", Some("coder")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, NAMES.into_iter()), meant, "{wanted}");
        }
    }

    #[test]
    fn distances_are_symmetric_and_count_steps() {
        for (a, b, steps) in [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "abc", 0)] {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            assert_eq!((distance(&a, &b, 9), distance(&b, &a, 9)), (Some(steps), Some(steps)));
            assert_eq!(distance(&a, &b, steps), Some(steps));
            assert!(steps == 0 || distance(&a, &b, steps - 1).is_none());
        }
    }

    #[test]
    fn long_lists_and_names_are_cut() {
        let names: Vec<String> = (0..35).map(|n| format!("n{n}")).collect();
        let told = listed(names.iter().map(String::as_str)).unwrap();
        assert!(told.starts_with("`n0`, `n1`, ") && told.ends_with("`n31` and 3 more"), "{told}");
        assert_eq!(listed(std::iter::empty()), None);
        assert_eq!(quoted(&"x".repeat(65)), format!("`{}…`", "x".repeat(64)));
    }
}
