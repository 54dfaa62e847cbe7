//! Answers of a small store, for the description of the API. Tests ask the same store, and hold these to its answers.

use serde_json::Value;

/// An example by the id of its operation.
macro_rules! examples {
    ($($id:literal)+) => {
        &[$(($id, include_str!(concat!("../../tests/golden/", $id, ".json")))),+]
    };
}

const EXAMPLES: &[(&str, &str)] = examples! {
    "get_events" "get_sessions" "get_sessions_id" "get_sessions_id_events" "get_sessions_id_spans"
    "get_sessions_id_messages" "get_sessions_id_tree" "get_sessions_id_cost" "get_spans" "get_timeline" "get_costs"
    "get_rate" "get_findings" "get_budgets"
};

/// The example of an operation, if it has one.
pub(crate) fn of(operation: &str) -> Option<Value> {
    let (_, text) = EXAMPLES.iter().find(|(id, _)| *id == operation)?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_json() {
        for (id, _) in EXAMPLES {
            assert!(of(id).is_some_and(|example| example.is_object()), "{id}");
        }
    }
}
