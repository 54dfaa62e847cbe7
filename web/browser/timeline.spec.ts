import type { Page } from "@playwright/test";

import { SHOTS, expect, test } from "./page";
import { type Served, serve } from "./server";
import { Workload, record } from "./workload";

interface Session {
  session_id: string;
  label: string | null;
  cost: { own_nanos: number; inclusive_nanos: number; unpriced_runs: number };
}

async function sessions(served: Served): Promise<Session[]> {
  const answer = await fetch(`${served.url}/api/v1/sessions?sort=created`);
  return ((await answer.json()) as { items: Session[] }).items;
}

const find = async (served: Served, label: string) => (await sessions(served)).find((one) => one.label === label)!;
const dollars = (nanos: number) => `$${(nanos / 1e9).toFixed(nanos >= 1e7 ? 3 : 4)}`;
const lanes = (page: Page) => page.locator(".scroller tbody tr:not(.group-row)");
const filter = (page: Page, name: string) => page.getByRole("form", { name: "Filters" }).getByLabel(name);
const windowOf = (page: Page) => {
  const params = new URL(page.url()).searchParams;
  return { from: Number(params.get("from")), to: Number(params.get("to")) };
};

test.describe("a run that goes on", () => {
  let demo: Served;
  test.beforeAll(async () => {
    demo = await serve(undefined, "--demo");
  });
  test.afterAll(() => demo.stop());

  test("is watched growing, with what holds each session", async ({ page }) => {
    await page.goto(`${demo.url}/?as=list`);
    await expect(lanes(page).first()).toBeVisible();
    await expect(page.locator(".link-mark")).toHaveText(/live/);
    const spans = async () => {
      const cells = await page.locator(".scroller tbody tr:not(.group-row) td:nth-child(8)").allTextContents();
      return cells.reduce((sum, text) => sum + Number(text), 0);
    };
    const before = await spans();
    await expect.poll(spans).toBeGreaterThan(before + 5);
    // A child was spawned and appeared by itself, and somebody waits for a place of a model.
    await expect(page.getByRole("cell", { name: "researcher" }).first()).toBeVisible();
    await expect(page.getByRole("cell", { name: /2 of 2 sessions of model/ }).first()).toBeVisible();
    await page.getByRole("button", { name: "List" }).click();
    await expect(page.locator(".scroller canvas")).toBeVisible();
    await page.screenshot({ path: `${SHOTS}/live-light.png` });
  });

  test("is followed at its end", async ({ page }) => {
    await page.goto(`${demo.url}/`);
    await page.getByRole("button", { name: "Live" }).click();
    await expect(page.getByRole("button", { name: "Live" })).toHaveAttribute("aria-pressed", "true");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.screenshot({ path: `${SHOTS}/live-dark.png` });
  });
});

test("why the second coder waited is told in words, and as time", async ({ page, served }) => {
  const second = await find(served, "second-coder");
  await page.goto(`${served.url}/?pick=${second.session_id}`);
  const panel = page.getByRole("complementary", { name: "What is chosen" });
  await expect(panel).toContainText("Why it waited");
  await expect(panel).toContainText("held by model");
  await expect(panel).toContainText("1 of 1 sessions of model northern-large of provider north are active");
  await expect(panel).toContainText(/held by (provider pause|backoff)/);
  const answer = (await (await fetch(`${served.url}/api/v1/timeline?session=${second.session_id}`)).json()) as {
    items: { session: Session; waits: { limit: string | null; start: string; end: string }[] }[];
  };
  const { waits } = answer.items.find((item) => item.session.label === "second-coder")!;
  const held = waits.filter((wait) => wait.limit === "model").reduce((sum, wait) => sum + Date.parse(wait.end) - Date.parse(wait.start), 0);
  expect(held).toBeGreaterThan(300);
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: `${SHOTS}/why-${scheme}.png` });
  }
});

test("cost is own and inclusive, and what has no price says so", async ({ page, served }) => {
  const first = await find(served, "first-coder");
  expect(first.cost.own_nanos).toBeGreaterThan(0);
  await page.goto(`${served.url}/?as=list`);
  const row = lanes(page).filter({ hasText: "first-coder" });
  await expect(row.locator("td").nth(9)).toHaveText(dollars(first.cost.own_nanos));
  // The child that it spawned has no price, so the sum is not whole, and says so.
  await expect(row.locator("td").nth(10)).toHaveText(`${dollars(first.cost.inclusive_nanos)} +?`);
  await expect(lanes(page).filter({ hasText: "notes" }).locator("td").nth(9)).toHaveText("unpriced");
  await page.goto(`${served.url}/?overlay=cost`);
  await expect(page.getByRole("list", { name: "Legend" })).toContainText("no price");
  await page.screenshot({ path: `${SHOTS}/cost-overlay-light.png` });
});

