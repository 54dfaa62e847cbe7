"""What the agents of this check do: conversations as data, with their numbers written out.

Nothing here knows of OpenTelemetry or of the recorder. `sending.py` turns a conversation into telemetry,
`truth.py` says what a recorder of that telemetry must answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Told(Enum):
    """Where the telemetry of a model call has its messages."""

    BY_SPAN = "as JSON in the attributes of the call's span"
    BY_EVENT = "in one log record of the whole call, structured; the usage stands there and on the span"
    BY_MESSAGES = "in one log record for each message, under the older names; the usage stands on the span"


@dataclass(frozen=True)
class Failure:
    """How a step failed."""

    kind: str
    message: str
    cancelled: bool = False


@dataclass(frozen=True)
class Usage:
    """The tokens of a model call; `input` includes `cached`, `output` includes `reasoning`."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Model:
    """A model and who serves it, with its price per token in nano-dollars; no rates: nobody knows its price."""

    name: str
    provider: str
    rates: tuple[int, int, int] | None
    """Of input, of cached input, of output. `prices.json` says the same per million tokens."""


@dataclass(frozen=True)
class Ask:
    """What a model asks a tool for."""

    call_id: str
    tool: str
    arguments: dict


@dataclass(frozen=True)
class Call:
    """One call of a model."""

    model: Model
    usage: Usage | None
    says: str | None = None
    asks: tuple[Ask, ...] = ()
    failure: Failure | None = None
    stated_usd: float | None = None
    """What the emitter itself says that it cost; it wins over any list of prices."""
    stated_nanos: int | None = None
    """The same in nano-dollars."""
    told: Told = Told.BY_SPAN


@dataclass(frozen=True)
class Tool:
    """One call of a tool; what happens inside of it are agents that it runs."""

    ask: Ask
    answer: str | None = None
    failure: Failure | None = None
    inside: tuple[Agent, ...] = ()


@dataclass(frozen=True)
class Plain:
    """A span of the application around the agents, which follows no convention."""

    name: str
    inside: tuple[Agent, ...]


@dataclass(frozen=True)
class Agent:
    """An agent at work. With a conversation of its own it is a session of its own."""

    name: str
    inside: tuple[Call | Tool | Agent, ...]
    conversation: str | None = None
    system: str | None = None
    user: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Conversation:
    """Turns of one agent, each a trace of its own; `then` is what its first turn set off, linked to it."""

    name: str
    turns: tuple[Agent | Plain, ...]
    then: Conversation | None = None


LARGE = Model("check-large", "openai", (2_000, 500, 8_000))
SMALL = Model("check-small", "anthropic", (300, 30, 1_500))
NEW = Model("check-unheard-of", "openai", None)

WEATHER = Ask("call_weather", "get_weather", {"city": "Zürich", "days": 3})
SUMS = Ask("call_sums", "calculator", {"expression": "6*7", "exact": True})
RESEARCH = Ask("call_research", "delegate_research", {"topic": "飛行記録装置 — flight recorders 🛩"})


def delegating(name: str) -> Conversation:
    """Two turns with the same user's words, tools side by side, and a delegate with its own conversation."""
    delegate = Agent(
        "researcher",
        conversation=f"{name}/researcher",
        system="You look things up.\nCite nothing.",
        user="Find out: 飛行記録装置",
        inside=(
            Call(SMALL, Usage(150, 44), asks=(Ask("call_search", "search_docs", {"query": "ring\u00a0buffer"}),)),
            Tool(Ask("call_search", "search_docs", {"query": "ring\u00a0buffer"}), answer='[{"title": "Ring buffers"}]'),
            Call(SMALL, Usage(330, 29, cached=128), says="Ring buffers keep the newest N records. ✈️"),
        ),
    )
    first = Agent(
        "Flugdatenschreiber 🛫",
        conversation=name,
        system="You are thorough. Ответь по-русски, если спросят.",
        user="Go on.",
        inside=(
            Call(LARGE, Usage(310, 41), says="I will delegate the research.", asks=(RESEARCH,)),
            Tool(RESEARCH, answer="Ring buffers keep the newest N records. ✈️", inside=(delegate,)),
            Call(LARGE, Usage(512, 38, cached=256, reasoning=16), asks=(SUMS, WEATHER)),
            Tool(SUMS, answer="42"),
            Tool(WEATHER, answer="sonnig ☀️"),
            Call(LARGE, Usage(640, 57, cached=512), says="42, and Zürich ist sonnig ☀️."),
        ),
    )
    second = replace(first, inside=(Call(LARGE, Usage(900, 21, cached=700), says="Nothing new since."),))
    return Conversation(name, (first, second))


def tool_fails(name: str) -> Conversation:
    """A tool fails twice, and the agent copes."""
    asks = tuple(Ask(f"call_flaky_{n}", "flaky_tool", {"attempt": n}) for n in (1, 2))
    broken = Failure("ConnectionResetError", "the other side hung up")
    agent = Agent(
        "coper",
        conversation=name,
        user="Try it twice.",
        inside=(
            Call(SMALL, Usage(200, 15), asks=asks[:1]),
            Tool(asks[0], failure=broken),
            Call(SMALL, Usage(260, 15), asks=asks[1:]),
            Tool(asks[1], answer="too late", failure=broken),
            Call(SMALL, Usage(300, 19), says="The tool kept failing; giving up."),
        ),
    )
    return Conversation(name, (agent,))


