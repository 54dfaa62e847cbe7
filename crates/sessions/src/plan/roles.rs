//! Roles: what sessions of one kind have in common, and what a session says otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flightrec_events::{Id, Lane, MemoryPolicy, RetryBackoff, SpawnMode};
use toml::Spanned;

use super::ceilings::{BUDGET_KEYS, Budget, MOST_TOKENS, budget};
use super::errors::Report;
use super::fields::{Fields, Span};
use super::names;
use super::tools;
use crate::spec::{JobOptions, SPAWN, SessionSpec};

/// The most roles.
const MOST_ROLES: usize = 256;

/// A day: nothing that a session waits for takes longer.
const MOST_MS: u64 = 86_400_000;

/// What a role may say; a session may say all of it too.
pub(super) const ROLE_KEYS: &[&str] = &[
    "model",
    "instructions",
    "tools",
    "capabilities",
    "approvals",
    "budget",
    "lane",
    "priority",
    "concurrency_group",
    "max_retries",
    "retry_backoff",
    "backoff_base_ms",
    "timeout_ms",
    "tool_timeout_ms",
    "max_tokens_budget",
    "estimated_cost_usd",
    "max_runs",
    "max_output_tokens",
    "memory_policy",
    "mode",
    "spawns",
    "max_spawns",
];

/// The fields of a role or a session, as far as they are given.
#[derive(Debug, Clone, Default)]
pub(super) struct RoleFields {
    pub(super) model: Option<Spanned<Id>>,
    instructions: Option<Arc<str>>,
    pub(super) tools: Option<Vec<Spanned<Id>>>,
    pub(super) capabilities: Option<Spanned<Vec<Spanned<Id>>>>,
    pub(super) approvals: Option<Vec<Spanned<Id>>>,
    pub(super) budget: Option<Budget>,
    lane: Option<Lane>,
    priority: Option<u32>,
    concurrency_group: Option<Id>,
    max_retries: Option<u32>,
    retry_backoff: Option<RetryBackoff>,
    backoff_base_ms: Option<u64>,
    timeout_ms: Option<u64>,
    tool_timeout_ms: Option<u64>,
    max_tokens_budget: Option<u64>,
    estimated_cost_nanos: Option<u64>,
    max_runs: Option<u32>,
    max_output_tokens: Option<u64>,
    memory_policy: Option<MemoryPolicy>,
    mode: Option<SpawnMode>,
    pub(super) spawns: Option<Vec<Spanned<Id>>>,
    max_spawns: Option<u32>,
}

impl RoleFields {
    /// Reads the keys that a role and a session share.
    pub(super) fn read(fields: &Fields<'_>, report: &mut Report<'_>) -> Self {
        let written_tools = fields.ids(report, "tools");
        for tool in written_tools.iter().flatten() {
            tools::check(tool, report);
        }
        let capabilities = fields.ids(report, "capabilities");
        for capability in capabilities.iter().flatten() {
            tools::check_capability(capability, report);
        }
        let budget = fields.table(report, "budget", BUDGET_KEYS).map(|fields| budget(&fields, report));
        Self {
            model: fields.id(report, "model"),
            instructions: fields.shared_text(report, "instructions"),
            tools: written_tools,
            capabilities: capabilities.map(|names| Spanned::new(fields.place("capabilities"), names)),
            approvals: fields.ids(report, "approvals"),
            budget,
            lane: fields.word(report, "lane", Lane::ALL, Lane::as_str),
            priority: fields.small(report, "priority", 0..=u32::from(u8::MAX)),
            concurrency_group: fields.id(report, "concurrency_group").map(Spanned::into_inner),
            max_retries: fields.small(report, "max_retries", 0..=100),
            retry_backoff: fields.word(report, "retry_backoff", RetryBackoff::ALL, RetryBackoff::as_str),
            backoff_base_ms: fields.number(report, "backoff_base_ms", 1..=60_000),
            timeout_ms: fields.number(report, "timeout_ms", 1..=MOST_MS),
            tool_timeout_ms: fields.number(report, "tool_timeout_ms", 1..=MOST_MS),
            max_tokens_budget: fields.number(report, "max_tokens_budget", 1..=MOST_TOKENS),
            estimated_cost_nanos: fields.dollars(report, "estimated_cost_usd", true),
            max_runs: fields.small(report, "max_runs", 1..=10_000),
            max_output_tokens: fields.number(report, "max_output_tokens", 1..=MOST_TOKENS),
            memory_policy: fields.word(report, "memory_policy", MemoryPolicy::ALL, MemoryPolicy::as_str),
            mode: fields.word(report, "mode", SpawnMode::ALL, SpawnMode::as_str),
            spawns: fields.ids(report, "spawns"),
            max_spawns: fields.small(report, "max_spawns", 1..=1_024),
        }
    }

