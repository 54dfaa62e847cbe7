-- What each session used of each model. A response that was told of twice counts once: by the provider's id of it, else
-- by the span that it was made in.
SELECT
    node, session_id, provider, model_id,
    count(*) AS runs,
    sum(tokens_input) AS tokens_input,
    sum(tokens_output) AS tokens_output,
    sum(coalesce(cost_nanos, 0)) AS cost_nanos,
    sum(CASE WHEN cost_nanos IS NULL THEN 1 ELSE 0 END) AS unpriced_runs
FROM (
    SELECT
        node, session_id, provider, model_id, tokens_input, tokens_output, cost_nanos,
        row_number() OVER (
            PARTITION BY
                node, session_id, coalesce(request_id, span_id),
                CASE WHEN request_id IS NULL AND span_id IS NULL THEN seq END
            ORDER BY seq
        ) AS nth
    FROM inferences
) AS told
WHERE nth = 1
GROUP BY node, session_id, provider, model_id
