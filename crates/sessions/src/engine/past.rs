//! What the events of one session say, as far as it takes to go on with it; nothing of a runtime is known here.
// tidy: no-wildcard

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flightrec_events::families::session::{BudgetWarning, SessionCreated, SessionMessage};
use flightrec_events::families::work::{LlmInference, SpanOpened};
use flightrec_events::{
    ArtifactId, Count, Event, Id, MessageRole, Payload, Scalar, SpanId, SpanKind, State, Timestamp, TraceId,
};
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::view::TreeView;
use flightrec_recorder::{LookupError, Reader};

use super::core::Step;
use super::session::CutOff;
use super::tooling::TOOL_CALL_ID;

/// One session, as its events tell of it.
pub(super) struct Past {
    pub(super) id: Id,
    pub(super) created: SessionCreated,
    pub(super) created_at: Timestamp,
    /// The last time that anything was heard of it.
    pub(super) last_at: Timestamp,
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) activity: SpanId,
    pub(super) state: State,
    pub(super) reason: String,
    /// Its own runtime's last checkpoint.
    pub(super) checkpoint: Option<ArtifactId>,
    /// The spans of its work that are open, in the order in which they were opened, with their jobs.
    pub(super) open: Vec<(SpanId, Option<Id>)>,
    /// The last job, if it was queued and not dispatched.
    pub(super) queued: Option<(Id, u64)>,
    pub(super) messages: Vec<Heard>,
    pub(super) inferences: Vec<LlmInference>,
    pub(super) told: Vec<BudgetWarning>,
    /// The tool calls that were begun and not settled, whether or not their spans were closed since.
    pub(super) begun: BTreeMap<Id, CutOff>,
    /// The tool calls that failed.
    pub(super) failed: BTreeSet<Id>,
    /// The runs that gave a reply.
    pub(super) replied: BTreeSet<SpanId>,
    /// The sessions whose words came in since the last run began.
    pub(super) heard_from: Vec<Id>,
    /// How many runs were begun.
    runs: u32,
    /// The run that has not replied yet.
    calling: Option<SpanId>,
}

/// A message, and where among the runs it stands.
pub(super) struct Heard {
    pub(super) message: SessionMessage,
    /// How many runs were begun before it.
    pub(super) run: u32,
    /// Whether it came while the model was at work, and so is no part of what that run read.
    pub(super) late: bool,
}

/// Reads every session of a tree in which one has not ended, the older ones first.
pub(super) fn read_pasts(reader: &Reader) -> Step<Vec<Past>> {
    let live = SessionFilter {
        states: State::ALL.iter().copied().filter(|state| !state.is_terminal()).collect(),
        ..SessionFilter::default()
    };
    let mut wanted: BTreeSet<Arc<str>> = BTreeSet::new();
    for session in reader.sessions(&live).into_iter().filter(|session| &*session.source == "native") {
        match reader.tree(&root_of(reader, session.session_id, session.parent_session_id, &wanted)) {
            Ok(tree) => add_tree(&tree, &mut wanted),
            Err(LookupError::NotFound(_) | LookupError::Ambiguous { .. }) => {}
        }
    }
    let mut pasts = Vec::new();
    for id in wanted {
        if let Some(past) = read_past(reader, &id)? {
            pasts.push(past);
        }
    }
    pasts.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(pasts)
}

/// The session at the top of a tree, or the one below those that are known already.
fn root_of(reader: &Reader, id: Arc<str>, parent: Option<Arc<str>>, known: &BTreeSet<Arc<str>>) -> Arc<str> {
    // Other programs may have recorded sessions that are each other's parents.
    let mut climbed = BTreeSet::from([Arc::clone(&id)]);
    let (mut root, mut parent) = (id, parent);
    while let Some(above) = parent.filter(|above| !known.contains(above) && climbed.insert(Arc::clone(above))) {
        let Ok(tree) = reader.tree(&above) else { break };
        root = tree.session.session_id;
        parent = tree.session.parent_session_id;
    }
    root
}

fn add_tree(tree: &TreeView, wanted: &mut BTreeSet<Arc<str>>) {
    if wanted.insert(Arc::clone(&tree.session.session_id)) {
        tree.children.iter().for_each(|child| add_tree(child, wanted));
    }
}

/// What the events of a session say; `None` for one that no runtime drove.
fn read_past(reader: &Reader, id: &Arc<str>) -> Step<Option<Past>> {
    let mut past: Option<Past> = None;
    for event in reader.events(&EventFilter::of_session(Arc::clone(id))) {
        let event = event?.event;
        if let Some(past) = &mut past {
            past.apply(&event);
        } else if let (Payload::SessionCreated(created), Some(trace), Some(span)) =
            (&event.payload, event.trace_id, event.session_span_id)
        {
            past = Some(Past::new(&event, created, trace, span));
        } else {
            return Ok(None);
        }
    }
    Ok(past.filter(|past| past.checkpoint.is_some()))
}

