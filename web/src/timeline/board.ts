// The board: which lane lies where from top to bottom. Lanes stand in groups, children below their parents, and what is
// folded leaves only its heading. In the packed form, lanes that do not overlap share a line.

import type { Session } from "../api/shapes";
import { grouped } from "../group";
import { type Lane, nameOf } from "./lane";

export const GROUPINGS = ["wp", "role", "model", "none"] as const;
export type Grouping = (typeof GROUPINGS)[number];
export const DENSITIES = ["full", "compact", "dense", "packed"] as const;
export type Density = (typeof DENSITIES)[number];

export const HEAD_PX = 26;
const SUB_ROW_PX = 13;
const MAX_LANE_PX = 104;

/** A line of the board. */
export interface Line {
  kind: "head" | "lanes";
  y: number;
  height: number;
  group: string;
  /** The lanes that it shows, by start; of a heading those of its group. */
  lanes: Lane[];
  depth: number;
  isFolded: boolean;
  /** Whether something lies below it that folds. */
  folds: boolean;
}

export interface Board {
  lines: Line[];
  height: number;
  /** Where the line of each session is. */
  places: Map<string, number>;
}

export interface Arrangement {
  grouping: Grouping;
  density: Density;
  /** The groups and sessions that are folded. */
  folded: ReadonlySet<string>;
}

export const groupOf = (session: Session, grouping: Grouping): string => {
  switch (grouping) {
    case "wp":
      return session.wp_id ?? "";
    case "role":
      return session.role ?? "";
    case "model":
      return session.model_id ?? "";
    case "none":
      return "";
  }
};

/** How a group is called that has no name. */
export const groupName = (group: string, grouping: Grouping) =>
  group === "" ? { wp: "no work packet", role: "no role", model: "no model", none: "all sessions" }[grouping] : group;

export function laneHeight(lane: Lane, density: Density): number {
  switch (density) {
    case "full":
      return Math.min(MAX_LANE_PX, 12 + Math.max(1, lane.rows.length) * SUB_ROW_PX);
    case "compact":
      return 20;
    case "dense":
      return 6;
    case "packed":
      return 18;
  }
}

export function arrange(lanes: readonly Lane[], { grouping, density, folded }: Arrangement): Board {
  const groups = grouped(lanes, (lane) => groupOf(lane.session, grouping));
  const board: Board = { lines: [], height: 0, places: new Map() };
  for (const [group, members] of [...groups].sort(byFirst)) {
    const isFolded = folded.has(`group:${group}`);
    if (grouping !== "none") add(board, { kind: "head", group, lanes: members, depth: 0, isFolded, folds: true }, HEAD_PX);
    if (isFolded) continue;
    if (density === "packed") pack(board, group, members);
    else tree(board, group, members, density, folded);
  }
  return board;
}

const firstOf = (lanes: readonly Lane[]) => lanes.reduce((first, lane) => Math.min(first, lane.first), Infinity);

/** Groups that began later stand above: what runs now is seen first. A group without a name comes last. */
function byFirst([a, ofA]: [string, Lane[]], [b, ofB]: [string, Lane[]]): number {
  if ((a === "") !== (b === "")) return a === "" ? 1 : -1;
  return firstOf(ofB) - firstOf(ofA) || (a < b ? -1 : 1);
}

function add(board: Board, line: Omit<Line, "y" | "height">, height: number): void {
  if (line.kind === "lanes") for (const lane of line.lanes) board.places.set(lane.session.session_id, board.lines.length);
  board.lines.push({ ...line, y: board.height, height });
  board.height += height;
}

const byStart = (a: Lane, b: Lane) =>
  a.first - b.first || (a.session.session_id < b.session.session_id ? -1 : 1);

function tree(board: Board, group: string, members: Lane[], density: Density, folded: ReadonlySet<string>): void {
  const ids = new Set(members.map((lane) => lane.session.session_id));
  const below = new Map<string, Lane[]>();
  const roots: Lane[] = [];
  for (const lane of members.toSorted(byStart)) {
    const parent = lane.session.parent_session_id;
    if (parent === null || !ids.has(parent) || parent === lane.session.session_id) roots.push(lane);
    else below.set(parent, [...(below.get(parent) ?? []), lane]);
  }
  const seen = new Set<Lane>();
  const place = (first: Lane) => {
    const stack: [Lane, number][] = [[first, 0]];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const [lane, depth] = next;
      if (seen.has(lane)) continue;
      seen.add(lane);
      const id = lane.session.session_id;
      const children = below.get(id) ?? [];
      const isFolded = folded.has(id);
      const line = { kind: "lanes", group, lanes: [lane], depth, isFolded, folds: children.length > 0 } as const;
      add(board, { ...line, lanes: [lane] }, laneHeight(lane, density));
      if (isFolded) children.forEach((child) => hide(child, below, seen));
      else for (const child of children.toReversed()) stack.push([child, depth + 1]);
    }
  };
  roots.forEach(place);
  // Sessions that claim to have spawned each other have no root; they follow, each once.
  for (const lane of members) if (!seen.has(lane)) place(lane);
}

function hide(lane: Lane, below: Map<string, Lane[]>, seen: Set<Lane>): void {
  const stack = [lane];
  for (let next = stack.pop(); next; next = stack.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    stack.push(...(below.get(next.session.session_id) ?? []));
  }
}

/** Lanes that do not overlap share a line: each goes into the first line that is free when it begins. */
function pack(board: Board, group: string, members: Lane[]): void {
  const lines: { lanes: Lane[]; until: number }[] = [];
  for (const lane of members.toSorted(byStart)) {
    const end = lane.isOpen ? Number.POSITIVE_INFINITY : lane.last;
    const line = lines.find((line) => line.until < lane.first);
    if (line) {
      line.lanes.push(lane);
      line.until = end;
    } else {
      lines.push({ lanes: [lane], until: end });
    }
  }
  for (const { lanes } of lines) {
    add(board, { kind: "lanes", group, lanes, depth: 0, isFolded: false, folds: false }, laneHeight(lanes[0]!, "packed"));
  }
}

/** The line at a height, or the nearest; -1 on an empty board. */
export function lineAt(board: Board, y: number): number {
  let [low, high] = [0, board.lines.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (board.lines[middle]!.y <= y) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What a lane says of itself, for those who do not see it. */
export function describe(lane: Lane): string {
  const { session } = lane;
  return [nameOf(session), session.role, session.model_id, session.state.toLowerCase()].filter(Boolean).join(", ");
}
