//! The many names that one model and one provider go by.

use super::format::MAX_MODEL_BYTES;

/// Who serves a model, as far as its provider's name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// A provider that has prices of its own.
    By(&'static str),
    /// Nobody is named, or one who serves the models of others.
    Unsaid,
    /// By oneself, or by a stand-in in a test: no list price applies.
    Free,
}

/// Beginnings of the names that conventions, gateways and SDKs give to providers. The first that fits counts.
const PROVIDERS: [(&str, Served); 30] = [
    ("openai-compatible", Served::Unsaid),
    ("openai_compatible", Served::Unsaid),
    ("openai", Served::By("openai")),
    ("anthropic", Served::By("anthropic")),
    ("claude", Served::By("anthropic")),
    ("google", Served::By("google")),
    ("gemini", Served::By("google")),
    ("gcp", Served::By("google")),
    ("vertex", Served::By("google")),
    ("mistral", Served::By("mistral")),
    ("deepseek", Served::By("deepseek")),
    ("xai", Served::By("xai")),
    ("x_ai", Served::By("xai")),
    ("x-ai", Served::By("xai")),
    ("x.ai", Served::By("xai")),
    ("groq", Served::By("groq")),
    ("azure", Served::Unsaid),
    ("aws", Served::Unsaid),
    ("amazon", Served::Unsaid),
    ("bedrock", Served::Unsaid),
    ("ollama", Served::Free),
    ("lmstudio", Served::Free),
    ("lm_studio", Served::Free),
    ("llama.cpp", Served::Free),
    ("llama-cpp", Served::Free),
    ("llamacpp", Served::Free),
    ("llamafile", Served::Free),
    ("vllm", Served::Free),
    ("mock", Served::Free),
    ("fake", Served::Free),
];

/// What stands before the name of a model behind a gateway: `openai/gpt-4o`, `models/gemini-2.5-pro`.
const PATHS: [&str; 22] = [
    "openai",
    "anthropic",
    "google",
    "gemini",
    "vertex_ai",
    "vertex",
    "mistral",
    "mistralai",
    "deepseek",
    "xai",
    "x-ai",
    "groq",
    "azure",
    "azure_ai",
    "bedrock",
    "converse",
    "models",
    "publishers",
    "litellm",
    "litellm_proxy",
    "ollama",
    "responses",
];

/// Regions and vendors that stand before the name of a model on Bedrock: `us.anthropic.claude-…`.
const DOTTED: [&str; 16] = [
    "us",
    "eu",
    "apac",
    "ap",
    "jp",
    "au",
    "ca",
    "sa",
    "global",
    "us-gov",
    "anthropic",
    "mistral",
    "deepseek",
    "openai",
    "google",
    "xai",
];

/// Who serves, by the name of the provider.
pub(super) fn served(provider: &str) -> Served {
    let starts =
        |beginning: &str| provider.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning));
    PROVIDERS.iter().find(|(beginning, _)| starts(beginning)).map_or(Served::Unsaid, |(_, served)| *served)
}

/// The names that a list may know a model by, the most exact first, each with who serves it by its path.
pub(super) fn spellings(model: &str) -> Vec<(String, Option<Served>)> {
    let mut names: Vec<(String, Option<Served>)> = Vec::new();
    let model = model.trim();
    if model.is_empty() || model.len() > 2 * MAX_MODEL_BYTES {
        return names;
    }
    let mut name = model.to_lowercase();
    let mut told = None;
    let mut push = |name: &str, told: Option<Served>| {
        if names.last().is_none_or(|(last, _)| last != name) {
            names.push((name.to_owned(), told));
        }
    };
    push(&name, told);
    if let Some((rest, _)) = name.strip_suffix(']').and_then(|open| open.rsplit_once('[')) {
        name = rest.to_owned();
        push(&name, told);
    }
    while let Some((path, rest)) = name.split_once('/') {
        if !PATHS.contains(&path) {
            break;
        }
        told = told.or(Some(served(path)).filter(|served| *served != Served::Unsaid));
        name = rest.to_owned();
        push(&name, told);
    }
    while let Some((before, rest)) = name.split_once('.') {
        if !DOTTED.contains(&before) {
            break;
        }
        name = rest.to_owned();
        push(&name, told);
    }
    name.truncate(without_revision(&name).len());
    push(&name, told);
    name.truncate(without_date(&name).len());
    push(&name, told);
    if name.starts_with("claude") && name.contains('.') {
        push(&name.replace('.', "-"), told);
    }
    names
}

