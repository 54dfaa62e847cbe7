"""Native events of one node with the answers that an engine must give: both are made side by side, from one seed."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

# Model, provider, and the price of a token of input and output in nano-dollars; None for none.
MODELS = (
    ("claude-sonnet", "anthropic", (3_000, 15_000)),
    ("gpt-large", "openai", (2_500, 10_000)),
    ("mini", "openai", (150, 600)),
    ("qwen-coder", "ollama", (0, 0)),
    ("house-model", "vllm", None),
)
TOOLS = ("fs.read", "fs.write", "shell.run", "web.search", "Übersetzer/译")
START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@dataclass
class Truth:
    """What has to be answered about one node."""

    codes: Counter = field(default_factory=Counter)
    """Events by code."""
    usage: dict = field(default_factory=dict)
    """Provider and model to input, output, nano-dollars, calls without a price."""
    messages: Counter = field(default_factory=Counter)
    """Messages by role."""
    tools: dict = field(default_factory=dict)
    """Tool to calls and failures."""
    sessions: dict = field(default_factory=dict)
    """Session to nano-dollars, events, state."""


class Node:
    """Makes the events of one node."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.at = START + timedelta(seconds=seed)
        self.lines: list[str] = []
        self.truth = Truth()

    def hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        digits = self.hex(32)
        return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"

    def stamp(self) -> str:
        return self.at.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def emit(self, session: dict, code: str, kind: str, payload: dict, **envelope) -> None:
        self.at += timedelta(microseconds=self.random.randrange(20, 900))
        event = {
            "event_id": self.uuid(),
            "code": code,
            "type": kind,
            "timestamp": self.stamp(),
            "actor": "agent",
            "model_session_id": session["id"],
            "session_span_id": session["span"],
            **envelope,
            "payload": payload,
        }
        self.lines.append(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
        self.truth.codes[code] += 1
        self.truth.sessions[session["id"]][1] += 1

    def run(self, events: int) -> "Node":
        """Makes at least so many events, of sessions that go on side by side; some are left open."""
        live = []
        while len(self.lines) < events:
            while len(live) < 12:
                live.append(self.life())
            at = self.random.randrange(len(live))
            if next(live[at], "ended") == "ended":
                live.pop(at)
        return self

    def state(self, session: dict, to: str) -> None:
        payload = {"session_id": session["id"], "from_state": session["state"], "to_state": to, "reason": "step"}
        self.emit(session, "FR-EVT-SESS-002", "session.state_change", payload)
        session["state"] = to
        self.truth.sessions[session["id"]][2] = to

    def message(self, session: dict, role: str, span: str | None, tokens: int | None) -> None:
        content = self.hex(64)
        payload = {
            "session_id": session["id"],
            "message_id": self.uuid(),
            "role": role,
            "content_hash": content,
            "content_artifact_id": f"sha256:{content}",
            "token_count": tokens,
        }
        envelope = {"activity_span_id": span} if span else {}
        self.emit(session, "FR-EVT-SESS-004", "session.message", payload, **envelope)
        self.truth.messages[role] += 1

    def life(self):
        """A session from its first event to its last, in steps between which others go on."""
        model, provider, price = self.random.choice(MODELS)
        session = {"id": self.uuid(), "span": self.hex(16), "trace": self.hex(32), "state": "CREATED"}
        self.truth.sessions[session["id"]] = [0, 0, "CREATED"]
        payload = {
            "session_id": session["id"],
            "model_id": model,
            "backend": "cloud",
            "role": self.random.choice(("orchestrator", "coder", "reviewer")),
            "wp_id": f"WP-{self.random.randrange(9)}",
            "mt_id": None,
            "memory_policy": "EPHEMERAL",
            "spawn_depth": 0,
            "provider": provider,
        }
        self.emit(session, "FR-EVT-SESS-001", "session.created", payload, trace_id=session["trace"], model_id=model)
        opened = {"kind": "session", "name": "session", "parent_span_id": None}
        self.emit(session, "FR-EVT-SPAN-001", "span.opened", opened, trace_id=session["trace"])
        yield "created"
        for _ in range(self.random.randrange(2, 9)):
            yield from self.turn(session, model, provider, price)
        self.state(session, self.random.choice(("COMPLETED", "COMPLETED", "FAILED", "CANCELLED")))
        self.emit(session, "FR-EVT-SPAN-002", "span.closed", {"status": "ok"}, trace_id=session["trace"])

    def turn(self, session: dict, model: str, provider: str, price):
        self.state(session, "ACTIVE")
        run = self.hex(16)
        inside = {"activity_span_id": run, "trace_id": session["trace"]}
        opened = {"kind": "model_run", "name": f"chat {model}", "parent_span_id": session["span"]}
        self.emit(session, "FR-EVT-SPAN-001", "span.opened", opened, **inside)
        self.message(session, "USER", run, self.random.randrange(20, 2_000))
        yield "asked"
        for _ in range(self.random.choice((0, 1, 1, 2))):
            self.tool(session)
            yield "called"
        self.infer(session, model, provider, price, inside)
        self.message(session, "ASSISTANT", run, None)
        self.emit(session, "FR-EVT-SPAN-002", "span.closed", {"status": "ok"}, **inside)
        self.state(session, "BLOCKED")
        yield "answered"

    def tool(self, session: dict) -> None:
        tool, ok = self.random.choice(TOOLS), self.random.random() > 0.15
        started = self.stamp()
        self.message(session, "TOOL_CALL", None, None)
        payload = {
            "tool_call_id": self.uuid(),
            "tool_id": tool,
            "tool_version": "1",
            "transport": "local",
            "side_effect": "EXECUTE",
            "idempotency": "IDEMPOTENT",
            "actor": {"kind": "agent"},
            "ok": ok,
            "timing": {"started_at": started, "ended_at": self.stamp(), "duration_ms": self.random.randrange(4_000)},
        }
        if not ok:
            payload["error"] = {"code": "E1", "kind": "failed", "message": "no such file", "retryable": False}
        self.emit(
            session, "FR-EVT-007", "tool_call", payload, activity_span_id=self.hex(16), trace_id=session["trace"]
        )
        calls = self.truth.tools.setdefault(tool, [0, 0])
        calls[0] += 1
        calls[1] += not ok

    def infer(self, session: dict, model: str, provider: str, price, inside: dict) -> None:
        given, made = self.random.randrange(200, 9_000), self.random.randrange(10, 1_500)
        payload = {
            "model_id": model,
            "provider": provider,
            "token_usage": {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made},
        }
        # Some providers give no id; then the span says what is one call.
        if self.random.random() > 0.1:
            payload["request_id"] = "req_" + self.hex(24)
        nanos = price and given * price[0] + made * price[1]
        if price:
            payload["cost_usd"] = nanos / 1e9
        # A response that is told of twice has been paid for once.
        for _ in range(2 if self.random.random() < 0.05 else 1):
            self.emit(session, "FR-EVT-006", "llm_inference", payload, model_id=model, **inside)
        usage = self.truth.usage.setdefault((provider, model), [0, 0, 0, 0])
        for index, more in enumerate((given, made, nanos or 0, price is None)):
            usage[index] += more
        self.truth.sessions[session["id"]][0] += nanos or 0


def answers(nodes: dict[str, Truth]) -> dict[str, list[tuple]]:
    """The answers to the questions over all nodes, by the name of the file that asks."""
    usage: dict = {}
    tools: dict = {}
    for truth in nodes.values():
        for into, more in ((usage, truth.usage), (tools, truth.tools)):
            for key, sums in more.items():
                into[key] = [a + b for a, b in zip(into.get(key, [0] * len(sums)), sums)]
    sessions = [
        (session, node, state, nanos, events)
        for node, truth in nodes.items()
        for session, (nanos, events, state) in truth.sessions.items()
    ]
    return {
        "1-events": sorted((node, code, n) for node, truth in nodes.items() for code, n in truth.codes.items()),
        "2-usage": sorted((*key, *sums) for key, sums in usage.items()),
        "3-messages": sorted((node, role, n) for node, truth in nodes.items() for role, n in truth.messages.items()),
        "4-tools": sorted((tool, *sums) for tool, sums in tools.items()),
        "5-dearest": sorted(sessions, key=lambda row: (-row[3], row[0]))[:10],
    }
