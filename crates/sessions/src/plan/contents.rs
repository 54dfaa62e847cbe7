//! What a plan says, checked: what a host needs to run it.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_events::{Backend, Id};

use crate::limits::Limits;
use crate::price::Price;
use crate::scripted::Scripts;
use crate::spec::SessionSpec;

/// A plan that can be run: every name in it leads somewhere, and nothing waits for itself.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: Id,
    /// What it is about, for people.
    pub description: Option<Arc<str>>,
    /// The work packet of every session that names no other.
    pub wp_id: Option<Id>,
    /// What a repeated run under simulated time starts its numbers from.
    pub seed: Option<u64>,
    /// What the run as a whole may do at once, and spend.
    pub limits: Limits,
    /// Who serves models, by name.
    pub providers: BTreeMap<Id, Provider>,
    /// The models that sessions name.
    pub models: BTreeMap<Id, Model>,
    /// The directory that tools see.
    pub workspace: Option<PlannedWorkspace>,
    /// The sessions to start; each stands behind those that it waits for, else in the order of the file.
    pub sessions: Vec<PlannedSession>,
    /// What scripted models say, by the label or the role of the session that they play in, or `default`.
    pub scripts: Scripts,
}

/// Who serves models, and how to reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What it speaks.
    pub kind: ProviderKind,
    /// Where it is; the provider's own address if none is given.
    pub base_url: Option<String>,
    /// The environment variable that holds its key.
    pub api_key_env: Option<String>,
}

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProviderKind {
    /// Nothing: replies come from the plan's scripts.
    Scripted,
    /// The OpenAI chat API, by anybody: OpenAI, vLLM, llama.cpp, LM Studio.
    OpenAi,
    /// The Anthropic API.
    Anthropic,
    /// The Gemini API.
    Gemini,
    /// Ollama.
    Ollama,
}

impl ProviderKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Scripted, Self::OpenAi, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// The word for it in a plan.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scripted => "scripted",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }
}

/// A model as sessions name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The name of its [`Provider`].
    pub provider: Id,
    /// What its provider calls it.
    pub model_id: Id,
    /// Where it runs.
    pub backend: Backend,
    /// What its tokens cost; runs are unpriced, or priced by the host's list, if none is given.
    pub price: Option<Price>,
}

/// The directory that tools see, and the programs that they may run there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWorkspace {
    /// The directory, as written: relative to the plan's own.
    pub directory: String,
    /// Programs, with the arguments that they must begin with.
    pub commands: Vec<String>,
}

/// A session to start.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSession {
    /// Its name in the plan, which no other has.
    pub name: Id,
    /// What it is; its role's fields are in it, and the roles that it may spawn as templates.
    pub spec: SessionSpec,
    /// The file that holds its prompt, as written: relative to the plan's directory.
    pub prompt_file: Option<String>,
    /// Sessions that have to end before it starts, as places in [`Plan::sessions`], all before its own.
    pub after: Vec<usize>,
    /// The same, and their final answers are its input.
    pub input_from: Vec<usize>,
    /// The line of the plan that it begins on, for what goes wrong later.
    pub line: usize,
}
