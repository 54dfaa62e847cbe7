//! Usage counts once: whatever is repeated, forked, resumed or late, in whatever order, the totals are the same.

use std::collections::BTreeMap;

use flightrec_recorder::events::CheckedEvent;
use flightrec_recorder::query::SessionFilter;
use flightrec_recorder::view::{CostRow, FindingKind, SessionCost, Tokens};
use flightrec_recorder::{CostKey, Mode, SteppedRecorder};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, proptest};
use proptest::sample::select;

use crate::memory::Memory;
use crate::sample::{Usage, created, event, id, inference, open, options, session, span_closed, span_opened, take};

fn usage(input: u64, request: Option<&str>, span: Option<u64>) -> Usage {
    Usage { input, output: 1, nanos: Some(input), request: request.map(str::to_owned), span, model: None }
}

/// Input tokens and runs of `s-1` after these reports.
fn counted(reports: &[Usage]) -> (u64, u64) {
    let recorder = open(&Memory::default());
    let events = (2..).zip(reports).map(|(n, usage)| inference(n, "s-1", usage));
    take(&recorder, [created(1, "s-1")].into_iter().chain(events).collect());
    let view = session(recorder.reader(), "s-1");
    let runs = recorder.reader().model_runs(Some("s-1")).unwrap();
    recorder.close().unwrap();
    let sum = runs.iter().map(|run| run.tokens.input).sum::<u64>();
    assert_eq!((sum, runs.len() as u64), (view.tokens.input, view.model_runs), "the runs are what is summed up");
    assert_eq!(view.cost.own_nanos, u128::from(view.tokens.input));
    (view.tokens.input, view.model_runs)
}

#[test]
fn one_response_counts_once_with_its_largest_report() {
    assert_eq!(counted(&[usage(5, Some("r"), None), usage(5, Some("r"), Some(1))]), (5, 1), "a replay");
    assert_eq!(counted(&[usage(5, Some("r"), None), usage(9, Some("r"), None), usage(7, Some("r"), None)]), (9, 1));
    assert_eq!(counted(&[usage(5, Some("r"), None), usage(5, Some("q"), None)]), (10, 2), "two responses");
}

#[test]
fn without_a_response_id_the_span_is_the_key() {
    assert_eq!(counted(&[usage(5, None, Some(1)), usage(8, None, Some(1))]), (8, 1), "a counter that grows");
    assert_eq!(counted(&[usage(5, None, Some(1)), usage(8, None, Some(2))]), (13, 2));
    assert_eq!(counted(&[usage(5, None, None), usage(5, None, None)]), (10, 2), "nothing tells them apart");
    assert_eq!(counted(&[usage(5, None, Some(1)), usage(5, Some("r"), Some(1))]), (5, 1), "its response id came later");
    assert_eq!(counted(&[usage(5, Some("r"), Some(1)), usage(5, None, Some(1))]), (5, 1), "or earlier");
    let two = [usage(11, None, Some(1)), usage(5, Some("r"), Some(1)), usage(6, Some("q"), Some(1))];
    assert_eq!(counted(&two), (11, 2), "a span of two responses");
}

#[test]
fn a_priced_report_is_better_than_one_without_a_price() {
    let unpriced = Usage { nanos: None, ..usage(5, Some("r"), None) };
    for reports in [[unpriced.clone(), usage(5, Some("r"), None)], [usage(5, Some("r"), None), unpriced]] {
        assert_eq!(counted(&reports), (5, 1));
    }
}

