//! A session as tracks: its states, its spans, what its jobs waited for, its cost and its tokens so far.

use flightrec_events::{SpanKind, State, Timestamp};
use flightrec_recorder::lanes::{HandoverKind, HandoverView, LaneView, WaitKind, WaitView};
use flightrec_recorder::view::{ModelRunView, SpanView, StateChangeView};

use super::super::rows::{Edge, Stretch, of_spans, rows};
use super::proto::{
    COUNTER, CounterDescriptor, DebugAnnotation, EXPLICIT, INSTANT, ProcessDescriptor, SLICE_BEGIN, SLICE_END,
    TracePacket, TrackDescriptor, TrackEvent, dollars, number, text,
};

/// All packets are of one sequence: the format asks for its number.
const SEQUENCE: u32 = 1;

/// Tracks of one session are numbered from a multiple of this, so that they are never those of another.
const TRACKS_PER_SESSION: u64 = 1 << 20;

/// The tracks of one session, as packets.
#[derive(Debug)]
pub(super) struct Tracks {
    /// The number of its own track; those below count on from it.
    own: u64,
    used: u64,
    packets: Vec<TracePacket>,
}

/// Where a session's track hangs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hangs {
    /// It stands alone, as a process: Perfetto's word for what stands on the left.
    Alone,
    /// Below the track of the session that spawned it.
    Below(u64),
}

/// The number of a session's own track, from its place among all.
pub(super) const fn own_track(place: usize) -> u64 {
    (place as u64 + 1) * TRACKS_PER_SESSION
}

impl Tracks {
    /// The track of a session by its place.
    pub(super) fn new(place: usize, name: &str, hangs: Hangs) -> Self {
        let own = own_track(place);
        let mut descriptor = TrackDescriptor {
            uuid: Some(own),
            name: Some(name.to_owned()),
            child_ordering: Some(EXPLICIT),
            sibling_order_rank: Some(i32::try_from(place).unwrap_or(i32::MAX)),
            ..TrackDescriptor::default()
        };
        match hangs {
            Hangs::Alone => {
                let pid = i32::try_from(place + 1).unwrap_or(i32::MAX);
                descriptor.process = Some(ProcessDescriptor { pid: Some(pid), process_name: Some(name.to_owned()) });
            }
            Hangs::Below(parent) => descriptor.parent_uuid = Some(parent),
        }
        let mut tracks = Self { own, used: 0, packets: Vec::new() };
        tracks.describe(descriptor);
        tracks
    }

    /// More for a track that was described already.
    pub(super) const fn at(place: usize) -> Self {
        Self { own: own_track(place), used: 0, packets: Vec::new() }
    }

    /// The packets, descriptors before what is on their tracks.
    pub(super) fn into_packets(self) -> Vec<TracePacket> {
        self.packets
    }

    fn describe(&mut self, descriptor: TrackDescriptor) {
        self.packets.push(TracePacket {
            track_descriptor: Some(descriptor),
            trusted_packet_sequence_id: Some(SEQUENCE),
            ..TracePacket::default()
        });
    }

    /// A track below the session's own. Children that are sessions come behind all of these.
    fn below(&mut self, name: &str, counter: Option<&str>) -> u64 {
        self.used += 1;
        let uuid = self.own + self.used;
        self.describe(TrackDescriptor {
            uuid: Some(uuid),
            name: Some(name.to_owned()),
            parent_uuid: Some(self.own),
            counter: counter.map(|unit| CounterDescriptor { unit_name: Some(unit.to_owned()) }),
            sibling_order_rank: Some(i32::try_from(self.used).unwrap_or(i32::MAX) - i32::MAX),
            ..TrackDescriptor::default()
        });
        uuid
    }

    fn event(&mut self, track: u64, at: Timestamp, event: TrackEvent) {
        self.packets.push(TracePacket {
            timestamp: Some(nanos_of(at)),
            trusted_packet_sequence_id: Some(SEQUENCE),
            track_event: Some(TrackEvent { track_uuid: Some(track), ..event }),
            ..TracePacket::default()
        });
    }

