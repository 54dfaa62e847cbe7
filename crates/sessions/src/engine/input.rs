//! What goes into the engine and what comes out of it.

use std::fmt;
use std::sync::Arc;

use flightrec_events::{CheckedEvent, FinalState, Id, MessageRole, RejectionReason, Sha256Hex, SpawnMode};
use futures_channel::oneshot;

use crate::approval::{ApprovalRequest, Decision};
use crate::message::Source;
use crate::model::{ModelCall, ModelClient, ModelError, ModelReply};
use crate::spec::SessionSpec;
use crate::tool::{Tool, ToolCall, ToolFailure, ToolOutput};

/// Where an answer goes once what it says is durable.
pub(crate) type AnswerTo<T> = oneshot::Sender<T>;

/// One run of a model, from its call to its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallKey(pub(crate) u64);

/// Which session, in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Who(pub(crate) u32);

/// Something happened, or somebody wants something.
#[derive(Debug)]
pub(crate) enum Input {
    /// Somebody wants something.
    Command(Command),
    /// A call received something.
    Progress { call: CallKey, chunks: u64, text_bytes: u64 },
    /// A call ended.
    Replied { call: CallKey, reply: Result<ModelReply, ModelError> },
    /// A tool ended.
    ToolEnded { call: CallKey, result: Result<ToolOutput, ToolFailure> },
    /// Somebody decided.
    Decided { call: CallKey, decision: Decision },
    /// A timer that was asked for.
    Woken,
}

/// What a host can ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Start { spec: Box<SessionSpec>, after: Vec<Dependency>, answer: AnswerTo<Result<Id, StartError>> },
    Send { session: Id, text: Arc<str>, source: Source, answer: AnswerTo<Result<Id, CommandError>> },
    Pause { session: Id, by: Id, reason: String, answer: AnswerTo<Result<(), CommandError>> },
    Resume { session: Id, by: Id, answer: AnswerTo<Result<(), CommandError>> },
    Cancel { session: Id, by: Id, reason: String, answer: AnswerTo<Result<Vec<Id>, CommandError>> },
    Spawn { requester: Id, child: Box<ChildRequest>, answer: AnswerTo<Result<SpawnAnswer, CommandError>> },
    ReadThread { reader: Id, owner: Id, answer: AnswerTo<Result<Vec<ThreadEntry>, CommandError>> },
    Watch { session: Id, answer: AnswerTo<Result<Ending, CommandError>> },
    Shutdown { by: Id, answer: AnswerTo<()> },
}

/// A session that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Dependency {
    /// The session to wait for.
    pub session_id: Id,
    /// Whether its final answer comes in as input.
    pub gives_input: bool,
}

/// What is asked for when a session wants a child.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildRequest {
    /// What the child is to be: its capabilities must be the requester's or fewer.
    pub spec: SessionSpec,
    /// What it is to do: its first input.
    pub task: Arc<str>,
    /// Whether it ends with its first final answer.
    pub mode: SpawnMode,
    /// Whether the requester is told how it ended.
    pub announce_back: bool,
}

/// The answer to a spawn, given at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpawnAnswer {
    /// The child exists.
    Accepted {
        /// Its id.
        child_session_id: Id,
    },
    /// There is no child.
    Rejected {
        /// Why.
        reason: RejectionReason,
    },
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// The session.
    pub session_id: Id,
    /// Its last state.
    pub state: FinalState,
    /// Why.
    pub reason: String,
    /// What its model said last, empty if nothing.
    pub output: Arc<str>,
    /// Its own tokens.
    pub tokens: u64,
    /// Its own cost in nano-dollars; `None` if a run could not be priced.
    pub cost_nanos: Option<u64>,
}

/// One message of a thread that was read across sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadEntry {
    /// The message.
    pub message_id: Id,
    /// Who speaks.
    pub role: MessageRole,
    /// SHA-256 of its content.
    pub content_hash: Sha256Hex,
    /// The content, as the record keeps it: without secrets.
    pub content: String,
}

