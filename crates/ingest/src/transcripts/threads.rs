//! The sessions of one file as they unfold: whose turn it is, which calls are open, what was said how often.
//!
//! Everything that grows with a file is bounded: what was longest unheard of is forgotten, which at worst tells a thing
//! again under an id of its own.

use flightrec_events::{Id, LinkEvidence, SpanId, SpanKind, SpanStatus, State, Timestamp, TraceId};
use rustc_hash::FxHashMap;

use super::told::{Told, What};
use crate::facts::{Facts, Failure, Message, Source, Tool, Usage, Work};
use crate::ids::{self, About};
use crate::memory::Recent;

/// The most sessions of one file that are followed at once.
const MAX_THREADS: usize = 256;
/// The most calls of one session that may wait for their answers.
const MAX_CALLS: usize = 1_024;
/// The most bytes of arguments that wait with them, in all sessions. Those beyond stand in the thread's message alone.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// All sessions of one file.
#[derive(Debug)]
pub(super) struct Threads {
    source: Source,
    told: Vec<Told>,
    sessions: FxHashMap<Id, Thread>,
    /// How many bytes of arguments wait for answers to their calls.
    waiting_bytes: usize,
    /// How often each message was said, by a hash of session and message.
    said: Recent<u64, u32>,
    /// The most tokens that were told of a response, by a hash of session and response.
    charged: Recent<u64, u64>,
}

#[derive(Debug, Default)]
struct Thread {
    has_role: bool,
    /// What the next turn begins with.
    prompt: Option<Prompt>,
    turn: Option<Turn>,
    calls: FxHashMap<String, Call>,
    response: Option<Response>,
}

#[derive(Debug)]
struct Prompt {
    at: Timestamp,
    key: Option<String>,
}

#[derive(Debug)]
struct Turn {
    key: Option<String>,
    span: SpanId,
    trace: TraceId,
    began: Timestamp,
    /// When the model said something last.
    last: Timestamp,
    /// Whether what it said last leaves nothing to be done.
    is_over: bool,
    failure: Option<String>,
}

#[derive(Debug)]
struct Call {
    at: Timestamp,
    span: SpanId,
    /// Whether its span ended with the turn, before any answer.
    is_closed: bool,
    facts: Facts<'static>,
}

impl Call {
    /// How much of what it was given is held.
    fn bytes(&self) -> usize {
        self.facts.tool.as_ref().and_then(|tool| tool.arguments.as_deref()).map_or(0, str::len)
    }
}

/// A response whose usage may still be told again, with more tokens.
#[derive(Debug)]
struct Response {
    key: String,
    at: Timestamp,
    span: Option<SpanId>,
    tokens: u64,
    facts: Facts<'static>,
}

/// How a call was answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) result: Option<String>,
    pub(super) ok: Option<bool>,
    pub(super) failure: Option<Failure<'static>>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was finished.
    Done,
    /// It failed, for this reason if one is told.
    Failed(Option<String>),
    /// Somebody called it off.
    Cancelled,
    /// Something else began, and nobody said what became of it.
    LeftOpen,
}

