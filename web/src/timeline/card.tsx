// The card beside the pointer: what is there, in a few lines.

import { cost, costInWords, count, clock, duration, words } from "../format";
import type { Found } from "./deck";
import { KINDS, STATUSES, endOf, isUnpriced, nameOf } from "./lane";

const CAUSES = { queue: "Queued", place: "Held: no place", rate: "Held by a rate limit" };

interface Lines {
  title: string;
  of: string;
  facts: [string, string][];
  note?: string | undefined;
}

function lines({ lane, span, wait, line }: Found, now: number): Lines | null {
  if (!lane) return line.kind === "head" ? null : { title: `${line.lanes.length} sessions share this line`, of: "", facts: [] };
  const { session, spans } = lane;
  const of = [session.role, session.model_id].filter(Boolean).join(" \u00b7 ");
  if (wait) {
    const until = Math.min(wait.end, endOf(lane, now));
    const facts: [string, string][] = [[wait.end === Infinity ? "Waits for" : "Waited", duration(until - wait.start)]];
    if (wait.wait.limit) facts.push(["Limit", `${words(wait.wait.limit)}${wait.wait.provider ? ` (${wait.wait.provider})` : ""}`]);
    if (wait.wait.backoff_ms) facts.push(["At least", duration(wait.wait.backoff_ms)]);
    return { title: CAUSES[wait.cause], of: nameOf(session), facts, note: wait.wait.reason ?? undefined };
  }
  if (span >= 0) {
    const [start, end] = [spans.start[span]!, spans.end[span]!];
    const status = STATUSES[spans.status[span]!]!;
    const facts: [string, string][] = [
      end !== Infinity
        ? ["Took", duration(end - start)]
        : lane.isOpen
          ? ["So far", duration(now - start)]
          : ["Open", `nothing heard for ${duration(now - lane.last)}`],
      ["Start", clock(start, true)],
      ["Status", status],
    ];
    const nanos = spans.nanos[span]!;
    if (!Number.isNaN(spans.tokens[span]!)) facts.push(["Tokens", count(spans.tokens[span]!)]);
    if (isUnpriced(spans, span)) facts.push(["Cost", "unpriced"]);
    else if (!Number.isNaN(nanos)) facts.push(["Cost", cost(nanos, 0)]);
    return { title: spans.name[span]! || words(KINDS[spans.kind[span]!]!), of: `${words(KINDS[spans.kind[span]!]!)} in ${nameOf(session)}`, facts };
  }
  const facts: [string, string][] = [
    ["State", words(session.state)],
    ["Lasted", duration(endOf(lane, now) - lane.first)],
    ["Waited", duration(lane.waitedMs)],
    ["Tokens", count(session.tokens.total)],
    ["Own cost", costInWords(session.cost.own_nanos, session.cost.unpriced_runs)],
  ];
  if (session.cost.inclusive_nanos !== session.cost.own_nanos) {
    facts.push(["With children", cost(session.cost.inclusive_nanos, 0)]);
  }
  const note = session.findings.length > 0 ? `${session.findings.length} findings` : lane.states.at(-1)?.reason;
  return { title: nameOf(session), of, facts, note };
}

export function Card({ found, x, y, now }: { found: Found; x: number; y: number; now: number }) {
  const shown = lines(found, now);
  if (!shown) return null;
  const isRight = x > innerWidth - 340;
  const isLow = y > innerHeight - 240;
  const style = {
    left: isRight ? "auto" : `${x + 14}px`,
    right: isRight ? `${innerWidth - x + 14}px` : "auto",
    top: isLow ? "auto" : `${y + 14}px`,
    bottom: isLow ? `${innerHeight - y + 14}px` : "auto",
  };
  return (
    <div class="card-at" role="tooltip" style={style}>
      <strong>{shown.title}</strong>
      {shown.of !== "" && <span class="soft">{shown.of}</span>}
      <dl>
        {shown.facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {shown.note && <p class="soft">{shown.note}</p>}
    </div>
  );
}
