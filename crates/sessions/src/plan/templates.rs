//! Rights and means of sessions and of the roles that they spawn, and the templates that this makes.

use std::collections::BTreeMap;

use flightrec_events::Id;
use toml::Spanned;

use super::ceilings::Budget;
use super::errors::Report;
use super::fields::Span;
use super::names;
use super::roles::{Role, RoleFields};
use super::tools::{self, RUN_COMMAND};
use crate::spec::SessionSpec;

/// The most templates of one plan: each session holds those of its roles, level by level.
const MOST_TEMPLATES: u64 = 16_384;

/// What a plan offers to tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// No directory.
    Nothing,
    /// A directory.
    Files,
    /// A directory, and programs that may run there.
    FilesAndPrograms,
}

/// Checks what a role or a session asks for: against itself, and against what its children ask for.
pub(super) fn check(
    what: &str,
    span: &Span,
    fields: &RoleFields,
    roles: &BTreeMap<Id, Role>,
    offer: Offer,
    report: &mut Report<'_>,
) {
    for tool in fields.tools.iter().flatten() {
        check_offer(tool, offer, report);
    }
    for approval in fields.approvals.iter().flatten() {
        let tools = fields.tools.as_deref().unwrap_or_default();
        if !tools.iter().any(|tool| tool.get_ref() == approval.get_ref()) {
            let name = names::quoted(approval.get_ref().as_str());
            let mut told = report.error(approval.span(), format!("{name} is to be approved, but is no tool of {what}"));
            if let Some(list) = names::listed(tools.iter().map(|tool| tool.get_ref().as_str())) {
                told.help(format!("its tools are {list}"));
            }
        }
    }
    check_own_capabilities(what, fields, report);
    for spawned in fields.spawned() {
        match roles.get(spawned.get_ref()) {
            None => {
                let known = ("roles", roles.keys().map(Id::as_str));
                report.unknown(spawned.span(), "role", spawned.get_ref().as_str(), known);
            }
            Some(child) if child.is_sound => check_child((what, span, fields), (spawned, child), report),
            Some(_) => {}
        }
    }
}

fn check_offer(tool: &Spanned<Id>, offer: Offer, report: &mut Report<'_>) {
    let name = tool.get_ref().as_str();
    if tools::capability_of(tool.get_ref()).is_none() {
        return;
    }
    match offer {
        Offer::Nothing => {
            report
                .error(tool.span(), format!("tool `{name}` needs a [workspace], and the plan has none"))
                .help("[workspace] with directory = \".\", which is where the plan lies");
        }
        Offer::Files if name == RUN_COMMAND => {
            report
                .error(tool.span(), "tool `run_command` has nothing to run: the [workspace] allows no `commands`")
                .help("commands = [\"ls\", \"git status\"]");
        }
        Offer::Files | Offer::FilesAndPrograms => {}
    }
}

fn check_own_capabilities(what: &str, fields: &RoleFields, report: &mut Report<'_>) {
    let Some(written) = &fields.capabilities else { return };
    for (capability, needed_by, _) in fields.needed() {
        if !written.get_ref().iter().any(|granted| granted.get_ref().as_str() == capability) {
            report
                .error(
                    written.span(),
                    format!("{needed_by} of {what} needs `{capability}`, which its `capabilities` lack"),
                )
                .help("add it, or leave `capabilities` out: then each has what its tools need");
        }
    }
}

/// A child has no rights and no means that its parent has not.
fn check_child(
    (parent, parent_span, given): (&str, &Span, &RoleFields),
    (spawned, child): (&Spanned<Id>, &Role),
    report: &mut Report<'_>,
) {
    let role = format!("role {}", names::quoted(spawned.get_ref().as_str()));
    let by = format!("{parent} spawns it: line {}", report.line(spawned.span().start));
    let parent_has = given.granted();
    for capability in child.fields.granted() {
        if parent_has.contains(&capability) {
            continue;
        }
        let asked_at = place_of(&child.fields, &capability).unwrap_or_else(|| child.span.clone());
        let place = match &given.capabilities {
            Some(written) => report.line(written.span().start),
            None => report.line(parent_span.start),
        };
        report.error(asked_at, format!("{role} may `{capability}`, but its parent, {parent}, may not")).help(&by).help(
            format!("add `{capability}` to the `capabilities` of {parent} (line {place}), or take it from the child"),
        );
    }
    let (Some(of_parent), Some(of_child)) = (&given.budget, &child.fields.budget) else { return };
    for (is_more, at, key) in more(of_parent, of_child) {
        if is_more {
            report
                .error(at, format!("{role} has a larger budget of `{key}` than its parent, {parent}"))
                .help(&by)
                .help("what a child spends counts for its parent too: the parent's budget would always end it first");
        }
    }
}

