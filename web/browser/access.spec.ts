import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { SHOTS, expect, test } from "./page";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string | null;
  nodes: { target: string[]; failureSummary?: string }[];
}

for (const scheme of ["light", "dark"] as const) {
  test(`nobody is kept out, ${scheme}`, async ({ page, served }) => {
    await page.emulateMedia({ colorScheme: scheme });
    const sessions = (await (await fetch(`${served.url}/api/v1/sessions?sort=cost`)).json()) as { items: { session_id: string }[] };
    const id = sessions.items[0]!.session_id;
    const views = {
      timeline: "",
      chosen: `?pick=${id}&overlay=cost`,
      list: `?as=list&pick=${id}`,
      sessions: "?view=sessions&group=wp",
      tree: "?view=tree&alone=show",
      cost: "?view=cost",
      findings: "?view=findings",
      overview: `?view=session&id=${id}`,
      thread: `?view=session&id=${id}&tab=thread`,
      events: `?view=session&id=${id}&tab=events&seq=9`,
      spans: `?view=session&id=${id}&tab=spans`,
      nothing: "?state=FAILED",
    };
    for (const [name, query] of Object.entries(views)) {
      await page.goto(`${served.url}/${query}`);
      await expect(page.locator("main .loading")).toHaveCount(0);
      await expect(page.locator("main")).not.toBeEmpty();
      await check(`${name} ${scheme}`);
      await page.screenshot({ path: `${SHOTS}/${name}-${scheme}.png` });
    }
    await page.keyboard.press("?");
    await check(`keys ${scheme}`);
    await page.screenshot({ path: `${SHOTS}/keys-${scheme}.png` });
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("coder");
    await check(`search ${scheme}`);
    await page.screenshot({ path: `${SHOTS}/search-${scheme}.png` });

    async function check(what: string): Promise<void> {
      await page.evaluate(AXE);
      const violations = await page.evaluate(async () => {
        const { axe } = window as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
        return (await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })).violations;
      });
      const told = violations.map((one) => `${one.impact} ${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).join(" | ")}`);
      expect(told, what).toEqual([]);
    }
  });
}
