-- One row for each model call. Costs are whole nano-dollars; a call without a price has none.
SELECT
    node, date, seq, timestamp,
    model_session_id AS session_id,
    job_id,
    lower(hex(activity_span_id)) AS span_id,
    payload_provider AS provider,
    payload_model_id AS model_id,
    payload_request_id AS request_id,
    payload_token_usage_prompt_tokens AS tokens_input,
    payload_token_usage_completion_tokens AS tokens_output,
    payload_token_usage_cached_prompt_tokens AS tokens_cached,
    payload_token_usage_cache_write_tokens AS tokens_cache_write,
    payload_token_usage_reasoning_tokens AS tokens_reasoning,
    payload_latency_ms AS latency_ms,
    payload_finish_reason AS finish_reason,
    CAST(round(payload_cost_usd * 1000000000) AS BIGINT) AS cost_nanos
FROM events
WHERE code = 'FR-EVT-006'
