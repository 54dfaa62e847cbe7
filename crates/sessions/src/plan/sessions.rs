//! The sessions of a plan as they are written, and their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_events::{Id, Label};
use toml::Spanned;
use toml::de::{DeArray, DeValue};

use super::errors::Report;
use super::fields::{Fields, MAX_LIST, Span, kind};
use super::names;
use super::roles::{ROLE_KEYS, Role, RoleFields};

/// The most sessions that a plan starts.
pub const MAX_SESSIONS: usize = 1_024;

/// What a session may say beside the keys of its role.
pub(super) const OWN_KEYS: &[&str] =
    &["name", "role", "prompt", "prompt_file", "label", "wp_id", "mt_id", "after", "input_from", "count"];

/// All that a session may say: its own keys, then those of a role.
pub(super) const SESSION_KEYS: &[&str] = &joined();

const fn joined() -> [&'static str; OWN_KEYS.len() + ROLE_KEYS.len()] {
    let mut keys = [""; OWN_KEYS.len() + ROLE_KEYS.len()];
    let mut at = 0;
    while at < keys.len() {
        keys[at] = if at < OWN_KEYS.len() { OWN_KEYS[at] } else { ROLE_KEYS[at - OWN_KEYS.len()] };
        at += 1;
    }
    keys
}

/// One `[[sessions]]`: one session, or as many like it as its `count` says.
#[derive(Debug)]
pub(super) struct Entry {
    /// How messages call it.
    pub(super) what: String,
    pub(super) span: Span,
    pub(super) name: Option<Spanned<Id>>,
    pub(super) role: Option<Spanned<Id>>,
    /// Its own fields, the role's where it has none.
    pub(super) fields: RoleFields,
    /// Whether it asks for other rights or means than its role.
    pub(super) has_own_rights: bool,
    pub(super) is_sound: bool,
    pub(super) prompt: Option<Arc<str>>,
    pub(super) prompt_file: Option<String>,
    pub(super) label: Option<Label>,
    pub(super) wp_id: Option<Id>,
    pub(super) mt_id: Option<Id>,
    pub(super) after: Vec<Spanned<Id>>,
    pub(super) input_from: Vec<Spanned<Id>>,
    /// The names of the sessions that it stands for.
    pub(super) instances: Vec<Id>,
}

/// Reads all `[[sessions]]`.
pub(super) fn entries(root: &Fields<'_>, roles: &BTreeMap<Id, Role>, report: &mut Report<'_>) -> Vec<Entry> {
    let Some(value) = root.value("sessions") else {
        report.error(0..0, "the plan starts no session").help("add one: [[sessions]] with `name`, `role` and `prompt`");
        return Vec::new();
    };
    let DeValue::Array(items) = value.get_ref() else {
        let found = kind(value.get_ref());
        report
            .error(root.place("sessions"), format!("`sessions` must be a list of tables, found {found}"))
            .help("write [[sessions]] with two brackets before each");
        return Vec::new();
    };
    read_all(items, roles, report)
}

fn read_all<'a>(items: &'a DeArray<'a>, roles: &BTreeMap<Id, Role>, report: &mut Report<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut room = MAX_SESSIONS;
    for (index, item) in items.iter().enumerate() {
        if room == 0 {
            report.error(item.span(), format!("a plan has at most {MAX_SESSIONS} sessions, all `count`s included"));
            break;
        }
        if let Some(entry) = read(index, item, roles, &mut room, report) {
            entries.push(entry);
        }
    }
    entries
}

