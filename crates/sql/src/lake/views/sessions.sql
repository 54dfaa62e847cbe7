-- One row for each session that was created, with its last state and what it used.
SELECT
    created.node AS node,
    created.model_session_id AS session_id,
    created.payload_parent_session_id AS parent_session_id,
    coalesce(state.payload_to_state, 'CREATED') AS state,
    created.payload_role AS role,
    created.payload_model_id AS model_id,
    created.payload_provider AS provider,
    created.payload_backend AS backend,
    created.payload_wp_id AS wp_id,
    created.payload_mt_id AS mt_id,
    created.payload_spawn_depth AS spawn_depth,
    created.payload_label AS label,
    created.timestamp AS created_at,
    own.updated_at AS updated_at,
    own.events AS events,
    own.messages AS messages,
    own.tool_calls AS tool_calls,
    coalesce(used.runs, 0) AS model_runs,
    coalesce(used.tokens_input, 0) AS tokens_input,
    coalesce(used.tokens_output, 0) AS tokens_output,
    coalesce(used.cost_nanos, 0) AS cost_nanos,
    coalesce(used.unpriced_runs, 0) AS unpriced_runs
FROM (
    SELECT
        node, model_session_id, payload_parent_session_id, payload_role, payload_model_id, payload_provider,
        payload_backend, payload_wp_id, payload_mt_id, payload_spawn_depth, payload_label, timestamp
    FROM events
    WHERE code = 'FR-EVT-SESS-001'
) AS created
JOIN (
    SELECT
        node, model_session_id,
        max(timestamp) AS updated_at,
        count(*) AS events,
        sum(CASE WHEN code = 'FR-EVT-SESS-004' THEN 1 ELSE 0 END) AS messages,
        sum(CASE WHEN code = 'FR-EVT-007' THEN 1 ELSE 0 END) AS tool_calls
    FROM events
    GROUP BY node, model_session_id
) AS own ON own.node = created.node AND own.model_session_id = created.model_session_id
LEFT JOIN (
    SELECT
        node, model_session_id, payload_to_state,
        row_number() OVER (PARTITION BY node, model_session_id ORDER BY seq DESC) AS nth
    FROM events
    WHERE code = 'FR-EVT-SESS-002'
) AS state ON state.node = created.node AND state.model_session_id = created.model_session_id AND state.nth = 1
LEFT JOIN (
    SELECT
        node, session_id,
        sum(runs) AS runs,
        sum(tokens_input) AS tokens_input,
        sum(tokens_output) AS tokens_output,
        sum(cost_nanos) AS cost_nanos,
        sum(unpriced_runs) AS unpriced_runs
    FROM costs
    GROUP BY node, session_id
) AS used ON used.node = created.node AND used.session_id = created.model_session_id
