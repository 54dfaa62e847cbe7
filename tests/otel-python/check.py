"""The official OpenTelemetry SDK against a running `flightrec up`: what is sent must be what is answered, exactly.

    python check.py --http http://127.0.0.1:4318 --grpc 127.0.0.1:4317

The recorder must have been started on an empty store with `--prices prices.json` from this directory.
`cargo xtask otel-python` does all of that.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from answers import Recorder
from plan import conversations
from sending import ROUTES, Line, Sent
from truth import Session, Truth, messages, span, tool_calls

# Conversations under way at the same time.
THREADS = 16
# Differences that are printed; the rest is counted.
SHOWN = 60


def send(http: str, grpc: str) -> tuple[list[Sent], list[str]]:
    """Sends everything on every route at once. Gives the spans, and the requests that failed."""
    lines = [Line(route, http, grpc) for route in ROUTES]
    with ThreadPoolExecutor(THREADS) as threads:
        under_way = [
            threads.submit(line.send, conversation)
            for of_each_route in zip(*(conversations(line.route.name) for line in lines))
            for line, conversation in zip(lines, of_each_route)
        ]
        spans = [sent for conversation in under_way for sent in conversation.result()]
    failures = [failure for line in lines for failure in line.close()]
    for line in lines:
        spans_in, logs_in = (exporter.requests for exporter in line.exporters)
        print(f"  {line.route.name:<10} {spans_in:>5} requests with spans, {logs_in:>4} with log records")
    return spans, failures


def differences(where: str, sent, answered) -> Iterator[str]:
    """Every place where an answer is not what was sent. Facts that the truth does not name are not looked at."""
    if isinstance(sent, dict) and isinstance(answered, dict):
        for key, value in sent.items():
            if key not in answered:
                yield f"{where}.{key}: it is not in the answer"
            else:
                yield from differences(f"{where}.{key}", value, answered[key])
    elif isinstance(sent, list) and isinstance(answered, list) and len(sent) == len(answered):
        for at, (one, other) in enumerate(zip(sent, answered)):
            yield from differences(f"{where}[{at}]", one, other)
    elif sent != answered or isinstance(sent, bool) != isinstance(answered, bool):
        yield f"{where}: sent {sent!r}, answered {answered!r}"


def by_key(where: str, sent: dict[str, dict], answered: list[dict], key) -> Iterator[str]:
    """Compares two sets of things that have a key each."""
    found = {key(one): one for one in answered}
    if len(found) != len(answered):
        yield f"{where}: {len(answered)} are answered, only {len(found)} of them different"
    for name in sent.keys() - found.keys():
        yield f"{where}: {name} was sent and is not answered"
    for name in found.keys() - sent.keys():
        yield f"{where}: {name} is answered and was not sent: {found[name]}"
    for name in sorted(sent.keys() & found.keys(), key=str):
        yield from differences(f"{where} {name}", sent[name], found[name])


def of_session(recorder: Recorder, truth: Truth, session: Session) -> Iterator[str]:
    """Everything that can be asked of one session."""
    name = session.id
    spans = recorder.all(recorder.of_session(name, "spans"))
    yield from by_key(f"{name}: span", {s.span_id: span(s) for s in session.spans}, spans, lambda one: one["span_id"])

    said = recorder.all(recorder.of_session(name, "messages"))
    for message in said:
        message["content"] = recorder.content(message["content_hash"])
    expected = sorted(messages(session.spans), key=lambda one: (one["timestamp"], one["role"], one["content"]))
    answered = sorted(said, key=lambda one: (one["timestamp"], one["role"], one["content"]))
    if len(expected) != len(answered):
        yield f"{name}: {len(expected)} messages were sent, {len(answered)} are answered"
        known = [(one["role"], one["content"]) for one in answered]
        yield from (f"{name}: missing {one}" for one in expected if (one["role"], one["content"]) not in known)
        known = [(one["role"], one["content"]) for one in expected]
        yield from (f"{name}: not sent {one}" for one in answered if (one["role"], one["content"]) not in known)
    yield from differences(f"{name}: message", expected, answered[: len(expected)])

    events = recorder.all(recorder.of_session(name, "events"), kind="tool_call")
    payloads = [{**event["payload"], **event["payload"]["timing"]} for event in events]
    for payload in payloads:
        payload.setdefault("error", None)
    calls = {(call["tool_call_id"], call["started_at"]): call for call in tool_calls(session.spans)}
    yield from by_key(f"{name}: tool call", calls, payloads, lambda one: (one["tool_call_id"], one["started_at"]))

    answer = session.answer(truth.depth(session))
    cost = recorder.one(recorder.of_session(name, "cost"))
    yield from differences(f"{name}: cost", {"tokens": answer["tokens"], "cost": answer["cost"]}, cost)
    tree = recorder.one(recorder.of_session(name, "tree"))
    yield from differences(f"{name}: tree", truth.tree(session), ids(tree))


def ids(tree: dict) -> dict:
    """The ids in an answered tree."""
    return {"session_id": tree["session"]["session_id"], "children": [ids(child) for child in tree["children"]]}


def compare(recorder: Recorder, truth: Truth) -> Iterator[str]:
    """Asks for everything that was sent."""
    answered = recorder.all("/sessions")
    for session in answered:
        session["findings"] = [finding["kind"] for finding in session["findings"]]
    yield from by_key("session", truth.answers(), answered, lambda one: one["session_id"])
    known = {session["session_id"] for session in answered}
    for session in truth.sessions.values():
        if session.id in known:
            yield from of_session(recorder, truth, session)
    for by, key in (("model", lambda model: model.name), ("provider", lambda model: model.provider)):
        costs = recorder.all("/costs", by=by)
        yield from by_key(f"cost by {by}", truth.costs(key), costs, lambda one: one["key"])


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--http", required=True, help="where OTLP/HTTP and the API are: http://HOST:PORT")
    arguments.add_argument("--grpc", required=True, help="where OTLP/gRPC is: HOST:PORT")
    given = arguments.parse_args()

    spans, found = send(given.http, given.grpc)
    truth = Truth(spans)
    found += compare(Recorder(given.http), truth)
    calls = [call for session in truth.sessions.values() for call in session.calls]
    said = sum(len(messages(session.spans)) for session in truth.sessions.values())
    what = f"{len(truth.sessions)} sessions, {len(spans)} spans, {said} messages, {len(calls)} model calls"
    if not found:
        print(f"  {what}: answered as they were sent")
        return 0
    print(f"of {what}, this is not answered as it was sent:")
    for difference in found[:SHOWN]:
        print(f"  {difference}")
    if len(found) > SHOWN:
        print(f"  and {len(found) - SHOWN} more differences")
    return 1


if __name__ == "__main__":
    sys.exit(main())
