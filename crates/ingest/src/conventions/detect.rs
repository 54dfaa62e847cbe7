//! Which convention a span follows.

use std::borrow::Cow;

use super::{claude_code, codex, failure, gen_ai, named, openinference, traceloop, vercel};
use crate::attributes::Attributes;
use crate::facts::{Facts, Source, Work};
use crate::otlp::model::Span;

/// How the library of Microsoft's Agent Framework is called. Some of its spans have attributes of their own only.
const AGENT_FRAMEWORK: &str = "agent_framework";

/// What a span tells, by the convention that its name, its library and its attributes show.
///
/// It depends on nothing but the span, the name of its library and its resource, so that a span tells the
/// same whenever and with whatever it arrives.
///
/// ```
/// use flightrec_ingest::attributes::Attributes;
/// use flightrec_ingest::conventions;
/// use flightrec_ingest::facts::{Source, Work};
/// use flightrec_ingest::otlp::model::Span;
/// let request = Span { name: "GET /".into(), ..Span::default() };
/// let facts = conventions::span(&request, "http", Attributes::none());
/// assert_eq!((facts.source, facts.work), (Source::Plain, Work::Plain));
/// ```
pub fn span<'a>(span: &'a Span, scope: &str, resource: Attributes<'_>) -> Facts<'a> {
    if span.name.starts_with("claude_code.") || scope.starts_with(claude_code::SCOPE) {
        return claude_code::span(span, scope, resource);
    }
    if scope.starts_with("codex") {
        return codex::span(span, scope, resource);
    }
    let attributes = Attributes::new(&span.attributes);
    if attributes.has(openinference::KIND) {
        return openinference::span(span, &attributes);
    }
    if attributes.has(vercel::OPERATION) {
        return vercel::span(span, &attributes);
    }
    match family(&attributes) {
        Some(Family::Traceloop) => traceloop::span(span, &attributes),
        Some(Family::GenAi) if traceloop::is_library(scope) => traceloop::span(span, &attributes),
        Some(Family::GenAi) => gen_ai::span(span, &attributes),
        None if scope.starts_with(AGENT_FRAMEWORK) => gen_ai::span(span, &attributes),
        None => plain(span, &attributes),
    }
}

/// A family of attributes that share how their names begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    GenAi,
    Traceloop,
}

/// The family of a span; a span of Traceloop has attributes of both.
fn family(attributes: &Attributes<'_>) -> Option<Family> {
    let mut found = None;
    for (key, _) in attributes.iter() {
        if key.starts_with("traceloop.") || key.starts_with("llm.request.") || key.starts_with("llm.usage.") {
            return Some(Family::Traceloop);
        }
        if key.starts_with("gen_ai.") {
            found = Some(Family::GenAi);
        }
    }
    found
}

/// A span that no convention describes may still name its session, say how it failed, and tell by its name
/// what it is.
fn plain<'a>(span: &'a Span, attributes: &Attributes<'a>) -> Facts<'a> {
    let mut facts = Facts {
        session: attributes.str("session.id").map(Cow::Borrowed),
        failure: failure::failure(span, attributes),
        ..Facts::new(Source::Plain, Work::Plain)
    };
    named::read(&mut facts, &span.name, attributes);
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::conventions::fixtures;

    fn source(name: &str, scope: &str, attributes: &Value) -> Source {
        span(&fixtures::span(name, attributes), scope, Attributes::none()).source
    }

    #[test]
    fn a_convention_is_known_by_name_library_and_attributes() {
        let system = json!({ "gen_ai.system": "openai" });
        let with = |key: &str, value: &str| json!({ "gen_ai.system": "openai", key: value });
        let langchain = "opentelemetry.instrumentation.langchain";
        let cases = [
            ("chat", "any", json!({ "gen_ai.operation.name": "chat" }), Source::GenAi),
            ("x", "any", system.clone(), Source::GenAi),
            ("x", "any", with("openinference.span.kind", "LLM"), Source::OpenInference),
            ("x", "any", with("traceloop.span.kind", "task"), Source::Traceloop),
            ("x", "any", json!({ "llm.request.type": "chat" }), Source::Traceloop),
            ("x", langchain, json!({ "gen_ai.operation.name": "create_agent" }), Source::Traceloop),
            ("x", langchain, json!({ "http.route": "/" }), Source::Plain),
            ("x", "opentelemetry.instrumentation.openai.v1", system.clone(), Source::Traceloop),
            ("x", "opentelemetry.instrumentation.openai_v2", system.clone(), Source::GenAi),
            ("x", "ai", with("ai.operationId", "ai.toolCall"), Source::VercelAi),
            ("claude_code.tool", "any", system.clone(), Source::ClaudeCode),
            ("tool", "com.anthropic.claude_code.tracing", json!({}), Source::ClaudeCode),
            ("turn", "codex_cli_rs", system, Source::Codex),
            ("workflow.build", "agent_framework", json!({ "workflow.id": "w" }), Source::GenAi),
            ("GET /", "http", json!({ "session.id": "s" }), Source::Plain),
        ];
        for (name, scope, attributes, wanted) in cases {
            assert_eq!(source(name, scope, &attributes), wanted, "{name} {scope} {attributes}");
        }
    }

    #[test]
    fn a_plain_span_may_name_its_session() {
        for (name, work) in [("checkout", Work::Plain), ("agent-run", Work::Agent)] {
            let of_app = fixtures::span(name, &json!({ "session.id": "s-A" }));
            let facts = span(&of_app, "my-app", Attributes::none());
            assert_eq!((facts.source, facts.work, facts.session.as_deref()), (Source::Plain, work, Some("s-A")));
        }
    }
}
