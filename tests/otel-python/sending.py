"""Sends conversations with the SDK, by OpenTelemetry's conventions for generative AI, and keeps what was sent."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, use_span

from plan import Agent, Call, Conversation, Plain, Told, Tool

# More than is ever under way, so that nothing is dropped before it is sent.
QUEUE = 1 << 17
# How long a request may take, in seconds: the SDK asks for a limit, and a slow machine is not wrong.
PATIENCE_S = 3_600


@dataclass(frozen=True)
class Route:
    """One way to the recorder: which exporter, how it packs, and how often it delivers each request."""

    name: str
    over: str
    gzip: bool
    batch: int
    deliveries: int = 1


ROUTES = (
    Route("http", "http", gzip=False, batch=512),
    Route("http-gzip", "http", gzip=True, batch=7),
    Route("grpc", "grpc", gzip=False, batch=7, deliveries=2),
    Route("grpc-gzip", "grpc", gzip=True, batch=512),
)


@dataclass(frozen=True)
class Message:
    """A message of a thread in the recorder's words."""

    role: str
    content: str
    call_id: str | None = None


@dataclass
class Sent:
    """A span as it went out, with the step of the plan that it stands for."""

    step: Agent | Call | Tool | Plain
    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    link: tuple[str, str] | None
    session: str
    """The session that it lies in: named by it or above it, else its trace."""
    is_top: bool
    """Whether the session's work hangs on it."""
    set_off_by: str | None
    """The session above its own, if it is the top of one."""
    start_ns: int = 0
    end_ns: int = 0
    told: list[tuple[Message, int]] = field(default_factory=list)
    """Messages of a call with the time at which the telemetry tells them, in the order of the thread."""


class Watched:
    """An exporter that delivers as often as it is told and remembers what did not succeed."""

    def __init__(self, exporter, deliveries: int):
        self.exporter, self.deliveries = exporter, deliveries
        self.requests, self.failures = 0, []

    def export(self, batch):
        for _ in range(self.deliveries):
            result = self.exporter.export(batch)
            self.requests += 1
            if result.name != "SUCCESS":
                self.failures.append(f"{type(self.exporter).__module__}: a request with {len(batch)} items: {result}")
        return result

    def shutdown(self):
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.exporter.force_flush(timeout_millis)


class Line:
    """A route in use: tracer and logger with their exporters."""

    def __init__(self, route: Route, http: str, grpc_address: str):
        self.route = route
        if route.over == "http":
            packing = Compression.Gzip if route.gzip else Compression.NoCompression
            spans = HttpSpans(endpoint=f"{http}/v1/traces", compression=packing, timeout=PATIENCE_S)
            logs = HttpLogs(endpoint=f"{http}/v1/logs", compression=packing, timeout=PATIENCE_S)
        else:
            packing = grpc.Compression.Gzip if route.gzip else grpc.Compression.NoCompression
            spans = GrpcSpans(endpoint=grpc_address, insecure=True, compression=packing, timeout=PATIENCE_S)
            logs = GrpcLogs(endpoint=grpc_address, insecure=True, compression=packing, timeout=PATIENCE_S)
        self.exporters = (Watched(spans, route.deliveries), Watched(logs, route.deliveries))
        resource = Resource.create({"service.name": f"check-{route.name}"})
        packed = {"max_queue_size": QUEUE, "max_export_batch_size": route.batch, "schedule_delay_millis": 50}
        self.tracers = TracerProvider(resource=resource)
        self.tracers.add_span_processor(BatchSpanProcessor(self.exporters[0], **packed))
        self.loggers = LoggerProvider(resource=resource)
        self.loggers.add_log_record_processor(BatchLogRecordProcessor(self.exporters[1], **packed))
        self.tracer = self.tracers.get_tracer("check", "1")
        self.logger = self.loggers.get_logger("check", "1")

    def close(self) -> list[str]:
        """Sends what is left. Says which requests failed."""
        for provider in (self.tracers, self.loggers):
            # A shutdown alone would give up after a while and drop the rest.
            provider.force_flush(PATIENCE_S * 1_000)
            provider.shutdown()
        return [failure for exporter in self.exporters for failure in exporter.failures]

    def send(self, conversation: Conversation) -> list[Sent]:
        """Sends one conversation and gives its spans in the order of their start."""
        return Sender(self).conversation(conversation, None)


