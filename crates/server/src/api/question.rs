//! A request with its parameters, read by name.

use std::sync::Arc;

use flightrec_events::Timestamp;
use flightrec_recorder::Reader;

use crate::app::App;
use crate::problem::Problem;
use crate::routes::{Found, Parameter, Route};

/// A request with its parameters. Only parameters that the table of routes names are let in.
pub(crate) struct Question {
    /// The server.
    pub(crate) app: Arc<App>,
    /// The present time.
    pub(crate) now: Timestamp,
    /// What is asked.
    pub(crate) route: &'static Route,
    path: Vec<(&'static str, String)>,
    query: Vec<(&'static Parameter, String)>,
}

impl Question {
    /// Reads the parameters of a request.
    pub(crate) fn new(app: Arc<App>, found: Found, query: Option<&str>) -> Result<Self, Problem> {
        let mut known = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
            let parameter = found.route.parameters().find(|parameter| parameter.name == name).ok_or_else(|| {
                let names: Vec<&str> = found.route.parameters().map(|parameter| parameter.name).collect();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Problem::parameter(&shortened(&name), format!("there is no such parameter here; known are: {known}"))
            })?;
            let is_first = !known.iter().any(|(other, _): &(&Parameter, String)| other.name == parameter.name);
            if !is_first && !parameter.repeats {
                return Err(Problem::parameter(parameter.name, "given more than once"));
            }
            known.push((parameter, value.into_owned()));
        }
        let now = app.options.clock.now();
        Ok(Self { app, now, route: found.route, path: found.captures, query: known })
    }

    /// Answers about everything that is durable.
    pub(crate) fn reader(&self) -> &Reader {
        self.app.recorder.reader()
    }

    /// A part of the path.
    pub(crate) fn place(&self, name: &str) -> &str {
        self.path.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    /// A parameter as it was given; an empty one counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, value)| found.name == name && !value.is_empty()).map(|(_, value)| &**value)
    }

    /// A parameter, read.
    pub(crate) fn read<T, E: std::fmt::Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        self.text(name).map(|text| read(text).map_err(|message| Problem::parameter(name, message))).transpose()
    }

    /// All values of a parameter that may be repeated, or separated by commas.
    pub(crate) fn words<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        let given = self.query.iter().filter(move |(found, _)| found.name == name);
        given.flat_map(|(_, value)| value.split(',')).filter(|word| !word.is_empty())
    }

    /// All that was given, the parts of the path first, each with its name.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let path = self.path.iter().map(|(name, value)| (*name, value.as_str()));
        path.chain(self.query.iter().map(|(parameter, value)| (parameter.name, value.as_str())))
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        self.read(name, |text| text.parse::<u64>().map_err(|_| "expected a whole number"))
    }
}

/// A name that somebody made up, short enough to be repeated to them.
fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}
