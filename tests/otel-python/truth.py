"""What a recorder must answer for the spans that were sent: sums and folds over the plan, made here on their own."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone

from plan import Agent, Call, Model, Plain, Tool
from sending import Message, Sent

KINDS = {Agent: "job", Call: "model_run", Tool: "tool_call", Plain: "other"}


def moment(nanos: int) -> str:
    """A time as the recorder writes it: UTC, microseconds kept, what is smaller cut."""
    at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=nanos // 1_000)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def cost_nanos(call: Call) -> int | None:
    """What a call cost: as stated, else by its model's rates, else nobody knows."""
    if call.stated_nanos is not None:
        return call.stated_nanos
    if call.model.rates is None:
        return None
    fresh, cached, written = call.model.rates
    used = call.usage
    return (used.input - used.cached) * fresh + used.cached * cached + used.output * written


def span(sent: Sent) -> dict:
    """A span as it must be answered."""
    step = sent.step
    failure = getattr(step, "failure", None)
    charged = step if isinstance(step, Call) and step.usage else None
    tags = {Agent: lambda: [f"agent:{step.name}"], Tool: lambda: [f"tool:{step.ask.tool}"]}.get(type(step), list)()
    return {
        "trace_id": sent.trace_id,
        "span_id": sent.span_id,
        "parent_span_id": sent.parent_id,
        "session_id": sent.session,
        "session_span_id": None,
        "kind": KINDS[type(step)],
        "name": sent.name,
        "job_id": None,
        "model_id": step.model.name if isinstance(step, Call) else None,
        "start": moment(sent.start_ns),
        "end": moment(sent.end_ns),
        "status": "ok" if not failure else "cancelled" if failure.cancelled else "error",
        "tokens_in": charged.usage.input if charged else None,
        "tokens_out": charged.usage.output if charged else None,
        "cost_nanos": cost_nanos(charged) if charged else None,
        "error_code": failure.kind if failure else None,
        "tags": tags,
        "links": [{"trace_id": sent.link[0], "span_id": sent.link[1], "relation": None}] if sent.link else [],
    }


def thread(spans: list[Sent]) -> list[tuple[str, Message]]:
    """The messages of a session with the time of each: histories that are told again with every call say nothing
    new, but the same words twice within one history were said twice. The earliest telling counts."""
    earliest: dict[tuple[Message, int], int] = {}
    for sent in spans:
        nth: Counter[Message] = Counter()
        for message, at_ns in sent.told:
            key = (message, nth[message])
            nth[message] += 1
            earliest[key] = min(at_ns, earliest.get(key, at_ns))
    return [(moment(at_ns), message) for (message, _), at_ns in earliest.items()]


def messages(spans: list[Sent]) -> list[dict]:
    """The messages of a session as they must be answered, with their content."""
    return [
        {
            "session_id": spans[0].session,
            "role": message.role,
            "content": message.content,
            "content_hash": sha256(message.content),
            "artifact_id": f"sha256:{sha256(message.content)}",
            "token_count": None,
            "timestamp": at,
            "tool_call_id": message.call_id,
            "redacted": None,
        }
        for at, message in thread(spans)
    ]


def tool_calls(spans: list[Sent]) -> list[dict]:
    """The calls of tools as events must tell them."""
    calls = []
    for sent in spans:
        tool = sent.step
        if not isinstance(tool, Tool):
            continue
        answer = tool.answer if tool.answer is not None else tool.failure.message
        calls.append(
            {
                "tool_call_id": tool.ask.call_id,
                "tool_id": tool.ask.tool,
                "ok": tool.failure is None,
                "args_hash": sha256(json.dumps(tool.ask.arguments)),
                "result_hash": sha256(answer),
                "error": {"code": tool.failure.kind} if tool.failure else None,
                "started_at": moment(sent.start_ns),
                "ended_at": moment(sent.end_ns),
            }
        )
    return calls