class Sender:
    """Sends one conversation; the threads of its sessions grow as they would in a real program."""

    def __init__(self, line: Line):
        self.line = line
        self.sent: list[Sent] = []
        self.threads: dict[str, list[Message]] = {}

    def conversation(self, conversation: Conversation, set_off_by: SpanContext | None) -> list[Sent]:
        for n, turn in enumerate(conversation.turns):
            first = self.step(turn, None, set_off_by)
            if n == 0 and conversation.then:
                self.conversation(conversation.then, first)
        return self.sent

    @contextmanager
    def span(self, step, name: str, kind: SpanKind, above: Sent | None, linked: SpanContext | None, attributes: dict):
        """A span around what is done inside of the block, ended by how its step ended."""
        links = [Link(linked)] if linked else []
        span = self.line.tracer.start_span(name, kind=kind, links=links, attributes=attributes)
        context = span.get_span_context()
        trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        own = attributes.get("gen_ai.conversation.id")
        over = above.session if above else None
        is_top = isinstance(step, Agent) and (own is not None or above is None)
        if linked and not above:
            over = next(sent.session for sent in self.sent if sent.span_id == f"{linked.span_id:016x}")
        sent = Sent(
            step=step,
            name=name,
            trace_id=trace_id,
            span_id=span_id,
            parent_id=above.span_id if above else None,
            link=(f"{linked.trace_id:032x}", f"{linked.span_id:016x}") if linked else None,
            session=own or (above.session if above else trace_id),
            is_top=is_top,
            set_off_by=over if is_top and not (above and isinstance(above.step, Plain)) else None,
            start_ns=span.start_time,
        )
        self.sent.append(sent)
        with use_span(span, end_on_exit=False):
            yield span, sent
        failure = getattr(step, "failure", None)
        if failure:
            span.set_attribute("error.type", failure.kind)
            span.set_status(StatusCode.ERROR, failure.message or None)
            span.add_event("exception", {"exception.type": failure.kind, "exception.message": failure.message})
        span.end()
        sent.end_ns = span.end_time

    def step(self, step, above: Sent | None, linked: SpanContext | None = None) -> SpanContext:
        match step:
            case Agent():
                return self.agent(step, above, linked)
            case Call():
                return self.call(step, above)
            case Tool():
                return self.tool(step, above)
            case Plain():
                with self.span(step, step.name, SpanKind.SERVER, above, linked, {"http.route": "/chat"}) as (span, sent):
                    for inner in step.inside:
                        self.step(inner, sent)
                # Whoever joins the spans below finds the session of a request only by what is inside of it.
                sent.session = next(inner.session for inner in self.sent if inner.parent_id == sent.span_id)
                return span.get_span_context()

    def agent(self, agent: Agent, above: Sent | None, linked: SpanContext | None) -> SpanContext:
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent.name}
        if agent.conversation:
            attributes["gen_ai.conversation.id"] = agent.conversation
        with self.span(agent, f"invoke_agent {agent.name}", SpanKind.INTERNAL, above, linked, attributes) as (span, sent):
            thread = self.threads.setdefault(sent.session, [])
            if agent.system and not any(message.role == "SYSTEM" for message in thread):
                thread.append(Message("SYSTEM", agent.system))
            if agent.user:
                thread.append(Message("USER", agent.user))
            for inner in agent.inside:
                self.step(inner, sent)
        return span.get_span_context()

    def tool(self, tool: Tool, above: Sent) -> SpanContext:
        answer = tool.answer if tool.answer is not None else tool.failure.message
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool.ask.tool,
            "gen_ai.tool.call.id": tool.ask.call_id,
            "gen_ai.tool.call.arguments": json.dumps(tool.ask.arguments),
        }
        with self.span(tool, f"execute_tool {tool.ask.tool}", SpanKind.INTERNAL, above, None, attributes) as (span, sent):
            for inner in tool.inside:
                self.step(inner, sent)
            span.set_attribute("gen_ai.tool.call.result", answer)
        self.threads[sent.session].append(Message("TOOL_RESULT", answer, tool.ask.call_id))
        return span.get_span_context()

    def call(self, call: Call, above: Sent) -> SpanContext:
        is_older = call.told is Told.BY_MESSAGES
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": call.model.name,
            "gen_ai.system" if is_older else "gen_ai.provider.name": call.model.provider,
        }
        given = list(self.threads[above.session])
        answers = [Message("ASSISTANT", call.says)] if call.says else []
        answers += [Message("TOOL_CALL", compact(ask_as_dict(ask)), ask.call_id) for ask in call.asks]
        with self.span(call, f"chat {call.model.name}", SpanKind.CLIENT, above, None, attributes) as (span, sent):
            told = usage(call, is_older)
            told["gen_ai.response.finish_reasons"] = ["tool_calls" if call.asks else "stop"]
            if not is_older:
                told["gen_ai.response.id"] = f"resp-{uuid.uuid4()}"
            if call.usage:
                span.set_attributes(told)
            if call.told is Told.BY_SPAN:
                span.set_attributes({key: json.dumps(parts) for key, parts in whole(given, answers).items()})
            elif call.told is Told.BY_EVENT:
                sent.told = self.log_event({**attributes, **told, **whole(given, answers)}, given + answers)
            else:
                sent.told = self.log_messages(call, given, answers)
        if call.told is Told.BY_SPAN:
            sent.told = [(message, sent.start_ns) for message in given] + [(message, sent.end_ns) for message in answers]
        self.threads[above.session].extend(answers)
        return span.get_span_context()

    def log_event(self, attributes: dict, messages: list[Message]) -> list[tuple[Message, int]]:
        """One log record for the whole call. It has no time of its own, only that of its observation."""
        seen_ns = time.time_ns()
        name = "gen_ai.client.inference.operation.details"
        self.line.logger.emit(observed_timestamp=seen_ns, attributes=attributes, event_name=name)
        return [(message, seen_ns) for message in messages]

    def log_messages(self, call: Call, given: list[Message], answers: list[Message]) -> list[tuple[Message, int]]:
        """A log record for each message given, with what the model asked for gathered in one, and one for the choice."""
        told, index = [], 0
        while index < len(given):
            message, at_ns = given[index], time.time_ns()
            together = [message]
            if message.role in ("ASSISTANT", "TOOL_CALL"):
                while index + len(together) < len(given) and given[index + len(together)].role == "TOOL_CALL":
                    together.append(given[index + len(together)])
            name = {"SYSTEM": "system", "USER": "user", "TOOL_RESULT": "tool"}.get(message.role, "assistant")
            body = spoken(together) if name == "assistant" else {"content": message.content}
            if name == "tool":
                body["id"] = message.call_id
            system = {"gen_ai.system": call.model.provider}
            self.line.logger.emit(timestamp=at_ns, body=body, attributes=system, event_name=f"gen_ai.{name}.message")
            told += [(one, at_ns) for one in together]
            index += len(together)
        at_ns = time.time_ns()
        reason = "tool_calls" if call.asks else "stop"
        body = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", **spoken(answers)}}
        self.line.logger.emit(timestamp=at_ns, body=body, event_name="gen_ai.choice")
        return told + [(one, at_ns) for one in answers]


