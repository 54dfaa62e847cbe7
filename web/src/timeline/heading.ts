// What stands at the left of a line: whose it is, its state, and what it cost.

import { cost } from "../format";
import { type Line, groupName } from "./board";
import type { Ink } from "./ink";
import { nameOf } from "./lane";
import { chevron, fitting, stateMark, textBefore } from "./marks";
import type { Look, Pen } from "./paint";

export function heading(pen: Pen, ink: Ink, look: Look, line: Line, y: number): void {
  const middle = y + line.height / 2;
  const { gutter } = look;
  if (line.kind === "head") {
    pen.font = `600 ${ink.font}`;
    chevron(pen, ink.of.soft, 14, middle, line.isFolded);
    pen.fillStyle = ink.of.text;
    const own = line.lanes.reduce((sum, lane) => sum + lane.session.cost.own_nanos, 0);
    const unpriced = line.lanes.reduce((sum, lane) => sum + lane.session.cost.unpriced_runs, 0);
    const left = textBefore(pen, cost(own, unpriced), gutter - 12, middle);
    pen.fillText(fitting(pen, groupName(line.group, look.grouping), left - 56), 26, middle);
    pen.font = ink.smallFont;
    pen.fillStyle = ink.of.soft;
    textBefore(pen, String(line.lanes.length), left - 10, middle);
    return;
  }
  if (line.height < 12) return;
  const lane = line.lanes[0]!;
  const { session } = lane;
  if (line.lanes.length > 1) {
    pen.font = ink.smallFont;
    pen.fillStyle = ink.of.soft;
    pen.fillText(`${line.lanes.length} sessions`, 28, middle);
    return;
  }
  const x = 14 + Math.min(line.depth, 6) * 13;
  if (line.folds) chevron(pen, ink.of.soft, x, middle, line.isFolded);
  stateMark(pen, ink, session.state, x + 13, middle, 10);
  pen.font = ink.font;
  pen.fillStyle = ink.of.text;
  const { own_nanos, inclusive_nanos, unpriced_runs } = session.cost;
  let left = gutter - 12;
  const below = look.unpriced.get(session.session_id) ?? 0;
  if (inclusive_nanos !== own_nanos || below > unpriced_runs) {
    left = textBefore(pen, `\u03a3 ${cost(inclusive_nanos, below)}`, left, middle) - 8;
  }
  pen.fillStyle = ink.of.soft;
  left = textBefore(pen, cost(own_nanos, unpriced_runs), left, middle);
  pen.fillStyle = ink.of.text;
  const name = fitting(pen, nameOf(session), left - x - 40);
  pen.fillText(name, x + 25, middle);
  const after = x + 25 + pen.measureText(name).width + 8;
  if (session.label !== null && session.role !== null && left - after > 40) {
    pen.font = ink.smallFont;
    pen.fillStyle = ink.of.soft;
    pen.fillText(fitting(pen, session.role, left - after - 8), after, middle + 0.5);
  }
}
