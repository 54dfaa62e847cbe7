-- One row for each call of a tool.
SELECT
    node, date, seq, timestamp,
    model_session_id AS session_id,
    payload_tool_call_id AS tool_call_id,
    payload_tool_id AS tool_id,
    payload_transport AS transport,
    payload_side_effect AS side_effect,
    payload_ok AS ok,
    payload_error AS error,
    payload_timing_started_at AS started_at,
    payload_timing_ended_at AS ended_at,
    payload_timing_duration_ms AS duration_ms,
    lower(hex(activity_span_id)) AS span_id
FROM events
WHERE code = 'FR-EVT-007'
