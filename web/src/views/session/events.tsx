// The events of a session, or of one span of it, as a list of any length; the chosen one in full.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { api } from "../../api/client";
import { lastSeq } from "../../api/live";
import type { RecordedEvent, Session } from "../../api/shapes";
import { clock, count, millis } from "../../format";
import { href, param, set } from "../../router";
import { artifactsOf, gist } from "../../ui/event";
import { Facts, Loading, Notice, sessionHref } from "../../ui/parts";
import { VirtualList } from "../../ui/virtual";

export function Events({ session }: { session: Session }) {
  const id = session.session_id;
  const span = param("span");
  const kind = param("kind");
  const seq = Number(param("seq") ?? Number.NaN);
  const events = useSignal<readonly RecordedEvent[] | null>(null);
  const error = useSignal<string | null>(null);
  const state = useSignal({ cursor: null as string | null, isAsking: false });

  // What is known stays, and what follows is added: a session has any number of events.
  const more = async (from: readonly RecordedEvent[], signal: AbortSignal) => {
    if (state.peek().isAsking) return;
    state.value = { ...state.peek(), isAsking: true };
    try {
      const last = from.at(-1)?.seq ?? 0;
      const asked = { span, kind, limit: 1000, from_seq: last > 0 ? last + 1 : null };
      const page = await api.events(id, asked, signal);
      if (signal.aborted) return;
      events.value = [...from, ...page.items];
      state.value = { cursor: page.next_cursor, isAsking: false };
      error.value = null;
      // The event that the address names may lie further on.
      if (page.next_cursor !== null && !Number.isNaN(seq) && (events.value.at(-1)?.seq ?? 0) < seq) await more(events.value, signal);
    } catch (caught) {
      if (!signal.aborted) error.value = String((caught as Error).message);
    } finally {
      state.value = { ...state.peek(), isAsking: false };
    }
  };
  useEffect(() => {
    const asking = new AbortController();
    events.value = null;
    state.value = { cursor: null, isAsking: false };
    void more([], asking.signal);
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stop = lastSeq.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = null;
        if (events.peek() !== null && state.peek().cursor === null) void more(events.peek()!, asking.signal);
      }, 1000);
    });
    return () => {
      asking.abort();
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [id, span, kind]);

  const all = events.value;
  if (all === null) return error.value === null ? <Loading what="Asking for the events" /> : <Notice title={error.value} role="alert" />;
  const at = all.findIndex((event) => event.seq === seq);
  const chosen = all[at];
  return (
    <div class={`split ${chosen ? "has-detail" : ""}`}>
      <div class="split-main">
        <p class="tools">
          <span class="soft figures">
            {count(all.length)} {state.value.cursor === null ? "events" : "events so far"}
          </span>
          {span !== null && (
            <button type="button" class="toggle" aria-pressed="true" onClick={() => set({ span: null }, "push")}>
              of span {span} {"\u2715"}
            </button>
          )}
        </p>
        <VirtualList
          items={all}
          height={26}
          label="Events"
          focus={at}
          nearEnd={() => {
            if (state.peek().cursor !== null) void more(all, new AbortController().signal);
          }}
          line={(event) => (
            <a class="event-row" href={sessionHref(id, { tab: "events", span, seq: String(event.seq) })} aria-current={event.seq === seq ? "true" : undefined}>
              <span class="figures soft seq">{event.seq}</span>
              <span class="figures soft">{clock(millis(event.timestamp), true)}</span>
              <span class="type">{event.type}</span>
              <span class="gist">{gist(event)}</span>
            </a>
          )}
        />
      </div>
      {chosen && <Detail event={chosen} session={id} />}
    </div>
  );
}

function Detail({ event, session }: { event: RecordedEvent; session: string }) {
  const span = event.activity_span_id ?? event.session_span_id;
  const message = event.payload["message_id"];
  return (
    <aside class="panel" aria-label={`Event ${event.seq}`}>
      <header>
        <h2>{event.type}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => set({ seq: null }, "push")}>{"\u2715"}</button>
      </header>
      <p class="ways">
        {span !== null && <a href={href("timeline", { pick: session, span })}>Its span on the timeline</a>}
        {span !== null && <a href={sessionHref(session, { tab: "events", span, seq: String(event.seq) })}>All events of the span</a>}
        {typeof message === "string" && event.type === "session.message" && <a href={sessionHref(session, { tab: "thread", message })}>Its place in the thread</a>}
        {typeof message !== "string" && span !== null && <a href={sessionHref(session, { tab: "thread", span })}>In the thread</a>}
      </p>
      <Facts
        of={[
          ["Code", event.code],
          ["Position", String(event.seq)],
          ["Happened", event.timestamp],
          ["Recorded", event.recorded_at],
          ["Actor", [event.actor, event.actor_id].filter(Boolean).join(" ")],
          ["Span", span === null ? null : <span key="s" class="id">{span}</span>],
          ["Job", event.job_id],
        ]}
      />
      {artifactsOf(event).map(([name, artifact]) => (
        <Artifact key={name} name={name} id={artifact} />
      ))}
      <h3>Payload</h3>
      <pre class="content">{JSON.stringify(event.payload, null, 2)}</pre>
    </aside>
  );
}

function Artifact({ name, id }: { name: string; id: string }) {
  const content = useSignal<string | null>(null);
  const show = () =>
    api.artifact(id).then(
      (text) => (content.value = text),
      (error: unknown) => (content.value = String((error as Error).message)),
    );
  return (
    <section class="artifact">
      <h3>{name.replaceAll("_", " ")}</h3>
      <p class="ways">
        <span class="id">{id.slice(0, 23)}{"\u2026"}</span>
        {content.value === null && <button type="button" class="link" onClick={() => void show()}>Show</button>}
        <a href={`api/v1/artifacts/${encodeURIComponent(id)}`} download="">Save</a>
      </p>
      {content.value !== null && <pre class="content">{content.value.slice(0, 50_000)}</pre>}
    </section>
  );
}
