//! Which spans stand on which track: on one track a span lies within another, or beside it, but never across it.

use flightrec_events::{SpanKind, Timestamp};
use flightrec_recorder::view::SpanView;

/// A stretch of time: a span with its place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) span: usize,
    pub(super) start: Timestamp,
    /// Its end; none while it is open, which no other can outlast.
    pub(super) end: Option<Timestamp>,
}

impl Stretch {
    fn has_ended_by(&self, at: Timestamp) -> bool {
        self.end.is_some_and(|end| end <= at)
    }

    fn holds(&self, other: &Self) -> bool {
        self.end.is_none_or(|end| other.end.is_some_and(|other| other <= end))
    }
}

/// The stretches of a session's spans. Its own span is the session.
pub(super) fn of_spans(spans: &[SpanView]) -> Vec<Stretch> {
    let stretch = |(n, span): (usize, &SpanView)| {
        let start = span.start.or(span.end)?;
        (span.kind != Some(SpanKind::Session)).then(|| Stretch {
            span: n,
            start,
            end: span.end.map(|end| end.max(start)),
        })
    };
    spans.iter().enumerate().filter_map(stretch).collect()
}

/// The beginning or the end of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Begin(usize, Timestamp),
    End(usize, Timestamp),
}

/// The tracks that stretches need, each as its edges in order of time. Each goes to the first track where it fits.
pub(super) fn rows(mut stretches: Vec<Stretch>) -> Vec<Vec<Edge>> {
    // Of two that begin together the longer is the outer one.
    stretches
        .sort_by_key(|stretch| (stretch.start, std::cmp::Reverse(stretch.end.map_or(i64::MAX, Timestamp::as_micros))));
    let mut rows: Vec<(Vec<Edge>, Vec<Stretch>)> = Vec::new();
    for stretch in stretches {
        let fits = |(_, open): &(Vec<Edge>, Vec<Stretch>)| {
            open.iter().rev().find(|open| !open.has_ended_by(stretch.start)).is_none_or(|outer| outer.holds(&stretch))
        };
        let at = rows.iter().position(fits).unwrap_or_else(|| {
            rows.push((Vec::new(), Vec::new()));
            rows.len() - 1
        });
        let (edges, open) = &mut rows[at];
        close(edges, open, Some(stretch.start));
        edges.push(Edge::Begin(stretch.span, stretch.start));
        open.push(stretch);
    }
    let finish = |(mut edges, mut open): (Vec<Edge>, Vec<Stretch>)| {
        close(&mut edges, &mut open, None);
        edges
    };
    rows.into_iter().map(finish).collect()
}

/// Ends what has ended by a time, or all that ever does; the innermost first.
fn close(edges: &mut Vec<Edge>, open: &mut Vec<Stretch>, by: Option<Timestamp>) {
    while let Some(last) = open.last().copied() {
        let Some(end) = last.end.filter(|end| by.is_none_or(|by| *end <= by)) else { break };
        edges.push(Edge::End(last.span, end));
        open.pop();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(us: i64) -> Timestamp {
        Timestamp::from_micros(us).unwrap()
    }

    fn stretches(of: &[(i64, Option<i64>)]) -> Vec<Stretch> {
        let stretch =
            |(span, (start, end)): (usize, &(i64, Option<i64>))| Stretch { span, start: at(*start), end: end.map(at) };
        of.iter().enumerate().map(stretch).collect()
    }

    fn shown(rows: &[Vec<Edge>]) -> Vec<String> {
        let edge = |edge: &Edge| match edge {
            Edge::Begin(span, at) => format!("+{span}@{}", at.as_micros()),
            Edge::End(span, at) => format!("-{span}@{}", at.as_micros()),
        };
        rows.iter().map(|row| row.iter().map(edge).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn what_nests_shares_a_track_and_what_crosses_does_not() {
        let rows_of = |of: &[(i64, Option<i64>)]| shown(&rows(stretches(of)));
        assert_eq!(rows_of(&[(0, Some(9)), (1, Some(3)), (3, Some(5))]), ["+0@0 +1@1 -1@3 +2@3 -2@5 -0@9"]);
        assert_eq!(rows_of(&[(0, Some(5)), (3, Some(8))]), ["+0@0 -0@5", "+1@3 -1@8"]);
        assert_eq!(rows_of(&[(0, None), (1, None), (2, Some(3))]), ["+0@0 +1@1 +2@2 -2@3"]);
        assert_eq!(rows_of(&[(0, Some(5)), (1, None)]), ["+0@0 -0@5", "+1@1"]);
        assert_eq!(rows_of(&[(2, Some(2)), (2, Some(4))]), ["+1@2 +0@2 -0@2 -1@4"]);
        assert!(rows_of(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn every_track_is_a_nesting_in_order_of_time(of in prop::collection::vec((0_i64..30, 0_i64..12, any::<bool>()), 0..40)) {
            let of: Vec<(i64, Option<i64>)> =
                of.iter().map(|(start, length, is_open)| (*start, (!is_open).then_some(start + length))).collect();
            let rows = rows(stretches(&of));
            let mut begun = 0;
            for row in &rows {
                let (mut open, mut last) = (Vec::new(), i64::MIN);
                for edge in row {
                    let (Edge::Begin(_, time) | Edge::End(_, time)) = edge;
                    prop_assert!(time.as_micros() >= last);
                    last = time.as_micros();
                    match edge {
                        Edge::Begin(span, time) => {
                            prop_assert_eq!(of[*span].0, time.as_micros());
                            open.push(*span);
                            begun += 1;
                        }
                        Edge::End(span, time) => {
                            prop_assert_eq!(of[*span].1, Some(time.as_micros()));
                            prop_assert_eq!(open.pop(), Some(*span));
                        }
                    }
                }
                prop_assert!(open.iter().all(|span| of[*span].1.is_none()));
            }
            prop_assert_eq!(begun, of.len());
        }
    }
}