    fn end(&mut self, track: u64, at: Timestamp) {
        self.event(track, at, TrackEvent { r#type: Some(SLICE_END), ..TrackEvent::default() });
    }

    /// The states of the session as slices of its own track: each until the next, the last until the session ended.
    pub(super) fn states(&mut self, lane: &LaneView) {
        let session = &lane.session;
        let first = session.created_at.map(|at| (at, State::Created, None));
        let steps = lane.states.iter().map(|step| (step.timestamp, step.to_state, Some(step)));
        let mut steps: Vec<(Timestamp, State, Option<&StateChangeView>)> = first.into_iter().chain(steps).collect();
        steps.sort_by_key(|(at, ..)| *at);
        for (n, (at, state, step)) in steps.iter().enumerate() {
            let mut facts = Vec::new();
            if n == 0 {
                facts.push(text("session_id", &*session.session_id));
                let words = [
                    ("role", &session.role),
                    ("model_id", &session.model_id),
                    ("provider", &session.provider),
                    ("wp_id", &session.wp_id),
                    ("label", &session.label),
                ];
                facts.extend(words.into_iter().filter_map(|(name, word)| Some(text(name, word.as_deref()?))));
                facts.push(dollars("own_cost_usd", session.cost.own_nanos));
                facts.push(dollars("inclusive_cost_usd", session.cost.inclusive_nanos));
                facts.push(number("unpriced_runs", session.cost.unpriced_runs));
            }
            facts.extend(step.map(|step| text("reason", step.reason.as_str())));
            facts.extend(step.map(|step| number("seq", step.seq)));
            let is_end = state.is_terminal();
            let kind = if is_end { INSTANT } else { SLICE_BEGIN };
            self.event(self.own, *at, slice(kind, state.as_str(), "state", facts));
            let until = steps.get(n + 1).map(|(next, ..)| *next).or(session.ended_at);
            if let Some(until) = until.filter(|_| !is_end) {
                self.end(self.own, until.max(*at));
            }
        }
    }

    /// The spans, on as many tracks as it takes for none to cross another. The session's own is the session.
    pub(super) fn spans(&mut self, spans: &[SpanView]) {
        for (n, edges) in rows(of_spans(spans)).into_iter().enumerate() {
            let name = if n == 0 { "spans".to_owned() } else { format!("spans beside them {n}") };
            let track = self.below(&name, None);
            for edge in edges {
                match edge {
                    Edge::Begin(span, at) => self.event(track, at, of_span(&spans[span])),
                    Edge::End(_, at) => self.end(track, at),
                }
            }
        }
    }

    /// The waits, on a track for the queue and one for what a limit held: colours follow their names.
    pub(super) fn waits(&mut self, waits: &[WaitView]) {
        for (kind, name) in [(WaitKind::Queue, "queue"), (WaitKind::Hold, "held by limits")] {
            let of_kind: Vec<&WaitView> = waits.iter().filter(|wait| wait.kind == kind).collect();
            let stretches =
                of_kind.iter().enumerate().map(|(n, wait)| Stretch { span: n, start: wait.start, end: wait.end });
            for edges in rows(stretches.collect()) {
                let track = self.below(name, None);
                for edge in edges {
                    match edge {
                        Edge::Begin(wait, at) => self.event(track, at, of_wait(of_kind[wait])),
                        Edge::End(_, at) => self.end(track, at),
                    }
                }
            }
        }
    }

    /// Cost and tokens so far, a step for each model run. Runs without a price have a counter of their own.
    pub(super) fn counters(&mut self, runs: &[ModelRunView]) {
        if runs.is_empty() {
            return;
        }
        let mut runs: Vec<&ModelRunView> = runs.iter().collect();
        runs.sort_by_key(|run| run.timestamp);
        let cost = self.below("cost so far", Some("USD"));
        let mut nanos: u128 = 0;
        for run in &runs {
            nanos += u128::from(run.cost_nanos.unwrap_or(0));
            self.count(cost, run.timestamp, None, Some(nanos as f64 / 1e9));
        }
        let tokens = self.below("tokens so far", Some("tokens"));
        let mut sum: u64 = 0;
        for run in &runs {
            sum = sum.saturating_add(run.tokens.total);
            self.count(tokens, run.timestamp, i64::try_from(sum).ok(), None);
        }
        if runs.iter().any(|run| run.cost_nanos.is_none()) {
            let unpriced = self.below("unpriced runs so far", Some("runs"));
            for (n, run) in (1..).zip(runs.iter().filter(|run| run.cost_nanos.is_none())) {
                self.count(unpriced, run.timestamp, Some(n), None);
            }
        }
    }

    fn count(&mut self, track: u64, at: Timestamp, counter_value: Option<i64>, double_counter_value: Option<f64>) {
        let event = TrackEvent { r#type: Some(COUNTER), counter_value, double_counter_value, ..TrackEvent::default() };
        self.event(track, at, event);
    }

    /// One end of work that passed between sessions: the flow has the position of its event as its id.
    pub(super) fn handover(&mut self, handover: &HandoverView, is_given: bool) {
        let name = match (handover.kind, is_given) {
            (HandoverKind::Spawn, true) => "spawns",
            (HandoverKind::Spawn, false) => "is spawned",
            (HandoverKind::AnnounceBack, true) => "announces its result",
            (HandoverKind::AnnounceBack, false) => "gets a result",
        };
        let other = if is_given { &handover.to_session_id } else { &handover.from_session_id };
        let mut event =
            slice(INSTANT, name, "handover", vec![text("session_id", &**other), number("seq", handover.seq)]);
        if is_given {
            event.flow_ids.push(handover.seq);
        } else {
            event.terminating_flow_ids.push(handover.seq);
        }
        self.event(self.own, handover.at, event);
    }
}

fn slice(kind: i32, name: &str, category: &str, facts: Vec<DebugAnnotation>) -> TrackEvent {
    TrackEvent {
        r#type: Some(kind),
        name: Some(name.to_owned()),
        categories: vec![category.to_owned()],
        debug_annotations: facts,
        ..TrackEvent::default()
    }
}

fn of_span(span: &SpanView) -> TrackEvent {
    let kind = span.kind.map_or("span", SpanKind::as_str);
    let mut facts = vec![text("span_id", span.span_id.to_string())];
    facts.extend(span.trace_id.map(|id| text("trace_id", id.to_string())));
    facts.extend(span.model_id.as_deref().map(|model| text("model_id", model)));
    facts.extend(span.job_id.as_deref().map(|job| text("job_id", job)));
    facts.push(text("status", span.status.map_or("open", flightrec_events::SpanStatus::as_str)));
    facts.extend(span.error_code.as_deref().map(|code| text("error_code", code)));
    facts.extend(span.tokens_in.map(|tokens| number("tokens_in", tokens)));
    facts.extend(span.tokens_out.map(|tokens| number("tokens_out", tokens)));
    facts.extend(span.cost_nanos.map(|nanos| dollars("cost_usd", nanos.into())));
    if !span.tags.is_empty() {
        facts.push(text("tags", span.tags.join(", ")));
    }
    slice(SLICE_BEGIN, span.name.as_deref().unwrap_or(kind), kind, facts)
}

fn of_wait(wait: &WaitView) -> TrackEvent {
    let (name, category) = match wait.kind {
        WaitKind::Queue => ("queued".to_owned(), "queue"),
        WaitKind::Hold => (format!("held by {}", wait.limit.as_deref().unwrap_or("a limit")), "rate_limit"),
    };
    let mut facts = vec![text("job_id", &*wait.job_id), number("seq", wait.seq)];
    facts.extend(wait.provider.as_deref().map(|provider| text("provider", provider)));
    facts.extend(wait.reason.as_deref().map(|reason| text("reason", reason)));
    facts.extend(wait.backoff_ms.map(|ms| number("backoff_ms", ms)));
    slice(SLICE_BEGIN, &name, category, facts)
}

/// Nanoseconds since 1970; times before it are not drawn earlier than that.
pub(super) fn nanos_of(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(0).saturating_mul(1_000)
}
