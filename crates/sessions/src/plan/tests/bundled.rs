//! The plans that come with the program, and those in the documents.

use std::collections::BTreeSet;

use flightrec_events::{Backend, Lane};

use super::super::{Plan, ProviderKind, ceilings, endpoints, reading, roles, scripts, sessions};

pub(super) const DEMO: &str = include_str!("../../../../../plans/demo.toml");
const LOCAL: &str = include_str!("../../../../../plans/local.toml");
const REFERENCE: &str = include_str!("../../../../../docs/plans.md");

#[test]
fn the_demo_shows_what_there_is_to_see() {
    let plan = Plan::parse(DEMO).unwrap_or_else(|errors| panic!("{}", errors.in_file("plans/demo.toml")));
    assert!((12..=16).contains(&plan.sessions.len()));
    let lanes: BTreeSet<Lane> = plan.sessions.iter().map(|session| session.spec.lane).collect();
    assert_eq!(lanes.len(), 4);
    let packets: BTreeSet<_> = plan.sessions.iter().filter_map(|session| session.spec.wp_id.clone()).collect();
    assert_eq!(packets.len(), 2);
    assert_eq!(plan.providers.len(), 2);
    assert!(plan.providers.values().all(|provider| provider.kind == ProviderKind::Scripted));
    let priced = plan.models.values().filter(|model| model.price.is_some()).count();
    assert_eq!((priced, plan.models.len()), (3, 4));
    assert!(plan.sessions.iter().any(|session| !session.input_from.is_empty()));
}

#[test]
fn the_local_plan_stays_on_this_machine() {
    let plan = Plan::parse(LOCAL).unwrap_or_else(|errors| panic!("{}", errors.in_file("plans/local.toml")));
    assert_eq!(plan.sessions.len(), 3);
    assert!(plan.models.values().all(|model| model.backend == Backend::Local));
    assert!(plan.sessions.iter().any(|session| !session.spec.spawns.is_empty()));
    assert!(plan.sessions.iter().any(|session| !session.spec.tools.is_empty()));
}

#[test]
fn the_plans_in_the_reference_can_be_run() {
    let plans: Vec<&str> =
        REFERENCE.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(plans.len() >= 2, "a first plan and a whole one");
    for plan in plans {
        if let Err(errors) = Plan::parse(plan) {
            panic!("{plan}\n{}", errors.in_file("docs/plans.md"));
        }
    }
}

#[test]
fn the_reference_explains_every_key() {
    let section = |heading: &str| {
        let from = REFERENCE.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
        let rest = &REFERENCE[from + 4..];
        &rest[..rest.find("\n## ").unwrap_or(rest.len())]
    };
    for (heading, keys) in [
        ("`[plan]`", reading::PLAN_KEYS),
        ("`[limits]`", ceilings::LIMIT_KEYS),
        ("`[limits]`", ceilings::RATE_KEYS),
        ("`[limits]`", ceilings::LANE_KEYS),
        ("`[budgets]`", ceilings::BUDGET_KEYS),
        ("`[budgets]`", ceilings::GLOBAL_KEYS),
        ("`[providers.NAME]`", endpoints::PROVIDER_KEYS),
        ("`[models.NAME]`", endpoints::MODEL_KEYS),
        ("`[models.NAME]`", endpoints::PRICE_KEYS),
        ("`[workspace]`", reading::WORKSPACE_KEYS),
        ("`[roles.NAME]`", roles::ROLE_KEYS),
        ("`[[sessions]]`", sessions::OWN_KEYS),
        ("`[scripts.NAME]`", scripts::SCRIPT_KEYS),
    ] {
        let text = section(heading);
        for key in keys {
            assert!(text.contains(&format!("`{key}`")), "{heading} does not explain `{key}`");
        }
    }
    let mut explained: BTreeSet<&str> = REFERENCE.split('`').skip(1).step_by(2).collect();
    explained.extend(["plan", "limits", "budgets", "providers", "models", "workspace", "roles", "sessions", "scripts"]);
    for section in reading::SECTIONS {
        assert!(explained.contains(section), "`{section}`");
    }
}
