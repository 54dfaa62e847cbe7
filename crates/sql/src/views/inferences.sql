-- What models were asked, one row for each report. Usage that was reported several times has several rows here;
-- the table `costs` has it once.
SELECT
  seq,
  event_id,
  timestamp,
  model_session_id AS session_id,
  trace_id,
  activity_span_id AS span_id,
  job_id,
  payload_model_id AS model_id,
  payload_provider AS provider,
  payload_request_id AS request_id,
  payload_finish_reason AS finish_reason,
  payload_token_usage_prompt_tokens AS tokens_input,
  payload_token_usage_completion_tokens AS tokens_output,
  payload_token_usage_cached_prompt_tokens AS tokens_cached,
  payload_token_usage_cache_write_tokens AS tokens_cache_write,
  payload_token_usage_reasoning_tokens AS tokens_reasoning,
  payload_token_usage_total_tokens AS tokens_total,
  payload_latency_ms AS latency_ms,
  payload_time_to_first_token_ms AS time_to_first_token_ms,
  CAST(round(payload_cost_usd * 1000000000) AS BIGINT) AS cost_nanos,
  payload_price_source AS price_source,
  payload_prompt_hash AS prompt_hash,
  payload_response_hash AS response_hash
FROM events
WHERE type = 'llm_inference'
