// The timeline as a table, for screen readers and for those who would rather read: the same lanes in the same order.

import { count, duration, words } from "../format";
import { Moment, OwnCost, InclusiveCost, StateWord } from "../ui/parts";
import type { Board } from "./board";
import { type Lane, nameOf } from "./lane";

export function LaneList({ board, pick, choose }: { board: Board; pick: string | null; choose: (lane: Lane) => void }) {
  return (
    <div class="scroller table-box" tabIndex={0} role="region" aria-label="Sessions of the timeline">
      <table>
        <thead>
          <tr>
            <th scope="col">Session</th>
            <th scope="col">State</th>
            <th scope="col">Role</th>
            <th scope="col">Model</th>
            <th scope="col">Began</th>
            <th scope="col" class="number">Waited</th>
            <th scope="col">Last wait</th>
            <th scope="col" class="number">Spans</th>
            <th scope="col" class="number">Tokens</th>
            <th scope="col" class="number">Own</th>
            <th scope="col" class="number">With children</th>
          </tr>
        </thead>
        <tbody>
          {board.lines.flatMap((line) =>
            line.kind === "head"
              ? [
                  <tr key={`g${line.group}`} class="group-row">
                    <th scope="rowgroup" colSpan={11}>{line.group === "" ? "none" : line.group}</th>
                  </tr>,
                ]
              : line.lanes.map((lane) => <Row key={lane.session.session_id} lane={lane} depth={line.depth} isPicked={lane.session.session_id === pick} choose={choose} />),
          )}
        </tbody>
      </table>
    </div>
  );
}

function Row({ lane, depth, isPicked, choose }: { lane: Lane; depth: number; isPicked: boolean; choose: (lane: Lane) => void }) {
  const { session } = lane;
  const wait = lane.waits.at(-1)?.wait;
  return (
    <tr class={isPicked ? "picked" : ""}>
      <td style={{ paddingInlineStart: `${12 + depth * 16}px` }}>
        <button type="button" class="link" aria-pressed={isPicked} onClick={() => choose(lane)}>
          {nameOf(session)}
        </button>
      </td>
      <td><StateWord state={session.state} /></td>
      <td>{session.role}</td>
      <td>{session.model_id}</td>
      <td><Moment at={session.created_at} /></td>
      <td class="number">{lane.waits.length === 0 ? "\u2013" : duration(lane.waitedMs)}</td>
      <td class="wide">{wait ? (wait.reason ?? (wait.limit ? words(wait.limit) : wait.kind)) : "\u2013"}</td>
      <td class="number">{count(lane.spans.count)}</td>
      <td class="number">{count(session.tokens.total)}</td>
      <td class="number"><OwnCost session={session} /></td>
      <td class="number"><InclusiveCost session={session} /></td>
    </tr>
  );
}
