// What it costs: now, by whom, and how far budgets are used up.

import { api, pages } from "../api/client";
import type { Budget, CostRow, Rate } from "../api/shapes";
import { cost, costInWords, count, money, plural, short, shortId, words } from "../format";
import { filterKey, filters, href, param } from "../router";
import { now } from "../store";
import { useAnswer } from "../ui/ask";
import { Loading, Moment, Notice, sessionHref } from "../ui/parts";

const KEYS = ["wp", "session", "role", "model", "provider"] as const;
type Key = (typeof KEYS)[number];
const NAMES: Record<Key, string> = { wp: "Work packet", session: "Session", role: "Role", model: "Model", provider: "Provider" };

export function CostView() {
  const by = KEYS.find((key) => key === param("by")) ?? "wp";
  return (
    <div class="cost-page">
      <RateSection />
      <section>
        <h2 id="by">Cost by</h2>
        <nav class="tabs" aria-labelledby="by">
          {KEYS.map((key) => (
            <a key={key} href={href("cost", { by: key })} aria-current={by === key ? "page" : undefined}>{NAMES[key]}</a>
          ))}
        </nav>
        <Rows by={by} />
      </section>
      <Budgets />
    </div>
  );
}

/** So many windows of a minute are shown. */
const WINDOWS = 30;

function RateSection() {
  const { value } = useAnswer(
    "rates",
    (signal) => {
      const end = now();
      const ends = Array.from({ length: WINDOWS }, (_, n) => new Date(end - (WINDOWS - 1 - n) * 60_000).toISOString());
      return Promise.all(ends.map((at) => api.rate({ window: "60s", at }, signal)));
    },
    { live: true, restMs: 5000 },
  );
  const last = value?.at(-1);
  return (
    <section class="rates" aria-label="Rate">
      <Spark rates={value ?? []} of={(rate) => rate.nanos_per_minute} title="Dollars per minute" figure={last ? money(last.nanos_per_minute) : "\u2013"} />
      <Spark rates={value ?? []} of={(rate) => rate.tokens_per_minute} title="Tokens per minute" figure={last ? short(last.tokens_per_minute) : "\u2013"} />
      <div class="spark">
        <h3>Active sessions</h3>
        <p class="big figures">{last ? count(last.active_sessions) : "\u2013"}</p>
        <p class="soft">{last && last.unpriced_runs > 0 ? `${plural(last.unpriced_runs, "unpriced run")} in the last minute` : "all runs of the last minute have a price"}</p>
      </div>
    </section>
  );
}

function Spark({ rates, of, title, figure }: { rates: readonly Rate[]; of: (rate: Rate) => number; title: string; figure: string }) {
  const most = rates.reduce((most, rate) => Math.max(most, of(rate)), 0);
  return (
    <div class="spark">
      <h3>{title}</h3>
      <p class="big figures">{figure}</p>
      <svg viewBox={`0 0 ${WINDOWS * 4} 28`} preserveAspectRatio="none" role="img" aria-label={`${title}, the last ${WINDOWS} minutes; now ${figure}`}>
        {rates.map((rate, n) => {
          const height = most === 0 ? 0 : (of(rate) / most) * 27;
          return <rect key={n} x={n * 4} y={28 - Math.max(0.5, height)} width="3" height={Math.max(0.5, height)} />;
        })}
      </svg>
      <p class="soft">the last {WINDOWS} minutes</p>
    </div>
  );
}

