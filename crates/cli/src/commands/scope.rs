//! Which sessions a list of events, spans or messages is about.

use std::collections::HashSet;
use std::sync::Arc;

use flightrec_events::Registry;
use flightrec_recorder::Reader;

use super::Run;
use crate::args::SessionFilters;
use crate::exit::Failure;

/// One session, those that pass a filter, or all.
pub(crate) struct Scope {
    /// The one session that was named, by its whole id.
    pub(crate) session: Option<Arc<str>>,
    /// The ids under which its events were recorded.
    named: HashSet<Arc<str>>,
    passing: Option<HashSet<Arc<str>>>,
}

impl Scope {
    /// What the user asked for.
    pub(crate) fn new(
        run: &Run,
        reader: &Reader,
        session: Option<&str>,
        filters: &SessionFilters,
    ) -> Result<Self, Failure> {
        let session = session.map(|prefix| run.store.resolve(reader, prefix)).transpose()?;
        let mut scope = Self { session, named: HashSet::new(), passing: None };
        scope.refresh(reader, filters);
        Ok(scope)
    }

    /// Looks again which sessions pass the filters, after the reader has seen more.
    pub(crate) fn refresh(&mut self, reader: &Reader, filters: &SessionFilters) {
        self.named = self.session.iter().flat_map(|session| reader.ids_of(session)).collect();
        if !filters.is_open() {
            let passing = reader.sessions(&filters.filter());
            self.passing = Some(passing.iter().flat_map(|session| reader.ids_of(&session.session_id)).collect());
        }
    }

    /// Whether something of this session is wanted.
    pub(crate) fn takes(&self, session: Option<&str>) -> bool {
        let named = self.session.is_none() || session.is_some_and(|session| self.named.contains(session));
        named && self.passing.as_ref().is_none_or(|passing| session.is_some_and(|session| passing.contains(session)))
    }
}

/// The codes and types that the user's words name: one each, or all that begin so with a `*` at the end.
pub(crate) fn kinds(registry: &Registry, words: &[String]) -> Result<Vec<String>, Failure> {
    let mut kinds = Vec::new();
    for word in words {
        let named = registry.named(word);
        if named.is_empty() {
            return Err(Failure::usage(format!(
                "no kind of event is called `{word}`: `flightrec schema` lists codes and types"
            )));
        }
        kinds.extend(named);
    }
    Ok(kinds)
}
