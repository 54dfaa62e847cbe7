//! Prices, held against what emitters said their calls cost.

use flightrec_events::Timestamp;
use flightrec_ingest::attributes::Attributes;
use flightrec_ingest::facts::Usage;
use flightrec_ingest::prices::PriceTable;

use crate::captures;
use crate::logs::each;

fn time(unix_nano: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(unix_nano / 1_000).unwrap()).unwrap()
}

#[test]
fn the_table_gives_what_claude_code_says_its_calls_cost() {
    let table = PriceTable::bundled();
    for name in ["claude-code-std", "claude-code-traces"] {
        let requests = captures::logs(name);
        let mut compared = 0;
        for log in each(&requests) {
            let Some(usage @ Usage { cost_nanos: Some(stated), .. }) = log.facts.usage else { continue };
            let model = log.facts.model.as_deref().unwrap();
            let priced = table.price(log.facts.provider.as_deref(), model, &usage, time(log.at_unix_nano)).unwrap();
            assert_eq!(priced.nanos, stated, "{name} {usage:?}");
            assert_eq!(priced.source, "table:2026-11-22 anthropic/claude-opus-4-8");
            compared += 1;
        }
        assert_eq!(compared, 17, "{name}");
    }
}

#[test]
fn the_table_gives_what_pydantic_ai_says_its_calls_cost() {
    let table = PriceTable::bundled();
    let requests = captures::traces("pydantic-ai");
    let mut compared = 0;
    for span in captures::spans(&requests) {
        let attributes = Attributes::new(&span.attributes);
        let Some(stated) = attributes.f64("operation.cost") else { continue };
        let usage = Usage {
            input: attributes.u64("gen_ai.usage.input_tokens").unwrap(),
            output: attributes.u64("gen_ai.usage.output_tokens").unwrap(),
            cached: attributes.u64("gen_ai.usage.cache_read.input_tokens"),
            ..Usage::default()
        };
        let (provider, model) =
            (attributes.str("gen_ai.provider.name"), attributes.str("gen_ai.response.model").unwrap());
        let priced = table.price(provider, model, &usage, time(span.start_time_unix_nano)).unwrap();
        assert_eq!(priced.nanos, (stated * 1e9).round() as u64, "{model} {usage:?}");
        compared += 1;
    }
    assert_eq!(compared, 16);
}

#[test]
fn every_model_of_the_captures_is_priced_or_a_stand_in() {
    let table = PriceTable::bundled();
    let usage = Usage { input: 1_000_000, output: 1_000_000, ..Usage::default() };
    let at = Timestamp::parse_text("2026-11-22T12:00:00Z").unwrap();
    let cases = [
        ("gpt-4o", Some(12_500_000_000)),
        ("openai/gpt-4o", Some(12_500_000_000)),
        ("gpt-4o-mini", Some(750_000_000)),
        ("gpt-5-mini", Some(2_250_000_000)),
        ("gpt-5-codex", Some(11_250_000_000)),
        ("claude-sonnet-4-5", Some(28_500_000_000)),
        ("claude-opus-4-8", Some(30_000_000_000)),
        ("test", None),
        ("mock-gpt", None),
        ("fake", None),
    ];
    for (model, nanos) in cases {
        let priced = table.price(None, model, &usage, at).map(|priced| priced.nanos);
        assert_eq!(priced, nanos, "{model}");
    }
}

#[test]
fn a_call_without_a_model_in_its_log_has_no_price() {
    let table = PriceTable::bundled();
    let requests = captures::logs("google-adk");
    let log = each(&requests).into_iter().find(|log| log.facts.usage.is_some()).unwrap();
    assert_eq!(log.facts.model, None);
    let at = time(log.at_unix_nano);
    assert_eq!(table.price(log.facts.provider.as_deref(), "", &log.facts.usage.unwrap(), at), None);
}
