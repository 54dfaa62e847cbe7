-- How many events of each code does each node have?
SELECT node, code, count(*) AS events
FROM events
GROUP BY node, code
ORDER BY node, code
