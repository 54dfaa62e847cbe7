import { SHOTS, expect, test } from "./page";
import { serve } from "./server";
import { Workload, record } from "./workload";

test("an empty store tells three ways to fill it, and fills by itself", async ({ page }) => {
  const served = await serve();
  await page.goto(served.url);
  await expect(page.getByRole("heading", { name: "Nothing is recorded yet" })).toBeVisible();
  await expect(page.locator(".ways-in pre")).toHaveCount(3);
  await expect(page.locator(".ways-in pre").first()).toContainText(`OTEL_EXPORTER_OTLP_ENDPOINT=${served.url}`);
  await page.screenshot({ path: `${SHOTS}/empty-light.png` });
  await record(served.url, new Workload({ sessions: 2, runs: 2 }).events());
  await expect(page.locator(".scroller canvas")).toBeVisible();
  await served.stop();
  await expect(page.locator(".link-mark")).toHaveText(/no connection/);
});

test("sessions are grouped and sorted, and that is in the address", async ({ page, served }) => {
  await page.goto(`${served.url}/?view=sessions`);
  const names = page.locator("tbody tr:not(.group-row) .name");
  await expect(names).toHaveCount(4);
  await page.getByRole("button", { name: "Own cost" }).click();
  await expect(page).toHaveURL(/sort=-own/);
  await expect(names.first()).toHaveText("first-coder");
  await page.getByRole("button", { name: "Own cost" }).click();
  await expect(names.last()).toHaveText("first-coder");
  await page.getByLabel("Group by").selectOption("wp");
  await expect(page.locator(".group-row")).toHaveCount(2);
  await expect(page.locator(".group-row").filter({ hasText: "WP-7" })).toContainText("3 sessions");
  await page.reload();
  await expect(page.locator(".group-row")).toHaveCount(2);
  await page.screenshot({ path: `${SHOTS}/sessions-light.png` });
});

test("the tree has depths, and says what a cascade cancel would reach", async ({ page }) => {
  const served = await serve(undefined, "--demo");
  await page.goto(`${served.url}/?view=tree`);
  const lead = page.getByRole("row").filter({ hasText: "plan-the-work" });
  await expect(lead).toContainText("2 of 2");
  await lead.getByRole("link", { name: /sessions/ }).click();
  await expect(page.getByRole("status").filter({ hasText: "A cascade cancel would reach" })).toContainText(/[34] sessions/);
  expect(await page.locator("tr.reached").count()).toBeGreaterThanOrEqual(3);
  await page.screenshot({ path: `${SHOTS}/tree-light.png` });
  await served.stop();
});

test("cost by each key is what the server says, with its budgets", async ({ page, served }) => {
  await page.goto(`${served.url}/?view=cost`);
  const table = page.getByRole("region", { name: "Cost by Work packet" });
  await expect(table.getByRole("row").filter({ hasText: "WP-8" })).toContainText("unpriced");
  const rows = (await (await fetch(`${served.url}/api/v1/costs?by=model`)).json()) as { items: { key: string; cost: { nanos: number } }[] };
  await page.getByRole("link", { name: "Model" }).click();
  const dear = rows.items[0]!;
  await expect(page.getByRole("row").filter({ hasText: dear.key })).toContainText(`$${(dear.cost.nanos / 1e9).toFixed(3)}`);
  await expect(page.locator(".budgets li").filter({ hasText: "session tokens" }).first()).toBeVisible();
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: `${SHOTS}/cost-${scheme}.png` });
  }
});

test("findings say what is wrong, what that means, and where", async ({ page, served }) => {
  await page.goto(`${served.url}/?view=findings`);
  const unpriced = page.locator(".finding-kind").filter({ hasText: "unpriced" });
  await expect(unpriced).toContainText("They are not free");
  await expect(unpriced.getByRole("listitem")).toHaveCount(2);
  await page.screenshot({ path: `${SHOTS}/findings-light.png` });
  await unpriced.getByRole("link").first().click();
  await expect(page).toHaveURL(/view=session/);
});

