//! What scripted models say, and who has which script.

use std::collections::{BTreeMap, BTreeSet};

use flightrec_events::{Id, Label};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, Error, ValueDeserializer};

use super::contents::{Model, PlannedSession, Provider, ProviderKind};
use super::errors::Report;
use super::fields::{Fields, Span, kind};
use super::names;
use super::roles::Role;
use super::sessions::Entry;
use super::templates::Templates;
use crate::scripted::{Script, Scripts, Step};

/// The most scripts.
const MOST_SCRIPTS: usize = 1_024;

/// The most steps of one.
const MOST_STEPS: usize = 1_024;

/// The most bytes that all copies of scripts have together: sessions of one `count` each get their own.
const MOST_COPIED_BYTES: usize = 16 << 20;

/// The script of whoever has no other.
const DEFAULT: &str = "default";

pub(super) const SCRIPT_KEYS: &[&str] = &["steps"];

/// The scripts of a plan, by name.
pub(super) type Written = BTreeMap<Id, WrittenScript>;

/// One script as it is written.
#[derive(Debug)]
pub(super) struct WrittenScript {
    name_at: Span,
    bytes: usize,
    /// None if there is an error in it.
    script: Option<Script>,
}

/// Reads `[scripts.NAME]`.
pub(super) fn scripts(root: &Fields<'_>, report: &mut Report<'_>) -> Written {
    root.named(report, "scripts", MOST_SCRIPTS)
        .into_iter()
        .map(|(name, value)| {
            let what = format!("script {}", names::quoted(name.get_ref().as_str()));
            let script = Fields::open(report, what, value, SCRIPT_KEYS);
            let bytes = value.get_ref().get("steps").map_or(0, |steps| steps.span().len());
            let script = script.and_then(|fields| script_of(&fields, report));
            let written = WrittenScript { name_at: name.span(), bytes, script };
            (name.into_inner(), written)
        })
        .collect()
}

fn script_of(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Script> {
    fields.require(report, "steps", "steps = [ { text = \"…\" } ]: what the model says, run by run");
    let value = fields.value("steps")?;
    let DeValue::Array(items) = value.get_ref() else {
        let found = kind(value.get_ref());
        report.error(value.span(), format!("`steps` must be a list of tables, found {found}"));
        return None;
    };
    if items.is_empty() || items.len() > MOST_STEPS {
        let message = format!("a script has 1 to {MOST_STEPS} steps, {} has {}", fields.what, items.len());
        report.error(value.span(), message);
        return None;
    }
    let steps: Vec<Option<Step>> = items
        .iter()
        .map(|item| {
            let step = Step::deserialize(ValueDeserializer::from(item.clone()));
            step.map_err(|error| tell(&error, item, report)).ok()
        })
        .collect();
    Some(Script::of(steps.into_iter().collect::<Option<Vec<Step>>>()?))
}

/// Says what serde says, with the nearest of the words that it lists.
fn tell(error: &Error, item: &Spanned<DeValue<'_>>, report: &mut Report<'_>) {
    let span = error.span().unwrap_or_else(|| item.span());
    let quoted: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
    let unknown = [("unknown field", "key"), ("unknown variant", "word")]
        .into_iter()
        .find(|(begin, _)| error.message().starts_with(begin));
    match (unknown, quoted.as_slice()) {
        (Some((_, what)), [name, known @ ..]) if !known.is_empty() => {
            report.unknown(span, what, name, ("allowed", known.iter().copied()));
        }
        _ => {
            report.error(span, format!("in a step: {}", error.message()));
        }
    }
}

/// Whose scripts are looked for.
pub(super) struct Cast<'p> {
    pub(super) entries: &'p [Entry],
    pub(super) roles: &'p BTreeMap<Id, Role>,
    pub(super) models: &'p BTreeMap<Id, Option<Model>>,
    pub(super) providers: &'p BTreeMap<Id, Option<Provider>>,
}

impl Cast<'_> {
    fn is_scripted(&self, model: &Id) -> bool {
        let model = self.models.get(model).and_then(Option::as_ref);
        let provider = model.and_then(|model| self.providers.get(&model.provider)).and_then(Option::as_ref);
        provider.is_some_and(|provider| provider.kind == ProviderKind::Scripted)
    }
}

