//! From a text to a plan: section by section, then everything against everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_events::{Id, Label};
use toml::Spanned;
use toml::de::DeValue;

use super::contents::{Model, Plan, PlannedSession, PlannedWorkspace, Provider};
use super::errors::{PlanErrors, Report};
use super::fields::Fields;
use super::roles::{Role, roles};
use super::scripts::{self, Cast};
use super::sessions::{Entry, Meant, directory, entries};
use super::templates::{self, Offer, Templates};
use super::{ceilings, endpoints, order, syntax};

pub(super) const SECTIONS: &[&str] =
    &["plan", "limits", "budgets", "providers", "models", "workspace", "roles", "sessions", "scripts"];
pub(super) const PLAN_KEYS: &[&str] = &["name", "description", "wp_id", "seed"];
pub(super) const WORKSPACE_KEYS: &[&str] = &["directory", "commands"];

impl Plan {
    /// Reads a plan and checks it whole. Nothing is opened: neither files nor environment variables.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place, if anything is. Where the text is no TOML, that alone.
    pub fn parse(text: &str) -> Result<Self, PlanErrors> {
        let mut report = Report::new(text);
        let plan = syntax::read(text, &mut report).and_then(|root| read(&root, &mut report));
        report.finish()?;
        Ok(plan.unwrap_or_else(|| unreachable!("a plan that cannot be made is told why")))
    }
}

/// What `[plan]` says.
struct Head {
    name: Option<Id>,
    description: Option<Arc<str>>,
    wp_id: Option<Id>,
    seed: Option<u64>,
}

fn read<'a>(root: &'a Spanned<DeValue<'a>>, report: &mut Report<'_>) -> Option<Plan> {
    let root = Fields::open(report, "the plan", root, SECTIONS)?;
    let head = head(&root, report);
    let providers = endpoints::providers(&root, report);
    let mut limits = ceilings::limits(&root, &providers, report);
    let budgeted = ceilings::budgets(&root, &mut limits, report);
    let models = endpoints::models(&root, &providers, report);
    let workspace = workspace(&root, report);
    let offer = match &workspace {
        // One that is there but wrong was told: its tools are not blamed as well.
        None if root.has("workspace") => Offer::FilesAndPrograms,
        None => Offer::Nothing,
        Some(workspace) if workspace.commands.is_empty() => Offer::Files,
        Some(_) => Offer::FilesAndPrograms,
    };
    let roles = roles(&root, report);
    let entries = entries(&root, &roles, report);
    let scripts = scripts::scripts(&root, report);

    check_models(&roles, &entries, &models, report);
    check_rights(&roles, &entries, offer, report);
    check_live(&root, &entries, limits.live_sessions, report);
    check_work_packets(&budgeted, head.wp_id.as_ref(), &entries, report);
    let directory = directory(&entries, report);
    let waits = order::waits(&entries, &directory, report);
    let order = order::in_order(&entries, &waits, report);
    let mut templates = Templates::new(&roles, limits.spawn_depth);
    let cast = Cast { entries: &entries, roles: &roles, models: &models, providers: &providers };
    scripts::check(&scripts, &cast, &templates, report);

    let sessions = planned(&entries, &order, &waits, head.wp_id.as_ref(), &mut templates, report);
    let scripts = scripts::by_label(scripts, &sessions, &roles, report);
    let sessions = sessions.into_iter().map(|(session, _)| session).collect();
    let Head { name, description, wp_id, seed } = head;
    let providers: Option<BTreeMap<Id, Provider>> = whole(providers);
    let models: Option<BTreeMap<Id, Model>> = whole(models);
    Some(Plan {
        name: name?,
        description,
        wp_id,
        seed,
        limits,
        providers: providers?,
        models: models?,
        workspace,
        sessions,
        scripts,
    })
}

fn whole<T>(parts: BTreeMap<Id, Option<T>>) -> Option<BTreeMap<Id, T>> {
    parts.into_iter().map(|(name, part)| Some((name, part?))).collect()
}

fn head(root: &Fields<'_>, report: &mut Report<'_>) -> Head {
    let mut head = Head { name: None, description: None, wp_id: None, seed: None };
    root.require(report, "plan", "begin with [plan] and name = \"…\"");
    let Some(value) = root.value("plan") else { return head };
    let Some(fields) = Fields::open(report, "`plan`", value, PLAN_KEYS) else { return head };
    fields.require(report, "name", "name = \"…\"");
    head.name = fields.id(report, "name").map(Spanned::into_inner);
    head.description = fields.shared_text(report, "description");
    head.wp_id = fields.id(report, "wp_id").map(Spanned::into_inner);
    head.seed = fields.number(report, "seed", 0..=i64::MAX.unsigned_abs());
    head
}

