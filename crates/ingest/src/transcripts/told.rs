//! What the lines of a transcript tell, before it becomes events.

use flightrec_events::{Id, LinkEvidence, SpanId, SpanKind, SpanStatus, State, Timestamp, TraceId};

use crate::contents::Contents;
use crate::facts::{Facts, Message, Source};

/// One thing that a transcript tells of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub(crate) source: Source,
    pub(crate) session: Id,
    pub(crate) at: Timestamp,
    /// The turn or the call that it lies in.
    pub(crate) span: Option<SpanId>,
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// The session exists.
    Session { role: Option<String> },
    /// Another session spawned it.
    ChildOf { parent: Id, evidence: LinkEvidence },
    /// Something was said: the n-th time that just this was said by just these in this session.
    Message { message: Message<'static>, nth: u32 },
    /// A model answered.
    Inference {
        facts: Box<Facts<'static>>,
        /// Whether the file holds copies of another session's history, so that another session's file tells it first-hand.
        is_copy: bool,
    },
    /// A tool was called, and answered at the time that is told.
    ToolCall { facts: Box<Facts<'static>>, began: Timestamp },
    /// Work began.
    Opened { span: SpanId, kind: SpanKind, name: String, parent: Option<SpanId>, tag: Option<String> },
    /// Work that began then ended.
    Closed { span: SpanId, status: SpanStatus, code: Option<String>, began: Timestamp },
    /// A turn ended that the session's work hangs on.
    Ended { trace: TraceId, state: State, span: SpanId, began: Timestamp },
}

impl Told {
    /// The session that it is told of.
    pub const fn session(&self) -> &Id {
        &self.session
    }

    /// Roughly how many bytes of content it holds.
    pub fn content_bytes(&self) -> usize {
        match &self.what {
            What::Message { message, .. } => message.content.len(),
            What::ToolCall { facts, .. } => {
                let tool = facts.tool.iter().flat_map(|tool| [tool.arguments.as_deref(), tool.result.as_deref()]);
                tool.flatten().map(str::len).sum()
            }
            What::Session { .. }
            | What::ChildOf { .. }
            | What::Inference { .. }
            | What::Opened { .. }
            | What::Closed { .. }
            | What::Ended { .. } => 0,
        }
    }
}

/// The content of messages, arguments and results: to be kept before they are mapped.
pub fn contents(told: &[Told]) -> Contents<'_> {
    let mut contents = Contents::default();
    for one in told {
        match &one.what {
            What::Message { message, .. } => contents.add(&message.content),
            What::ToolCall { facts, .. } => contents.collect(facts),
            What::Session { .. }
            | What::ChildOf { .. }
            | What::Inference { .. }
            | What::Opened { .. }
            | What::Closed { .. }
            | What::Ended { .. } => {}
        }
    }
    contents
}
