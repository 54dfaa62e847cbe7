-- How many messages of each role does each node have?
SELECT node, role, count(*) AS messages
FROM messages
GROUP BY node, role
ORDER BY node, role
