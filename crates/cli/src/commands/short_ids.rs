//! Short ids: the least that names one session, and at least eight characters.

use std::sync::Arc;

use flightrec_recorder::Reader;
use rustc_hash::FxHashMap;

use super::Run;
use crate::args::Format;

const MIN_CHARS: usize = 8;

/// How much of each session's id is enough.
pub(crate) struct ShortIds(FxHashMap<Arc<str>, usize>);

impl ShortIds {
    /// Looks at all sessions of a store. Only tables shorten ids; for other formats there is nothing to look at.
    pub(crate) fn of(run: &Run, reader: &Reader) -> Self {
        match run.console.format {
            Format::Table => Self::all(reader),
            Format::Json
            | Format::Ndjson
            | Format::Csv
            | Format::Markdown
            | Format::Otlp
            | Format::Parquet
            | Format::Perfetto
            | Format::Html => Self(FxHashMap::default()),
        }
    }

    /// Looks at all sessions of a store, whatever the format: for what is told beside the output.
    pub(crate) fn all(reader: &Reader) -> Self {
        Self::among(reader.session_ids())
    }

    fn among(mut ids: Vec<Arc<str>>) -> Self {
        ids.sort_unstable();
        let mut enough = FxHashMap::default();
        for (i, id) in ids.iter().enumerate() {
            let neighbours = [i.checked_sub(1), Some(i + 1)].into_iter().flatten().filter_map(|at| ids.get(at));
            let shared = neighbours.map(|other| common_prefix(id, other)).max().unwrap_or(0);
            let chars = id.chars().scan(0, |at, c| {
                *at += c.len_utf8();
                Some(*at)
            });
            let end =
                chars.enumerate().find(|(n, end)| n + 1 >= MIN_CHARS && *end > shared).map_or(id.len(), |(_, end)| end);
            enough.insert(Arc::clone(id), end);
        }
        Self(enough)
    }

    /// The short form of an id; an id that is no session's stays as it is.
    pub(crate) fn get<'i>(&self, id: &'i str) -> &'i str {
        self.0.get(id).map_or(id, |end| &id[..*end])
    }
}

fn common_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_short_as_possible_and_no_shorter_than_eight() {
        let ids = ["0199aaaa-1111", "0199aaaa-1122", "abcdefghijkl", "short", "ünïcödé-one", "ünïcödé-two"];
        let short = ShortIds::among(ids.map(Arc::from).to_vec());
        assert_eq!(
            ids.map(|id| short.get(id)),
            ["0199aaaa-111", "0199aaaa-112", "abcdefgh", "short", "ünïcödé-o", "ünïcödé-t"]
        );
        assert_eq!(short.get("nobody"), "nobody");
    }

    proptest! {
        #[test]
        fn a_short_id_names_one_session(ids in prop::collection::hash_set("[abü]{1,12}", 1..20)) {
            let short = ShortIds::among(ids.iter().map(|id| Arc::from(id.as_str())).collect());
            for id in &ids {
                let prefix = short.get(id);
                let named = ids.iter().filter(|other| other.starts_with(prefix)).count();
                // A whole id names its session even if other ids begin with it.
                prop_assert!(named == 1 || prefix == id, "{} of {}", prefix, id);
            }
        }
    }
}
