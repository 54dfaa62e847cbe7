// An event in a line: when, what, and the ways on from it.

import type { RecordedEvent } from "../api/shapes";
import { clock, cost, count, duration, millis, money, shortId, words } from "../format";
import { sessionHref } from "./parts";

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

/** What an event says, in a few words. */
export function gist({ type, payload }: RecordedEvent): string {
  const of = (name: string) => text(payload[name]);
  switch (type) {
    case "session.created":
      return `${of("role")} on ${of("model_id")}`;
    case "session.state_change":
      return `${words(of("from_state"))} \u2192 ${words(of("to_state"))}: ${of("reason")}`;
    case "session.completed": {
      const usd = payload["total_cost_usd"];
      return `${count(Number(payload["total_tokens"]))} tokens, ${typeof usd === "number" ? money(usd * 1e9) : "unpriced"}`;
    }
    case "session.message":
      return `${words(of("role"))}${of("token_count") === "" ? "" : `, ${of("token_count")} tokens`}`;
    case "session.budget_warning":
      return `${words(of("budget_type"))}: ${of("current_value")} of ${of("threshold_value")}`;
    case "session_scheduler.enqueue":
      return `${words(of("lane"))}, priority ${of("priority")}`;
    case "session_scheduler.dispatch":
      return `after ${duration(Number(payload["queue_wait_ms"]))}`;
    case "session_scheduler.rate_limited":
      return of("reason") || `${of("provider")}, ${duration(Number(payload["backoff_ms"]))}`;
    case "session_scheduler.cancelled":
      return `${of("reason")}, by ${of("cancelled_by")}`;
    case "session.spawn_requested":
      return `a ${of("child_role")}`;
    case "session.spawn_accepted":
      return `${of("child_role")} ${shortId(of("child_session_id"))}`;
    case "session.spawn_rejected":
      return words(of("rejection_reason"));
    case "session.announce_back":
      return `${words(of("status"))}, to ${shortId(of("requester_session_id"))}`;
    case "llm_inference": {
      const usage = (payload["token_usage"] ?? {}) as Record<string, unknown>;
      const usd = payload["cost_usd"];
      const price = typeof usd === "number" ? cost(usd * 1e9, 0) : "unpriced";
      return `${text(usage["prompt_tokens"])} in, ${text(usage["completion_tokens"])} out, ${price}`;
    }
    case "tool_call": {
      const took = (payload["timing"] as Record<string, unknown> | undefined)?.["duration_ms"];
      return `${of("tool_id")}${payload["ok"] === false ? ", failed" : ""}${typeof took === "number" ? `, ${duration(took)}` : ""}`;
    }
    case "span.opened":
      return `${words(of("kind"))} ${of("name")}`;
    case "span.closed":
      return of("status");
    case "session.checkpointed":
      return words(of("trigger"));
    default:
      return Object.entries(payload)
        .filter(([, value]) => typeof value === "string" || typeof value === "number")
        .slice(0, 3)
        .map(([name, value]) => `${words(name)} ${text(value)}`)
        .join(", ");
  }
}

/** The artifacts that an event names, by field. */
export function artifactsOf(event: RecordedEvent): [string, string][] {
  const found: [string, string][] = [];
  for (const [name, value] of Object.entries(event.payload)) {
    if (typeof value === "string" && value.startsWith("sha256:")) found.push([name, value]);
  }
  return found;
}

export function EventLine({ event, session }: { event: RecordedEvent; session: string }) {
  const message = event.type === "session.message" ? text(event.payload["message_id"]) : "";
  return (
    <li class="event-line">
      <time class="figures soft" dateTime={event.timestamp} title={event.timestamp}>
        {clock(millis(event.timestamp), true)}
      </time>
      <a href={sessionHref(session, { tab: "events", seq: String(event.seq) })} title={`${event.code}, position ${event.seq}`}>
        {event.type}
      </a>
      <span class="gist">{gist(event)}</span>
      {message !== "" && (
        <a class="way" href={sessionHref(session, { tab: "thread", message })}>
          message
        </a>
      )}
    </li>
  );
}
