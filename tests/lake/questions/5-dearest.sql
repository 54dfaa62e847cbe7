-- Which ten sessions cost most, where did they run, in which state are they, and how many events have they?
SELECT session_id, node, state, cost_nanos, events
FROM sessions
ORDER BY cost_nanos DESC, session_id
LIMIT 10
