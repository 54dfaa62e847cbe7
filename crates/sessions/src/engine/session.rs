//! One session as the runtime knows it: the record's states, and what it is doing within them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use flightrec_events::lifecycle::Life;
use flightrec_events::{Actor, ArtifactId, Id, MemoryPolicy, SpanId, State, Timestamp, TraceId};

use super::budget::Spending;
use super::input::{AnswerTo, CallKey, CommandError, Dependency, Ending, Who};
use super::timers::TimerKey;
use crate::message::{ToolRequest, Turn};
use crate::model::{ModelRoute, Usage};
use crate::scheduler::JobKey;
use crate::spec::SessionSpec;
use crate::tool::Stopper;

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: Id,
    pub(crate) spec: Arc<SessionSpec>,
    pub(crate) route: ModelRoute,
    pub(crate) life: Life,
    pub(crate) depth: u32,
    /// Why it is in its state.
    pub(crate) reason: Arc<str>,
    /// What holds its job back.
    pub(crate) held_by: Option<Arc<str>>,
    /// Tool calls that were settled since the last reply.
    pub(crate) tools_done: u32,
    pub(crate) parent: Option<Parent>,
    pub(crate) children: Vec<Who>,
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    /// The span of the present, last or next activity.
    pub(crate) activity: SpanId,
    /// Whether that id belongs to a job already.
    pub(crate) activity_taken: bool,
    pub(crate) doing: Doing,
    pub(crate) thread: Vec<Turn>,
    /// Tool calls that were left over by a job that is no more; the next one begins with them.
    pub(crate) left_over: VecDeque<PendingTool>,
    /// Whether the whole thread is here: of one that was not kept, a later process has only a part.
    pub(crate) whole: bool,
    /// Input that is on record, and comes into the thread with the next call.
    pub(crate) inbox: Vec<Arc<str>>,
    /// Spans of children that announced back since the last run: the next one links to them.
    pub(crate) announced: Vec<(TraceId, SpanId)>,
    pub(crate) messages: u64,
    pub(crate) tail: Option<Id>,
    /// Ids of tool calls that are taken.
    pub(crate) tool_call_ids: BTreeSet<Id>,
    /// Replies so far.
    pub(crate) step: u32,
    pub(crate) output: Arc<str>,
    pub(crate) answered: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) own: Spending,
    /// With all descendants: what the budget is held against.
    pub(crate) inclusive: Spending,
    pub(crate) pause: Option<Asked>,
    pub(crate) cancel: Option<Asked>,
    pub(crate) waits_for: Vec<Dependency>,
    pub(crate) dependants: Vec<Who>,
    pub(crate) checkpoint: Checkpointed,
    pub(crate) spec_artifact: Option<ArtifactId>,
    pub(crate) watchers: Vec<AnswerTo<Result<Ending, CommandError>>>,
    pub(crate) ending: Option<Ending>,
}

/// Who spawned a session, and whether it wants to hear of its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    pub(crate) who: Who,
    pub(crate) announce_back: bool,
}

/// Who asked for something, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Asked {
    /// A person, or a policy of the runtime.
    pub(crate) actor: Actor,
    pub(crate) by: Id,
    pub(crate) reason: String,
}

impl Asked {
    pub(crate) fn who(&self) -> (Actor, Option<Id>) {
        (self.actor, Some(self.by.clone()))
    }
}

/// What has changed since the last checkpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checkpointed {
    pub(crate) messages: u32,
    pub(crate) streamed_tokens: u64,
    pub(crate) changed: bool,
}

/// What a session is doing.
#[derive(Debug)]
pub(crate) enum Doing {
    /// No job: it waits for input, children or another session, or has ended.
    Nothing,
    /// Its job waits in the scheduler.
    Queued(Job),
    /// Its model runs.
    Calling(Job),
    /// A tool runs.
    Tooling(Job, ToolRun),
    /// Somebody is asked whether a tool may run. It holds no place.
    Asking(Job, Question),
    /// It was paused between two steps of its job. It holds no place.
    Held(Job),
}

impl Doing {
    pub(crate) const fn job(&self) -> Option<&Job> {
        match self {
            Self::Nothing => None,
            Self::Queued(job) | Self::Calling(job) | Self::Tooling(job, _) | Self::Asking(job, _) | Self::Held(job) => {
                Some(job)
            }
        }
    }

    /// Takes the job and the tool of a session whose tool runs.
    pub(crate) fn take_tooling(&mut self) -> Option<(Job, ToolRun)> {
        let taken = std::mem::replace(self, Self::Nothing);
        if let Self::Tooling(job, run) = taken {
            return Some((job, run));
        }
        *self = taken;
        None
    }

    /// Takes the job and the question of a session that waits for a decision.
    pub(crate) fn take_asking(&mut self) -> Option<(Job, Question)> {
        let taken = std::mem::replace(self, Self::Nothing);
        if let Self::Asking(job, question) = taken {
            return Some((job, question));
        }
        *self = taken;
        None
    }

    /// Takes the job, whatever is being done with it.
    pub(crate) fn take_job(&mut self) -> Option<Job> {
        std::mem::replace(self, Self::Nothing).into_job()
    }

    /// The tool call that runs, or that is asked about.
    pub(crate) const fn tool(&self) -> Option<&PendingTool> {
        match self {
            Self::Tooling(_, ToolRun { tool, .. }) | Self::Asking(_, Question { tool, .. }) => Some(tool),
            Self::Nothing | Self::Queued(_) | Self::Calling(_) | Self::Held(_) => None,
        }
    }

