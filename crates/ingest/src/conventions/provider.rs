//! One name for each provider, whatever a convention or a framework calls it.

use std::borrow::Cow;

/// What stands where a provider belongs, but is a framework, a proxy or nothing: whoever serves the model
/// behind it is not told.
const NOBODY: [&str; 24] = [
    "_other",
    "ag2",
    "agent_framework",
    "agno",
    "autogen",
    "crewai",
    "dspy",
    "gcp.vertex.agent",
    "haystack",
    "langchain",
    "langgraph",
    "litellm",
    "llama_index",
    "llamaindex",
    "microsoft.agent_framework",
    "other",
    "pydantic-ai",
    "pydantic_ai",
    "semantic_kernel",
    "smolagents",
    "strands",
    "strands-agents",
    "unknown",
    "vertex_agent",
];

/// How the names of a provider begin, and what it is called here. A name goes on with no letter or digit.
const BEGINNINGS: [(&str, &str); 20] = [
    ("anthropic", "anthropic"),
    ("openai-compatible", "openai-compatible"),
    ("openai_compatible", "openai-compatible"),
    ("openai", "openai"),
    ("azure", "azure"),
    ("az.ai", "azure"),
    ("aws", "bedrock"),
    ("amazon", "bedrock"),
    ("bedrock", "bedrock"),
    ("gcp", "google"),
    ("gemini", "google"),
    ("google", "google"),
    ("vertex", "google"),
    ("vertexai", "google"),
    ("mistral", "mistral"),
    ("mistralai", "mistral"),
    ("deepseek", "deepseek"),
    ("xai", "xai"),
    ("x_ai", "xai"),
    ("x-ai", "xai"),
];

/// The provider by its one name, in lower case; `None` for a framework or a proxy.
pub(crate) fn provider(name: &str) -> Option<Cow<'_, str>> {
    let name = name.trim();
    let lower = if name.bytes().any(|letter| letter.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    };
    if lower.is_empty() || NOBODY.contains(&lower.as_ref()) {
        return None;
    }
    let begins = |beginning: &str| {
        let rest = lower.strip_prefix(beginning);
        rest.is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric()))
    };
    let known = BEGINNINGS.iter().find(|(beginning, _)| begins(beginning));
    Some(known.map_or(lower, |(_, name)| Cow::Borrowed(*name)))
}

#[cfg(test)]
mod tests {
    use super::provider;

    #[test]
    fn a_provider_has_one_name() {
        let cases = [
            ("openai", "openai"),
            ("OpenAI", "openai"),
            ("openai.responses", "openai"),
            ("openai-compatible.chat", "openai-compatible"),
            ("openaire", "openaire"),
            ("azure.ai.openai", "azure"),
            ("az.ai.inference", "azure"),
            ("azure_openai", "azure"),
            ("Anthropic", "anthropic"),
            ("anthropic.messages", "anthropic"),
            ("aws.bedrock", "bedrock"),
            ("amazon-bedrock", "bedrock"),
            ("AWS", "bedrock"),
            ("gcp.gemini", "google"),
            ("gcp.vertex_ai", "google"),
            ("google.generative-ai", "google"),
            ("vertex_ai", "google"),
            ("VertexAI", "google"),
            ("mistral_ai", "mistral"),
            ("x_ai", "xai"),
            ("xai.chat", "xai"),
            ("groq", "groq"),
            ("test", "test"),
        ];
        for (name, wanted) in cases {
            assert_eq!(provider(name).as_deref(), Some(wanted), "{name}");
        }
    }

    #[test]
    fn a_framework_is_no_provider() {
        for name in ["strands-agents", "LangChain", "langgraph", "gcp.vertex.agent", "_OTHER", "unknown", " ", ""] {
            assert_eq!(provider(name), None, "{name}");
        }
    }
}
