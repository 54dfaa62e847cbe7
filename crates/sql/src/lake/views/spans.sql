-- One row for each span that was opened; one that is still open has no end.
SELECT
    opened.node AS node,
    lower(hex(opened.trace_id)) AS trace_id,
    lower(hex(opened.span_id)) AS span_id,
    lower(hex(opened.payload_parent_span_id)) AS parent_span_id,
    opened.model_session_id AS session_id,
    opened.payload_kind AS kind,
    opened.payload_name AS name,
    opened.job_id AS job_id,
    opened.model_id AS model_id,
    opened.timestamp AS started_at,
    closed.timestamp AS ended_at,
    closed.payload_status AS status,
    closed.payload_tokens_in AS tokens_in,
    closed.payload_tokens_out AS tokens_out,
    CAST(round(closed.payload_cost_usd * 1000000000) AS BIGINT) AS cost_nanos,
    closed.payload_error_code AS error_code
FROM (
    SELECT
        node, trace_id, coalesce(activity_span_id, session_span_id) AS span_id, payload_parent_span_id,
        model_session_id, payload_kind, payload_name, job_id, model_id, timestamp
    FROM events
    WHERE code = 'FR-EVT-SPAN-001'
) AS opened
LEFT JOIN (
    SELECT
        node, coalesce(activity_span_id, session_span_id) AS span_id, timestamp, payload_status, payload_tokens_in,
        payload_tokens_out, payload_cost_usd, payload_error_code
    FROM events
    WHERE code = 'FR-EVT-SPAN-002'
) AS closed ON closed.node = opened.node AND closed.span_id = opened.span_id