/// Without the revision that Bedrock appends: `-v1:0`, `-v1` or `:0`.
fn without_revision(name: &str) -> &str {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = match name.rsplit_once(':') {
        Some((rest, revision)) if digits(revision) => rest,
        Some(_) | None => name,
    };
    match name.rsplit_once("-v") {
        Some((rest, version)) if digits(version) => rest,
        Some(_) | None => name,
    }
}

/// Without the day or the word that tells a version: `-2025-08-07`, `-20250929`, `@20250929`, `-latest`.
fn without_date(name: &str) -> &str {
    for word in ["-latest", "@latest", "@default", ":latest"] {
        if let Some(rest) = name.strip_suffix(word) {
            return rest;
        }
    }
    let fits = |pattern: &str| {
        let (rest, end) = name.split_at_checked(name.len().checked_sub(pattern.len())?)?;
        let same = |(found, wanted): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { found == wanted };
        (!rest.is_empty() && end.bytes().zip(pattern.bytes()).all(same)).then_some(rest)
    };
    ["-0000-00-00", "-00000000", "@00000000"].into_iter().find_map(fits).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_model_leads_to_its_name() {
        let cases = [
            ("gpt-4o", "gpt-4o"),
            ("GPT-4o", "gpt-4o"),
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("openai/gpt-4o", "gpt-4o"),
            ("azure/gpt-4o-2024-11-20", "gpt-4o"),
            ("litellm_proxy/openai/gpt-5-mini-2025-08-07", "gpt-5-mini"),
            ("claude-opus-4-8[1m]", "claude-opus-4-8"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
            ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
            ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
            ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
            ("bedrock/converse/global.anthropic.claude-opus-4-8", "claude-opus-4-8"),
            ("vertex_ai/gemini-2.5-pro", "gemini-2.5-pro"),
            ("models/gemini-2.5-flash", "gemini-2.5-flash"),
            ("publishers/google/models/gemini-2.0-flash-001", "gemini-2.0-flash-001"),
            ("gpt-4.1", "gpt-4.1"),
            ("-20250929", "-20250929"),
            ("ünïcode-20250929", "ünïcode"),
        ];
        for (model, name) in cases {
            let all = spellings(model);
            assert_eq!(all.last().map(|(last, _)| last.as_str()), Some(name), "{model}: {all:?}");
            assert_eq!(all[0].0, model.to_lowercase());
        }
        assert!(spellings("").is_empty());
        assert!(spellings(&"x".repeat(2 * MAX_MODEL_BYTES + 1)).is_empty());
    }

    #[test]
    fn a_path_tells_who_serves() {
        let last = |model| spellings(model).pop().and_then(|(_, served)| served);
        assert_eq!(last("groq/openai/gpt-oss-120b"), Some(Served::By("groq")));
        assert_eq!(last("openai/gpt-4o"), Some(Served::By("openai")));
        assert_eq!(last("azure/gpt-4o"), None);
        assert_eq!(last("ollama/llama3"), Some(Served::Free));
        assert_eq!(last("gpt-4o"), None);
    }

    #[test]
    fn providers_go_by_many_names() {
        let cases = [
            ("openai", Served::By("openai")),
            ("openai.responses", Served::By("openai")),
            ("OpenAI", Served::By("openai")),
            ("anthropic.messages", Served::By("anthropic")),
            ("gcp.vertex_ai", Served::By("google")),
            ("gcp.gemini", Served::By("google")),
            ("google.generative-ai", Served::By("google")),
            ("mistral_ai", Served::By("mistral")),
            ("x_ai", Served::By("xai")),
            ("groq", Served::By("groq")),
            ("azure.ai.openai", Served::Unsaid),
            ("aws.bedrock", Served::Unsaid),
            ("openai-compatible", Served::Unsaid),
            ("llama_index", Served::Unsaid),
            ("llama.cpp", Served::Free),
            ("somebody", Served::Unsaid),
            ("ü", Served::Unsaid),
            ("mock-provider", Served::Free),
            ("ollama", Served::Free),
        ];
        for (provider, expected) in cases {
            assert_eq!(served(provider), expected, "{provider}");
        }
    }
}
