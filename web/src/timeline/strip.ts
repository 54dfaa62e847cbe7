// What a lane does over time, drawn: its life, what it waited for, and its spans.

import { duration, money } from "../format";
import type { Density } from "./board";
import { type Ink, costColour, spanColour } from "./ink";
import { KINDS, type Lane, STATUSES, type WaitCause, endOf, isUnpriced, nameOf } from "./lane";
import { blocks } from "./lod";
import { fitting, stateMark } from "./marks";
import type { Look, Pen } from "./paint";

const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** Draws a lane at a height. */
export function strip(pen: Pen, ink: Ink, look: Look, lane: Lane, y: number, height: number): void {
  life(pen, ink, look, lane, y, height);
  waits(pen, ink, look, lane, y, height);
  spans(pen, ink, look, lane, y, height);
  if (look.density === "packed") title(pen, ink, look, lane, y, height);
}

/** Where the rows of a lane lie in it, and how high they are. */
export function rowBox(lane: Lane, row: number, height: number, density: Density): { y: number; height: number } {
  if (density === "dense") return { y: 1, height: height - 2 };
  if (density === "full") {
    const each = (height - 12) / Math.max(1, lane.rows.length);
    return { y: 5 + row * each, height: Math.max(1, each - (each > 5 ? 1.5 : 0)) };
  }
  // One line for all: what lies deeper is drawn lower and thinner, over what it lies in.
  const inner = height - 7;
  const share = row === 0 ? 1 : row === 1 ? 0.5 : 0.25;
  return { y: 3 + inner * (1 - share), height: inner * share };
}

/** From its beginning to its end, in the state that it was in. */
function life(pen: Pen, ink: Ink, look: Look, lane: Lane, y: number, height: number): void {
  const { scale, gutter, density } = look;
  const right = gutter + scale.width;
  const at = (time: number) => Math.min(right, Math.max(gutter, gutter + scale.x(time)));
  const end = endOf(lane, look.now);
  const bottom = density === "dense" ? y + height - 1 : y + height - 4;
  let from = lane.first;
  let state = lane.states[0]?.from_state ?? lane.session.state;
  let reason = "";
  const stretch = (until: number) => {
    const [x1, x2] = [at(from), at(until)];
    if (x2 - x1 >= 0.5) {
      pen.fillStyle = ink.of[`state-${state.toLowerCase()}` as keyof Ink["of"]];
      if (state === "BLOCKED" || state === "PAUSED") {
        const step = state === "PAUSED" ? 9 : 4;
        for (let x = x1; x < x2; x += step) pen.fillRect(x, bottom, Math.min(step / 2, x2 - x), 1.5);
        if (density === "full" && x2 - x1 > 110) because(pen, ink, lane, named(reason, look), [from, until], x1, x2, y + height / 2 - 1);
      } else {
        pen.fillRect(x1, bottom, x2 - x1, 1.5);
      }
    }
    from = until;
  };
  if (lane.states.length < 2000) {
    for (const change of lane.states) {
      const time = Date.parse(change.timestamp);
      if (time > scale.from && from < scale.to) stretch(Math.min(time, end));
      from = Math.max(from, time);
      state = change.to_state;
      reason = change.reason;
    }
  } else {
    state = lane.session.state;
  }
  stretch(end);
  if (!lane.isOpen && density === "full") {
    const x = gutter + scale.x(end);
    if (x > gutter && x < right) stateMark(pen, ink, lane.session.state, x + 7, y + height / 2, 9);
  }
}

/** A plain ground under text that stands on hatching; leaves the pen with the colour of text. */
function plate(pen: Pen, ink: Ink, text: string, x: number, middle: number, height: number): void {
  if (text === "") return;
  pen.fillStyle = ink.of.page;
  pen.fillRect(x - 3, middle - height / 2, pen.measureText(text).width + 6, height);
  pen.fillStyle = ink.of.text;
}

/** A reason with names in the place of ids. */
const named = (reason: string, look: Look) => reason.replace(ID, (id) => look.nameOfId(id) ?? id);

