//! Plans of sessions, from their text to what may be run.

use flightrec_sessions::plan::{MAX_ERRORS_TOLD, MAX_SESSIONS, Plan};

/// A plan: one that is taken can be run in its order, and one that is not is told why, at places that there are.
pub(crate) fn plan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Plan::parse(text) {
        Ok(plan) => {
            assert!((1..=MAX_SESSIONS).contains(&plan.sessions.len()), "{} sessions", plan.sessions.len());
            for (place, session) in plan.sessions.iter().enumerate() {
                let before = session.after.iter().chain(&session.input_from).all(|on| *on < place);
                assert!(before, "{} stands before what it waits for", session.name);
                assert!(plan.models.contains_key(&session.spec.model), "{} has no model", session.name);
            }
            assert!(plan.models.values().all(|model| plan.providers.contains_key(&model.provider)));
        }
        Err(errors) => {
            assert!((1..=MAX_ERRORS_TOLD).contains(&errors.errors.len()));
            let lines = text.split('\n').count();
            assert!(errors.errors.iter().all(|error| error.line <= lines && error.column >= 1));
            let shown = errors.in_file("plan.toml").to_string();
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "what moves a terminal is printed");
        }
    }
}

pub(crate) fn plan_seeds() -> Vec<Vec<u8>> {
    let whole = [include_str!("../../plans/demo.toml"), include_str!("../../plans/local.toml")];
    let small = [
        "plan.name = \"t\"\nproviders.p.kind = \"ollama\"\nmodels.m.provider = \"p\"\nroles.r = { model = \"m\", spawns = \
         [\"r\"] }\nlimits.spawn_depth = 16\nsessions = [{ name = \"s\", role = \"r\", prompt = \"x\", count = 1024 }]\n",
        "[[sessions]]\nname = \"a\"\nafter = [\"b\"]\n[[sessions]]\nname = \"b\"\nafter = [\"a\"]\n",
    ];
    whole.into_iter().chain(small).map(|text| text.as_bytes().to_vec()).collect()
}
