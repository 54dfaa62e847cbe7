-- How many tokens went to each model of each provider, and what did they cost?
SELECT
    provider, model_id,
    sum(tokens_input) AS tokens_input,
    sum(tokens_output) AS tokens_output,
    sum(cost_nanos) AS cost_nanos,
    sum(unpriced_runs) AS unpriced_runs
FROM costs
GROUP BY provider, model_id
ORDER BY provider, model_id