/** Why it stands still, written where nothing else is drawn. */
function because(
  pen: Pen,
  ink: Ink,
  lane: Lane,
  reason: string,
  [from, until]: [number, number],
  x1: number,
  x2: number,
  y: number,
): void {
  if (reason === "") return;
  // Until a wait is drawn there, which says more.
  const wait = lane.waits.find((bar) => bar.end > from && bar.start < until && bar.end - bar.start > (until - from) / 200);
  const free = wait ? ((wait.start - from) / (until - from)) * (x2 - x1) : x2 - x1;
  if (free < 90) return;
  pen.font = ink.smallFont;
  pen.fillStyle = ink.of.soft;
  pen.fillText(fitting(pen, reason.replaceAll("_", " "), free - 12), x1 + 6, y);
}

const WAIT_WORDS: Record<WaitCause, string> = { queue: "queued", place: "no place", rate: "rate limit" };

function waits(pen: Pen, ink: Ink, look: Look, lane: Lane, y: number, height: number): void {
  const { scale, gutter, density } = look;
  const box = rowBox(lane, 0, height, density);
  let covered = Number.NEGATIVE_INFINITY;
  for (const bar of lane.waits) {
    const until = Math.min(bar.end, endOf(lane, look.now));
    if (until < scale.from || bar.start > scale.to) continue;
    const x1 = Math.max(gutter - 4, gutter + scale.x(bar.start));
    const x2 = Math.min(gutter + scale.width + 4, gutter + scale.x(until));
    if (x2 - covered < 0.6) continue;
    covered = x2;
    const width = Math.max(1, x2 - x1);
    pen.fillStyle = width < 3 ? ink.of[bar.cause] : ink.hatch[bar.cause];
    pen.fillRect(x1, y + box.y, width, box.height);
    if (width < 3 || density === "dense") continue;
    pen.strokeStyle = ink.of[bar.cause];
    pen.lineWidth = 1;
    pen.strokeRect(x1 + 0.5, y + box.y + 0.5, width - 1, box.height - 1);
    if (width > 66 && box.height >= 9) {
      pen.font = ink.smallFont;
      const word = fitting(pen, `${bar.wait.limit?.replaceAll("_", " ") ?? WAIT_WORDS[bar.cause]} ${duration(until - bar.start)}`, width - 16);
      const middle = y + box.y + box.height / 2 + 0.5;
      plate(pen, ink, word, x1 + 7, middle, box.height - 2);
      pen.fillText(word, x1 + 7, middle);
    }
  }
}

