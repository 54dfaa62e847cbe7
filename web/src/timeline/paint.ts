// One frame of the timeline. What it costs depends on the lines that are visible and the pixels they have, not on how
// many spans there are.

import type { Scale } from "../time/scale";
import { ticks } from "../time/ticks";
import { type Board, type Density, type Grouping, type Line, lineAt } from "./board";
import { heading } from "./heading";
import type { Ink } from "./ink";
import { endOf } from "./lane";
import type { Link } from "./links";
import { textBefore } from "./marks";
import { lowerBound } from "./rows";
import { strip } from "./strip";

export const AXIS_PX = 28;

export interface Look {
  scale: Scale;
  board: Board;
  density: Density;
  grouping: Grouping;
  /** Pixels that are scrolled out above. */
  top: number;
  height: number;
  gutter: number;
  now: number;
  /** Whether spans are coloured by what they cost. */
  showsCost: boolean;
  mostNanos: number;
  links: readonly Link[];
  /** When each link is. */
  linkTimes: Float64Array;
  /** How people call a session. */
  nameOfId: (id: string) => string | null;
  /** Model runs without a price, with those below. */
  unpriced: ReadonlyMap<string, number>;
  /** The session and span that are chosen. */
  picked: { session: string | null; span: string | null };
  /** The line under the pointer; -1 if none. */
  hovered: number;
}

export type Pen = CanvasRenderingContext2D;

/** Draws everything. */
export function paint(pen: Pen, ink: Ink, look: Look): void {
  const { scale, gutter, height } = look;
  const width = gutter + scale.width;
  pen.fillStyle = ink.of.page;
  pen.fillRect(0, 0, width, height);
  pen.textBaseline = "middle";
  grid(pen, ink, look);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS_PX, width, height - AXIS_PX);
  pen.clip();
  const first = Math.max(0, lineAt(look.board, look.top));
  const { lines } = look.board;
  let last = first;
  for (; last < lines.length && lines[last]!.y < look.top + height; last++) backdrop(pen, ink, look, last);
  pen.save();
  pen.beginPath();
  pen.rect(gutter, AXIS_PX, scale.width, height);
  pen.clip();
  for (let at = first; at < last; at++) activity(pen, ink, look, lines[at]!);
  handovers(pen, ink, look);
  present(pen, ink, look);
  pen.restore();
  for (let at = first; at < last; at++) heading(pen, ink, look, lines[at]!, topOf(look, lines[at]!));
  pen.restore();
  pen.fillStyle = ink.of.line;
  pen.fillRect(gutter - 1, 0, 1, height);
}

const topOf = (look: Look, line: Line) => AXIS_PX + line.y - look.top;

function grid(pen: Pen, ink: Ink, { scale, gutter, height }: Look): void {
  pen.font = ink.smallFont;
  const offset = new Date(scale.from).getTimezoneOffset() * 60_000;
  for (const tick of ticks(scale.from, scale.to, scale.msPerPx * 88, offset)) {
    const x = Math.round(gutter + scale.x(tick.at));
    if (x < gutter) continue;
    pen.fillStyle = tick.major ? ink.of.line : ink.of.faint;
    pen.fillRect(x, 0, 1, height);
    pen.fillStyle = ink.of.soft;
    pen.fillText(tick.label, x + 5, AXIS_PX / 2);
  }
  pen.fillStyle = ink.of.line;
  pen.fillRect(0, AXIS_PX - 1, gutter + scale.width, 1);
  pen.fillStyle = ink.of.page;
  pen.fillRect(0, 0, gutter, AXIS_PX - 1);
  pen.fillStyle = ink.of.soft;
  pen.fillText("Session", 28, AXIS_PX / 2);
  textBefore(pen, gutter > 240 ? "own  \u03a3 with children" : "own", gutter - 12, AXIS_PX / 2);
}