test("filters are in the address, and an address is a view", async ({ page, served }) => {
  await page.goto(`${served.url}/?as=list`);
  await expect(lanes(page)).toHaveCount(4);
  await filter(page, "Work packet").selectOption("WP-8");
  await expect(page).toHaveURL(/wp=WP-8/);
  await expect(lanes(page)).toHaveCount(1);
  await page.reload();
  await expect(lanes(page)).toHaveCount(1);
  await filter(page, "Role").selectOption("researcher");
  await filter(page, "State").selectOption("FAILED");
  await expect(page.getByRole("heading", { name: "No session passes the filters" })).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect(lanes(page)).toHaveCount(4);
  await page.goBack();
  await expect(page).toHaveURL(/state=FAILED/);
  await page.goto(`${served.url}/?as=list&model=northern-large&backend=cloud&since=1d`);
  await expect(lanes(page)).toHaveCount(2);
  const first = await find(served, "first-coder");
  await page.goto(`${served.url}/?as=list&session=${first.session_id}`);
  await expect(lanes(page)).toHaveCount(2);
});

test("zoom, pan and minimap, by wheel, mouse and keys", async ({ page, served }) => {
  await page.goto(served.url);
  const canvas = page.locator(".scroller canvas");
  await expect(canvas).toBeVisible();
  await page.mouse.move(900, 300);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -200);
  await page.keyboard.up("Control");
  await expect(page).toHaveURL(/from=\d/);
  const zoomed = windowOf(page);
  await page.keyboard.press("d");
  await expect.poll(() => windowOf(page).from).toBeGreaterThan(zoomed.from);
  const later = windowOf(page);
  await page.mouse.move(900, 500);
  await page.mouse.down();
  await page.mouse.move(1000, 500, { steps: 5 });
  await page.mouse.up();
  await expect.poll(() => windowOf(page).from).toBeLessThan(later.from);
  await page.keyboard.press("w");
  await expect.poll(() => windowOf(page).to - windowOf(page).from).toBeLessThan(zoomed.to - zoomed.from - 1);
  const close = windowOf(page);
  const map = (await page.locator("canvas.overview").boundingBox())!;
  await page.mouse.click(map.x + map.width * 0.9, map.y + 10);
  await expect.poll(() => windowOf(page).from).not.toBe(close.from);
  const shared = page.url();
  await page.goto("about:blank");
  await page.goto(shared);
  await expect(canvas).toBeVisible();
  expect(page.url()).toBe(shared);
  await page.keyboard.press("0");
  await expect(page).not.toHaveURL(/from=/);
  await page.keyboard.down("Shift");
  await page.mouse.move(700, 600);
  await page.mouse.down();
  await page.mouse.move(900, 600, { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await expect(page).toHaveURL(/from=\d/);
});

test("two fingers zoom, one moves", async ({ browser, served }) => {
  const context = await browser.newContext({ hasTouch: true, viewport: { width: 1024, height: 768 } });
  const page = await context.newPage();
  await page.goto(served.url);
  await expect(page.locator(".scroller canvas")).toBeVisible();
  const client = await context.newCDPSession(page);
  const touch = (type: string, points: readonly [number, number][]) =>
    client.send("Input.dispatchTouchEvent", { type: type as "touchStart", touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await touch("touchStart", [[600, 400], [700, 400]]);
  for (let by = 10; by <= 100; by += 10) await touch("touchMove", [[600 - by, 400], [700 + by, 400]]);
  await touch("touchEnd", []);
  await expect(page).toHaveURL(/from=\d/);
  const zoomed = windowOf(page);
  await touch("touchStart", [[700, 400]]);
  for (let by = 10; by <= 80; by += 10) await touch("touchMove", [[700 - by, 400]]);
  await touch("touchEnd", []);
  await expect.poll(() => windowOf(page).from).toBeGreaterThan(zoomed.from);
  await context.close();
});

test("a click on the picture chooses what lies there", async ({ page, served }) => {
  await page.goto(`${served.url}/?group=none`);
  const canvas = page.locator(".scroller canvas");
  await expect(canvas).toBeVisible();
  const box = (await canvas.boundingBox())!;
  // The first lane's name, below the axis.
  await page.mouse.click(box.x + 80, box.y + 28 + 14);
  await expect(page).toHaveURL(/pick=/);
  const panel = page.getByRole("complementary", { name: "What is chosen" });
  await expect(panel.getByRole("heading", { level: 2 })).toHaveText("first-coder");
  await page.keyboard.press("Escape");
  await expect(panel).toBeHidden();
});

test("many lanes: the last is reached, and folding hides what lies below", async ({ page }) => {
  const served = await serve();
  await record(served.url, new Workload({ sessions: 240, runs: 3 }).events());
  await page.goto(served.url);
  await expect(page.getByText("240 sessions")).toBeVisible();
  const scroller = page.locator(".scroller");
  // Each lane is higher than 30 pixels, so less would leave the last ones out of reach.
  expect(await scroller.evaluate((box) => box.scrollHeight)).toBeGreaterThan(240 * 30);
  await page.keyboard.press("ArrowUp");
  await expect(page).toHaveURL(/pick=/);
  await expect.poll(() => scroller.evaluate((box) => box.scrollTop)).toBeGreaterThan(6000);
  const canvas = (await page.locator(".scroller canvas").boundingBox())!;
  const box = (await scroller.boundingBox())!;
  expect(Math.abs(canvas.y - box.y)).toBeLessThan(2);
  const before = await scroller.evaluate((box) => box.scrollHeight);
  await scroller.evaluate((box) => (box.scrollTop = 0));
  // The heading of the first group.
  await page.mouse.click(canvas.x + 60, canvas.y + 28 + 13);
  await expect.poll(() => scroller.evaluate((box) => box.scrollHeight)).toBeLessThan(before - 30 * 30);
  await served.stop();
});
