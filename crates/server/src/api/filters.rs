//! Parameters that several questions share; the same as on the command line.

use std::collections::HashSet;
use std::sync::Arc;

use flightrec_events::{Backend, Registry, State, Timestamp};
use flightrec_recorder::query::{SessionFilter, SessionOrder};

use super::Question;
use crate::problem::Problem;
use crate::times::When;

/// Which sessions a question is about.
pub(super) fn sessions(question: &Question) -> Result<SessionFilter, Problem> {
    let states = question.words("state").map(|word| {
        State::from_word(&word.to_ascii_uppercase()).ok_or_else(|| {
            let words: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
            Problem::parameter("state", format!("no such state; use one of {}", words.join(", ")))
        })
    });
    let backend = question.read("backend", |word| {
        Backend::from_word(&word.to_ascii_lowercase()).ok_or("no such backend; use local or cloud")
    })?;
    let text = |name| question.text(name).map(str::to_owned);
    Ok(SessionFilter {
        states: states.collect::<Result<_, _>>()?,
        role: text("role"),
        model: text("model"),
        wp: text("wp"),
        backend,
        ..SessionFilter::default()
    })
}

/// From when until when.
pub(super) fn range(question: &Question) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let at = |name| question.read(name, |text| Ok::<_, String>(When::parse(text)?.resolve(question.now)));
    let (since, until) = (at("since")?, at("until")?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Problem::parameter("since", format!("{since} is not before until, {until}")));
    }
    Ok((since, until))
}

/// The order of sessions.
pub(super) fn order(question: &Question) -> Result<SessionOrder, Problem> {
    let order = question.read("sort", |word| {
        Ok(match word {
            "created" => SessionOrder::Created,
            "updated" => SessionOrder::Updated,
            "cost" => SessionOrder::Cost,
            "tokens" => SessionOrder::Tokens,
            "elapsed" => SessionOrder::Elapsed,
            "role" => SessionOrder::Role,
            "state" => SessionOrder::State,
            _ => return Err("no such order; use one of created, updated, cost, tokens, elapsed, role, state"),
        })
    })?;
    Ok(order.unwrap_or_default())
}

/// One session, those that pass a filter, or all.
pub(super) struct Scope {
    /// The one session that was named, by its whole id.
    pub(super) session: Option<Arc<str>>,
    /// The ids under which its events were recorded.
    named: HashSet<Arc<str>>,
    passing: Option<HashSet<Arc<str>>>,
}

impl Scope {
    /// What was asked for: the session of the path or of the parameter, and the filters.
    pub(super) fn of(question: &Question) -> Result<Self, Problem> {
        let reader = question.reader();
        let named = Some(question.place("id")).filter(|id| !id.is_empty()).or_else(|| question.text("session"));
        let session = named.map(|prefix| reader.resolve(prefix)).transpose()?;
        let mut scope = Self { session, named: HashSet::new(), passing: None };
        scope.refresh(question)?;
        Ok(scope)
    }

    /// Looks again which sessions pass the filters, after more has been recorded.
    pub(super) fn refresh(&mut self, question: &Question) -> Result<(), Problem> {
        let reader = question.reader();
        self.named = self.session.iter().flat_map(|session| reader.ids_of(session)).collect();
        let filter = sessions(question)?;
        if filter != SessionFilter::default() {
            let passing = reader.sessions(&filter);
            self.passing = Some(passing.iter().flat_map(|session| reader.ids_of(&session.session_id)).collect());
        }
        Ok(())
    }

    /// Whether something of this session is wanted.
    pub(super) fn takes(&self, session: Option<&str>) -> bool {
        let named = self.session.is_none() || session.is_some_and(|session| self.named.contains(session));
        named && self.passing.as_ref().is_none_or(|passing| session.is_some_and(|session| passing.contains(session)))
    }
}

/// The codes and types that words name: one each, or all that begin so with a `*` at the end.
pub(super) fn kinds(registry: &Registry, question: &Question) -> Result<Vec<String>, Problem> {
    let mut kinds = Vec::new();
    for word in question.words("kind") {
        let named = registry.named(word);
        if named.is_empty() {
            return Err(Problem::parameter("kind", "no kind of event is called so: name a code or a type"));
        }
        kinds.extend(named);
    }
    Ok(kinds)
}