function Rows({ by }: { by: Key }) {
  const { value, error } = useAnswer(
    `costs ${by} ${filterKey.value}`,
    (signal) => {
      const { session: _left, ...asked } = filters.peek();
      return pages((cursor) => api.costs({ ...asked, by, cursor, limit: 200 }, signal), 200);
    },
    { live: true },
  );
  if (value === null) return error === null ? <Loading what="Summing up" /> : <Notice title={error} role="alert" />;
  const { items, more } = value;
  if (items.length === 0) return <Notice title="No session passes the filters" />;
  const whole = items.reduce((sum, row) => sum + row.cost.nanos, 0);
  const unpriced = items.reduce((sum, row) => sum + row.cost.unpriced_runs, 0);
  const most = items.reduce((most, row) => Math.max(most, row.cost.nanos), 0);
  return (
    <div class="table-box inset" tabIndex={0} role="region" aria-label={`Cost by ${NAMES[by]}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">{NAMES[by]}</th>
            <th scope="col" class="number">Cost</th>
            <th scope="col" class="bar-head"><span class="unseen">Share</span></th>
            <th scope="col" class="number">Unpriced runs</th>
            <th scope="col" class="number">Sessions</th>
            <th scope="col" class="number">Tokens in</th>
            <th scope="col" class="number">cached</th>
            <th scope="col" class="number">Tokens out</th>
          </tr>
        </thead>
        <tbody>
          {items.map((row) => (
            <Row key={row.key ?? ""} row={row} by={by} share={most === 0 ? 0 : row.cost.nanos / most} />
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{more === null ? "Together" : "These together"}</th>
            <td class="number" title={costInWords(whole, unpriced)}>{cost(whole, unpriced)}</td>
            <td />
            <td class="number">{unpriced === 0 ? "\u2013" : count(unpriced)}</td>
            <td colSpan={4} />
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function Row({ row, by, share }: { row: CostRow; by: Key; share: number }) {
  const { key, cost: spent, tokens } = row;
  return (
    <tr>
      <td><Name by={by} of={key} /></td>
      <td class="number" title={costInWords(spent.nanos, spent.unpriced_runs)}>{cost(spent.nanos, spent.unpriced_runs)}</td>
      <td class="bar-cell"><span class="share" style={{ width: `${Math.max(share * 100, spent.nanos > 0 ? 0.5 : 0)}%` }} /></td>
      <td class="number">{spent.unpriced_runs === 0 ? "\u2013" : count(spent.unpriced_runs)}</td>
      <td class="number">{count(row.sessions)}</td>
      <td class="number" title={count(tokens.input)}>{short(tokens.input)}</td>
      <td class="number" title={count(tokens.cached)}>{tokens.input === 0 ? "\u2013" : `${Math.round((tokens.cached / tokens.input) * 100)} %`}</td>
      <td class="number" title={count(tokens.output)}>{short(tokens.output)}</td>
    </tr>
  );
}

function Name({ by, of }: { by: Key; of: string | null }) {
  if (of === null) return <span class="soft">none</span>;
  switch (by) {
    case "session":
      return <a href={sessionHref(of)} title={of}>{shortId(of)}</a>;
    case "wp":
    case "role":
    case "model":
      return <a href={href("timeline", { [by]: of })}>{of}</a>;
    case "provider":
      return <span>{of}</span>;
  }
}

/** So many budgets are listed. */
const LISTED = 1000;

/** A budget as a share of what may be used, or of its mark where nobody recorded that. */
const shareOf = ({ used, limit, mark }: Budget) => (limit ?? mark) > 0 ? used / (limit ?? mark) : 1;

function Budgets() {
  const { value } = useAnswer("budgets", (signal) => pages((cursor) => api.budgets({ cursor }, signal), LISTED), { live: true });
  if (value === null) return null;
  const budgets = value.items.toSorted((a, b) => shareOf(b) - shareOf(a));
  return (
    <section>
      <h2>Budgets</h2>
      {budgets.length === 0 ? (
        <p class="soft">No session was given a budget, and no work packet nor the global rate has come to the warning share of one.</p>
      ) : (
        <ul class="budgets">
          {budgets.map((budget) => (
            <BudgetItem key={`${budget.budget_type} ${budget.wp_id ?? budget.session_id ?? ""}`} budget={budget} />
          ))}
        </ul>
      )}
      {value.more !== null && <p class="soft">These are {count(budgets.length)}; there are more.</p>}
    </section>
  );
}

const STATUS = { below: "", warned: "\u25b3 warned: ", reached: "\u25b2 reached: " } as const;

function BudgetItem({ budget }: { budget: Budget }) {
  const { used, limit, mark, status, session_id: session, wp_id: wp } = budget;
  const amount = (value: number) => (budget.unit === "nanos" ? money(value) : short(value));
  return (
    <li>
      <p>
        <strong>{words(budget.budget_type)}</strong> {wp !== null && <a href={href("timeline", { wp })}>{wp}</a>}{" "}
        {session !== null && <a href={sessionHref(session, { tab: "events", seq: String(budget.seq) })}>{shortId(session)}</a>}
      </p>
      <span class={`used ${status === "reached" ? "over" : ""}`} aria-hidden="true">
        <span style={{ width: `${Math.min(100, shareOf(budget) * 100)}%` }} />
      </span>
      <p class="soft figures">
        {STATUS[status]}
        {limit === null ? `${amount(used)} where ${amount(mark)} was the mark` : `${amount(used)} of ${amount(limit)}`}
        {limit !== null && status === "below" ? `; it warns at ${amount(mark)}` : ""}
        {budget.action === null ? "" : `; at its end: ${words(budget.action)}`}
        {budget.told_at !== null && <span class="block"><Moment at={budget.told_at} /></span>}
      </p>
    </li>
  );
}