/// Tells scripts that nobody plays, and players that have none.
pub(super) fn check(written: &Written, cast: &Cast<'_>, templates: &Templates<'_>, report: &mut Report<'_>) {
    let mut players: BTreeSet<&str> = [DEFAULT].into();
    players.extend(cast.roles.keys().map(Id::as_str));
    for entry in cast.entries {
        players.extend(entry.instances.iter().map(Id::as_str));
        players.extend(entry.name.iter().map(|name| name.get_ref().as_str()));
        players.extend(entry.label.iter().map(Label::as_str));
    }
    for (name, script) in written {
        if !players.contains(name.as_str()) {
            report
                .unknown(
                    script.name_at.clone(),
                    "session or role",
                    name.as_str(),
                    ("there are", players.iter().copied()),
                )
                .help("a script has the name of the session or of the role that plays it, or `default`");
        }
    }
    let is_written = |name: &str| written.keys().any(|script| script.as_str() == name);
    if is_written(DEFAULT) {
        return;
    }
    for entry in cast.entries {
        let Some(role) = &entry.role else { continue };
        let is_scripted = entry.fields.model.as_ref().is_some_and(|model| cast.is_scripted(model.get_ref()));
        let names = [entry.label.as_ref().map(Label::as_str), entry.name.as_ref().map(|name| name.get_ref().as_str())];
        let has_own = names.into_iter().flatten().any(is_written)
            || entry.instances.iter().all(|instance| is_written(instance.as_str()));
        if is_scripted && !has_own && !is_written(role.get_ref().as_str()) {
            report.error(entry.span.clone(), format!("{} has a scripted model and no script", entry.what)).help(
                format!("add [scripts.NAME] with its name, with that of its role, {}, or `default`", role.get_ref()),
            );
        }
    }
    let spawned: Vec<Spanned<Id>> = cast.entries.iter().flat_map(|entry| entry.fields.spawned().to_vec()).collect();
    for name in templates.reachable(&spawned) {
        let role = &cast.roles[name];
        let is_scripted = role.fields.model.as_ref().is_some_and(|model| cast.is_scripted(model.get_ref()));
        if is_scripted && !is_written(name.as_str()) {
            let told = names::quoted(name.as_str());
            report
                .error(role.span.clone(), format!("role {told} is spawned, has a scripted model and no script"))
                .help(format!("add [scripts.{name}], or [scripts.default]"));
        }
    }
}

/// The scripts by the names that the scripted client looks for: a session's label, its role, `default`.
///
/// A script that is named like a session is put under that session's label too.
pub(super) fn by_label(
    written: Written,
    sessions: &[(PlannedSession, &Entry)],
    roles: &BTreeMap<Id, Role>,
    report: &mut Report<'_>,
) -> Scripts {
    let mut copies: BTreeMap<&str, &Id> = BTreeMap::new();
    let mut room = MOST_COPIED_BYTES;
    for (session, entry) in sessions {
        let Some(label) = session.spec.label.as_ref().map(Label::as_str) else { continue };
        let find = |name: &str| written.iter().find(|(script, _)| script.as_str() == name);
        if find(label).is_some() {
            continue;
        }
        let own = find(session.name.as_str()).or_else(|| find(entry.name.as_ref()?.get_ref().as_str()));
        let Some((name, script)) = own else { continue };
        let is_taken = copies.get(label).is_some_and(|other| *other != name)
            || label == DEFAULT
            || roles.keys().any(|role| role.as_str() == label);
        if is_taken {
            let message = format!("the label of {} is that of others, who play other scripts", entry.what);
            report.error(entry.span.clone(), message).help("scripts are looked up by label: choose one of its own");
        } else if script.bytes > room {
            report
                .error(script.name_at.clone(), "this script is too long for so many sessions")
                .help("name it like their role: then they share it");
            break;
        } else if copies.insert(label, name).is_none() {
            room -= script.bytes;
        }
    }
    let renamed: Vec<(String, Script)> = copies
        .into_iter()
        .filter_map(|(label, name)| Some((label.to_owned(), written.get(name)?.script.clone()?)))
        .collect();
    let named = written.into_iter().filter_map(|(name, written)| Some((name.as_str().to_owned(), written.script?)));
    named.chain(renamed).collect()
}