def model_fails(name: str) -> Conversation:
    """The second call of the model fails, uses nothing, and takes the agent with it."""
    ask = Ask("call_one", "calculator", {"expression": "1+1"})
    broken = Failure("InternalServerError", "500: upstream is down")
    inside = (Call(LARGE, Usage(120, 10), asks=(ask,)), Tool(ask, answer="2"), Call(LARGE, None, failure=broken))
    return Conversation(name, (Agent("unlucky", inside, conversation=name, user="1+1?", failure=broken),))


def cancelled(name: str) -> Conversation:
    """Somebody gave up while the model was still answering."""
    gone = Failure("asyncio.exceptions.CancelledError", "", cancelled=True)
    inside = (Call(LARGE, Usage(95, 3), says="I"), Call(LARGE, None, failure=gone))
    return Conversation(name, (Agent("interrupted", inside, conversation=name, user="Wait!", failure=gone),))


def told_by_logs(name: str, told: Told) -> Conversation:
    """The words of the agents travel in log records."""
    ask = Ask("call_leap", "calendar", {"month": "Février", "nested": {"list": [1, 2.5, None, "x"]}})
    inside = (
        Call(LARGE, Usage(410, 17, cached=64), asks=(ask,), told=told),
        Tool(ask, answer="29 jours"),
        Call(LARGE, Usage(480, 31, cached=410), says="Février a 29 jours.", told=told),
    )
    system = "Réponds en français."
    return Conversation(name, (Agent("calendrier", inside, conversation=name, system=system, user="Février ?"),))


def prices(name: str) -> Conversation:
    """One call whose price nobody knows, one whose cost the emitter states, one that a list prices."""
    inside = (
        Call(NEW, Usage(1_000, 100), says="one"),
        Call(LARGE, Usage(1_000, 100), says="two", stated_usd=0.000123457, stated_nanos=123_457),
        Call(LARGE, Usage(1_000, 100), says="three"),
    )
    return Conversation(name, (Agent("accountant", inside, conversation=name, user="Count."),))


def nameless(name: str) -> Conversation:
    """No span names a conversation: the trace is the session."""
    inside = (Call(SMALL, Usage(77, 7), says="Plain answer."),)
    return Conversation(name, (Agent("nobody", inside, user="Who are you?"),))


def behind_a_request(name: str) -> Conversation:
    """The agent works inside a request of a web application; an assistant inside of it shares its session."""
    assistant = Agent("assistant", (Call(LARGE, Usage(60, 6), says="done"),), user="Help.")
    agent = Agent("chat", (assistant, Call(LARGE, Usage(88, 8), says="Bye.")), conversation=name, user="Hi.")
    return Conversation(name, (Plain("POST /chat", (agent,)),))


def setting_off(name: str) -> Conversation:
    """A turn that sets off work in the background: a trace of its own with a link back."""
    later = Agent("janitor", (Call(SMALL, Usage(50, 5), says="cleaned"),), conversation=f"{name}/janitor", user="Clean.")
    starter = Agent("starter", (Call(LARGE, Usage(70, 7), says="It runs."),), conversation=name, user="Clean up later.")
    return Conversation(name, (starter,), then=Conversation(f"{name}/janitor", (later,)))


def deep(name: str) -> Conversation:
    """Eight delegates, each inside a tool call of the one above, each with a conversation of its own."""
    agent = Agent("level 8", (Call(SMALL, Usage(9, 1), says="the bottom"),), conversation=f"{name}/8", user="down 8")
    for level in range(7, -1, -1):
        ask = Ask(f"call_down_{level}", "go_down", {"to": level + 1})
        inside = (Call(SMALL, Usage(10 + level, 2), asks=(ask,)), Tool(ask, answer="up", inside=(agent,)))
        agent = Agent(f"level {level}", inside, conversation=f"{name}/{level}" if level else name, user=f"down {level}")
    return Conversation(name, (agent,))


def long(name: str, tools: int) -> Conversation:
    """So many tool calls in one trace that the exporters need several requests for it."""
    asks = [Ask(f"call_{n:04}", "step", {"n": n}) for n in range(tools)]
    steps = tuple(Tool(ask, answer=f"step {ask.arguments['n']} ✓") for ask in asks)
    inside = (*steps, Call(LARGE, Usage(4_000, 400, cached=3_000), says="All steps are done."))
    return Conversation(name, (Agent("stepper", inside, conversation=name, user="Take every step."),))


def conversations(route: str) -> list[Conversation]:
    """Everything that is sent on one route, under names that no other route has."""
    plans = [
        tool_fails(f"{route}/tool-fails"),
        model_fails(f"{route}/model-fails"),
        cancelled(f"{route}/cancelled"),
        told_by_logs(f"{route}/told-by-events", Told.BY_EVENT),
        told_by_logs(f"{route}/told-by-messages", Told.BY_MESSAGES),
        prices(f"{route}/prices"),
        nameless(f"{route}/nameless"),
        behind_a_request(f"{route}/behind-a-request"),
        setting_off(f"{route}/setting-off"),
        deep(f"{route}/deep"),
        long(f"{route}/long", 700),
    ]
    plans.extend(delegating(f"{route}/délégation №{n}") for n in range(1, 9))
    return plans
