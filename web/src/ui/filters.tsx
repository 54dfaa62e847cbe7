// The filters, the same on every view, and in the address.

import { STATES, type Session } from "../api/shapes";
import { moment, none, words } from "../format";
import { FILTERS, type Filter, filters, set } from "../router";

const RANGES: readonly (readonly [string, string])[] = [
  ["", "any time"],
  ["15m", "last 15 min"],
  ["1h", "last hour"],
  ["24h", "last 24 h"],
  ["7d", "last 7 days"],
];

const NAMES: Record<Filter, string> = {
  session: "Session",
  state: "State",
  role: "Role",
  model: "Model",
  wp: "Work packet",
  backend: "Backend",
  since: "Since",
  until: "Until",
};

/** The values that a filter can have: those that sessions have, and the one that is set. */
function values(sessions: readonly Session[], of: (session: Session) => string | null, is: string | undefined): string[] {
  const found = new Set<string>();
  for (const session of sessions) {
    const value = of(session);
    if (value !== null) found.add(value);
  }
  if (is !== undefined) found.add(is);
  return [...found].sort();
}

function Pick({ filter, of, name }: { filter: Filter; of: readonly string[]; name?: (value: string) => string }) {
  const is = filters.value[filter] ?? "";
  return (
    <label class={`choice ${is === "" ? "" : "is-set"}`}>
      <span>{NAMES[filter]}</span>
      <select value={is} onChange={(event) => set({ [filter]: event.currentTarget.value }, "push")}>
        <option value="">any</option>
        {of.map((value) => (
          <option key={value} value={value}>
            {name ? name(value) : value}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Filters({ sessions }: { sessions: readonly Session[] }) {
  const is = filters.value;
  const since = is.since ?? "";
  const ranges = RANGES.some(([value]) => value === since) ? RANGES : [...RANGES, [since, `since ${moment(since) === none ? since : moment(since)}`] as const];
  const isFiltered = FILTERS.some((filter) => is[filter] !== undefined);
  const clear = Object.fromEntries(FILTERS.map((filter) => [filter, null]));
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label class={`choice ${is.session === undefined ? "" : "is-set"}`}>
        <span>{NAMES.session}</span>
        <input
          type="search"
          size={12}
          placeholder="id begins with"
          spellcheck={false}
          value={is.session ?? ""}
          onChange={(event) => set({ session: event.currentTarget.value.trim() }, "push")}
        />
      </label>
      <Pick filter="state" of={STATES} name={words} />
      <Pick filter="role" of={values(sessions, (session) => session.role, is.role)} />
      <Pick filter="model" of={values(sessions, (session) => session.model_id, is.model)} />
      <Pick filter="wp" of={values(sessions, (session) => session.wp_id, is.wp)} />
      <Pick filter="backend" of={["local", "cloud"]} />
      <label class={`choice ${since === "" ? "" : "is-set"}`}>
        <span>Time</span>
        <select value={since} onChange={(event) => set({ since: event.currentTarget.value }, "push")}>
          {ranges.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {is.until !== undefined && (
        <button type="button" class="toggle" aria-pressed="true" onClick={() => set({ until: null }, "push")}>
          until {moment(is.until) === none ? is.until : moment(is.until)} {"\u2715"}
        </button>
      )}
      {isFiltered && (
        <button type="button" class="quiet" onClick={() => set(clear, "push")}>
          Clear filters
        </button>
      )}
    </form>
  );
}
