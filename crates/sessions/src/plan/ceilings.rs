//! Limits and budgets of the run as a whole.

use std::collections::BTreeMap;

use flightrec_events::{BudgetAction, Id};
use toml::Spanned;

use super::contents::Provider;
use super::errors::Report;
use super::fields::{Fields, Span};
use super::names;
use crate::limits::{LaneWeights, Limits, RateBudget, Rates};
use crate::spec::BudgetOptions;

pub(super) const LIMIT_KEYS: &[&str] = &[
    "active_sessions",
    "per_provider",
    "per_model",
    "per_group",
    "lane_weights",
    "spawn_depth",
    "children_per_session",
    "live_sessions",
    "rates",
];
pub(super) const LANE_KEYS: &[&str] = &["primary", "subagent", "validation", "background"];
pub(super) const RATE_KEYS: &[&str] = &["requests_per_minute", "tokens_per_minute"];
pub(super) const BUDGETS_KEYS: &[&str] = &["wp", "global"];
pub(super) const BUDGET_KEYS: &[&str] = &["tokens", "cost_usd", "warn_percent", "action"];
pub(super) const GLOBAL_KEYS: &[&str] = &["tokens_per_minute", "cost_usd_per_minute", "warn_percent", "action"];

/// The most of anything that is counted in tokens.
pub(super) const MOST_TOKENS: u64 = 1_000_000_000_000_000;

/// The deepest that children may lie: templates are made for every level.
const MOST_DEPTH: u32 = 16;

/// The most providers with rates, and work packets with budgets.
const MOST_NAMES: usize = 1_024;

/// Reads `[limits]`; rates are for providers that there are.
pub(super) fn limits(root: &Fields<'_>, providers: &BTreeMap<Id, Option<Provider>>, report: &mut Report<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(value) = root.value("limits") else { return limits };
    let Some(fields) = Fields::open(report, "`limits`", value, LIMIT_KEYS) else { return limits };
    for (key, limit, most) in [
        ("active_sessions", &mut limits.active_sessions, 1_024),
        ("per_provider", &mut limits.per_provider, 1_024),
        ("per_model", &mut limits.per_model, 1_024),
        ("per_group", &mut limits.per_group, 1_024),
        ("children_per_session", &mut limits.children_per_session, 1_024),
        ("live_sessions", &mut limits.live_sessions, 100_000),
    ] {
        if let Some(number) = fields.small(report, key, 1..=most) {
            *limit = number as usize;
        }
    }
    if let Some(depth) = fields.small(report, "spawn_depth", 1..=MOST_DEPTH) {
        limits.spawn_depth = depth;
    }
    if let Some(weights) = fields.table(report, "lane_weights", LANE_KEYS) {
        lane_weights(&weights, &mut limits.lane_weights, report);
    }
    for (name, value) in fields.named(report, "rates", MOST_NAMES) {
        if !providers.contains_key(name.get_ref()) {
            let known = ("providers", providers.keys().map(Id::as_str));
            report.unknown(name.span(), "provider", name.get_ref().as_str(), known);
        }
        let what = format!("the rates of provider {}", names::quoted(name.get_ref().as_str()));
        if let Some(fields) = Fields::open(report, what, value, RATE_KEYS) {
            limits.rates.insert(name.into_inner(), rates(&fields, report));
        }
    }
    limits
}

fn lane_weights(fields: &Fields<'_>, weights: &mut LaneWeights, report: &mut Report<'_>) {
    for (key, weight) in [
        ("primary", &mut weights.primary),
        ("subagent", &mut weights.subagent),
        ("validation", &mut weights.validation),
        ("background", &mut weights.background),
    ] {
        if let Some(number) = fields.small(report, key, 1..=1_000) {
            *weight = number;
        }
    }
}

fn rates(fields: &Fields<'_>, report: &mut Report<'_>) -> Rates {
    if !RATE_KEYS.iter().any(|key| fields.has(key)) {
        report
            .error(fields.span.clone(), format!("{} limit nothing", fields.what))
            .help("give `requests_per_minute`, `tokens_per_minute` or both");
    }
    Rates {
        requests_per_minute: fields.small(report, "requests_per_minute", 1..=1_000_000),
        tokens_per_minute: fields.number(report, "tokens_per_minute", 1..=MOST_TOKENS),
    }
}

/// A budget of a session or a role, with the places of its bounds.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    pub(super) options: BudgetOptions,
    pub(super) tokens_at: Span,
    pub(super) cost_at: Span,
}

/// Reads a budget; it has to bound something.
pub(super) fn budget(fields: &Fields<'_>, report: &mut Report<'_>) -> Budget {
    if !fields.has("tokens") && !fields.has("cost_usd") {
        report
            .error(fields.span.clone(), format!("{} bounds nothing", fields.what))
            .help("give `tokens`, `cost_usd` or both");
    }
    let usual = BudgetOptions::default();
    let options = BudgetOptions {
        tokens: fields.number(report, "tokens", 1..=MOST_TOKENS),
        cost_nanos: fields.dollars(report, "cost_usd", false),
        warn_percent: warn_percent(fields, usual.warn_percent, report),
        action: fields.word(report, "action", BudgetAction::ALL, BudgetAction::as_str).unwrap_or(usual.action),
    };
    Budget { options, tokens_at: fields.place("tokens"), cost_at: fields.place("cost_usd") }
}

fn warn_percent(fields: &Fields<'_>, usual: u8, report: &mut Report<'_>) -> u8 {
    fields.small(report, "warn_percent", 1..=100).map_or(usual, |percent| percent as u8)
}

/// Reads `[budgets]` into the limits; gives the work packets that have one, with their places.
pub(super) fn budgets(root: &Fields<'_>, limits: &mut Limits, report: &mut Report<'_>) -> Vec<Spanned<Id>> {
    let Some(value) = root.value("budgets") else { return Vec::new() };
    let Some(fields) = Fields::open(report, "`budgets`", value, BUDGETS_KEYS) else { return Vec::new() };
    if let Some(global) = fields.table(report, "global", GLOBAL_KEYS) {
        limits.global_rate = global_rate(&global, report);
    }
    let mut named = Vec::new();
    for (name, value) in fields.named(report, "wp", MOST_NAMES) {
        let what = format!("the budget of work packet {}", names::quoted(name.get_ref().as_str()));
        if let Some(fields) = Fields::open(report, what, value, BUDGET_KEYS) {
            limits.work_packets.insert(name.get_ref().clone(), budget(&fields, report).options);
        }
        named.push(name);
    }
    named
}

fn global_rate(fields: &Fields<'_>, report: &mut Report<'_>) -> RateBudget {
    if !fields.has("tokens_per_minute") && !fields.has("cost_usd_per_minute") {
        report
            .error(fields.span.clone(), format!("{} bounds nothing", fields.what))
            .help("give `tokens_per_minute`, `cost_usd_per_minute` or both");
    }
    let usual = RateBudget::default();
    RateBudget {
        tokens_per_minute: fields.number(report, "tokens_per_minute", 1..=MOST_TOKENS),
        nanos_per_minute: fields.dollars(report, "cost_usd_per_minute", false),
        warn_percent: warn_percent(fields, usual.warn_percent, report),
        action: fields.word(report, "action", BudgetAction::ALL, BudgetAction::as_str).unwrap_or(usual.action),
    }
}
