-- How often was each tool called, and how often did it fail?
SELECT tool_id, count(*) AS calls, sum(CASE WHEN ok THEN 0 ELSE 1 END) AS failures
FROM tool_calls
GROUP BY tool_id
ORDER BY tool_id
