// Sessions as a table: grouped, sorted, as many as there are.

import { useEffect, useState } from "preact/hooks";

import { api, pages } from "../api/client";
import { lastSeq } from "../api/live";
import type { Session } from "../api/shapes";
import { cost, count, duration, millis, plural, short } from "../format";
import { grouped } from "../group";
import { filterKey, filters, param, set } from "../router";
import { now } from "../store";
import { GROUPINGS, type Grouping, groupName, groupOf } from "../timeline/board";
import { isTerminal } from "../timeline/lane";
import { Choice, IdLink, InclusiveCost, Loading, Moment, Notice, OwnCost, SessionLink, Severity, StateWord, worst } from "../ui/parts";

type Column = "session" | "state" | "role" | "model" | "wp" | "began" | "elapsed" | "tokens" | "own" | "inclusive" | "findings";

/** So many are asked for before somebody wants more. */
const MOST = 2000;

const elapsed = (session: Session) =>
  (isTerminal(session) ? millis(session.ended_at ?? session.updated_at) : now()) - millis(session.created_at);

const VALUES: Record<Column, (session: Session) => string | number> = {
  session: (session) => session.label ?? session.session_id,
  state: (session) => session.state,
  role: (session) => session.role ?? "",
  model: (session) => session.model_id ?? "",
  wp: (session) => session.wp_id ?? "",
  began: (session) => millis(session.created_at) || 0,
  elapsed: (session) => elapsed(session) || 0,
  tokens: (session) => session.tokens.total,
  own: (session) => session.cost.own_nanos,
  inclusive: (session) => session.cost.inclusive_nanos,
  findings: (session) => session.findings.length,
};

const COLUMNS: readonly (readonly [Column, string, boolean])[] = [
  ["state", "State", false],
  ["session", "Session", false],
  ["role", "Role", false],
  ["model", "Model", false],
  ["wp", "Work packet", false],
  ["began", "Began", false],
  ["elapsed", "Elapsed", true],
  ["tokens", "Tokens", true],
  ["own", "Own cost", true],
  ["inclusive", "With children", true],
  ["findings", "Findings", true],
];

/** The sessions of the present filters, kept up to date; `most` grows when somebody wants more. */
export function useSessions(): { sessions: Session[] | null; error: string | null; more: (() => void) | null } {
  const [found, setFound] = useState<{ key: string; sessions: Session[]; hasMore: boolean } | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [most, setMost] = useState(MOST);
  const key = filterKey.value;
  useEffect(() => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout> | null = null;
    let askedAt = -1;
    const ask = async () => {
      timer = null;
      askedAt = lastSeq.peek();
      try {
        const one = { ...filters.peek() };
        delete one.session;
        const { items, more } = await pages(
          (cursor) => api.sessions({ ...one, sort: "updated", cursor, limit: 1000 }, asking.signal),
          most,
        );
        const wanted = filters.peek().session;
        const sessions = wanted === undefined ? items : items.filter((session) => session.session_id.startsWith(wanted));
        setFound({ key, sessions, hasMore: more !== null });
        setError(null);
      } catch (error) {
        if (!asking.signal.aborted) setError(String((error as Error).message));
      }
      again();
    };
    const again = () => {
      if (!asking.signal.aborted && timer === null && askedAt >= 0 && lastSeq.peek() > askedAt) {
        timer = setTimeout(() => void ask(), 1000);
      }
    };
    void ask();
    const stop = lastSeq.subscribe(again);
    return () => {
      asking.abort();
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [key, most]);
  const isPresent = found?.key === key;
  return {
    sessions: isPresent ? found.sessions : null,
    error,
    more: isPresent && found.hasMore ? () => setMost(most + 2 * MOST) : null,
  };
}

export function SessionsView() {
  const { sessions, error, more } = useSessions();
  const grouping = GROUPINGS.find((one) => one === param("group")) ?? "none";
  const [column, down] = sorting();
  if (sessions === null) return error === null ? <Loading what="Asking for the sessions" /> : <Notice title={error} role="alert" />;
  if (sessions.length === 0) return <Notice title="No session passes the filters" />;
  const value = VALUES[column];
  const sorted = sessions.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  });
  const groups = grouped(sorted, (session) => groupOf(session, grouping));
  return (
    <>
      <div class="tools">
        <Choice
          label="Group by"
          of={GROUPINGS}
          is={grouping}
          choose={(group) => set({ group: group === "none" ? null : group })}
          name={(one) => ({ wp: "work packet", role: "role", model: "model", none: "nothing" })[one]}
        />
        <span class="gap" />
        <span class="soft figures">{plural(sessions.length, "session")}{more ? ", and more" : ""}</span>
        {more && <button type="button" onClick={more}>Load more</button>}
      </div>
      <div class="table-box" tabIndex={0} role="region" aria-label="Sessions">
        <table>
          <thead>
            <tr>
              {COLUMNS.map(([name, title, isNumber]) => (
                <th key={name} scope="col" class={isNumber ? "number" : ""} aria-sort={column === name ? (down ? "descending" : "ascending") : undefined}>
                  <button type="button" class="sort" onClick={() => set({ sort: column === name && down ? name : `-${name}` })}>
                    {title}
                    <span aria-hidden="true">{column === name ? (down ? " \u2193" : " \u2191") : ""}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          {[...groups].map(([group, members]) => (
            <tbody key={group}>
              {grouping !== "none" && <GroupRow group={group} grouping={grouping} members={members} />}
              {members.map((session) => (
                <Row key={session.session_id} session={session} />
              ))}
            </tbody>
          ))}
        </table>
      </div>
    </>
  );
}

function sorting(): [Column, boolean] {
  const text = param("sort") ?? "-began";
  const down = text.startsWith("-");
  const name = down ? text.slice(1) : text;
  return [COLUMNS.find(([column]) => column === name)?.[0] ?? "began", down];
}

function GroupRow({ group, grouping, members }: { group: string; grouping: Grouping; members: Session[] }) {
  const own = members.reduce((sum, session) => sum + session.cost.own_nanos, 0);
  const unpriced = members.reduce((sum, session) => sum + session.cost.unpriced_runs, 0);
  const tokens = members.reduce((sum, session) => sum + session.tokens.total, 0);
  return (
    <tr class="group-row">
      <th scope="rowgroup" colSpan={7}>
        {groupName(group, grouping)} <span class="soft">{plural(members.length, "session")}</span>
      </th>
      <td class="number">{short(tokens)}</td>
      <td class="number">{cost(own, unpriced)}</td>
      <td colSpan={2} />
    </tr>
  );
}

function Row({ session }: { session: Session }) {
  const severity = worst(session.findings);
  return (
    <tr>
      <td><StateWord state={session.state} /></td>
      <td class="main-cell">
        <SessionLink session={session} /> <IdLink id={session.session_id} />
      </td>
      <td>{session.role ?? "\u2013"}</td>
      <td>{session.model_id ?? "\u2013"}</td>
      <td>{session.wp_id ?? "\u2013"}</td>
      <td><Moment at={session.created_at} /></td>
      <td class="number">{duration(elapsed(session))}</td>
      <td class="number" title={count(session.tokens.total)}>{short(session.tokens.total)}</td>
      <td class="number"><OwnCost session={session} /></td>
      <td class="number"><InclusiveCost session={session} /></td>
      <td class="number">{severity === null ? "\u2013" : <Severity of={severity} text={String(session.findings.length)} />}</td>
    </tr>
  );
}
