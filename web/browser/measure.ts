// How fast the page is with a lot to show: `npm run measure` prints it, the server's time and the page's apart. The figures
// are about one machine, and nothing is judged by them. FLIGHTREC_BIN names the program, which should be a release build.

import { type Page, chromium, expect, test } from "@playwright/test";

import { CHROMIUM } from "./chromium";
import { type Served, serve } from "./server";
import { Workload, record } from "./workload";

interface Figures {
  what: string;
  server_ms: number;
  bytes: number;
  first_paint_ms: number;
  frame_p50_ms: number;
  frame_p95_ms: number;
  frame_worst_ms: number;
  /** What the page's own code takes of each frame, whatever else the machine does. */
  script_ms: number;
  heap_mb: number;
}

async function asked(url: string): Promise<{ ms: number; bytes: number }> {
  const times: number[] = [];
  let bytes = 0;
  for (let n = 0; n < 5; n++) {
    const began = performance.now();
    bytes = (await (await fetch(`${url}/api/v1/timeline?limit=1000`)).arrayBuffer()).byteLength;
    times.push(performance.now() - began);
  }
  return { ms: times.sort((a, b) => a - b)[2]!, bytes };
}

/** Pans and zooms as a person would, and takes the time between frames. */
async function moved(page: Page, zoomTo: number): Promise<number[]> {
  return page.evaluate(async (zoomTo) => {
    const canvas = document.querySelector<HTMLCanvasElement>(".scroller canvas")!;
    const scroller = document.querySelector<HTMLElement>(".scroller")!;
    const wheel = (options: WheelEventInit) => canvas.dispatchEvent(new WheelEvent("wheel", { bubbles: true, cancelable: true, clientX: 800, clientY: 500, ...options }));
    for (let n = 0; n < zoomTo; n++) wheel({ ctrlKey: true, deltaY: -60 });
    const frames: number[] = [];
    let last = 0;
    await new Promise<void>((done) => {
      let n = 0;
      const frame = (at: number) => {
        if (last > 0) frames.push(at - last);
        last = at;
        n++;
        wheel({ shiftKey: true, deltaY: n % 80 < 40 ? 24 : -24 });
        scroller.scrollTop += n % 160 < 80 ? 18 : -18;
        if (n < 300) requestAnimationFrame(frame);
        else done();
      };
      requestAnimationFrame(frame);
    });
    return frames;
  }, zoomTo);
}

async function measured(served: Served, what: string, density: string, zoomTo: number): Promise<Figures> {
  const { ms, bytes } = await asked(served.url);
  const browser = await chromium.launch({ executablePath: CHROMIUM.path, args: [...CHROMIUM.args, "--enable-precise-memory-info"] });
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(`${served.url}/?density=${density}`);
  await page.waitForSelector(".scroller canvas");
  const first = await page.evaluate(
    () => new Promise<number>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())))),
  );
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const script = async () =>
    (await client.send("Performance.getMetrics")).metrics.find((metric) => metric.name === "ScriptDuration")!.value * 1000;
  // The lanes that are not seen at once come before anything is measured.
  await expect(page.getByText("1,000 sessions").or(page.getByText("1 session", { exact: true }))).toBeVisible();
  const before = await script();
  const frames = (await moved(page, zoomTo)).sort((a, b) => a - b);
  const scripted = ((await script()) - before) / frames.length;
  const heap = await page.evaluate(() => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize);
  await browser.close();
  const at = (share: number) => Number(frames[Math.min(frames.length - 1, Math.floor(frames.length * share))]!.toFixed(1));
  return {
    what, server_ms: Math.round(ms), bytes, first_paint_ms: Math.round(first), frame_p50_ms: at(0.5), frame_p95_ms: at(0.95),
    frame_worst_ms: at(1), script_ms: Number(scripted.toFixed(2)), heap_mb: Math.round(heap / 1e6),
  }; // prettier-ignore
}

test("measure", async () => {
  const rows: Figures[] = [];
  const wide = await serve();
  await record(wide.url, new Workload({ sessions: 1000, runs: 50 }).events());
  for (const density of ["full", "compact", "dense"]) rows.push(await measured(wide, `1,000 lanes, 101,000 spans, ${density}`, density, 0));
  rows.push(await measured(wide, "the same, zoomed in", "full", 12));
  await wide.stop();
  const long = await serve();
  await record(long.url, new Workload({ sessions: 1, runs: 15_000 }).events());
  rows.push(await measured(long, "one session of 30,001 spans", "full", 0));
  await long.stop();
  console.table(rows);
});