fn read<'a>(
    index: usize,
    item: &'a Spanned<DeValue<'a>>,
    roles: &BTreeMap<Id, Role>,
    room: &mut usize,
    report: &mut Report<'_>,
) -> Option<Entry> {
    let before = report.count();
    let written = item.get_ref().get("name").and_then(|name| name.get_ref().as_str());
    let what = match written {
        Some(name) => format!("session {}", names::quoted(name)),
        None => format!("session {} of the plan", index + 1),
    };
    let fields = Fields::open(report, what, item, SESSION_KEYS)?;
    fields.require(report, "name", "name = \"…\", which no other session has");
    fields.require(report, "role", "role = \"NAME\" of one of the [roles.NAME]");
    let name = fields.id(report, "name");
    let role = fields.id(report, "role");
    let mut is_sound = true;
    let mut own = RoleFields::read(&fields, report);
    let has_own_rights = own.asks_for_rights();
    if let Some(named) = &role {
        if let Some(role) = roles.get(named.get_ref()) {
            is_sound = role.is_sound;
            own = own.over(&role.fields);
        } else {
            let known = ("roles", roles.keys().map(Id::as_str));
            report.unknown(named.span(), "role", named.get_ref().as_str(), known);
        }
    }
    let instances = instances(&fields, name.as_ref(), room, report);
    let entry = Entry {
        name,
        role,
        fields: own,
        has_own_rights,
        prompt: fields.shared_text(report, "prompt"),
        prompt_file: fields.text(report, "prompt_file").map(|file| (*file.get_ref()).to_owned()),
        label: label(&fields, report),
        wp_id: fields.id(report, "wp_id").map(Spanned::into_inner),
        mt_id: fields.id(report, "mt_id").map(Spanned::into_inner),
        after: fields.ids(report, "after").unwrap_or_default(),
        input_from: fields.ids(report, "input_from").unwrap_or_default(),
        is_sound: false,
        instances,
        span: fields.span.clone(),
        what: fields.what.clone(),
    };
    check_input(&fields, report);
    Some(Entry { is_sound: is_sound && report.count() == before, ..entry })
}

fn label(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Label> {
    let text = fields.text(report, "label")?;
    match Label::new(*text.get_ref()) {
        Ok(label) => Some(label),
        Err(violation) => {
            report.error(text.span(), format!("`label`: {}", violation.message));
            None
        }
    }
}

/// A session of a plan gets input from nobody else: one without any would wait for ever.
fn check_input(fields: &Fields<'_>, report: &mut Report<'_>) {
    match (fields.has("prompt"), fields.has("prompt_file")) {
        (true, true) => {
            report.error(fields.place("prompt_file"), "`prompt` and `prompt_file` exclude each other");
        }
        (false, false) if !fields.has("input_from") => {
            report
                .error(fields.span.clone(), format!("{} has no input, it would wait for ever", fields.what))
                .help("give it a `prompt`, a `prompt_file` or an `input_from`");
        }
        _ => {}
    }
}

/// The names of the sessions that an entry stands for.
fn instances(fields: &Fields<'_>, name: Option<&Spanned<Id>>, room: &mut usize, report: &mut Report<'_>) -> Vec<Id> {
    let count = fields.number(report, "count", 1..=MAX_SESSIONS as u64);
    let Some(name) = name else { return Vec::new() };
    let wanted = count.map_or(1, |count| count as usize);
    if wanted > *room {
        let message = format!("a plan has at most {MAX_SESSIONS} sessions, all `count`s included");
        report.error(fields.place("count"), message);
    }
    let taken = wanted.min(*room);
    *room -= taken;
    if count.is_none() {
        return vec![name.get_ref().clone()];
    }
    let numbered: Result<Vec<Id>, _> = (1..=taken).map(|n| Id::new(format!("{}-{n}", name.get_ref()))).collect();
    numbered.unwrap_or_else(|violation| {
        report.error(name.span(), format!("`name` with a number behind it: {}", violation.message));
        Vec::new()
    })
}

/// Which sessions a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meant {
    /// The place of the entry.
    pub(super) entry: usize,
    /// Which of its instances; all if none is given.
    pub(super) instance: Option<usize>,
}

/// All names that `after` and `input_from` can use; tells those that two sessions have.
pub(super) fn directory(entries: &[Entry], report: &mut Report<'_>) -> BTreeMap<Id, Meant> {
    let mut directory: BTreeMap<Id, Meant> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        let Some(name) = &entry.name else { continue };
        let whole = (name.get_ref(), Meant { entry: place, instance: None });
        let numbered = entry.instances.iter().enumerate().filter(|(_, instance)| *instance != name.get_ref());
        let numbered = numbered.map(|(n, instance)| (instance, Meant { entry: place, instance: Some(n) }));
        for (taken, meant) in std::iter::once(whole).chain(numbered) {
            let Some(other) = directory.get(taken) else {
                directory.insert(taken.clone(), meant);
                continue;
            };
            let first = &entries[other.entry];
            let line = report.line(first.name.as_ref().map_or(first.span.start, |name| name.span().start));
            let called = names::quoted(taken.as_str());
            report.error(name.span(), format!("two sessions are called {called}, the other one in line {line}"));
            break;
        }
    }
    directory
}

/// The most names that one session waits for.
const _: () = assert!(MAX_LIST >= MAX_SESSIONS, "a session may wait for all others");