impl Threads {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            told: Vec::new(),
            sessions: FxHashMap::default(),
            waiting_bytes: 0,
            said: Recent::default(),
            charged: Recent::default(),
        }
    }

    /// What was told since the last time.
    pub(super) fn take(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// How much was told since the last time.
    pub(super) const fn told(&self) -> usize {
        self.told.len()
    }

    /// Tells that a session exists, and in which role, once each. Answers whether it is new here.
    pub(super) fn introduce(&mut self, session: &Id, at: Timestamp, role: Option<&str>) -> bool {
        let is_new = !self.sessions.contains_key(session);
        if is_new && self.sessions.len() >= MAX_THREADS {
            self.end();
            self.sessions.clear();
            self.waiting_bytes = 0;
        }
        let thread = self.sessions.entry(session.clone()).or_default();
        if is_new || (role.is_some() && !thread.has_role) {
            thread.has_role |= role.is_some();
            self.push(session, at, None, What::Session { role: role.map(str::to_owned) });
        }
        is_new
    }

    /// Tells who spawned a session.
    pub(super) fn child(&mut self, child: &Id, parent: &Id, at: Timestamp, evidence: LinkEvidence) {
        if child != parent {
            self.push(child, at, None, What::ChildOf { parent: parent.clone(), evidence });
        }
    }

    /// Tells what was said, in the order in which it was.
    pub(super) fn say(&mut self, session: &Id, at: Timestamp, messages: Vec<Message<'static>>) {
        let span = self.turn(session);
        for message in messages.into_iter().filter(|message| !message.content.is_empty()) {
            let call = message.tool_call_id.as_deref().unwrap_or_default();
            let parts = [session.as_str(), message.role.as_str(), &message.content, call].map(str::as_bytes);
            let key = ids::short_key(About::Message, &parts);
            let nth = self.said.get(&key).copied().unwrap_or(0);
            self.said.put(key, nth.saturating_add(1));
            self.push(session, at, span, What::Message { message, nth });
        }
    }

    /// Notes what the next turn begins with. One that goes on with the present turn begins none.
    pub(super) fn prompt(&mut self, session: &Id, at: Timestamp, key: Option<&str>) {
        let goes_on = |turn: &Turn| key.is_some() && turn.key.as_deref() == key;
        if self.sessions.get(session).and_then(|thread| thread.turn.as_ref()).is_some_and(goes_on) {
            return;
        }
        self.settle(session, true);
        let thread = self.sessions.entry(session.clone()).or_default();
        thread.prompt = Some(Prompt { at, key: key.map(str::to_owned) });
    }

    /// Begins the turn that was prompted, unless one is under way.
    pub(super) fn begin_prompted(&mut self, session: &Id, at: Timestamp, tag: Option<&str>) {
        let Some(thread) = self.sessions.get_mut(session).filter(|thread| thread.turn.is_none()) else { return };
        let Prompt { at, key } = thread.prompt.take().unwrap_or(Prompt { at, key: None });
        self.begin(session, at, key, None, tag);
    }

    /// Begins a turn; one that is under way is left open.
    pub(super) fn begin(
        &mut self,
        session: &Id,
        at: Timestamp,
        key: Option<String>,
        trace: Option<TraceId>,
        tag: Option<&str>,
    ) {
        self.settle(session, true);
        let named = key.clone().unwrap_or_else(|| at.as_micros().to_string());
        let parts = [b"turn", session.as_str().as_bytes(), named.as_bytes()];
        let span = span_of(&parts);
        let trace = trace.unwrap_or_else(|| ids::trace_of(&parts));
        let tag = tag.map(|role| format!("agent:{role}"));
        let opened = What::Opened { span, kind: SpanKind::Job, name: "turn".to_owned(), parent: None, tag };
        self.push(session, at, Some(span), opened);
        let turn = Turn { key, span, trace, began: at, last: at, is_over: false, failure: None };
        self.sessions.entry(session.clone()).or_default().turn = Some(turn);
    }

    /// Notes that the model spoke, and whether that leaves nothing to be done.
    pub(super) fn spoke(&mut self, session: &Id, at: Timestamp, is_over: bool) {
        if let Some(turn) = self.sessions.get_mut(session).and_then(|thread| thread.turn.as_mut()) {
            turn.last = turn.last.max(at);
            turn.is_over = is_over;
        }
    }

    /// Notes that something went wrong in the present turn.
    pub(super) fn failed(&mut self, session: &Id, code: Option<String>) {
        if let Some(turn) = self.sessions.get_mut(session).and_then(|thread| thread.turn.as_mut()) {
            turn.failure = code.or_else(|| turn.failure.take());
        }
    }

    /// Ends the present turn, and with it what it called and nobody answered. A turn that failed meanwhile cannot be
    /// done.
    pub(super) fn finish(&mut self, session: &Id, at: Timestamp, ending: Ending) {
        let Some(thread) = self.sessions.get_mut(session) else { return };
        let Some(turn) = thread.turn.take() else { return };
        let at = at.max(turn.began);
        let mut open = Vec::new();
        for call in thread.calls.values_mut().filter(|call| !call.is_closed) {
            call.is_closed = true;
            open.push((call.at, call.span));
        }
        open.sort_unstable_by_key(|(began, span)| (*began, *span.as_bytes()));
        for (began, span) in open {
            let status = if ending == Ending::Cancelled { SpanStatus::Cancelled } else { SpanStatus::Abandoned };
            self.push(session, at.max(began), Some(span), What::Closed { span, status, code: None, began });
        }
        let (status, code, state) = match (ending, turn.failure) {
            (Ending::Done, None) => (SpanStatus::Ok, None, Some(State::Completed)),
            (Ending::Done, Some(code)) => (SpanStatus::Error, Some(code), Some(State::Failed)),
            (Ending::Failed(code), noted) => (SpanStatus::Error, code.or(noted), Some(State::Failed)),
            (Ending::Cancelled, _) => (SpanStatus::Cancelled, None, Some(State::Cancelled)),
            (Ending::LeftOpen, _) => (SpanStatus::Abandoned, None, None),
        };
        let (span, began) = (turn.span, turn.began);
        self.push(session, at, Some(span), What::Closed { span, status, code, began });
        if let Some(state) = state {
            self.push(session, at, Some(span), What::Ended { trace: turn.trace, state, span, began });
        }
    }

    /// Tells that a tool was called.
    pub(super) fn call(&mut self, session: &Id, at: Timestamp, id: &str, mut tool: Tool<'static>, agent: Option<&str>) {
        let parent = self.turn(session);
        let span = span_of(&[b"call", session.as_str().as_bytes(), id.as_bytes()]);
        let name = tool.name.clone().unwrap_or_default().into_owned();
        tool.call_id = Some(id.to_owned().into());
        let tag = (!name.is_empty()).then(|| format!("tool:{name}"));
        self.push(session, at, Some(span), What::Opened { span, kind: SpanKind::ToolCall, name, parent, tag });
        let mut facts = Facts::new(self.source, Work::ToolCall);
        facts.agent = agent.map(|agent| agent.to_owned().into());
        facts.tool = Some(tool);
        let calls = &mut self.sessions.entry(session.clone()).or_default().calls;
        if calls.len() >= MAX_CALLS {
            // Nobody waits for so many answers: these will not come.
            self.waiting_bytes -= calls.values().map(Call::bytes).sum::<usize>();
            calls.clear();
        }
        let mut call = Call { at, span, is_closed: false, facts };
        if self.waiting_bytes + call.bytes() > MAX_WAITING_BYTES
            && let Some(tool) = &mut call.facts.tool
        {
            tool.arguments = None;
        }
        self.waiting_bytes += call.bytes();
        if let Some(before) = calls.insert(id.to_owned(), call) {
            self.waiting_bytes -= before.bytes();
        }
    }

    /// The name of the tool that an open call calls.
    pub(super) fn tool_of(&self, session: &Id, id: &str) -> Option<&str> {
        self.sessions.get(session)?.calls.get(id)?.facts.tool.as_ref()?.name.as_deref()
    }

    /// Tells what a tool answered, and gives the time at which it was called. A call that the file does not hold
    /// began when it was answered, as far as anybody can say.
    pub(super) fn answer(&mut self, session: &Id, at: Timestamp, id: &str, answer: Answer) -> Timestamp {
        let call = self.sessions.get_mut(session).and_then(|thread| thread.calls.remove(id));
        let is_known = call.is_some();
        self.waiting_bytes -= call.as_ref().map_or(0, Call::bytes);
        let call = call.unwrap_or_else(|| {
            let mut facts = Facts::new(self.source, Work::ToolCall);
            facts.tool = Some(Tool { call_id: Some(id.to_owned().into()), ..Tool::default() });
            let span = span_of(&[b"call", session.as_str().as_bytes(), id.as_bytes()]);
            Call { at, span, is_closed: true, facts }
        });
        let Call { at: began, span, is_closed, mut facts } = call;
        let Answer { result, ok, failure } = answer;
        if let Some(tool) = &mut facts.tool {
            tool.result = result.map(Into::into);
            tool.ok = ok;
        }
        let status = match (&failure, ok) {
            (Some(failure), _) if failure.cancelled => SpanStatus::Cancelled,
            (Some(_), _) | (None, Some(false)) => SpanStatus::Error,
            (None, _) => SpanStatus::Ok,
        };
        let code = failure.as_ref().and_then(|failure| failure.code.as_deref()).map(str::to_owned);
        facts.failure = failure;
        let at = at.max(began);
        self.push(session, at, is_known.then_some(span), What::ToolCall { facts: Box::new(facts), began });
        if !is_closed {
            self.push(session, at, Some(span), What::Closed { span, status, code, began });
        }
        began
    }

    /// Takes what a model used. Lines that tell of one response count once, as the one with most tokens says.
    pub(super) fn respond(&mut self, session: &Id, at: Timestamp, key: &str, facts: Facts<'static>) {
        let tokens = facts.usage.as_ref().map_or(0, |usage: &Usage| usage.input.saturating_add(usage.output));
        let span = self.turn(session);
        let thread = self.sessions.entry(session.clone()).or_default();
        match &mut thread.response {
            Some(held) if held.key == key => {
                if tokens > held.tokens {
                    (held.at, held.tokens, held.facts) = (at, tokens, facts);
                }
            }
            other => {
                let before = other.replace(Response { key: key.to_owned(), at, span, tokens, facts });
                self.charge(session, before, false);
            }
        }
    }

    /// Tells what a model used, where each response is told once.
    pub(super) fn use_model(&mut self, session: &Id, at: Timestamp, facts: Facts<'static>, is_copy: bool) {
        let (key, span) = (facts.response_id.clone().unwrap_or_default().into_owned(), self.turn(session));
        self.charge(session, Some(Response { key, at, span, tokens: u64::MAX, facts }), is_copy);
    }

    fn charge(&mut self, session: &Id, response: Option<Response>, is_copy: bool) {
        let Some(Response { key, at, span, tokens, facts }) = response else { return };
        let known = ids::short_key(About::Inference, &[session.as_str().as_bytes(), key.as_bytes()]);
        if self.charged.get(&known).is_some_and(|most| *most >= tokens) {
            return;
        }
        self.charged.put(known, tokens);
        self.push(session, at, span, What::Inference { facts: Box::new(facts), is_copy });
    }

    /// Tells what is known at the end of the file: responses that nothing followed, and turns that are over.
    pub(super) fn end(&mut self) {
        let mut all: Vec<Id> = self.sessions.keys().cloned().collect();
        all.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        for session in all {
            let response = self.sessions.get_mut(&session).and_then(|thread| thread.response.take());
            self.charge(&session, response, false);
            self.settle(&session, false);
        }
    }

    /// Ends the present turn if it is over; if it is not, only where something else begins.
    fn settle(&mut self, session: &Id, begins_other: bool) {
        let Some(turn) = self.sessions.get(session).and_then(|thread| thread.turn.as_ref()) else { return };
        let (last, is_over) = (turn.last, turn.is_over);
        if is_over {
            self.finish(session, last, Ending::Done);
        } else if begins_other {
            self.finish(session, last, Ending::LeftOpen);
        }
    }

    fn turn(&self, session: &Id) -> Option<SpanId> {
        Some(self.sessions.get(session)?.turn.as_ref()?.span)
    }

    fn push(&mut self, session: &Id, at: Timestamp, span: Option<SpanId>, what: What) {
        self.told.push(Told { source: self.source, session: session.clone(), at, span, what });
    }
}

fn span_of(parts: &[&[u8]]) -> SpanId {
    let hash = ids::digest(About::Opened, parts);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    // One hash in 2^64 is all zeros.
    SpanId::from_bytes(bytes).or_else(|| SpanId::from_bytes([1; 8])).unwrap_or_else(|| unreachable!("not zeros"))
}