    /// What a session says, and for the rest what its role says. Lists and budgets are replaced whole.
    pub(super) fn over(self, role: &Self) -> Self {
        Self {
            model: self.model.or_else(|| role.model.clone()),
            instructions: self.instructions.or_else(|| role.instructions.clone()),
            tools: self.tools.or_else(|| role.tools.clone()),
            capabilities: self.capabilities.or_else(|| role.capabilities.clone()),
            approvals: self.approvals.or_else(|| role.approvals.clone()),
            budget: self.budget.or_else(|| role.budget.clone()),
            lane: self.lane.or(role.lane),
            priority: self.priority.or(role.priority),
            concurrency_group: self.concurrency_group.or_else(|| role.concurrency_group.clone()),
            max_retries: self.max_retries.or(role.max_retries),
            retry_backoff: self.retry_backoff.or(role.retry_backoff),
            backoff_base_ms: self.backoff_base_ms.or(role.backoff_base_ms),
            timeout_ms: self.timeout_ms.or(role.timeout_ms),
            tool_timeout_ms: self.tool_timeout_ms.or(role.tool_timeout_ms),
            max_tokens_budget: self.max_tokens_budget.or(role.max_tokens_budget),
            estimated_cost_nanos: self.estimated_cost_nanos.or(role.estimated_cost_nanos),
            max_runs: self.max_runs.or(role.max_runs),
            max_output_tokens: self.max_output_tokens.or(role.max_output_tokens),
            memory_policy: self.memory_policy.or(role.memory_policy),
            mode: self.mode.or(role.mode),
            spawns: self.spawns.or_else(|| role.spawns.clone()),
            max_spawns: self.max_spawns.or(role.max_spawns),
        }
    }

    /// Whether the session asks for other rights or means than its role.
    pub(super) fn asks_for_rights(&self) -> bool {
        self.tools.is_some()
            || self.capabilities.is_some()
            || self.approvals.is_some()
            || self.spawns.is_some()
            || self.budget.is_some()
    }

    /// The roles that it may spawn.
    pub(super) fn spawned(&self) -> &[Spanned<Id>] {
        self.spawns.as_deref().unwrap_or_default()
    }

    /// What it may do: what is written, or else what its tools need, and [`SPAWN`] if it spawns.
    pub(super) fn granted(&self) -> Vec<Id> {
        if let Some(written) = &self.capabilities {
            return written.get_ref().iter().map(|capability| capability.get_ref().clone()).collect();
        }
        self.needed().into_iter().map(|(capability, ..)| crate::words::id(capability)).collect()
    }

    /// The capabilities that its tools and its spawning need: each with what needs it, and where that stands.
    pub(super) fn needed(&self) -> Vec<(&'static str, String, Span)> {
        let of_tools = self.tools.iter().flatten().filter_map(|tool| {
            let capability = tools::capability_of(tool.get_ref())?;
            Some((capability, format!("tool {}", names::quoted(tool.get_ref().as_str())), tool.span()))
        });
        let of_spawns = self.spawned().first().map(|role| (SPAWN, "`spawns`".to_owned(), role.span()));
        of_tools.chain(of_spawns).collect()
    }