fn more(parent: &Budget, child: &Budget) -> [(bool, Span, &'static str); 2] {
    let beyond = |child: Option<u64>, parent: Option<u64>| matches!((child, parent), (Some(c), Some(p)) if c > p);
    [
        (beyond(child.options.tokens, parent.options.tokens), child.tokens_at.clone(), "tokens"),
        (beyond(child.options.cost_nanos, parent.options.cost_nanos), child.cost_at.clone(), "cost_usd"),
    ]
}

/// Where a role asks for a capability.
fn place_of(fields: &RoleFields, capability: &Id) -> Option<Span> {
    let written = fields.capabilities.iter().flat_map(Spanned::get_ref);
    let by_name = written.filter(|one| one.get_ref() == capability).map(Spanned::span).next();
    let by_need = || fields.needed().into_iter().find(|(needed, ..)| *needed == capability.as_str());
    by_name.or_else(|| by_need().map(|(.., span)| span))
}

/// Makes sessions of roles, with the roles that they spawn as templates of one level each.
#[derive(Debug)]
pub(super) struct Templates<'r> {
    roles: &'r BTreeMap<Id, Role>,
    depth: u32,
    /// How many templates each role is, itself included, with as many levels below it as may be.
    sizes: BTreeMap<&'r Id, u64>,
    room: u64,
}

impl<'r> Templates<'r> {
    /// `depth` is how deep children may lie. Templates go one level deeper, so that a session at the limit can still
    /// ask, and the refusal is on record.
    pub(super) fn new(roles: &'r BTreeMap<Id, Role>, depth: u32) -> Self {
        let mut sizes: BTreeMap<&Id, u64> = BTreeMap::new();
        for _ in 0..=depth {
            let below = |spawned: &Spanned<Id>| sizes.get(spawned.get_ref()).copied().unwrap_or(0);
            let size = |role: &Role| role.fields.spawned().iter().map(below).fold(1, u64::saturating_add);
            sizes = roles.iter().map(|(name, role)| (name, size(role))).collect();
        }
        Self { roles, depth, sizes, room: MOST_TEMPLATES }
    }

    /// The roles that a session may spawn, ready to be started `instances` times over.
    pub(super) fn of(
        &mut self,
        fields: &RoleFields,
        instances: usize,
        report: &mut Report<'_>,
    ) -> BTreeMap<Id, SessionSpec> {
        let spawned = fields.spawned();
        let Some(first) = spawned.first() else { return BTreeMap::new() };
        let size = |spawned: &Spanned<Id>| self.sizes.get(spawned.get_ref()).copied().unwrap_or(0);
        let wanted = spawned.iter().map(size).fold(0, u64::saturating_add).saturating_mul(instances as u64);
        if wanted > self.room {
            report
                .error(
                    first.span(),
                    format!("roles spawn each other in too many ways: the plan would need more than {MOST_TEMPLATES} templates"),
                )
                .help("lower `spawn_depth` in [limits], or list fewer roles in `spawns`");
            return BTreeMap::new();
        }
        self.room -= wanted;
        self.level(spawned, self.depth)
    }

    fn level(&self, spawned: &[Spanned<Id>], levels: u32) -> BTreeMap<Id, SessionSpec> {
        let template = |name: &Spanned<Id>| {
            let (name, role) = self.roles.get_key_value(name.get_ref())?;
            let mut spec = role.fields.spec(name, role.fields.model.as_ref()?.get_ref());
            if let Some(less) = levels.checked_sub(1) {
                spec.spawns = self.level(role.fields.spawned(), less);
            }
            Some((name.clone(), spec))
        };
        spawned.iter().filter_map(template).collect()
    }

    /// Every role that sessions with these roles can come to spawn.
    pub(super) fn reachable(&self, spawned: &[Spanned<Id>]) -> Vec<&'r Id> {
        let mut reached: Vec<&Id> = Vec::new();
        let mut next: Vec<&Id> = spawned.iter().map(Spanned::get_ref).collect();
        while let Some(name) = next.pop() {
            let Some((name, role)) = self.roles.get_key_value(name) else { continue };
            if !reached.contains(&name) {
                reached.push(name);
                next.extend(role.fields.spawned().iter().map(Spanned::get_ref));
            }
        }
        reached
    }
}
