// Small parts that several views use.

import type { ComponentChildren } from "preact";

import type { Finding, Session, State } from "../api/shapes";
import { cost, costInWords, moment, shortId, words } from "../format";
import { href } from "../router";
import { unpriced } from "../store";

const MARKS: Record<State, string> = {
  ACTIVE: "\u25b6",
  BLOCKED: "\u25f7",
  PAUSED: "\u2016",
  COMPLETED: "\u2713",
  FAILED: "\u2715",
  CANCELLED: "\u2298",
  CREATED: "\u25cb",
};

export function StateWord({ state }: { state: State }) {
  return (
    <span class={`state ${state.toLowerCase()}`}>
      <span aria-hidden="true">{MARKS[state]}</span> {words(state)}
    </span>
  );
}

export const sessionHref = (id: string, more: Record<string, string | null> = {}) =>
  href("session", { id, ...more });

export function SessionLink({ session }: { session: Session }) {
  return (
    <a class="name" href={sessionHref(session.session_id)} title={session.session_id}>
      {session.label ?? session.role ?? shortId(session.session_id)}
    </a>
  );
}

export function IdLink({ id }: { id: string }) {
  return (
    <a class="id" href={sessionHref(id)} title={id}>
      {shortId(id)}
    </a>
  );
}

export function OwnCost({ session }: { session: Session }) {
  const { own_nanos, unpriced_runs } = session.cost;
  return <span title={costInWords(own_nanos, unpriced_runs)}>{cost(own_nanos, unpriced_runs)}</span>;
}

export function InclusiveCost({ session }: { session: Session }) {
  const { inclusive_nanos, unpriced_runs } = session.cost;
  const runs = unpriced.value.get(session.session_id) ?? unpriced_runs;
  return <span title={costInWords(inclusive_nanos, runs)}>{cost(inclusive_nanos, runs)}</span>;
}

export function worst(findings: readonly Finding[]): Finding["severity"] | null {
  for (const severity of ["error", "warning", "info"] as const) {
    if (findings.some((finding) => finding.severity === severity)) return severity;
  }
  return null;
}

const SEVERITY_MARKS = { error: "\u2715", warning: "\u25b2", info: "i" } as const;

export function Severity({ of, text }: { of: Finding["severity"]; text?: string }) {
  return (
    <span class={`severity ${of}`}>
      <span aria-hidden="true">{SEVERITY_MARKS[of]}</span> {text ?? of}
    </span>
  );
}

export function Moment({ at }: { at: string | null }) {
  return at === null ? <span>{"\u2013"}</span> : <time dateTime={at} title={at}>{moment(at)}</time>;
}

export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** What is shown where there is nothing, or where something went wrong; it says what to do next. */
export function Notice({ title, children, role }: { title: string; children?: ComponentChildren; role?: "alert" | "status" }) {
  return (
    <section class="notice" role={role ?? "status"}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p class="loading" role="status">
      <span class="spinner" aria-hidden="true" /> {what}
    </p>
  );
}

export function Choice<T extends string>({
  label,
  of,
  is,
  choose,
  name,
}: {
  label: string;
  of: readonly T[];
  is: T;
  choose: (value: T) => void;
  name?: (value: T) => string;
}) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select value={is} onChange={(event) => choose(event.currentTarget.value as T)}>
        {of.map((value) => (
          <option key={value} value={value}>
            {name ? name(value) : value}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Toggle({ label, is, set, title }: { label: string; is: boolean; set: (is: boolean) => void; title?: string }) {
  return (
    <button type="button" class="toggle" aria-pressed={is} title={title} onClick={() => set(!is)}>
      {label}
    </button>
  );
}