fn workspace(root: &Fields<'_>, report: &mut Report<'_>) -> Option<PlannedWorkspace> {
    let fields = Fields::open(report, "`workspace`", root.value("workspace")?, WORKSPACE_KEYS)?;
    fields.require(report, "directory", "directory = \".\" is where the plan lies");
    let directory = fields.text(report, "directory");
    let commands = fields.texts(report, "commands").unwrap_or_default();
    Some(PlannedWorkspace {
        directory: (*directory?.get_ref()).to_owned(),
        commands: commands.iter().map(|command| (*command.get_ref()).to_owned()).collect(),
    })
}

fn check_models(
    roles: &BTreeMap<Id, Role>,
    entries: &[Entry],
    models: &BTreeMap<Id, Option<Model>>,
    report: &mut Report<'_>,
) {
    let of_roles = roles.values().map(|role| &role.fields);
    for fields in of_roles.chain(entries.iter().map(|entry| &entry.fields)) {
        if let Some(model) = &fields.model {
            endpoints::check_model(models, model, report);
        }
    }
}

fn check_rights(roles: &BTreeMap<Id, Role>, entries: &[Entry], offer: Offer, report: &mut Report<'_>) {
    for (name, role) in roles.iter().filter(|(_, role)| role.is_sound) {
        let what = format!("role {}", super::names::quoted(name.as_str()));
        templates::check(&what, &role.span, &role.fields, roles, offer, report);
    }
    for entry in entries.iter().filter(|entry| entry.is_sound && entry.has_own_rights) {
        templates::check(&entry.what, &entry.span, &entry.fields, roles, offer, report);
    }
}

/// All sessions of a plan are there from its start, those that wait for others too.
fn check_live(root: &Fields<'_>, entries: &[Entry], live_sessions: usize, report: &mut Report<'_>) {
    let wanted: usize = entries.iter().map(|entry| entry.instances.len()).sum();
    if wanted > live_sessions {
        let message = format!("the plan has {wanted} sessions, and `live_sessions` allows {live_sessions}");
        report.error(root.place("limits"), message).help("raise it in [limits], and leave room for spawned ones");
    }
}

/// A budget for a work packet that no session has is a slip of the pen.
fn check_work_packets(budgeted: &[Spanned<Id>], of_plan: Option<&Id>, entries: &[Entry], report: &mut Report<'_>) {
    let mut used: Vec<&str> =
        of_plan.into_iter().chain(entries.iter().filter_map(|e| e.wp_id.as_ref())).map(Id::as_str).collect();
    used.sort_unstable();
    used.dedup();
    for name in budgeted {
        if !used.contains(&name.get_ref().as_str()) {
            report
                .unknown(name.span(), "work packet", name.get_ref().as_str(), ("work packets", used.iter().copied()))
                .help("a work packet is what a session, or [plan] for all of them, names as `wp_id`");
        }
    }
}

/// The sessions in their order, with templates of what they spawn.
fn planned<'e>(
    entries: &'e [Entry],
    order: &[usize],
    waits: &[order::Waits],
    wp_of_plan: Option<&Id>,
    templates: &mut Templates<'_>,
    report: &mut Report<'_>,
) -> Vec<(PlannedSession, &'e Entry)> {
    let mut first: Vec<usize> = vec![0; entries.len()];
    let mut planned: Vec<(PlannedSession, &Entry)> = Vec::new();
    for place in order {
        let entry = &entries[*place];
        first[*place] = planned.len();
        let (Some(role), Some(model)) = (&entry.role, &entry.fields.model) else { continue };
        let spawns = templates.of(&entry.fields, entry.instances.len(), report);
        let places = |meant: &[Meant]| -> Vec<usize> {
            let mut places: Vec<usize> = meant
                .iter()
                .flat_map(|meant| {
                    let of_entry = first[meant.entry];
                    match meant.instance {
                        Some(instance) => of_entry + instance..of_entry + instance + 1,
                        None => of_entry..of_entry + entries[meant.entry].instances.len(),
                    }
                })
                .collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        let (after, input_from) = (places(&waits[*place].after), places(&waits[*place].input_from));
        let mut spec = entry.fields.spec(role.get_ref(), model.get_ref());
        spec.prompt.clone_from(&entry.prompt);
        spec.wp_id = entry.wp_id.as_ref().or(wp_of_plan).cloned();
        spec.mt_id.clone_from(&entry.mt_id);
        spec.spawns = spawns;
        for name in &entry.instances {
            let label = entry.label.clone().or_else(|| Label::new(name.as_str()).ok());
            let session = PlannedSession {
                name: name.clone(),
                spec: crate::spec::SessionSpec { label, ..spec.clone() },
                prompt_file: entry.prompt_file.clone(),
                after: after.clone(),
                input_from: input_from.clone(),
                line: report.line(entry.span.start),
            };
            planned.push((session, entry));
        }
    }
    planned
}
