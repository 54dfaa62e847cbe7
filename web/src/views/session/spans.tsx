// The spans of a session as an indented list with their place in time; of any number.

import { useMemo } from "preact/hooks";

import type { SessionDetail, Span } from "../../api/shapes";
import { cost, count, duration, millis, words } from "../../format";
import { href, param } from "../../router";
import { now } from "../../store";
import { sessionHref } from "../../ui/parts";
import { VirtualList } from "../../ui/virtual";

export interface Placed {
  span: Span;
  depth: number;
}

/** Spans below their parents, each once, whatever they say of each other. */
export function nested(spans: readonly Span[]): Placed[] {
  const known = new Set(spans.map((span) => span.span_id));
  const below = new Map<string, Span[]>();
  const roots: Span[] = [];
  for (const span of spans) {
    const parent = span.parent_span_id;
    if (parent === null || parent === span.span_id || !known.has(parent)) {
      roots.push(span);
      continue;
    }
    const siblings = below.get(parent);
    if (siblings) siblings.push(span);
    else below.set(parent, [span]);
  }
  const placed: Placed[] = [];
  const seen = new Set<Span>();
  for (const root of [...roots, ...spans]) {
    const stack: Placed[] = [{ span: root, depth: 0 }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (seen.has(next.span)) continue;
      seen.add(next.span);
      placed.push(next);
      const depth = next.depth + 1;
      for (const child of (below.get(next.span.span_id) ?? []).toReversed()) stack.push({ span: child, depth });
    }
  }
  return placed;
}

export function Spans({ detail: { session, spans } }: { detail: SessionDetail }) {
  const placed = useMemo(() => nested(spans), [spans]);
  const wanted = param("span");
  const times = useMemo(() => {
    let [first, last] = [Infinity, -Infinity];
    for (const { start, end } of spans) {
      const [a, b] = [millis(start ?? end), millis(end ?? start)];
      if (a < first) first = a;
      if (b > last) last = b;
    }
    return { first, last: session.open_spans > 0 ? Math.max(last, now()) : last };
  }, [spans]);
  const at = placed.findIndex(({ span }) => span.span_id === wanted);
  return (
    <VirtualList
      items={placed}
      height={24}
      label="Spans"
      focus={at}
      line={({ span, depth }) => <Line span={span} depth={depth} times={times} session={session.session_id} isWanted={span.span_id === wanted} />}
    />
  );
}

/** A run that got no answer used nothing, and has no price to miss. */
function priceOf({ kind, cost_nanos, tokens_in, tokens_out }: Span): string {
  if (cost_nanos !== null) return cost(cost_nanos, 0);
  return kind === "model_run" && (tokens_in ?? 0) + (tokens_out ?? 0) > 0 ? "unpriced" : "";
}

function Line({ span, depth, times, session, isWanted }: { span: Span; depth: number; times: { first: number; last: number }; session: string; isWanted: boolean }) {
  const start = millis(span.start ?? span.end);
  const end = span.end === null ? times.last : millis(span.end);
  const whole = Math.max(1e-3, times.last - times.first);
  const left = ((start - times.first) / whole) * 100;
  const width = Math.max(0, ((end - start) / whole) * 100);
  const kind = span.status === "error" ? "error" : (span.kind ?? "other");
  const tokens = (span.tokens_in ?? 0) + (span.tokens_out ?? 0);
  const length = span.end === null ? "open" : span.start === null ? "start missing" : duration(end - start);
  return (
    <span class="span-row" aria-current={isWanted ? "true" : undefined}>
      <a class="span-name" style={{ paddingInlineStart: `${Math.min(depth, 24) * 14 + 8}px` }} href={href("timeline", { pick: session, span: span.span_id })} title={`${words(span.kind ?? "start missing")} ${span.span_id}`}>
        {span.name ?? span.span_id}
      </a>
      <span class="track" aria-hidden="true">
        <span class={`bar ${kind} ${span.end === null ? "open" : ""}`} style={{ left: `${left}%`, width: `${width}%` }} />
      </span>
      <span class="figures">{length}</span>
      <span class="figures soft">{tokens > 0 ? count(tokens) : ""}</span>
      <span class="figures">{priceOf(span)}</span>
      <span class={span.status === "error" || span.status === "abandoned" ? "severity error" : "soft"}>{span.error_code ?? span.status ?? ""}</span>
      <a class="soft" href={sessionHref(session, { tab: "events", span: span.span_id })}>events</a>
    </span>
  );
}