#[test]
fn a_span_shows_what_the_ledger_counts_of_it() {
    let recorder = open(&Memory::default());
    let reports = [
        usage(5, None, Some(1)),
        usage(9, Some("r"), Some(1)),
        usage(9, Some("r"), Some(1)),
        usage(2, Some("q"), Some(1)),
    ];
    let mut events: Vec<_> = (2..).zip(&reports).map(|(n, usage)| inference(n, "s-1", usage)).collect();
    events.extend([
        span_opened(20, "s-1", 1, 0),
        span_closed(21, "s-1", 1, 9),
        inference(22, "s-1", &usage(7, None, Some(2))),
    ]);
    take(&recorder, events);
    let detail = recorder.reader().session("s-1").unwrap();
    let span = &detail.spans[0];
    assert_eq!((span.tokens_in, span.tokens_out, span.cost_nanos), (Some(11), Some(2), Some(11)));
    assert_eq!(detail.session.tokens.input, 11 + 7, "a span that nobody opened counts as well");
    recorder.close().unwrap();
}

#[test]
fn a_forked_session_does_not_pay_again() {
    let recorder = open(&Memory::default());
    let early = inference(2, "s-1", &usage(5, Some("r"), None));
    let replay = inference(700, "s-2", &usage(5, Some("r"), None));
    take(&recorder, vec![created(1, "s-1"), created(3, "s-2"), replay, early]);
    assert_eq!(session(recorder.reader(), "s-1").tokens.input, 5, "the earlier one paid");
    let fork = session(recorder.reader(), "s-2");
    assert_eq!((fork.tokens, fork.model_runs), (Tokens::default(), 0));
    let rows = recorder.reader().cost(CostKey::Model, &SessionFilter::default());
    assert_eq!((rows.len(), rows[0].cost.nanos), (1, 5));
    let findings = recorder.reader().findings();
    assert!(findings.iter().any(|finding| finding.kind == FindingKind::DuplicateUsage));
    recorder.close().unwrap();
}

const SESSIONS: [&str; 3] = ["s-1", "s-2", "s-3"];

#[derive(Debug, PartialEq)]
struct Answers {
    sessions: BTreeMap<String, (Tokens, SessionCost, u64)>,
    rows: Vec<Vec<CostRow>>,
    rates: Vec<(u64, u128, u64)>,
}

/// Records in batches and answers; all events twice, as a retried export gives them.
fn answers(events: &[CheckedEvent], batch: usize) -> Answers {
    let mut recorder = SteppedRecorder::open(Memory::default().shared(), &options()).unwrap();
    for chunk in events.chunks(batch) {
        recorder.commit(vec![(chunk.to_vec(), Mode::Lenient), (chunk.to_vec(), Mode::Lenient)]).unwrap();
    }
    let reader = recorder.reader();
    let views = reader.sessions(&SessionFilter::default());
    let keys = [CostKey::Session, CostKey::WorkPacket, CostKey::Role, CostKey::Model, CostKey::Provider];
    let rate = |seconds| {
        let rate = reader.rate(crate::sample::at(seconds), 10);
        (rate.tokens_per_minute, rate.nanos_per_minute, rate.unpriced_runs)
    };
    let answers = Answers {
        sessions: views
            .iter()
            .map(|view| (view.session_id.to_string(), (view.tokens, view.cost, view.model_runs)))
            .collect(),
        rows: keys.into_iter().map(|key| reader.cost(key, &SessionFilter::default())).collect(),
        rates: (0..4).map(|tens| rate(tens * 10)).collect(),
    };
    let of_sessions: u128 = answers.sessions.values().map(|(_, cost, _)| cost.own_nanos).sum();
    for rows in &answers.rows {
        assert_eq!(
            rows.iter().map(|row| row.cost.nanos).sum::<u128>(),
            of_sessions,
            "every view adds up to the ledger"
        );
        let runs: u64 = rows.iter().map(|row| row.tokens.total).sum();
        assert_eq!(runs, answers.sessions.values().map(|(tokens, ..)| tokens.total).sum::<u64>());
    }
    recorder.close().unwrap();
    answers
}

