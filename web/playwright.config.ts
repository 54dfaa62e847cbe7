import { defineConfig } from "@playwright/test";

import { CHROMIUM } from "./browser/chromium";

// The tests drive the real program with real sessions. What they wait for, they wait for as long as it takes.
export default defineConfig({
  testDir: "browser",
  outputDir: "../target/web-tests",
  reporter: [["list"]],
  timeout: 0,
  expect: { timeout: 90_000 },
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
