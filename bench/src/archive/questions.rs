//! The questions, as those ask them who speak SQL. Every answer is compared with the store's.

/// What a list answers at most.
pub const LIST_ROWS: usize = 50;
/// What the filtered list asks for: COMPLETED sessions of this role and this model.
pub const LIST_ROLE: &str = "coder";
pub const LIST_MODEL: &str = "claude-sonnet";

/// What one session is, by its id.
pub const FIRST: &str =
    "SELECT role, model_id, wp_id FROM events WHERE model_session_id = ? AND code = 'FR-EVT-SESS-001'";

/// All events of one session.
pub const SESSION: &str = "SELECT * FROM events WHERE model_session_id = ? ORDER BY seq";

/// The spans of one session, by start.
pub const SPANS: &str = "\
    SELECT coalesce(activity_span_id, session_span_id), \
           min(timestamp) FILTER (WHERE code = 'FR-EVT-SPAN-001') AS started, \
           max(timestamp) FILTER (WHERE code = 'FR-EVT-SPAN-002'), \
           max(payload) FILTER (WHERE code = 'FR-EVT-SPAN-001'), \
           max(payload) FILTER (WHERE code = 'FR-EVT-SPAN-002') \
    FROM events WHERE model_session_id = ? AND code IN ('FR-EVT-SPAN-001', 'FR-EVT-SPAN-002') \
    GROUP BY 1 ORDER BY started";

/// The sessions in which something happened last, spans apart.
pub const LATEST: &str = "\
    SELECT model_session_id FROM events \
    WHERE model_session_id IS NOT NULL AND code NOT IN ('FR-EVT-SPAN-001', 'FR-EVT-SPAN-002') \
    GROUP BY 1 ORDER BY max(timestamp) DESC LIMIT 50";

/// The oldest sessions with a state, a role and a model. A session that was once COMPLETED stays so.
pub const FILTERED: &str = "\
    SELECT created.model_session_id FROM events created \
    JOIN events ended ON ended.model_session_id = created.model_session_id \
    WHERE created.code = 'FR-EVT-SESS-001' AND created.role = 'coder' AND created.model_id = 'claude-sonnet' \
      AND ended.code = 'FR-EVT-SESS-002' AND ended.to_state = 'COMPLETED' \
    ORDER BY created.timestamp LIMIT 50";

/// Roll-ups by what sessions say of themselves, and by the model that answered: key, tokens, nano-dollars.
pub const COSTS: [(&str, &str); 3] = [
    (
        "cost_by_wp",
        "SELECT wp_id, coalesce(sum(tokens), 0), coalesce(sum(cost), 0) \
         FROM (SELECT model_session_id, wp_id FROM events WHERE code = 'FR-EVT-SESS-001') AS created \
         LEFT JOIN (SELECT model_session_id, sum(tokens) AS tokens, sum(cost_nanos) AS cost FROM events \
                    WHERE code = 'FR-EVT-006' GROUP BY 1) AS used USING (model_session_id) GROUP BY 1",
    ),
    (
        "cost_by_role",
        "SELECT role, coalesce(sum(tokens), 0), coalesce(sum(cost), 0) \
         FROM (SELECT model_session_id, role FROM events WHERE code = 'FR-EVT-SESS-001') AS created \
         LEFT JOIN (SELECT model_session_id, sum(tokens) AS tokens, sum(cost_nanos) AS cost FROM events \
                    WHERE code = 'FR-EVT-006' GROUP BY 1) AS used USING (model_session_id) GROUP BY 1",
    ),
    ("cost_by_model", "SELECT model_id, sum(tokens), sum(cost_nanos) FROM events WHERE code = 'FR-EVT-006' GROUP BY 1"),
];

/// The rows of a roll-up as one line.
pub fn cost_answer(mut rows: Vec<(String, u64, u64)>) -> String {
    rows.sort();
    rows.iter().map(|(key, tokens, nanos)| format!("{key} {tokens} {nanos}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_ask_for_what_the_store_is_asked_for() {
        assert!(LATEST.ends_with(&format!("LIMIT {LIST_ROWS}")) && FILTERED.ends_with(&format!("LIMIT {LIST_ROWS}")));
        assert!(FILTERED.contains(&format!("'{LIST_ROLE}'")) && FILTERED.contains(&format!("'{LIST_MODEL}'")));
    }
}