/// The rule in words: of all reports of one response the strongest counts; reports without a response id count once for
/// their span, unless any report of that span has one.
fn expected(reports: &[(usize, i64, Usage)]) -> BTreeMap<String, u128> {
    let strength = |(n, (_, at, usage)): &(usize, &(usize, i64, Usage))| {
        (usage.input + usage.output, usage.nanos.is_some(), std::cmp::Reverse((*at, *n)))
    };
    let mut groups: BTreeMap<(Option<&str>, Option<u64>), Vec<_>> = BTreeMap::new();
    let mut sums: BTreeMap<String, u128> = SESSIONS.iter().map(|name| ((*name).to_owned(), 0)).collect();
    let mut pay = |report: &(usize, i64, Usage)| {
        *sums.get_mut(SESSIONS[report.0]).unwrap() += u128::from(report.2.nanos.unwrap_or(0));
    };
    for (n, report) in reports.iter().enumerate() {
        let usage = &report.2;
        let named = |other: &(usize, i64, Usage)| other.2.request.is_some() && other.2.span == usage.span;
        match (&usage.request, usage.span) {
            (Some(request), _) => groups.entry((Some(request), None)).or_default().push((n, report)),
            (None, Some(span)) if !reports.iter().any(named) => {
                groups.entry((None, Some(span))).or_default().push((n, report));
            }
            (None, Some(_)) => {}
            (None, None) => pay(report),
        }
    }
    for group in groups.values() {
        pay(group.iter().max_by_key(|report| strength(report)).unwrap().1);
    }
    sums
}

fn reports() -> impl Strategy<Value = Vec<(usize, i64, Usage)>> {
    let amounts = (0_u64..4, 0_u64..3, proptest::option::of(0_u64..50));
    let request = proptest::option::of(select(vec!["r-1", "r-2", "r-3"]));
    let span = proptest::option::of(0_u64..3);
    let model = select(vec!["m-1", "m-2"]);
    let report = (0..SESSIONS.len(), 0_i64..30, amounts, request, span, model).prop_map(
        |(session, at, (input, output, nanos), request, span, model)| {
            let request = request.map(str::to_owned);
            (session, at, Usage { input, output, nanos, request, span, model: Some(model) })
        },
    );
    proptest::collection::vec(report, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_gives_the_same_totals(
        (reports, order) in reports().prop_flat_map(|reports| {
            let order = Just((0..reports.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(reports), order)
        }),
        batch in 1_usize..9,
        creations_first in any::<bool>(),
    ) {
        let make = |n: usize| {
            let (session, at, usage) = &reports[n];
            let mut event = inference(n as u64 + 10, SESSIONS[*session], usage).into_event();
            event.timestamp = crate::sample::at(*at);
            event.check().unwrap()
        };
        let creations: Vec<_> = (0..).zip(SESSIONS).map(|(n, name)| created(n, name)).collect();
        let straight: Vec<_> = creations.iter().cloned().chain((0..reports.len()).map(make)).collect();
        let mut shuffled: Vec<_> = order.iter().map(|n| make(*n)).collect();
        let place = if creations_first { 0 } else { shuffled.len() };
        shuffled.splice(place..place, creations);
        let first = answers(&straight, 1_000);
        let sums: BTreeMap<_, _> = first.sessions.iter().map(|(name, (_, cost, _))| (name.clone(), cost.own_nanos)).collect();
        prop_assert_eq!(sums, expected(&reports));
        prop_assert_eq!(first, answers(&shuffled, batch));
    }
}

#[test]
fn the_counts_of_a_span_are_shown_and_not_added() {
    let recorder = open(&Memory::default());
    let mut lone = event(
        1,
        "s-1",
        flightrec_recorder::events::families::work::SpanClosed {
            status: flightrec_recorder::events::SpanStatus::Ok,
            error_code: None,
            tokens_in: Some(5_u32.into()),
            tokens_out: None,
            cost_usd: None,
        },
    );
    lone.trace_id = Some(crate::sample::trace());
    lone.session_span_id = Some(crate::sample::span(1));
    lone.model_session_id = Some(id("s-1"));
    take(&recorder, vec![created(2, "s-1"), lone.check().unwrap()]);
    assert_eq!(session(recorder.reader(), "s-1").tokens, Tokens::default(), "a span's own counts are not the ledger's");
    recorder.close().unwrap();
}
