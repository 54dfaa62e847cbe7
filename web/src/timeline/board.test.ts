import { describe, expect, test } from "vitest";

import { type Arrangement, arrange, laneHeight, lineAt } from "./board";
import { lane } from "./made";
import type { Lane } from "./lane";

const over = (id: string, first: number, last: number, facts: Parameters<typeof lane>[2] = {}): Lane =>
  lane(id, [{ start: first, end: last }], {
    created_at: new Date(1_760_000_000_000 + first).toISOString(),
    ended_at: new Date(1_760_000_000_000 + last).toISOString(),
    ...facts,
  });
const as = (more: Partial<Arrangement> = {}): Arrangement => ({ grouping: "wp", density: "full", folded: new Set(), ...more });
const shown = (lanes: readonly Lane[], arrangement: Arrangement) =>
  arrange(lanes, arrangement).lines.map((line) =>
    line.kind === "head" ? `[${line.group}]` : `${".".repeat(line.depth)}${line.lanes.map((lane) => lane.session.session_id).join("+")}`,
  );

const family = [
  over("b", 10, 20, { parent_session_id: "a" }),
  over("a", 0, 90),
  over("c", 30, 60, { parent_session_id: "a" }),
  over("d", 40, 50, { parent_session_id: "c" }),
];

describe("board", () => {
  test("children stand below their parents, in the order in which they began", () => {
    expect(shown(family, as())).toEqual(["[WP-1]", "a", ".b", ".c", "..d"]);
  });

  test("a folded lane hides all below it, a folded group all of it", () => {
    expect(shown(family, as({ folded: new Set(["c"]) }))).toEqual(["[WP-1]", "a", ".b", ".c"]);
    expect(shown(family, as({ folded: new Set(["a"]) }))).toEqual(["[WP-1]", "a"]);
    expect(shown(family, as({ folded: new Set(["group:WP-1"]) }))).toEqual(["[WP-1]"]);
  });

  test("the group that began last stands above, the one without a name below", () => {
    const lanes = [over("x", 0, 5, { wp_id: null }), over("y", 1, 5, { wp_id: "WP-1" }), over("z", 2, 5, { wp_id: "WP-2" })];
    expect(shown(lanes, as())).toEqual(["[WP-2]", "z", "[WP-1]", "y", "[]", "x"]);
    expect(shown(lanes, as({ grouping: "none" }))).toEqual(["x", "y", "z"]);
  });

  test("packed, lanes that do not overlap share a line", () => {
    expect(shown(family, as({ density: "packed" }))).toEqual(["[WP-1]", "a", "b+c", "d"]);
  });

  test("sessions that claim to have spawned each other stand there once each", () => {
    const circle = [over("a", 0, 9, { parent_session_id: "b" }), over("b", 1, 9, { parent_session_id: "a" })];
    expect(shown(circle, as()).toSorted()).toEqual([".b", "[WP-1]", "a"]);
  });

  test("lines lie one below the other, and each height leads to its line", () => {
    const board = arrange(family, as());
    let y = 0;
    board.lines.forEach((line, n) => {
      expect(line.y).toBe(y);
      expect([lineAt(board, y), lineAt(board, y + line.height - 1)]).toEqual([n, n]);
      y += line.height;
    });
    expect(board.height).toBe(y);
    expect(board.places.get("d")).toBe(4);
    expect(lineAt(arrange([], as()), 5)).toBe(-1);
  });

  test("a lane of a session with 30 rows is no higher than others may be", () => {
    const deep = lane("s", Array.from({ length: 30 }, (_, n) => ({ start: n, end: 100 })));
    expect(laneHeight(deep, "full")).toBe(104);
  });
});
