// One session: what it is, what it did and said, and what is wrong with it. A span, an event and a message lead to each
// other, and each has an address.

import { api } from "../api/client";
import type { Session, SessionDetail, Tree } from "../api/shapes";
import { count, duration, millis, words } from "../format";
import { href, param } from "../router";
import { lanes, now } from "../store";
import { Waits } from "../timeline/panel";
import { nameOf, isTerminal } from "../timeline/lane";
import { useAnswer } from "../ui/ask";
import { Facts, IdLink, InclusiveCost, Loading, Moment, Notice, OwnCost, Severity, StateWord, sessionHref } from "../ui/parts";
import { Events } from "./session/events";
import { Spans } from "./session/spans";
import { Thread } from "./session/thread";

const TABS = ["overview", "thread", "events", "spans"] as const;
type Tab = (typeof TABS)[number];

export function SessionView() {
  const id = param("id") ?? "";
  const { value, error } = useAnswer(`session ${id}`, (signal) => api.session(id, signal), { live: true });
  if (value === null) {
    if (error === null) return <Loading what="Asking for the session" />;
    return (
      <Notice title={error} role="alert">
        <p><a href={href("sessions")}>All sessions</a></p>
      </Notice>
    );
  }
  const tab = TABS.find((tab) => tab === param("tab")) ?? "overview";
  const { session } = value;
  const counts: Record<Tab, string> = {
    overview: "",
    thread: count(session.messages),
    events: "",
    spans: count(value.spans.length),
  };
  return (
    <article class="session">
      <header class="session-head">
        <p class="crumbs">
          <a href={href("sessions")}>Sessions</a>
          {session.parent_session_id && (
            <>
              {" \u203a "}
              <IdLink id={session.parent_session_id} />
            </>
          )}
        </p>
        <h1>{nameOf(session)} <StateWord state={session.state} /></h1>
        <p class="under">
          <span class="id">{session.session_id}</span>
          <a href={href("timeline", { pick: session.session_id })}>On the timeline</a>
        </p>
        <Figures session={session} />
        <nav class="tabs" aria-label="Parts of the session">
          {TABS.map((name) => (
            <a key={name} href={sessionHref(session.session_id, { tab: name })} aria-current={tab === name ? "page" : undefined}>
              {words(name)[0]!.toUpperCase() + name.slice(1)} {counts[name] !== "" && <span class="soft">{counts[name]}</span>}
            </a>
          ))}
        </nav>
      </header>
      <Part tab={tab} detail={value} />
    </article>
  );
}

function Part({ tab, detail }: { tab: Tab; detail: SessionDetail }) {
  const { session } = detail;
  switch (tab) {
    case "overview":
      return <Overview detail={detail} />;
    case "thread":
      return <Thread session={session} spans={detail.spans} />;
    case "events":
      return <Events session={session} />;
    case "spans":
      return <Spans detail={detail} />;
  }
}

function Figures({ session }: { session: Session }) {
  const { tokens } = session;
  const end = isTerminal(session) ? millis(session.ended_at ?? session.updated_at) : now();
  const figures = [
    ["Own cost", <OwnCost key="o" session={session} />],
    ["With children", <InclusiveCost key="i" session={session} />],
    ["Tokens", <span key="t" title={`${count(tokens.input)} in, ${count(tokens.cached)} of them cached; ${count(tokens.output)} out, ${count(tokens.reasoning)} of them reasoning`}>{count(tokens.total)}</span>],
    ["Elapsed", duration(end - millis(session.created_at))],
    ["Model runs", count(session.model_runs)],
    ["Tool calls", count(session.tool_calls)],
    ["Findings", count(session.findings.length)],
  ] as const;
  return (
    <dl class="figures-row">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Overview({ detail: { session, states, children } }: { detail: SessionDetail }) {
  const { tokens } = session;
  const lane = lanes.value.get(session.session_id);
  return (
    <div class="columns">
      <section>
        <h2>Facts</h2>
        <Facts
          of={[
            ["Role", session.role],
            ["Model", session.model_id],
            ["Provider", session.provider],
            ["Backend", session.backend],
            ["Work packet", session.wp_id && <a key="w" href={href("timeline", { wp: session.wp_id })}>{session.wp_id}</a>],
            ["Micro task", session.mt_id],
            ["Depth", session.spawn_depth === null ? null : count(session.spawn_depth)],
            ["Source", session.source],
            ["Created", <Moment key="c" at={session.created_at} />],
            ["Ended", <Moment key="e" at={session.ended_at} />],
            ["Tokens in", `${count(tokens.input)} (${count(tokens.cached)} cached, ${count(tokens.cache_write)} written to cache)`],
            ["Tokens out", `${count(tokens.output)} (${count(tokens.reasoning)} reasoning)`],
            ["Unpriced runs", session.cost.unpriced_runs > 0 ? count(session.cost.unpriced_runs) : null],
            ["Messages", count(session.messages)],
            ["Spans", `${count(session.spans)}, ${count(session.open_spans)} open`],
          ]}
        />
        {session.findings.length > 0 && (
          <>
            <h2>Findings</h2>
            <ul class="plain">
              {session.findings.map((finding, n) => (
                <li key={n} class="finding-line">
                  <Severity of={finding.severity} text={words(finding.kind)} /> {finding.detail}{" "}
                  {finding.seq !== null && <a href={sessionHref(session.session_id, { tab: "events", seq: String(finding.seq) })}>event</a>}{" "}
                  {finding.span_id !== null && <a href={sessionHref(session.session_id, { tab: "spans", span: finding.span_id })}>span</a>}
                </li>
              ))}
            </ul>
          </>
        )}
        {children.length > 0 && (
          <>
            <h2>Spawned</h2>
            <Children of={children} />
          </>
        )}
      </section>
      <section>
        {lane && <Waits lane={lane} />}
        <h2>States</h2>
        {states.length === 0 && <p class="soft">No change of state is on record: its state follows from what else is.</p>}
        <ol class="states">
          {states.map((state) => (
            <li key={state.seq}>
              <a class="figures soft" href={sessionHref(session.session_id, { tab: "events", seq: String(state.seq) })}>
                <Moment at={state.timestamp} />
              </a>
              <StateWord state={state.to_state} />
              <span class="soft">{state.reason}</span>
            </li>
          ))}
        </ol>
      </section>
    </div>
  );
}

function Children({ of }: { of: readonly Tree[] }) {
  return (
    <ul class="tree-list">
      {of.map(({ session, children }) => (
        <li key={session.session_id}>
          <StateWord state={session.state} /> <a href={sessionHref(session.session_id)}>{nameOf(session)}</a>{" "}
          <span class="soft">{session.role}</span> <InclusiveCost session={session} />
          {children.length > 0 && <Children of={children} />}
        </li>
      ))}
    </ul>
  );
}
