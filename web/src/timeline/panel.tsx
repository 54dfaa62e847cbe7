// What is chosen on the timeline, in full: its facts, why it waited, and its events with what they lead to.

import { api } from "../api/client";
import { clock, cost, count, duration, words } from "../format";
import { lanes, now } from "../store";
import { EventLine } from "../ui/event";
import { useAnswer } from "../ui/ask";
import { Facts, IdLink, InclusiveCost, Loading, OwnCost, Severity, StateWord, sessionHref } from "../ui/parts";
import { KINDS, type Lane, STATUSES, isUnpriced, nameOf } from "./lane";

export function Panel({ session, span, close }: { session: string; span: string | null; close: () => void }) {
  const lane = lanes.value.get(session);
  return (
    <aside class="panel" aria-label="What is chosen">
      <header>
        <h2>{lane ? nameOf(lane.session) : session}</h2>
        <button type="button" class="quiet" aria-label="Close" title="Close (Esc)" onClick={close}>
          {"\u2715"}
        </button>
      </header>
      {lane ? <Chosen lane={lane} span={span} /> : <p class="soft">This session is not among those that are shown.</p>}
    </aside>
  );
}

function Chosen({ lane, span }: { lane: Lane; span: string | null }) {
  const at = span === null ? -1 : lane.spans.id.indexOf(span);
  return (
    <>
      {at >= 0 && <SpanFacts lane={lane} at={at} />}
      {at >= 0 && <SpanEvents lane={lane} span={span!} />}
      <SessionFacts lane={lane} />
      <Waits lane={lane} />
    </>
  );
}

function SpanFacts({ lane, at }: { lane: Lane; at: number }) {
  const { spans } = lane;
  const [start, end] = [spans.start[at]!, spans.end[at]!];
  const kind = KINDS[spans.kind[at]!]!;
  const nanos = spans.nanos[at]!;
  return (
    <section>
      <h3>{spans.name[at] || words(kind)}</h3>
      <Facts
        of={[
          ["Kind", words(kind)],
          ["Status", STATUSES[spans.status[at]!]!],
          ["Start", clock(start, true)],
          [end === Infinity ? "So far" : "Took", duration((end === Infinity ? now() : end) - start)],
          ["Tokens", Number.isNaN(spans.tokens[at]!) ? null : count(spans.tokens[at]!)],
          ["Cost", isUnpriced(spans, at) ? "unpriced" : Number.isNaN(nanos) ? null : cost(nanos, 0)],
          ["Span", <span class="id" key="id">{spans.id[at]}</span>],
        ]}
      />
      <p class="ways">
        <a href={sessionHref(lane.session.session_id, { tab: "thread", span: spans.id[at]! })}>In the thread</a>
        <a href={sessionHref(lane.session.session_id, { tab: "events", span: spans.id[at]! })}>All its events</a>
      </p>
    </section>
  );
}

function SpanEvents({ lane, span }: { lane: Lane; span: string }) {
  const id = lane.session.session_id;
  const answer = useAnswer(`${id} ${span}`, (signal) => api.events(id, { span, limit: 50 }, signal), { live: lane.isOpen });
  return (
    <section>
      <h3>Events of this span</h3>
      {answer.isLoading && <Loading what="Asking for its events" />}
      {answer.error && <p role="alert">{answer.error}</p>}
      {answer.value && (
        <ol class="event-lines">
          {answer.value.items.map((event) => (
            <EventLine key={event.seq} event={event} session={id} />
          ))}
        </ol>
      )}
      {answer.value?.next_cursor && <p class="soft">These are the first 50.</p>}
    </section>
  );
}

function SessionFacts({ lane }: { lane: Lane }) {
  const { session } = lane;
  const last = lane.states.at(-1);
  return (
    <section>
      <h3>Session</h3>
      <Facts
        of={[
          ["State", <StateWord key="s" state={session.state} />],
          ["Because", last ? last.reason : null],
          ["Role", session.role],
          ["Model", session.model_id],
          ["Work packet", session.wp_id],
          ["Parent", session.parent_session_id ? <IdLink key="p" id={session.parent_session_id} /> : null],
          ["Own cost", <OwnCost key="o" session={session} />],
          ["With children", <InclusiveCost key="i" session={session} />],
          ["Tokens", `${count(session.tokens.input)} in, ${count(session.tokens.output)} out`],
          ["Did", `${count(session.model_runs)} model runs, ${count(session.tool_calls)} tool calls`],
          ["Waited", lane.waits.length > 0 ? duration(lane.waitedMs) : null],
        ]}
      />
      {session.findings.slice(0, 4).map((finding, n) => (
        <p key={n} class="finding-line">
          <Severity of={finding.severity} text={words(finding.kind)} /> {finding.detail}
        </p>
      ))}
      <p class="ways">
        <a href={sessionHref(session.session_id)}>Open the session</a>
        <a href={sessionHref(session.session_id, { tab: "thread" })}>Thread</a>
        <a href={sessionHref(session.session_id, { tab: "events" })}>Events</a>
      </p>
    </section>
  );
}

/** Why it waited, longest first: summed up by cause. */
export function Waits({ lane }: { lane: Lane }) {
  if (lane.waits.length === 0) return null;
  const causes = new Map<string, { ms: number; times: number; reason: string | null; open: boolean }>();
  for (const bar of lane.waits) {
    const name = bar.wait.limit ? `held by ${words(bar.wait.limit)}` : bar.cause === "queue" ? "queued" : "held by a rate limit";
    const sum = causes.get(name) ?? { ms: 0, times: 0, reason: null, open: false };
    sum.ms += Math.min(bar.end, now()) - bar.start;
    sum.times++;
    sum.reason = bar.wait.reason ?? sum.reason;
    sum.open ||= bar.end === Infinity;
    causes.set(name, sum);
  }
  return (
    <section>
      <h3>Why it waited</h3>
      <ul class="causes">
        {[...causes]
          .sort(([, a], [, b]) => b.ms - a.ms)
          .map(([name, { ms, times, reason, open }]) => (
            <li key={name}>
              <strong>{name}</strong> <span class="figures">{duration(ms)}</span>
              <span class="soft"> {times > 1 ? `${times} times` : ""}{open ? " and waits now" : ""}</span>
              {reason && <span class="soft block">{reason}</span>}
            </li>
          ))}
      </ul>
    </section>
  );
}