    /// The session that these fields describe, without the roles that it spawns.
    pub(super) fn spec(&self, role: &Id, model: &Id) -> SessionSpec {
        let usual = SessionSpec::new(role.clone(), model.clone());
        let ms = |given: Option<u64>, usual: Duration| given.map_or(usual, Duration::from_millis);
        let names = |list: &Option<Vec<Spanned<Id>>>| -> Vec<Id> {
            list.iter().flatten().map(|name| name.get_ref().clone()).collect()
        };
        SessionSpec {
            instructions: self.instructions.clone(),
            mode: self.mode.unwrap_or(usual.mode),
            memory_policy: self.memory_policy.unwrap_or(usual.memory_policy),
            lane: self.lane.unwrap_or(usual.lane),
            jobs: JobOptions {
                priority: self.priority.map_or(usual.jobs.priority, |priority| priority as u8),
                concurrency_group: self.concurrency_group.clone(),
                max_retries: self.max_retries.unwrap_or(usual.jobs.max_retries),
                retry_backoff: self.retry_backoff.unwrap_or(usual.jobs.retry_backoff),
                backoff_base: ms(self.backoff_base_ms, usual.jobs.backoff_base),
                timeout: ms(self.timeout_ms, usual.jobs.timeout),
                tool_timeout: ms(self.tool_timeout_ms, usual.jobs.tool_timeout),
                max_tokens_budget: self.max_tokens_budget,
                estimated_cost_nanos: self.estimated_cost_nanos,
            },
            budget: self.budget.as_ref().map_or(usual.budget, |budget| budget.options),
            capabilities: self.granted().into_iter().collect(),
            tools: names(&self.tools),
            approvals: names(&self.approvals).into_iter().collect(),
            max_runs: self.max_runs.unwrap_or(usual.max_runs),
            max_output_tokens: self.max_output_tokens,
            max_spawns: self.max_spawns,
            ..usual
        }
    }
}

/// A role as it is written.
#[derive(Debug, Clone)]
pub(super) struct Role {
    /// Its header, or its whole table.
    pub(super) span: Span,
    pub(super) fields: RoleFields,
    /// Whether nothing was wrong with it: only then is it held against others.
    pub(super) is_sound: bool,
}

/// Reads `[roles.NAME]`.
pub(super) fn roles(root: &Fields<'_>, report: &mut Report<'_>) -> BTreeMap<Id, Role> {
    root.named(report, "roles", MOST_ROLES)
        .into_iter()
        .map(|(name, value)| {
            let before = report.count();
            let what = format!("role {}", names::quoted(name.get_ref().as_str()));
            let fields = Fields::open(report, what, value, ROLE_KEYS).map(|fields| {
                fields.require(report, "model", "model = \"NAME\" of one of the [models.NAME]");
                RoleFields::read(&fields, report)
            });
            let role =
                Role { span: name.span(), fields: fields.unwrap_or_default(), is_sound: report.count() == before };
            (name.into_inner(), role)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_stands_once_however_many_tools_need_it() {
        let ids = |names: &[&str]| names.iter().map(|name| Spanned::new(0..1, Id::new(*name).unwrap())).collect();
        let fields = RoleFields { tools: Some(ids(&["read_file", "list_directory"])), ..RoleFields::default() };
        let spec = fields.spec(&Id::new("r").unwrap(), &Id::new("m").unwrap());
        let granted: Vec<&str> = spec.capabilities.iter().map(Id::as_str).collect();
        assert_eq!(granted, ["fs.list", "fs.read"]);
        let spawning = RoleFields { spawns: Some(ids(&["r"])), ..RoleFields::default() };
        assert_eq!(spawning.granted(), [Id::new(SPAWN).unwrap()]);
    }
}