function spans(pen: Pen, ink: Ink, look: Look, lane: Lane, y: number, height: number): void {
  const { scale, gutter, density, showsCost } = look;
  const { spans } = lane;
  const [low, high] = [gutter - 4, gutter + scale.width + 4];
  const end = endOf(lane, look.now);
  lane.rows.forEach((row, depth) => {
    if (density === "dense" && depth > 1) return;
    const box = rowBox(lane, depth, height, density);
    const named = box.height >= 9;
    const separated = box.height > 4;
    blocks(row, scale.from, scale.to, scale.msPerPx, 1.5, (from, to, place, count) => {
      const until = Math.min(to, Math.max(end, from));
      const x1 = Math.max(low, gutter + scale.x(from));
      const x2 = Math.min(high, gutter + scale.x(until));
      const width = Math.max(1, x2 - x1);
      const at = row.spans[place]!;
      const errors = row.errors[place + count]! - row.errors[place]!;
      if (count > 1) {
        // Many at once: as high as they are busy.
        const busy = (row.busyMs[place + count]! - row.busyMs[place]!) / Math.max(1e-9, until - from);
        const part = Math.max(2, box.height * (0.35 + 0.65 * Math.min(1, busy)));
        const nanos = (row.nanos[place + count]! - row.nanos[place]!) / count;
        const name = showsCost ? costColour(nanos, look.mostNanos) : spanColour(KINDS[spans.kind[at]!]!, "ok");
        pen.fillStyle = ink.of[name];
        pen.fillRect(x1, y + box.y + box.height - part, width, part);
        if (errors > 0) {
          pen.fillStyle = ink.of.error;
          pen.fillRect(x1, y + box.y, Math.max(1.5, width * (errors / count)), Math.min(3, box.height));
        }
        return;
      }
      const kind = KINDS[spans.kind[at]!]!;
      const status = STATUSES[spans.status[at]!]!;
      const nanos = spans.nanos[at]!;
      const hasNoPrice = showsCost && isUnpriced(spans, at);
      const colour = showsCost && !Number.isNaN(nanos) ? costColour(nanos, look.mostNanos) : spanColour(kind, status);
      pen.fillStyle = hasNoPrice ? ink.unpriced : ink.of[colour];
      const inset = width > 3 && separated ? 0.75 : 0;
      pen.fillRect(x1, y + box.y, width - inset, box.height);
      if (hasNoPrice) outline(pen, ink.of.soft, x1, y + box.y, width, box.height);
      if (status === "error" || status === "abandoned") flag(pen, ink.of[status], x1, y + box.y, width, box.height);
      if (spans.end[at] === Number.POSITIVE_INFINITY) growing(pen, ink.of.page, x2, y + box.y, box.height, width);
      if (lane.session.session_id === look.picked.session && spans.id[at] === look.picked.span) {
        pen.strokeStyle = ink.of.text;
        pen.lineWidth = 2;
        pen.strokeRect(x1 - 1, y + box.y - 1, width + 1.5, box.height + 2);
      }
      if (named && width > 34) {
        pen.font = ink.smallFont;
        const figure = hasNoPrice ? "unpriced  " : showsCost && !Number.isNaN(nanos) ? `${money(nanos)}  ` : "";
        const shown = Math.max(x1, gutter);
        const text = fitting(pen, figure + spans.name[at]!, x2 - shown - 10);
        const middle = y + box.y + box.height / 2 + 0.5;
        if (hasNoPrice) plate(pen, ink, text, shown + 5, middle, box.height - 2);
        else pen.fillStyle = ink.of[colour === "cost-1" || colour === "cost-2" ? "text" : "on-bar"];
        pen.fillText(text, shown + 5, middle);
      }
    });
  });
}

function outline(pen: Pen, colour: string, x: number, y: number, width: number, height: number): void {
  if (width < 3 || height < 4) return;
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.strokeRect(x + 0.5, y + 0.5, width - 1.75, height - 1);
}

/** A corner that is cut off says that something went wrong, without its colour. */
function flag(pen: Pen, colour: string, x: number, y: number, width: number, height: number): void {
  if (width < 6 || height < 6) return;
  pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(x - 1, y - 3);
  pen.lineTo(x + 6, y - 3);
  pen.lineTo(x - 1, y + 4);
  pen.fill();
}

/** Stripes at the right end: it is not over. */
function growing(pen: Pen, colour: string, x: number, y: number, height: number, width: number): void {
  if (width < 12) return;
  pen.fillStyle = colour;
  for (const by of [3, 6.5, 10]) pen.fillRect(x - by, y, 1.2, height);
}

function title(pen: Pen, ink: Ink, look: Look, lane: Lane, y: number, height: number): void {
  const x1 = Math.max(look.gutter, look.gutter + look.scale.x(lane.first));
  const x2 = look.gutter + look.scale.x(endOf(lane, look.now));
  if (x2 - x1 < 60) return;
  pen.font = ink.smallFont;
  const text = fitting(pen, nameOf(lane.session), x2 - x1 - 12);
  pen.fillStyle = ink.of.page;
  pen.globalAlpha = 0.75;
  pen.fillRect(x1 + 2, y + 3, pen.measureText(text).width + 6, height - 8);
  pen.globalAlpha = 1;
  pen.fillStyle = ink.of.text;
  pen.fillText(text, x1 + 5, y + height / 2);
}
