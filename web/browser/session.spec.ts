import { SHOTS, expect, test } from "./page";
import { type Served, serve } from "./server";
import { Workload, record } from "./workload";

async function idOf(served: Served, label: string): Promise<string> {
  const answer = (await (await fetch(`${served.url}/api/v1/sessions`)).json()) as { items: { session_id: string; label: string | null }[] };
  return answer.items.find((session) => session.label === label)!.session_id;
}

test("from a span to its events, to an artifact, to the message, and back", async ({ page, served }) => {
  const id = await idOf(served, "first-coder");
  await page.goto(`${served.url}/?view=session&id=${id}&tab=spans`);
  // The span of the first model run, on the timeline.
  await page.getByRole("link", { name: "model_run northern-large" }).first().click();
  await expect(page).toHaveURL(/pick=.*span=/);
  const span = new URL(page.url()).searchParams.get("span")!;
  const panel = page.getByRole("complementary", { name: "What is chosen" });
  await expect(panel.getByRole("heading", { name: "Events of this span" })).toBeVisible();
  await expect(panel.getByRole("listitem").filter({ hasText: "llm_inference" })).toContainText("1200 in, 140 out, $0.0057");
  // An event of it: what the model said.
  await panel.getByRole("listitem").filter({ hasText: "session.message" }).filter({ hasText: "assistant" }).getByRole("link", { name: "session.message" }).click();
  const event = page.getByRole("complementary", { name: /^Event \d+$/ });
  await expect(event).toContainText("FR-EVT-SESS-004");
  // Its artifact.
  await event.getByRole("button", { name: "Show" }).click();
  await expect(event.locator(".artifact pre")).toHaveText("I look around first.");
  await page.screenshot({ path: `${SHOTS}/event-light.png` });
  // Its place in the thread.
  await event.getByRole("link", { name: "Its place in the thread" }).click();
  const said = page.locator(".said.target");
  await expect(said).toContainText("I look around first.");
  await expect(said).toBeInViewport();
  await page.screenshot({ path: `${SHOTS}/thread-light.png` });
  // And back to the span.
  await said.getByRole("link", { name: /model_run northern-large/ }).click();
  await expect(page).toHaveURL(new RegExp(`pick=${id}&span=${span}`));
  await expect(panel.getByRole("heading", { name: "Events of this span" })).toBeVisible();
  await panel.getByRole("link", { name: "In the thread" }).click();
  await expect(page.locator(".said.target").first()).toBeInViewport();
  await page.goBack();
  await expect(page).toHaveURL(new RegExp(`span=${span}`));
});

test("the thread has its content, with tool calls where they belong", async ({ page, served }) => {
  await page.goto(`${served.url}/?view=session&id=${await idOf(served, "first-coder")}&tab=thread`);
  const speakers = page.locator(".said > header > strong");
  await expect(speakers.first()).toHaveText("System");
  await expect(page.locator(".said.tool_call").first()).toContainText("list_directory");
  const order = await speakers.allTextContents();
  expect(order.slice(0, 5)).toEqual(["System", "User", "Assistant", "Tool call", "Tool result"]);
  expect(order.at(-1)).toBe("Assistant");
  // Content is asked for when it comes into view.
  await page.locator(".said").last().scrollIntoViewIfNeeded();
  await expect(page.locator(".said").last()).toContainText("The upload goes on where it was cut off.");
});

test("its head has the figures, its overview the states and why it waited", async ({ page, served }) => {
  const id = await idOf(served, "second-coder");
  await page.goto(`${served.url}/?view=session&id=${id.slice(0, 17)}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("second-coder");
  const cost = (await (await fetch(`${served.url}/api/v1/sessions/${id}/cost`)).json()) as { cost: { own_nanos: number } };
  await expect(page.locator(".figures-row")).toContainText(`$${(cost.cost.own_nanos / 1e9).toFixed(4)}`);
  await expect(page.locator(".states")).toContainText("after rate_limited");
  await expect(page.getByRole("heading", { name: "Why it waited" })).toBeVisible();
  await page.screenshot({ path: `${SHOTS}/session-light.png` });
});

test("a session that is not there says so, and where to go", async ({ page, served }) => {
  await page.goto(`${served.url}/?view=session&id=nobody`);
  await expect(page.getByRole("alert")).toContainText("nobody");
  await page.getByRole("link", { name: "All sessions" }).click();
  await expect(page.getByRole("region", { name: "Sessions" })).toBeVisible();
});

test("a session of thirty thousand spans opens, and its events are read as they are scrolled to", async ({ page }) => {
  const served = await serve();
  const work = new Workload({ sessions: 1, runs: 15_000 });
  await record(served.url, work.events());
  await page.goto(`${served.url}/?view=session&id=${work.id(0)}&tab=spans`);
  const rows = page.locator(".span-row");
  await expect(rows.first()).toBeVisible();
  expect(await rows.count()).toBeLessThan(120);
  await expect(page.getByRole("navigation", { name: "Parts of the session" })).toContainText("30,001");
  await page.getByRole("link", { name: "Events", exact: true }).click();
  await expect(page.getByText("1,000 events so far")).toBeVisible();
  await page.locator(".virtual").evaluate((list) => (list.scrollTop = list.scrollHeight));
  await expect(page.getByText("2,000 events so far")).toBeVisible();
  await page.goto(`${served.url}/?pick=${work.id(0)}`);
  await expect(page.locator(".scroller canvas")).toBeVisible();
  await served.stop();
});
