// What is wrong or incomplete in the record, by kind, with what each means.

import { api, pages } from "../api/client";
import type { Finding } from "../api/shapes";
import { count, plural, words } from "../format";
import { grouped } from "../group";
import { href, param, set } from "../router";
import { lanes } from "../store";
import { nameOf } from "../timeline/lane";
import { useAnswer } from "../ui/ask";
import { IdLink, Loading, Notice, Severity, sessionHref } from "../ui/parts";

const MEANINGS: Record<string, string> = {
  orphan_parent: "A session or span names a parent that this store does not hold: its telemetry was lost, or comes later.",
  missing_start: "An end without a start: what came before was never sent.",
  missing_end: "The session has ended, and a span in it has not: its emitter died, or lost the end.",
  illegal_transition: "A change of state that the rules forbid. It is recorded as it came.",
  after_terminal: "Something began in a session that had ended.",
  late_event: "The creation of a session came after other events of it. Answers are right all the same.",
  unpriced: "Model runs without a price. They are not free: nobody said what they cost.",
  clock_skew: "Times that cannot be right, such as an end before its start: two clocks disagree.",
  duplicate_usage: "Usage that was reported more than once, and is counted once.",
  dropped_events: "Events that the recorder had to let go: its queue was full, or the disk was.",
  gap: "Positions of the log that are damaged or missing. `flightrec verify` says which.",
};
const MOST = 5000;

export function FindingsView() {
  const session = param("session");
  const { value, error } = useAnswer(
    `findings ${session}`,
    (signal) => pages((cursor) => api.findings({ session, cursor, limit: 1000 }, signal), MOST),
    { live: true },
  );
  if (value === null) return error === null ? <Loading what="Asking for the findings" /> : <Notice title={error} role="alert" />;
  const { items, more } = value;
  if (items.length === 0) {
    return (
      <Notice title="Nothing is wrong with the record">
        <p>No session misses a parent, a start, an end or a price, and no clock disagrees.</p>
      </Notice>
    );
  }
  const kinds = [...grouped(items, (finding) => finding.kind)].sort(([, a], [, b]) => rank(b[0]!) - rank(a[0]!) || b.length - a.length);
  const chosen = param("kind");
  return (
    <>
      <p class="tools soft">
        {plural(items.length, "finding")}{more === null ? "" : ", and more"} in {plural(new Set(items.map((one) => one.session_id)).size, "session")}
        {chosen !== null && <button type="button" class="toggle" aria-pressed="true" onClick={() => set({ kind: null }, "push")}>{words(chosen)} {"\u2715"}</button>}
      </p>
      <div class="findings" tabIndex={0} role="region" aria-label="Findings">
        {kinds.filter(([kind]) => chosen === null || kind === chosen).map(([kind, found]) => (
          <Kind key={kind} kind={kind} found={found} isChosen={kind === chosen} />
        ))}
      </div>
    </>
  );
}

/** A session by its name where that is known, and its id. */
function Named({ id }: { id: string }) {
  const lane = lanes.value.get(id);
  return (
    <span>
      {lane && `${nameOf(lane.session)} `}
      <IdLink id={id} />
    </span>
  );
}

const rank = (finding: Finding) => ["info", "warning", "error"].indexOf(finding.severity);
const FIRST = 12;

function Kind({ kind, found, isChosen }: { kind: string; found: readonly Finding[]; isChosen: boolean }) {
  const shown = isChosen ? found : found.slice(0, FIRST);
  return (
    <section class="finding-kind">
      <h2>
        <Severity of={found[0]!.severity} text={words(kind)} /> <span class="soft figures">{count(found.length)}</span>
      </h2>
      <p class="soft">{MEANINGS[kind] ?? ""}</p>
      <ul class="plain">
        {shown.map((finding, n) => (
          <li key={n} class="finding-line">
            {finding.session_id === null ? <span class="soft">the store</span> : <Named id={finding.session_id} />}
            <span>{finding.detail}</span>
            {finding.session_id !== null && finding.seq !== null && (
              <a href={sessionHref(finding.session_id, { tab: "events", seq: String(finding.seq) })}>event {finding.seq}</a>
            )}
            {finding.session_id !== null && finding.span_id !== null && (
              <a href={href("timeline", { pick: finding.session_id, span: finding.span_id })}>span</a>
            )}
          </li>
        ))}
      </ul>
      {shown.length < found.length && (
        <p><a href={href("findings", { kind })}>All {count(found.length)}</a></p>
      )}
    </section>
  );
}