function backdrop(pen: Pen, ink: Ink, look: Look, at: number): void {
  const line = look.board.lines[at]!;
  const y = topOf(look, line);
  const width = look.gutter + look.scale.width;
  const isPicked = line.kind === "lanes" && line.lanes.some((lane) => lane.session.session_id === look.picked.session);
  if (line.kind === "head") {
    pen.fillStyle = ink.of.card;
    pen.fillRect(0, y, width, line.height);
  }
  if (isPicked || at === look.hovered) {
    pen.fillStyle = isPicked ? ink.of.select : ink.of.faint;
    pen.fillRect(0, y, width, line.height);
  }
  if (line.height > 8) {
    pen.fillStyle = ink.of.faint;
    pen.fillRect(0, y + line.height - 1, width, 1);
  }
}

function activity(pen: Pen, ink: Ink, look: Look, line: Line): void {
  if (line.kind === "head") return;
  const { scale } = look;
  for (const lane of line.lanes) {
    const isLater = lane.first > scale.to;
    if (isLater || endOf(lane, look.now) < scale.from) {
      elsewhere(pen, ink, look, line, isLater);
      continue;
    }
    strip(pen, ink, look, lane, topOf(look, line), line.height);
  }
}

/** A lane that lies outside of the window points to where it is. */
function elsewhere(pen: Pen, ink: Ink, { gutter, scale, ...look }: Look, line: Line, isLater: boolean): void {
  if (line.height < 12 || line.lanes.length > 1) return;
  const x = isLater ? gutter + scale.width - 12 : gutter + 12;
  const by = isLater ? -4 : 4;
  const y = AXIS_PX + line.y - look.top + line.height / 2;
  pen.strokeStyle = ink.of.soft;
  pen.lineWidth = 1.2;
  pen.beginPath();
  pen.moveTo(x + by, y - 4);
  pen.lineTo(x, y);
  pen.lineTo(x + by, y + 4);
  pen.stroke();
}

function handovers(pen: Pen, ink: Ink, look: Look): void {
  const { scale, gutter, board } = look;
  const from = lowerBound(look.linkTimes, scale.from);
  pen.lineWidth = 1.2;
  for (let n = from; n < look.links.length; n++) {
    const link = look.links[n]!;
    if (link.at > scale.to) break;
    const [a, b] = [board.places.get(link.from), board.places.get(link.to)];
    if (a === undefined || b === undefined || a === b) continue;
    const [one, two] = [board.lines[a]!, board.lines[b]!];
    const [y1, y2] = [topOf(look, one) + one.height / 2, topOf(look, two) + two.height / 2];
    if (Math.max(y1, y2) < AXIS_PX || Math.min(y1, y2) > look.height) continue;
    const isOfPicked = link.from === look.picked.session || link.to === look.picked.session;
    // Where lanes are thin as threads, links of all of them would hide them.
    if (look.density === "dense" && !isOfPicked) continue;
    pen.globalAlpha = isOfPicked ? 1 : 0.75;
    const x = gutter + scale.x(link.at);
    const bow = link.kind === "spawn" ? -9 : 9;
    pen.strokeStyle = isOfPicked ? ink.of.text : ink.of.accent;
    pen.setLineDash(link.kind === "spawn" ? [] : [4, 3]);
    pen.beginPath();
    pen.moveTo(x, y1);
    pen.bezierCurveTo(x + bow, y1, x + bow, y2, x, y2);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = pen.strokeStyle;
    pen.beginPath();
    pen.moveTo(x + 3.5, y2);
    pen.lineTo(x - 3.5 + (link.kind === "spawn" ? 0 : 7), y2 - 3);
    pen.lineTo(x - 3.5 + (link.kind === "spawn" ? 0 : 7), y2 + 3);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

function present(pen: Pen, ink: Ink, { scale, gutter, now, height }: Look): void {
  if (now < scale.from || now > scale.to) return;
  pen.fillStyle = ink.of.accent;
  pen.fillRect(Math.round(gutter + scale.x(now)), AXIS_PX, 1, height);
}
