//! The simple model that the recorder is held to: a list of what was acknowledged, and answers that are computed from
//! that list by the plainest code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flightrec_recorder::events::families::work::LlmInference;
use flightrec_recorder::events::{CheckedEvent, Id, Payload, Rule, SpanId, State, Usd};
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::{Mode, Reader};

/// One event as it was sent, and as the record must hold it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) sent: CheckedEvent,
    pub(crate) kept: CheckedEvent,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) state: State,
    pub(crate) created: bool,
}

/// What the record must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) log: Vec<Sent>,
    pub(crate) lives: BTreeMap<String, Life>,
}

impl Model {
    /// The verdict on one event: its rule if it must be rejected.
    pub(crate) fn judge(&self, event: &CheckedEvent, mode: Mode) -> Result<bool, Rule> {
        if let Some(held) = self.log.iter().find(|held| held.sent.event_id == event.event_id) {
            return if held.sent == *event { Ok(false) } else { Err(Rule::EventIdConflict) };
        }
        let life = event.model_session_id.as_ref().and_then(|id| self.lives.get(id.as_str()));
        let is_creation = matches!(event.payload, Payload::SessionCreated(_));
        if mode == Mode::Lenient {
            return Ok(true);
        }
        let over = life.is_some_and(|life| life.state.is_terminal());
        let created = life.is_some_and(|life| life.created);
        let Some(life) = life.filter(|_| created || is_creation) else {
            return if is_creation { Ok(true) } else { Err(Rule::UnknownSession) };
        };
        if is_creation && created {
            return Err(Rule::IllegalTransition);
        }
        let starts = is_creation || matches!(event.payload, Payload::SpanOpened(_) | Payload::SessionStateChange(_));
        if over && starts {
            return Err(Rule::AfterTerminal);
        }
        if let Payload::SessionStateChange(change) = &event.payload
            && (change.from_state != life.state
                || change.to_state == change.from_state
                || change.to_state == State::Created)
        {
            return Err(Rule::IllegalTransition);
        }
        Ok(true)
    }

    pub(crate) fn take(&mut self, event: Sent) {
        if let Some(id) = &event.sent.model_session_id {
            let life =
                self.lives.entry(id.as_str().to_owned()).or_insert(Life { state: State::Created, created: false });
            let over = life.state.is_terminal();
            life.created |= matches!(event.sent.payload, Payload::SessionCreated(_));
            if let Payload::SessionStateChange(change) = &event.sent.payload
                && !over
            {
                life.state = change.to_state;
            }
        }
        self.log.push(event);
    }

    fn of<'a>(&'a self, session: &'a str) -> impl Iterator<Item = &'a CheckedEvent> {
        self.log
            .iter()
            .map(|event| &event.kept)
            .filter(move |event| event.model_session_id.as_ref().is_some_and(|id| id.as_str() == session))
    }

    /// Input tokens, nano-dollars, unpriced runs and runs by session: each response once, with its strongest report;
    /// each span without responses once.
    fn usage(&self) -> BTreeMap<&str, (u64, u128, u64, u64)> {
        let reports: Vec<(&CheckedEvent, &LlmInference)> = self
            .log
            .iter()
            .filter_map(|event| {
                let Payload::LlmInference(inference) = &event.kept.payload else { return None };
                Some((&event.kept, inference))
            })
            .collect();
        let named: BTreeSet<SpanId> = reports
            .iter()
            .filter(|(_, report)| report.request_id.is_some())
            .filter_map(|(event, _)| event.activity_span_id)
            .collect();
        let mut groups: BTreeMap<String, Vec<(&CheckedEvent, &LlmInference)>> = BTreeMap::new();
        for (number, (event, report)) in reports.into_iter().enumerate() {
            let key = match (&report.request_id, event.activity_span_id) {
                (Some(request), _) => format!("response {}", request.as_str()),
                (None, Some(span)) if named.contains(&span) => continue,
                (None, Some(span)) => format!("span {span}"),
                (None, None) => format!("alone {number}"),
            };
            groups.entry(key).or_default().push((event, report));
        }
        let mut sums: BTreeMap<&str, (u64, u128, u64, u64)> = BTreeMap::new();
        for group in groups.values() {
            let strongest = group.iter().max_by_key(|(event, report)| {
                let usage = &report.token_usage;
                let tokens = usage.prompt_tokens.get() + usage.completion_tokens.get();
                (tokens, report.cost_usd.is_some(), std::cmp::Reverse((event.timestamp, event.event_id)))
            });
            let (event, report) = strongest.expect("no group is empty");
            let sum = sums.entry(event.model_session_id.as_ref().expect("it has one").as_str()).or_default();
            sum.0 += report.token_usage.prompt_tokens.get();
            sum.1 += u128::from(report.cost_usd.map_or(0, Usd::nanos));
            sum.2 += u64::from(report.cost_usd.is_none());
            sum.3 += 1;
        }
        sums
    }

    fn parent_of<'a>(&'a self, session: &'a str) -> Option<&'a str> {
        let created = self.of(session).find_map(|event| {
            let Payload::SessionCreated(created) = &event.payload else { return None };
            Some(created)
        });
        created?.parent_session_id.as_ref().map(Id::as_str)
    }

    fn inclusive(&self, session: &str, own: &BTreeMap<&str, (u64, u128, u64, u64)>) -> u128 {
        let children = self.lives.keys().filter(|id| self.parent_of(id) == Some(session));
        own.get(session).map_or(0, |sum| sum.1) + children.map(|id| self.inclusive(id, own)).sum::<u128>()
    }

    /// Holds every answer of a reader to the list.
    pub(crate) fn check(&self, reader: &Reader) {
        let mut own_events = 0;
        let mut kept = self.log.iter();
        for (seq, recorded) in (1..).zip(reader.events(&EventFilter::default())) {
            let recorded = recorded.expect("a sound disk reads");
            assert_eq!(recorded.seq, seq, "the positions have no gap");
            if matches!(recorded.event.payload, Payload::RecorderRecovered(_)) {
                own_events += 1;
                continue;
            }
            let wanted = kept.next().unwrap_or_else(|| panic!("event {seq} was invented: {:?}", recorded.event));
            assert_eq!(recorded.event, wanted.kept, "event {seq} is as it was sent");
        }
        assert_eq!(kept.count(), 0, "every acknowledged event is there");
        assert_eq!(reader.event_count(), self.log.len() as u64 + own_events);
        let usage = self.usage();
        let views = reader.sessions(&SessionFilter::default());
        assert_eq!(views.len(), self.lives.len());
        for view in views {
            let id = &*view.session_id;
            let life = self.lives[id];
            assert_eq!((view.state, view.role.is_some()), (life.state, life.created), "{id}");
            let messages = self.of(id).filter(|event| matches!(event.payload, Payload::SessionMessage(_))).count();
            assert_eq!(view.messages, messages as u64, "messages of {id}");
            let (input, nanos, unpriced, runs) = usage.get(id).copied().unwrap_or_default();
            let found = (view.tokens.input, view.cost.own_nanos, view.cost.unpriced_runs, view.model_runs);
            assert_eq!(found, (input, nanos, unpriced, runs), "usage of {id}");
            assert_eq!(view.cost.inclusive_nanos, self.inclusive(id, &usage), "cost of {id} and below");
            assert_eq!(view.parent_session_id.as_deref(), self.parent_of(id));
            let filter = EventFilter::of_session(Arc::clone(&view.session_id));
            assert_eq!(reader.events(&filter).count(), self.of(id).count(), "events of {id}");
        }
    }
}