test("search finds sessions by name and by the beginning of an id, and spans", async ({ page, served }) => {
  await page.goto(served.url);
  await expect(page.locator(".scroller canvas")).toBeVisible();
  await page.keyboard.press("/");
  const box = page.getByRole("combobox", { name: /Session id/ });
  await box.fill("second");
  const found = page.getByRole("listbox", { name: "Found" }).getByRole("option");
  await expect(found.first()).toContainText("second-coder");
  await box.fill("list_dir");
  await expect(found.first()).toContainText("span in first-coder");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/span=/);
  // Filters narrow what is shown, and not what is looked for.
  await page.goto(`${served.url}/?state=FAILED`);
  await expect(page.getByRole("heading", { name: "No session passes the filters" })).toBeVisible();
  await page.keyboard.press("/");
  await box.fill("second");
  await found.first().click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("second-coder");
  await page.keyboard.press("/");
  await box.fill("no such thing");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Search" })).toContainText("no such thing");
});

test("everything by keys, and letters can be switched off", async ({ page, served }) => {
  await page.goto(`${served.url}/?group=none`);
  await expect(page.locator(".scroller canvas")).toBeVisible();
  await page.keyboard.press("ArrowDown");
  const panel = page.getByRole("complementary", { name: "What is chosen" });
  await expect(panel.getByRole("heading", { level: 2 })).toHaveText("first-coder");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/span=/);
  await expect(page.locator("[aria-live=polite]").last()).toContainText(/ok|ms|s$/);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/view=session/);
  await page.keyboard.press("2");
  await expect(page).toHaveURL(/view=sessions/);
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keys" });
  await expect(help).toBeVisible();
  await help.getByLabel("Single letters work as keys").uncheck();
  await help.getByRole("button", { name: "Close" }).click();
  await page.keyboard.press("3");
  await expect(page).toHaveURL(/view=sessions/);
  await page.reload();
  await page.keyboard.press("3");
  await expect(page).toHaveURL(/view=sessions/);
});

const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}\u202e`;

test("hostile text is text, in every view", async ({ page }) => {
  const served = await serve();
  const work = new Workload({ sessions: 4, runs: 2, text: HOSTILE });
  await record(served.url, work.events());
  for (const view of ["", "?as=list", "?view=sessions&group=wp", "?view=tree", "?view=cost", "?view=cost&by=model", "?view=findings", `?view=session&id=${work.id(0)}`, `?view=session&id=${work.id(0)}&tab=events`, `?view=session&id=${work.id(0)}&tab=spans`, `?pick=${work.id(1)}`, `?role=${encodeURIComponent(HOSTILE)}`]) {
    await page.goto(`${served.url}/${view}`);
    await expect(page.locator("main")).not.toBeEmpty();
    await expect(page.locator("main .loading")).toHaveCount(0);
    await expect(page.locator("main img, main script")).toHaveCount(0);
  }
  await page.goto(`${served.url}/?view=sessions`);
  await expect(page.locator("tbody .name").first()).toHaveText(HOSTILE);
  await page.goto(`${served.url}/?group=none`);
  await page.mouse.move(700, 190);
  await page.screenshot({ path: `${SHOTS}/hostile-light.png` });
  await served.stop();
});

test("what a script could turn into markup is refused by policy", async ({ browser, served }) => {
  const page = await browser.newPage();
  const answer = await page.goto(served.url);
  expect(answer!.headers()["content-security-policy"]).toContain("require-trusted-types-for 'script'");
  const refused = await page.evaluate(() => {
    try {
      document.createElement("div")["innerHTML" as "textContent"] = "<b>";
      return "taken";
    } catch (error) {
      return (error as Error).name;
    }
  });
  expect(refused).toBe("TypeError");
  await page.close();
});
