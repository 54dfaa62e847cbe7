"""One step with DuckDB: the job comes as JSON on standard input, what was measured goes to standard output as one line.

With a database it is asked in a table of its own, else in the plain file as it lies.
"""

import json
import math
import os
import resource
import statistics
import sys
import time

import duckdb

# As in the steps of the others.
TIMES = 11
PATIENCE_S = 10.0


def connect(job):
    """The table, or the plain file under the same name."""
    if job["database"]:
        return duckdb.connect(job["database"], read_only=True)
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{job['plain']}')")
    return connection


def build(job, figures):
    begin = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{job['database']}' AS kept (STORAGE_VERSION 'latest')")
    connection.execute(f"CREATE TABLE kept.events AS SELECT * FROM read_parquet('{job['plain']}')")
    connection.execute("CHECKPOINT kept")
    connection.execute("DETACH kept")
    connection.close()
    sync(job["database"])
    figures["build_s"] = time.perf_counter() - begin
    figures["build_peak_mib"] = peak_mib()


def open_(job, figures):
    begin = time.perf_counter()
    connection = connect(job)
    found = connection.execute(job["first"], [job["sessions"][0]]).fetchall()
    figures["open_ms"] = (time.perf_counter() - begin) * 1e3
    figures["open_peak_mib"] = peak_mib()
    if len(found) != 1:
        sys.exit("a session is not there")


def ask(job, figures):
    answers = figures.setdefault("answers", {})
    connection = connect(job)
    rows = lambda sql, *parameters: connection.execute(sql, list(parameters)).fetchall()

    for session in job["sessions"]:
        rows(job["session"], session)
    times, found = [], 0
    for session in job["sessions"]:
        taken, answer = timed(lambda: rows(job["session"], session))
        times.append(taken)
        found += len(answer)
    tell(figures, "session", times)
    answers["events of the sessions"] = found

    file = job["database"] or job["plain"]
    sync(file)
    times = []
    for session in job["sessions"]:
        # What the connection before has read, it holds.
        connection.close()
        connection = connect(job)
        make_cold(file)
        times.append(timed(lambda: rows(job["session"], session))[0])
    tell(figures, "session_cold", times)

    spans = often(figures, "long_spans_ms", lambda: rows(job["spans"], job["long"]))
    answers["spans of the long session"] = len(spans)
    for name, sql in job["lists"].items():
        found = often(figures, f"{name}_ms", lambda: rows(sql))
        answers[name] = " ".join(session for (session,) in found)
    for name, sql in job["costs"].items():
        found = often(figures, f"{name}_ms", lambda: rows(sql))
        answers[name] = ", ".join(f"{key} {int(tokens)} {int(nanos)}" for key, tokens, nanos in sorted(found))
    figures["ask_peak_mib"] = peak_mib()


def timed(question):
    """Milliseconds, and the answer."""
    begin = time.perf_counter()
    answer = question()
    return (time.perf_counter() - begin) * 1e3, answer


def often(figures, name, question):
    """Takes the median of the times of a question, and gives its last answer."""
    times, begin = [], time.perf_counter()
    while True:
        taken, answer = timed(question)
        times.append(taken)
        if len(times) == TIMES or time.perf_counter() - begin > PATIENCE_S:
            figures[name] = statistics.median_high(times)
            return answer


def tell(figures, name, times):
    ordered = sorted(times)
    for quantile, label in ((0.5, "p50"), (0.99, "p99")):
        figures[f"{name}_{label}_ms"] = ordered[math.ceil(quantile * len(ordered)) - 1]


def sync(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def make_cold(path):
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    job = json.load(sys.stdin)
    figures = {}
    {"build": build, "open": open_, "ask": ask}[job["step"]](job, figures)
    print(json.dumps(figures))


main()
