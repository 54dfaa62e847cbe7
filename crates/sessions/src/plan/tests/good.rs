//! Plans that are read: every field arrives where it belongs.

use std::time::Duration;

use flightrec_events::{Backend, BudgetAction, Id, Lane, MemoryPolicy, RetryBackoff, SpawnMode};

use super::super::{Plan, PlannedSession, ProviderKind};
use crate::limits::{LaneWeights, RateBudget, Rates};
use crate::price::Price;
use crate::spec::{BudgetOptions, JobOptions, SPAWN, SessionSpec};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn parse(text: &str) -> Plan {
    Plan::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn names(sessions: &[PlannedSession]) -> Vec<&str> {
    sessions.iter().map(|session| session.name.as_str()).collect()
}

/// A plan whose sessions are given; its model needs no script.
fn with(rest: &str) -> String {
    format!(
        "[plan]\nname = \"t\"\n[providers.p]\nkind = \"ollama\"\n[models.m]\nprovider = \"p\"\n[workspace]\n\
         directory = \".\"\ncommands = [\"ls\"]\n{rest}"
    )
}

#[test]
fn limits_and_budgets_arrive() {
    let plan = parse(&with(
        r#"
[limits]
active_sessions = 1
per_provider = 2
per_model = 3
per_group = 4
lane_weights = { primary = 5, subagent = 6, validation = 7, background = 8 }
spawn_depth = 9
children_per_session = 10
live_sessions = 11
[limits.rates.p]
requests_per_minute = 12
tokens_per_minute = 13
[budgets.global]
tokens_per_minute = 14
cost_usd_per_minute = 0.000000015
warn_percent = 16
action = "CANCEL"
[budgets.wp.WP-1]
tokens = 17
cost_usd = 18
warn_percent = 19
action = "WARN"
[roles.r]
model = "m"
[[sessions]]
name = "s"
role = "r"
prompt = "x"
wp_id = "WP-1"
"#,
    ));
    let limits = plan.limits;
    assert_eq!((limits.active_sessions, limits.per_provider, limits.per_model, limits.per_group), (1, 2, 3, 4));
    assert_eq!(limits.lane_weights, LaneWeights { primary: 5, subagent: 6, validation: 7, background: 8 });
    assert_eq!((limits.spawn_depth, limits.children_per_session, limits.live_sessions), (9, 10, 11));
    assert_eq!(limits.rates[&id("p")], Rates { requests_per_minute: Some(12), tokens_per_minute: Some(13) });
    let global = RateBudget {
        tokens_per_minute: Some(14),
        nanos_per_minute: Some(15),
        warn_percent: 16,
        action: BudgetAction::Cancel,
    };
    assert_eq!(limits.global_rate, global);
    let of_packet = BudgetOptions {
        tokens: Some(17),
        cost_nanos: Some(18_000_000_000),
        warn_percent: 19,
        action: BudgetAction::Warn,
    };
    assert_eq!(limits.work_packets[&id("WP-1")], of_packet);
}

#[test]
fn providers_and_models_arrive() {
    let plan = parse(
        r#"
[plan]
name = "t"
description = "about"
wp_id = "WP-9"
seed = 7
[providers.near]
kind = "openai"
base_url = "http://127.0.0.1:8089/v1"
[providers.far]
kind = "gemini"
api_key_env = "FAR_KEY"
[models.a]
provider = "near"
id = "a-1"
price = { input = 0.1, output = 1e-3, cached = 0.03, cache_write = 0 }
[models.b]
provider = "far"
[models.c]
provider = "far"
backend = "local"
[roles.r]
model = "a"
[[sessions]]
name = "s"
role = "r"
prompt_file = "prompts/s.md"
"#,
    );
    assert_eq!((plan.name, plan.description.as_deref(), plan.seed), (id("t"), Some("about"), Some(7)));
    let far = &plan.providers[&id("far")];
    assert_eq!((far.kind, far.api_key_env.as_deref()), (ProviderKind::Gemini, Some("FAR_KEY")));
    assert_eq!(plan.providers[&id("near")].base_url.as_deref(), Some("http://127.0.0.1:8089/v1"));
    let price = Price {
        input_nanos: 100_000_000,
        output_nanos: 1_000_000,
        cached_nanos: Some(30_000_000),
        cache_write_nanos: Some(0),
    };
    let model = |name: &str| plan.models[&id(name)].clone();
    assert_eq!((model("a").model_id, model("a").price), (id("a-1"), Some(price)));
    assert_eq!((model("b").model_id, model("b").price), (id("b"), None));
    let backends = ["a", "b", "c"].map(|name| model(name).backend);
    assert_eq!(backends, [Backend::Local, Backend::Cloud, Backend::Local]);
    let session = &plan.sessions[0];
    assert_eq!((session.prompt_file.as_deref(), &session.spec.prompt), (Some("prompts/s.md"), &None));
    assert_eq!((session.spec.wp_id.clone(), session.line), (Some(id("WP-9")), 24));
}

const EVERY_FIELD: &str = r#"
model = "m"
instructions = "Be kind."
tools = ["read_file", "run_command"]
capabilities = ["fs.read", "process.run", "spawn"]
approvals = ["run_command"]
budget = { tokens = 1, cost_usd = 2, warn_percent = 3, action = "CANCEL" }
lane = "VALIDATION"
priority = 4
concurrency_group = "g"
max_retries = 5
retry_backoff = "FIXED"
backoff_base_ms = 6
timeout_ms = 7
tool_timeout_ms = 8
max_tokens_budget = 9
estimated_cost_usd = 0.00000001
max_runs = 11
max_output_tokens = 12
memory_policy = "EPHEMERAL"
mode = "SESSION_PERSISTENT"
spawns = ["plain"]
max_spawns = 13
"#;

fn every_field(role: &str) -> SessionSpec {
    let plain = SessionSpec { wp_id: None, ..SessionSpec::new(id("plain"), id("m")) };
    SessionSpec {
        instructions: Some("Be kind.".into()),
        tools: vec![id("read_file"), id("run_command")],
        capabilities: [id("fs.read"), id("process.run"), id(SPAWN)].into(),
        approvals: [id("run_command")].into(),
        budget: BudgetOptions {
            tokens: Some(1),
            cost_nanos: Some(2_000_000_000),
            warn_percent: 3,
            action: BudgetAction::Cancel,
        },
        lane: Lane::Validation,
        jobs: JobOptions {
            priority: 4,
            concurrency_group: Some(Id::new("g").unwrap()),
            max_retries: 5,
            retry_backoff: RetryBackoff::Fixed,
            backoff_base: Duration::from_millis(6),
            timeout: Duration::from_millis(7),
            tool_timeout: Duration::from_millis(8),
            max_tokens_budget: Some(9),
            estimated_cost_nanos: Some(10),
        },
        max_runs: 11,
        max_output_tokens: Some(12),
        memory_policy: MemoryPolicy::Ephemeral,
        mode: SpawnMode::SessionPersistent,
        spawns: [(id("plain"), plain)].into(),
        max_spawns: Some(13),
        ..SessionSpec::new(id(role), id("m"))
    }
}

#[test]
fn every_field_of_a_role_arrives_in_its_sessions() {
    let text = format!(
        "[roles.plain]\nmodel = \"m\"\n[roles.r]{EVERY_FIELD}[[sessions]]\nname = \"s\"\nrole = \"r\"\nprompt = \"Do it.\"\n\
         label = \"A session\"\nmt_id = \"MT-1\"\nwp_id = \"WP-1\"\n"
    );
    let spec = parse(&with(&text)).sessions.remove(0).spec;
    let label = flightrec_events::Label::new("A session").ok();
    let expected = SessionSpec {
        prompt: Some("Do it.".into()),
        label,
        mt_id: Some(id("MT-1")),
        wp_id: Some(id("WP-1")),
        ..every_field("r")
    };
    assert_eq!(spec, expected);
}

#[test]
fn what_a_session_says_itself_comes_before_its_role() {
    let text = format!(
        "[roles.plain]\nmodel = \"m\"\n[roles.other]\nmodel = \"n\"\nlane = \"BACKGROUND\"\nbudget = {{ tokens = 5 }}\n\
         [models.n]\nprovider = \"p\"\n[[sessions]]\nname = \"s\"\nrole = \"other\"\nprompt = \"x\"{EVERY_FIELD}\
         [[sessions]]\nname = \"t\"\nrole = \"other\"\nprompt = \"x\"\n"
    );
    let plan = parse(&with(&text));
    let label = flightrec_events::Label::new("s").ok();
    assert_eq!(plan.sessions[0].spec, SessionSpec { prompt: Some("x".into()), label, ..every_field("other") });
    let usual = &plan.sessions[1].spec;
    assert_eq!((usual.model.as_str(), usual.lane, usual.budget.tokens), ("n", Lane::Background, Some(5)));
}

#[test]
fn tools_bring_their_capabilities_where_none_are_written() {
    let plan = parse(&with(
        "[roles.r]\nmodel = \"m\"\ntools = [\"list_directory\", \"read_file\"]\n[roles.lead]\nmodel = \"m\"\n\
         spawns = [\"lead\"]\n[[sessions]]\nname = \"s\"\nrole = \"r\"\nprompt = \"x\"\n[[sessions]]\nname = \"t\"\n\
         role = \"r\"\nprompt = \"x\"\ntools = []\n[[sessions]]\nname = \"u\"\nrole = \"lead\"\nprompt = \"x\"\n",
    ));
    let granted = |at: usize| plan.sessions[at].spec.capabilities.iter().map(Id::as_str).collect::<Vec<_>>();
    assert_eq!((granted(0), granted(1), granted(2)), (vec!["fs.list", "fs.read"], vec![], vec!["spawn"]));
}

#[test]
fn a_role_that_spawns_itself_goes_one_level_beyond_the_depth() {
    let text = with(
        "[limits]\nspawn_depth = 2\n[roles.r]\nmodel = \"m\"\nspawns = [\"r\"]\n[[sessions]]\nname = \"s\"\nrole = \"r\"\nprompt = \"x\"\n",
    );
    let plan = parse(&text);
    let mut levels = 0;
    let mut spec = &plan.sessions[0].spec;
    while let Some(below) = spec.spawns.get(&id("r")) {
        (levels, spec) = (levels + 1, below);
        assert!(below.capabilities.contains(&id(SPAWN)));
    }
    assert_eq!(levels, 3, "children and grandchildren, and those whom the runtime refuses");
}

#[test]
fn templates_are_bounded() {
    let all: Vec<String> = (0..12).map(|n| format!("\"r{n}\"")).collect();
    let roles: String = (0..12)
        .map(|n| format!("[roles.r{n}]\nmodel = \"m\"\nspawns = [{}]\n", all.join(", ")))
        .collect::<Vec<_>>()
        .concat();
    let text = with(&format!("{roles}[[sessions]]\nname = \"s\"\nrole = \"r0\"\nprompt = \"x\"\n"));
    let errors = Plan::parse(&text).unwrap_err();
    assert_eq!(
        errors.errors[0].message,
        "roles spawn each other in too many ways: the plan would need more than 16384 templates"
    );
    let shallow = text.replace("[workspace]", "[limits]\nspawn_depth = 2\n[workspace]");
    assert_eq!(parse(&shallow).sessions[0].spec.spawns.len(), 12, "12 + 144 + 1,728 templates are few enough");
}

#[test]
fn sessions_stand_behind_those_that_they_wait_for() {
    let session =
        |name: &str, rest: &str| format!("[[sessions]]\nname = \"{name}\"\nrole = \"r\"\nprompt = \"x\"\n{rest}\n");
    let text = with(&format!(
        "[roles.r]\nmodel = \"m\"\n{}{}{}{}{}",
        session("last", "after = [\"many\", \"alone\"]"),
        session("many", "count = 3\ninput_from = [\"alone\"]"),
        session("picky", "after = [\"many-2\"]\ninput_from = [\"many-3\", \"many-1\"]"),
        session("alone", ""),
        session("free", ""),
    ));
    let plan = parse(&text);
    assert_eq!(names(&plan.sessions), ["alone", "many-1", "many-2", "many-3", "last", "picky", "free"]);
    let waits: Vec<(&[usize], &[usize])> =
        plan.sessions.iter().map(|session| (&*session.after, &*session.input_from)).collect();
    let none: &[usize] = &[];
    assert_eq!(
        waits,
        [(none, none), (none, &[0]), (none, &[0]), (none, &[0]), (&[0, 1, 2, 3], none), (&[2], &[1, 3]), (none, none)]
    );
    let labels: Vec<&str> =
        plan.sessions[1..4].iter().filter_map(|s| s.spec.label.as_ref()).map(flightrec_events::Label::as_str).collect();
    assert_eq!(labels, ["many-1", "many-2", "many-3"]);
}

#[test]
fn scripts_are_found_by_session_label_role_and_default() {
    let plan = parse(
        r#"
plan.name = "t"
providers.p.kind = "scripted"
models.m.provider = "p"
roles.r.model = "m"
roles.q.model = "m"
sessions = [
    { name = "own", role = "r", prompt = "x" },
    { name = "named", role = "r", prompt = "x", label = "A label" },
    { name = "many", role = "r", prompt = "x", count = 2 },
    { name = "of-role", role = "q", prompt = "x" },
    { name = "other", role = "r", prompt = "x" },
]
[scripts]
own.steps = [{ text = "own" }]
named.steps = [{ text = "named" }]
many.steps = [{ text = "many" }]
many-2.steps = [{ text = "many-2" }]
q.steps = [{ text = "role" }]
default.steps = [{ text = "default" }]
"#,
    );
    let found: Vec<String> = plan
        .sessions
        .iter()
        .map(|session| format!("{:?}", plan.scripts.of(&session.spec.role, session.spec.label.as_ref()).unwrap()))
        .collect();
    let expected = ["own", "named", "many", "many-2", "role", "default"];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(&format!("text: {expected:?}")), "{found}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_plan_may_have_as_many_sessions_as_it_says() {
    let text =
        with("[roles.r]\nmodel = \"m\"\n[[sessions]]\nname = \"s\"\nrole = \"r\"\nprompt = \"x\"\ncount = 1024\n");
    assert_eq!(parse(&text).sessions.len(), 1_024);
    let one_more = format!("{text}[[sessions]]\nname = \"t\"\nrole = \"r\"\nprompt = \"x\"\n");
    let errors = Plan::parse(&one_more).unwrap_err();
    assert_eq!(errors.errors[0].message, "a plan has at most 1024 sessions, all `count`s included");
}