class Session:
    """One session: the spans that lie in it, and what they add up to."""

    def __init__(self, spans: list[Sent]):
        self.id = spans[0].session
        self.spans = sorted(spans, key=lambda sent: sent.start_ns)
        self.tops = [sent for sent in self.spans if sent.is_top]
        self.calls = [sent.step for sent in self.spans if isinstance(sent.step, Call) and sent.step.usage]
        self.parent = next((sent.set_off_by for sent in self.tops if sent.set_off_by), None)
        self.children: list[Session] = []

    def nanos(self) -> int:
        return sum(cost_nanos(call) or 0 for call in self.calls)

    def inclusive_nanos(self) -> int:
        return self.nanos() + sum(child.inclusive_nanos() for child in self.children)

    def unpriced(self) -> int:
        return sum(cost_nanos(call) is None for call in self.calls)

    def model(self) -> Model | None:
        """The model that answered first."""
        return self.calls[0].model if self.calls else None

    def state(self) -> str:
        """How the latest of its turns ended."""
        failure = self.tops[-1].step.failure
        return "COMPLETED" if not failure else "CANCELLED" if failure.cancelled else "FAILED"

    def answer(self, depth: int) -> dict:
        """The session as it must be answered."""
        model = self.model()
        return {
            "session_id": self.id,
            "parent_session_id": self.parent,
            "state": self.state(),
            "role": next(sent.step.name for sent in self.spans if isinstance(sent.step, Agent)),
            "model_id": model.name if model else None,
            "provider": model.provider if model else None,
            "backend": "cloud",
            "wp_id": None,
            "mt_id": None,
            "spawn_depth": depth,
            "label": None,
            "source": "otlp:gen_ai",
            "created_at": moment(self.spans[0].start_ns),
            "updated_at": moment(max(sent.end_ns for sent in self.spans)),
            "ended_at": moment(self.tops[-1].end_ns),
            "tokens": tokens(self.calls),
            "cost": {
                "own_nanos": self.nanos(),
                "inclusive_nanos": self.inclusive_nanos(),
                "unpriced_runs": self.unpriced(),
            },
            "messages": len(thread(self.spans)),
            "model_runs": len(self.calls),
            "tool_calls": sum(isinstance(sent.step, Tool) for sent in self.spans),
            "spans": len(self.spans),
            "open_spans": 0,
            "findings": ["unpriced"] if self.unpriced() else [],
        }


def tokens(calls: list[Call]) -> dict:
    """What calls used together. Nothing in this check writes to a cache."""
    used = [call.usage for call in calls]
    total_in, total_out = sum(one.input for one in used), sum(one.output for one in used)
    return {
        "input": total_in,
        "output": total_out,
        "cached": sum(one.cached for one in used),
        "cache_write": 0,
        "reasoning": sum(one.reasoning for one in used),
        "total": total_in + total_out,
    }


class Truth:
    """All sessions that were sent."""

    def __init__(self, spans: list[Sent]):
        by_session = defaultdict(list)
        for sent in spans:
            by_session[sent.session].append(sent)
        self.sessions = {session: Session(spans) for session, spans in by_session.items()}
        for session in self.sessions.values():
            if session.parent:
                self.sessions[session.parent].children.append(session)

    def depth(self, session: Session) -> int:
        return 1 + self.depth(self.sessions[session.parent]) if session.parent else 0

    def answers(self) -> dict[str, dict]:
        """Every session as it must be answered, by its id."""
        return {name: session.answer(self.depth(session)) for name, session in self.sessions.items()}

    def tree(self, session: Session) -> dict:
        """The ids of a session and of what it set off."""
        children = sorted(session.children, key=lambda child: (child.spans[0].start_ns, child.id))
        return {"session_id": session.id, "children": [self.tree(child) for child in children]}

    def costs(self, key) -> dict[str, dict]:
        """Roll-ups by a fact of a model."""
        calls, sessions = defaultdict(list), defaultdict(set)
        for session in self.sessions.values():
            for call in session.calls:
                calls[key(call.model)].append(call)
                sessions[key(call.model)].add(session.id)
        return {
            name: {
                "key": name,
                "sessions": len(sessions[name]),
                "tokens": tokens(of_key),
                "cost": {
                    "nanos": sum(cost_nanos(call) or 0 for call in of_key),
                    "unpriced_runs": sum(cost_nanos(call) is None for call in of_key),
                },
            }
            for name, of_key in calls.items()
        }