def ask_as_dict(ask) -> dict:
    return {"name": ask.tool, "arguments": ask.arguments}


def compact(value) -> str:
    """JSON in the one form in which the recorder keeps what is not text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def usage(call: Call, is_older: bool) -> dict:
    """The attributes that tell what a call used and cost."""
    if not call.usage:
        return {}
    told = {
        "gen_ai.usage.prompt_tokens" if is_older else "gen_ai.usage.input_tokens": call.usage.input,
        "gen_ai.usage.completion_tokens" if is_older else "gen_ai.usage.output_tokens": call.usage.output,
    }
    if call.usage.cached:
        told["gen_ai.usage.cache_read.input_tokens"] = call.usage.cached
    if call.usage.reasoning:
        told["gen_ai.usage.reasoning.output_tokens"] = call.usage.reasoning
    if call.stated_usd is not None:
        told["operation.cost"] = call.stated_usd
    return told


def part(message: Message) -> dict:
    match message.role:
        case "TOOL_CALL":
            return {"type": "tool_call", "id": message.call_id, **json.loads(message.content)}
        case "TOOL_RESULT":
            return {"type": "tool_call_response", "id": message.call_id, "response": message.content}
        case _:
            return {"type": "text", "content": message.content}


def whole(given: list[Message], answers: list[Message]) -> dict:
    """The messages of a call in parts, as the present conventions have them."""
    speakers = {"USER": "user", "ASSISTANT": "assistant", "TOOL_CALL": "assistant", "TOOL_RESULT": "tool"}
    told = {
        "gen_ai.system_instructions": [part(message) for message in given if message.role == "SYSTEM"],
        "gen_ai.input.messages": [
            {"role": speakers[message.role], "parts": [part(message)]} for message in given if message.role != "SYSTEM"
        ],
    }
    if answers:
        parts = [part(message) for message in answers]
        told["gen_ai.output.messages"] = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    return {key: parts for key, parts in told.items() if parts}


def spoken(messages: list[Message]) -> dict:
    """What an assistant said and asked for, as the older conventions have it in the body of a log record."""
    body = {"content": message.content for message in messages if message.role == "ASSISTANT"}
    calls = [
        {
            "id": message.call_id,
            "type": "function",
            "function": {
                "name": json.loads(message.content)["name"],
                "arguments": json.dumps(json.loads(message.content)["arguments"]),
            },
        }
        for message in messages
        if message.role == "TOOL_CALL"
    ]
    if calls:
        body["tool_calls"] = calls
    return body