impl Past {
    fn new(event: &Event, created: &SessionCreated, trace: TraceId, span: SpanId) -> Self {
        Self {
            id: created.session_id.clone(),
            created: created.clone(),
            created_at: event.timestamp,
            last_at: event.timestamp,
            trace,
            span,
            activity: event.activity_span_id.unwrap_or(span),
            state: State::Created,
            reason: String::new(),
            checkpoint: None,
            open: Vec::new(),
            queued: None,
            messages: Vec::new(),
            inferences: Vec::new(),
            told: Vec::new(),
            begun: BTreeMap::new(),
            failed: BTreeSet::new(),
            replied: BTreeSet::new(),
            heard_from: Vec::new(),
            runs: 0,
            calling: None,
        }
    }

    fn apply(&mut self, event: &Event) {
        self.last_at = self.last_at.max(event.timestamp);
        match &event.payload {
            Payload::SessionStateChange(change) => {
                self.state = change.to_state;
                change.reason.as_str().clone_into(&mut self.reason);
            }
            Payload::SessionMessage(message) => self.hear(event, message),
            Payload::SessionCheckpointed(checkpoint) => self.checkpoint = Some(checkpoint.checkpoint_artifact_id),
            Payload::SchedulerEnqueue(enqueue) => {
                self.activity = event.activity_span_id.unwrap_or(self.activity);
                self.queued = Some((enqueue.job_id.clone(), enqueue.attempt.map_or(1, Count::get)));
            }
            Payload::SchedulerDispatch(_) | Payload::SchedulerCancelled(_) => self.queued = None,
            Payload::SpanOpened(opened) => {
                if let Some(span) = event.activity_span_id {
                    self.open_span(event, span, opened);
                }
            }
            Payload::SpanClosed(_) => {
                if let Some(span) = event.activity_span_id {
                    self.close_span(event, span);
                }
            }
            Payload::LlmInference(inference) => self.inferences.push(inference.clone()),
            Payload::BudgetWarning(warning) => self.told.push(warning.clone()),
            Payload::ToolCall(called) => {
                self.begun.remove(&called.tool_call_id);
                if !called.ok {
                    self.failed.insert(called.tool_call_id.clone());
                }
            }
            Payload::SessionCreated(_)
            | Payload::SessionCompleted(_)
            | Payload::SchedulerRateLimited(_)
            | Payload::SpawnRequested(_)
            | Payload::SpawnAccepted(_)
            | Payload::SpawnRejected(_)
            | Payload::AnnounceBack(_)
            | Payload::CascadeCancel(_)
            | Payload::CrossSessionRead(_)
            | Payload::SessionLinked(_)
            | Payload::WorkflowRecovery(_)
            | Payload::MailboxMessageCreated(_)
            | Payload::RecorderOpened(_)
            | Payload::RecorderRecovered(_)
            | Payload::RecorderRetentionPurged(_)
            | Payload::RecorderEventsDropped(_)
            | Payload::Declared(_) => {}
        }
    }

    fn hear(&mut self, event: &Event, message: &SessionMessage) {
        let late = match message.role {
            MessageRole::User => {
                let from = message.source.as_ref().and_then(|source| source.session_id.clone());
                self.heard_from.extend(from);
                self.calling.is_some()
            }
            MessageRole::Assistant | MessageRole::ToolCall => {
                self.replied.extend(event.activity_span_id);
                self.calling = None;
                false
            }
            MessageRole::System | MessageRole::ToolResult => false,
        };
        self.messages.push(Heard { message: message.clone(), run: self.runs, late });
    }

    fn open_span(&mut self, event: &Event, span: SpanId, opened: &SpanOpened) {
        match opened.kind {
            SpanKind::ModelRun => {
                self.runs += 1;
                self.calling = Some(span);
                self.heard_from.clear();
            }
            SpanKind::ToolCall => {
                let call = match opened.attributes.as_ref().and_then(|with| with.get(TOOL_CALL_ID)) {
                    Some(Scalar::Str(call)) => Id::new(&**call).ok(),
                    Some(Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::List(_)) | None => None,
                };
                let begun = CutOff { span, started_at: event.timestamp, last_seen_at: event.timestamp };
                self.begun.extend(call.map(|call| (call, begun)));
            }
            SpanKind::Session => return,
            SpanKind::Job | SpanKind::Other => {}
        }
        self.open.push((span, event.job_id.clone()));
    }

    fn close_span(&mut self, event: &Event, span: SpanId) {
        self.open.retain(|(open, _)| *open != span);
        if self.calling == Some(span) {
            self.calling = None;
        }
        // An earlier recovery has closed it: what that one said of its end stands.
        for begun in self.begun.values_mut().filter(|begun| begun.span == span) {
            begun.last_seen_at = event.timestamp;
        }
    }

    /// When and in which span a tool call began that was never settled; `None` if it never began.
    pub(super) fn cut_off(&self, call: &Id) -> Option<CutOff> {
        let begun = self.begun.get(call)?;
        let is_open = self.open.iter().any(|(span, _)| *span == begun.span);
        Some(if is_open { CutOff { last_seen_at: self.last_at, ..*begun } } else { *begun })
    }
}
