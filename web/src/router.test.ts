import { expect, test } from "vitest";

import { href, read, write } from "./router";

test("an address survives being written and read", () => {
  for (const text of ["./", "?view=sessions", "?role=coder&state=ACTIVE", "?view=session&id=01999&seq=7&tab=events"]) {
    expect(write(read(text.replace("./", "")))).toBe(text);
  }
});

test("an unknown view is the timeline, and an empty filter is none", () => {
  expect(read("?view=nowhere&role=").view).toBe("timeline");
  expect([...read("?role=&wp=WP-1").params]).toEqual([["wp", "WP-1"]]);
});

test("filters go along from view to view, and what belongs to one view does not", () => {
  const from = read("?view=sessions&role=coder&since=2h&sort=-own&pick=x");
  expect(href("tree", {}, from)).toBe("?view=tree&role=coder&since=2h");
  expect(href("timeline", { role: null, wp: "WP-1" }, from)).toBe("?since=2h&wp=WP-1");
});

test("any text may stand in a filter", () => {
  const hostile = `"><script>&=#?%00 \u202e`;
  const { params } = read(href("sessions", { role: hostile }, read("")));
  expect(params.get("role")).toBe(hostile);
});
