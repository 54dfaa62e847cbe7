//! Where the files of the journal lie.

use std::io;

use crate::id::SegmentId;
use crate::storage::Storage;

/// The directory of the journal under the root of the store.
pub(crate) const DIR: &str = "journal";

/// The segment that is being made ahead; it becomes a segment by its renaming.
pub(crate) const SPARE_PATH: &str = "journal/next.frn";

const SUFFIX: &str = ".frj";

/// `journal/<id, 10 digits>.frj`.
pub(crate) fn segment_path(id: SegmentId) -> String {
    format!("{DIR}/{:010}{SUFFIX}", id.get())
}

fn parse_segment_name(name: &str) -> Option<SegmentId> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|id| *id > 0).map(SegmentId::new)
}

/// The segments that are there from `first` on, in their order; files of any other name are not the journal's.
pub(crate) fn list_segments(storage: &dyn Storage, first: SegmentId) -> io::Result<Vec<SegmentId>> {
    let names = storage.list(DIR)?;
    let mut ids: Vec<_> = names.iter().filter_map(|name| parse_segment_name(name)).filter(|id| *id >= first).collect();
    ids.sort_unstable();
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segment_names_are_segments() {
        let cases = [
            ("0000000001.frj", Some(1)),
            ("9999999999.frj", Some(9_999_999_999)),
            ("0000000000.frj", None),
            ("1.frj", None),
            ("00000000001.frj", None),
            ("000000000a.frj", None),
            ("+000000001.frj", None),
            ("0000000001.frj.tmp", None),
            ("next.frn", None),
        ];
        for (name, want) in cases {
            assert_eq!(parse_segment_name(name), want.map(SegmentId::new), "{name}");
        }
        assert_eq!(segment_path(SegmentId::new(42)), "journal/0000000042.frj");
    }
}
