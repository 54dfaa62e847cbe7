-- One row for each message of a thread. The content is in the artifact with this hash.
SELECT
    node, date, seq, timestamp,
    model_session_id AS session_id,
    payload_message_id AS message_id,
    payload_role AS role,
    lower(hex(payload_content_hash)) AS content_hash,
    payload_token_count AS token_count,
    payload_tool_call_id AS tool_call_id,
    payload_redacted AS redacted,
    lower(hex(activity_span_id)) AS span_id
FROM events
WHERE code = 'FR-EVT-SESS-004'
