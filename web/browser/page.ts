// A page of the program, watched: whatever it asks for must be on this machine, and nothing may go wrong in it.

import { join } from "node:path";

import { type Page, test as base, expect } from "@playwright/test";

import { type Served, flightrec, newStore, serve } from "./server";

export { expect };

/** Where pictures of the page are kept, to be looked at. */
export const SHOTS = "../target/web-shots";

/** A server with the sessions of the small plan, all of them over. One for each worker. */
export const test = base.extend<{ page: Page }, { served: Served }>({
  served: [
    // The first argument has to be a pattern, though nothing is taken from it.
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const store = newStore();
      await flightrec(store, "run", join(import.meta.dirname, "plan.toml"));
      const served = await serve(store);
      await use(served);
      await served.stop();
    },
    { scope: "worker" },
  ],
  page: async ({ page }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("console", (message) => {
      // A missing artifact is an answer, and a server that has stopped is what some tests are about.
      const isExpected = /404|net::ERR_(CONNECTION|INCOMPLETE)/.test(message.text());
      if (message.type() === "error" && !isExpected) wrong.push(message.text());
    });
    page.on("dialog", (dialog) => wrong.push(`a dialog opened: ${dialog.message()}`));
    page.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol !== "data:" && hostname !== "127.0.0.1") wrong.push(`asked ${request.url()}`);
    });
    await use(page);
    expect(wrong).toEqual([]);
  },
});
