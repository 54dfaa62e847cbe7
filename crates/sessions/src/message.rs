//! A session's thread, as a model reads it.

use std::sync::Arc;

use flightrec_events::Id;

/// One entry of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// Instructions. Only the runtime adds them.
    System(Arc<str>),
    /// Input from outside the session.
    User(Arc<str>),
    /// What the model said and asked for.
    Assistant {
        /// The text, empty if there was none.
        text: Arc<str>,
        /// The tools that it asked for.
        tool_calls: Vec<ToolRequest>,
    },
    /// What a tool gave.
    ToolResult {
        /// The call that it answers.
        tool_call_id: Id,
        /// The tool.
        tool: Arc<str>,
        /// The result, or what went wrong.
        text: Arc<str>,
        /// Whether the tool failed.
        failed: bool,
    },
}

impl Turn {
    /// How many bytes of text it holds.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::System(text) | Self::User(text) | Self::ToolResult { text, .. } => text.len(),
            Self::Assistant { text, tool_calls } => {
                text.len() + tool_calls.iter().map(|call| call.name.len() + call.arguments.len()).sum::<usize>()
            }
        }
    }
}

/// A tool call as a model asks for it; nothing of it is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ToolRequest {
    /// The model's id of the call. Models repeat them: the runtime makes its own where one is taken or unusable.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments, as the model wrote them: JSON, if all is well.
    pub arguments: String,
}

/// Where input comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The session that sent it, if one did.
    pub session_id: Option<Id>,
    /// The role that sent it.
    pub role: Option<Id>,
    /// Whether whoever sent it is trusted: an operator is, a tool or another session is not.
    pub trusted: bool,
}

impl Source {
    /// An operator, who is trusted.
    pub fn operator() -> Self {
        Self { session_id: None, role: Id::new("operator").ok(), trusted: true }
    }
}
