import { defineConfig } from "@playwright/test";

import { CHROMIUM } from "./browser/chromium";

// The tests drive the real program with real sessions. A slow machine is not wrong: what they wait for has all the time
// that it may need, and an end only so that what never comes is told of.
export default defineConfig({
  testDir: "browser",
  outputDir: "../target/web-tests",
  reporter: [["list"]],
  timeout: 0,
  expect: { timeout: 300_000 },
  workers: 2,
  fullyParallel: true,
  use: {
    launchOptions: { executablePath: CHROMIUM.path, args: CHROMIUM.args },
    viewport: { width: 1440, height: 900 },
  },
  projects: [
    { name: "page", testMatch: "*.spec.ts" },
    { name: "measure", testMatch: "measure.ts" },
  ],
});