/// A session could not be started; nothing of it is in the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// No such model was given to the runtime.
    #[error("there is no model `{0}`; give the runtime a route of that name")]
    UnknownModel(Id),
    /// No such tool was given to the runtime.
    #[error("there is no tool `{0}`; give it to the runtime first")]
    UnknownTool(Id),
    /// A tool needs a capability that the session would not have.
    #[error("tool `{tool}` needs the capability `{capability}`; grant it, or leave the tool out")]
    NotGranted {
        /// The tool.
        tool: Id,
        /// What it needs.
        capability: Id,
    },
    /// A budget or limit of zero lets nothing happen.
    #[error("{0} is zero, which lets nothing happen; leave it out for no limit")]
    Zero(&'static str),
    /// A share that is none.
    #[error("warn_percent is {0}; it must be from 1 to 100")]
    WarnPercent(u8),
    /// It would wait for a session that this runtime does not have.
    #[error("there is no session `{0}` to wait for")]
    UnknownDependency(Id),
    /// A session that it would wait for could not be started itself.
    #[error("session `{0}`, which it would wait for, was not started")]
    FailedDependency(Id),
    /// Too many sessions live already.
    #[error(
        "{limit} sessions live already, the most that this runtime takes; wait for one to end, or raise live_sessions"
    )]
    SessionCap {
        /// The cap.
        limit: usize,
    },
    /// The runtime is stopping.
    #[error("the runtime is stopping and starts nothing any more")]
    Stopping,
}

/// A command could not be carried out; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The runtime has no such session.
    #[error("this runtime has no session `{0}`")]
    UnknownSession(Id),
    /// The session has ended.
    #[error("session `{0}` has ended, and nothing new starts in it")]
    Ended(Id),
    /// Only a paused session can be resumed.
    #[error("session `{0}` is not paused")]
    NotPaused(Id),
    /// Nobody approved.
    #[error("refused by {by}: {reason}")]
    Refused {
        /// Who refused.
        by: Id,
        /// Why.
        reason: String,
    },
    /// This runtime cannot carry out what the session, or its child, is to be.
    #[error("{0}")]
    CannotStart(#[from] StartError),
    /// The thread was not kept.
    #[error("the thread of session `{0}` was not kept: its memory policy is EPHEMERAL")]
    NotKept(Id),
    /// The runtime stopped because it could not record.
    #[error("the runtime stopped: {0}")]
    Stopped(String),
}

/// Something that the driver is to do, after everything before it is durable.
pub(crate) enum Effect {
    /// Run a model.
    Call { key: CallKey, client: Arc<dyn ModelClient>, call: Box<ModelCall> },
    /// Call a tool.
    RunTool { key: CallKey, tool: Arc<dyn Tool>, call: ToolCall },
    /// Ask for an approval.
    Ask { key: CallKey, request: ApprovalRequest },
    /// Let go of a call, a tool or a question.
    Drop { key: CallKey },
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, key) = match self {
            Self::Call { key, .. } => ("Call", key),
            Self::RunTool { key, .. } => ("RunTool", key),
            Self::Ask { key, .. } => ("Ask", key),
            Self::Drop { key } => ("Drop", key),
        };
        f.debug_tuple(name).field(key).finish()
    }
}

/// What came of some inputs. Its order is its meaning: record, then answer, then act.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) groups: Vec<Vec<CheckedEvent>>,
    pub(crate) answers: Vec<Box<dyn FnOnce() + Send>>,
    pub(crate) effects: Vec<Effect>,
}

impl Outbox {
    /// Answers once everything so far is durable. Whoever asked may have gone.
    pub(crate) fn answer<T: Send + 'static>(&mut self, to: AnswerTo<T>, value: T) {
        self.answers.push(Box::new(move || {
            let _asker_has_gone = to.send(value).is_err();
        }));
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (groups, answers) = (self.groups.len(), self.answers.len());
        f.debug_struct("Outbox")
            .field("groups", &groups)
            .field("answers", &answers)
            .field("effects", &self.effects)
            .finish()
    }
}
