"""Two nodes push to one bucket, and engines answer the same questions over both as the workload says they must."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

import engines
import spark
import workload

EVENTS = 20_000
BATCHES = 3
BUCKET, PREFIX = "lake", "team/flightrec"


class Failed(Exception):
    """Something is not as it has to be."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flightrec", required=True, type=Path, help="the program")
    parser.add_argument("--work", required=True, type=Path, help="a directory that is emptied first")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    arguments.work.mkdir(parents=True)
    # Its log is a line for each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        check(arguments, engines.Lake(f"http://{host}:{port}", BUCKET, PREFIX))
    except Failed as failure:
        sys.exit(f"lake: {failure}")
    finally:
        server.stop()


def check(arguments, lake: engines.Lake) -> None:
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": lake.endpoint,
        "AWS_ACCESS_KEY_ID": lake.key,
        "AWS_SECRET_ACCESS_KEY": lake.secret,
        "AWS_REGION": lake.region,
    }
    os.environ.update({name: environment[name] for name in environment if name.startswith("AWS_")})
    objects = boto3.client("s3", endpoint_url=lake.endpoint)
    objects.create_bucket(Bucket=BUCKET)
    truths = {}
    for seed in (7, 8):
        node, truth = push(arguments, environment, objects, seed)
        compare_own(arguments, environment, seed, truth)
        truths[node] = truth
    wanted = workload.answers(truths)
    print(f"{2 * EVENTS:,} events and more of two nodes, pushed to {lake.endpoint}/{lake.bucket}/{lake.prefix}\n")
    print(f"{'engine':<24} " + " ".join(f"{name:>11}" for name in engines.QUESTIONS) + "   seconds")
    wrong = []
    own = ("flightrec sql --lake", lambda _: ask_own(arguments, environment))
    for name, ask in (own, *ENGINES):
        begun = time.monotonic()
        found = ask(lake)
        agrees = {question: found[question] == wanted[question] for question in engines.QUESTIONS}
        row = " ".join(f"{'agrees' if agrees[question] else 'DIFFERS':>11}" for question in engines.QUESTIONS)
        print(f"{name:<24} {row}   {time.monotonic() - begun:7.1f}", flush=True)
        wrong += [(name, question, found[question]) for question in engines.QUESTIONS if not agrees[question]]
    for name, question, found in wrong:
        print(f"\n{name}, {question}:\n  found  {found}\n  wanted {wanted[question]}")
    if wrong:
        raise Failed("the engines do not agree with the workload")


def on_spark(lake: engines.Lake) -> dict[str, list[tuple]]:
    found, readers = spark.answer(lake)
    if readers < spark.EXECUTORS:
        raise Failed(f"{readers} executor read, where {spark.EXECUTORS} have to")
    return found


ENGINES = (
    ("ClickHouse (chdb)", engines.clickhouse),
    ("DuckDB", engines.duckdb),
    ("Polars", engines.polars),
    (f"Spark, {spark.EXECUTORS} executors", on_spark),
)


def push(arguments, environment: dict, objects, seed: int) -> tuple[str, workload.Truth]:
    """Records and seals a node's events in several segments and pushes them; the first push is killed on its way."""
    made = workload.Node(seed).run(EVENTS)
    store = arguments.work / f"node-{seed}"
    program = [str(arguments.flightrec), "--data", str(store)]
    for batch in range(BATCHES):
        lines = made.lines[share(made, batch)]
        run([*program, "record", "--quiet"], environment, "\n".join(lines))
        run([*program, "seal", "--quiet"], environment)
    for number in range(40):
        run([*program, "artifact", "put", "-", "--quiet"], environment, f"content {number} of node {seed}")
    url = f"s3://{BUCKET}/{PREFIX}"
    before = count(objects)
    killed = subprocess.Popen([*program, "push", url, "--quiet"], env=environment, stdout=subprocess.DEVNULL)
    while count(objects) == before and killed.poll() is None:
        pass
    killed.kill()
    killed.wait()
    told = json.loads(run([*program, "push", url, "--verify", "--quiet", "--format", "json"], environment))
    again = json.loads(run([*program, "push", url, "--quiet", "--format", "json"], environment))
    if again["bytes_put"] or again["segments"]["there"] != BATCHES or again["artifacts"]["there"] != 40:
        raise Failed(f"a push behind a whole one is not empty: {again}")
    put = told["segments"]["put"] + told["artifacts"]["put"]
    print(f"node {told['node']}: killed on its way, then {put} of {BATCHES + 40} objects put, all read back and compared")
    return told["node"], made.truth


def compare_own(arguments, environment: dict, seed: int, truth: workload.Truth) -> None:
    """The program itself gives the answers about its own store, which the views must not contradict."""
    program = [str(arguments.flightrec), "--data", str(arguments.work / f"node-{seed}"), "--format", "json"]
    by_model = {model: sums for (_, model), sums in truth.usage.items()}
    found = {
        row["key"]: [row["tokens"]["input"], row["tokens"]["output"], row["cost"]["nanos"], row["cost"]["unpriced_runs"]]
        for row in json.loads(run([*program, "cost", "--by", "model"], environment))
    }
    if found != by_model:
        raise Failed(f"`flightrec cost` says {found}, and the workload {by_model}")
    wanted = {session: (nanos, state) for session, (nanos, _, state) in truth.sessions.items()}
    listed = json.loads(run([*program, "sessions"], environment))
    told = {row["session_id"]: (row["cost"]["own_nanos"], row["state"]) for row in listed}
    if told != wanted:
        raise Failed("`flightrec sessions` does not agree with the workload")


def ask_own(arguments, environment: dict) -> dict[str, list[tuple]]:
    """The program's own engine, over both nodes, with the tables that it makes itself."""
    program = [str(arguments.flightrec), "sql", "--lake", f"s3://{BUCKET}/{PREFIX}", "--format", "json", "-"]
    found = {}
    for name in engines.QUESTIONS:
        rows = json.loads(run(program, environment, engines.text("questions", name)))
        found[name] = engines.plain(tuple(row.values()) for row in rows)
    return found


def share(made: workload.Node, batch: int) -> slice:
    """Each batch is more than all after it, so that the recorder has no reason to merge their segments."""
    ends = [len(made.lines) * part // 9 for part in (0, 5, 8, 9)]
    return slice(ends[batch], ends[batch + 1])


def count(objects) -> int:
    pages = objects.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return sum(page["KeyCount"] for page in pages)


def run(command: list[str], environment: dict, given: str = "") -> str:
    ended = subprocess.run(command, env=environment, input=given, text=True, stdout=subprocess.PIPE)
    if ended.returncode:
        raise Failed(f"{' '.join(command)} ended with {ended.returncode}")
    return ended.stdout


if __name__ == "__main__":
    main()