    fn into_job(self) -> Option<Job> {
        match self {
            Self::Nothing => None,
            Self::Queued(job) | Self::Calling(job) | Self::Tooling(job, _) | Self::Asking(job, _) | Self::Held(job) => {
                Some(job)
            }
        }
    }

    pub(crate) const fn job_mut(&mut self) -> Option<&mut Job> {
        match self {
            Self::Nothing => None,
            Self::Queued(job) | Self::Calling(job) | Self::Tooling(job, _) | Self::Asking(job, _) | Self::Held(job) => {
                Some(job)
            }
        }
    }
}

/// One `model_run`: a model call and the tools it asks for.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one thing of its own has happened")]
pub(crate) struct Job {
    /// Its entry in the scheduler: another one each time it is queued.
    pub(crate) key: JobKey,
    pub(crate) id: Id,
    pub(crate) attempt: u32,
    pub(crate) enqueued_at: Timestamp,
    pub(crate) span: SpanId,
    /// Whether its span is open.
    pub(crate) open: bool,
    /// Whether the model has replied, so that only tools are left.
    pub(crate) replied: bool,
    pub(crate) call: Option<CallKey>,
    pub(crate) called_at: Timestamp,
    pub(crate) first_token_at: Option<Timestamp>,
    pub(crate) chunks: u64,
    pub(crate) text_bytes: u64,
    pub(crate) timer: Option<TimerKey>,
    pub(crate) pending: VecDeque<PendingTool>,
    pub(crate) usage: Usage,
    pub(crate) cost_nanos: Option<u64>,
    /// Whether what its run used is on record.
    pub(crate) inferred: bool,
    /// Whether the scheduler knows what it used.
    pub(crate) counted: bool,
    /// Tokens of all attempts: what its hard budget is held against.
    pub(crate) spent_tokens: u64,
}

/// A tool call that has not been settled.
#[derive(Debug, Clone)]
pub(crate) struct PendingTool {
    pub(crate) id: Id,
    pub(crate) request: ToolRequest,
    pub(crate) approved: bool,
    /// Set if it had begun when its process died: nobody knows whether it happened.
    pub(crate) cut_off: Option<CutOff>,
    /// Whether secrets were taken out of its arguments, so that they are not what the model wrote any more.
    pub(crate) redacted: bool,
}

/// A tool call that its process did not live to see the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutOff {
    pub(crate) span: SpanId,
    pub(crate) started_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
}

/// A tool that runs.
#[derive(Debug)]
pub(crate) struct ToolRun {
    pub(crate) call: CallKey,
    pub(crate) tool: PendingTool,
    pub(crate) span: SpanId,
    pub(crate) started_at: Timestamp,
    pub(crate) timer: TimerKey,
    /// Dropping it asks the tool to end.
    pub(crate) stopper: Option<Stopper>,
    pub(crate) timed_out: bool,
}

/// An approval that is waited for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) call: CallKey,
    pub(crate) tool: PendingTool,
}

impl Session {
    /// A session that nothing has happened in yet.
    pub(crate) fn new(
        id: Id,
        spec: Arc<SessionSpec>,
        route: ModelRoute,
        (trace, span, activity): (TraceId, SpanId, SpanId),
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            spec,
            route,
            life: Life::UNKNOWN,
            reason: "".into(),
            held_by: None,
            tools_done: 0,
            depth: 0,
            parent: None,
            children: Vec::new(),
            trace,
            span,
            activity,
            activity_taken: false,
            doing: Doing::Nothing,
            thread: Vec::new(),
            left_over: VecDeque::new(),
            whole: true,
            inbox: Vec::new(),
            announced: Vec::new(),
            messages: 0,
            tail: None,
            tool_call_ids: BTreeSet::new(),
            step: 0,
            output: "".into(),
            answered: false,
            created_at,
            own: Spending::default(),
            inclusive: Spending::default(),
            pause: None,
            cancel: None,
            waits_for: Vec::new(),
            dependants: Vec::new(),
            checkpoint: Checkpointed { changed: true, ..Checkpointed::default() },
            spec_artifact: None,
            watchers: Vec::new(),
            ending: None,
        }
    }

    /// Whether there is something that its model has not answered yet.
    pub(crate) fn wants_run(&self) -> bool {
        let unanswered = match self.thread.last() {
            Some(Turn::User(_) | Turn::ToolResult { .. }) => true,
            Some(Turn::Assistant { tool_calls, .. }) => !tool_calls.is_empty(),
            Some(Turn::System(_)) | None => false,
        };
        unanswered || !self.left_over.is_empty() || !self.inbox.is_empty()
    }

    /// Whether what it says and hears is kept, or only its hash.
    pub(crate) fn keeps_content(&self) -> bool {
        self.spec.memory_policy != MemoryPolicy::Ephemeral
    }

    /// Its state, as the record has it.
    pub(crate) const fn state(&self) -> State {
        self.life.state
    }

    /// Whether it has asked for as many children as it may.
    pub(crate) fn has_spawned_all(&self) -> bool {
        self.spec.max_spawns.is_some_and(|most| self.children.len() >= most as usize)
    }

    /// Whether its end is told to whoever spawned it.
    pub(crate) fn announces(&self) -> bool {
        self.parent.is_some_and(|parent| parent.announce_back)
    }

    /// Whether it has not ended.
    pub(crate) const fn is_live(&self) -> bool {
        !self.life.state.is_terminal()
    }
}
