// What is known of the sessions: lanes for the timeline, kept up to date with the record.

import { computed, effect, signal, untracked } from "@preact/signals";

import { api } from "./api/client";
import { follow, lastSeq } from "./api/live";
import type { Session } from "./api/shapes";
import { millis } from "./format";
import { address, filterKey, filters } from "./router";
import { type Lane, lanesOf } from "./timeline/lane";
import { unpricedWithChildren } from "./unpriced";

/** So many lanes come before somebody wants more; the latest few of them come first, to be seen at once. */
const FIRST_LANES = 1000;
const AT_ONCE = 60;

export type Standing = "loading" | "ready" | "failed";

/** The lanes of the present filters, by session. */
export const lanes = signal<ReadonlyMap<string, Lane>>(new Map());
export const standing = signal<Standing>("loading");
export const failure = signal<string | null>(null);
/** Whether the server has lanes that were not asked for. */
export const moreLanes = signal<string | null>(null);
export const damage = signal<readonly string[]>([]);
/** Whether the store as a whole has no session. */
export const isStoreEmpty = signal(false);

/** Model runs without a price, of each session and all below it that are known here. */
export const unpriced = computed(() => unpricedWithChildren([...lanes.value.values()].map((lane) => lane.session)));

let skewMs = 0;
let seen = 0;
let asking: AbortController | null = null;
let isAsking = false;
let isFollowing = false;

/** The present on the server's clock. */
export const now = () => Date.now() + skewMs;

async function load(): Promise<void> {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  standing.value = "loading";
  try {
    const found = new Map<string, Lane>();
    const answer = await take({ ...filters.value, limit: AT_ONCE }, found, mine.signal);
    let cursor = answer.next_cursor;
    while (cursor !== null && found.size < FIRST_LANES) {
      lanes.value = new Map(found);
      standing.value = "ready";
      cursor = (await take({ ...filters.value, cursor, limit: FIRST_LANES - found.size }, found, mine.signal)).next_cursor;
    }
    seen = answer.seq;
    lanes.value = found;
    moreLanes.value = cursor;
    damage.value = answer.damage;
    isStoreEmpty.value = found.size === 0 && Object.keys(filters.value).length === 0;
    standing.value = "ready";
    failure.value = null;
    if (!isFollowing) follow(answer.seq);
    isFollowing = true;
  } catch (error) {
    fail(error, mine);
  }
}

async function take(asked: Record<string, string | number>, into: Map<string, Lane>, signal: AbortSignal) {
  const answer = await api.timeline(asked, signal);
  skewMs = millis(answer.now) - Date.now();
  for (const lane of lanesOf(answer)) into.set(lane.session.session_id, lane);
  return answer;
}

function fail(error: unknown, mine: AbortController): void {
  if (mine.signal.aborted) return;
  failure.value = error instanceof TypeError ? "The server does not answer. Trying again." : String((error as Error).message);
  if (standing.value === "loading") standing.value = "failed";
}

/** After an answer, nothing is asked for so many times as long as it took. */
const REST_TIMES = 2;
const rested = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Asks for the lanes that changed; never twice at a time, so that a slow answer is not outrun. */
async function refresh(): Promise<void> {
  if (isAsking || standing.value !== "ready") return;
  isAsking = true;
  const mine = asking ?? new AbortController();
  try {
    while (lastSeq.value > seen && !mine.signal.aborted) {
      const began = performance.now();
      const changed = new Map<string, Lane>();
      const asked = { ...filters.value, changed_since: seen, limit: FIRST_LANES };
      let answer = await take(asked, changed, mine.signal);
      const { seq } = answer;
      while (answer.next_cursor !== null) answer = await take({ ...asked, cursor: answer.next_cursor }, changed, mine.signal);
      if (mine.signal.aborted) return;
      seen = Math.max(seq, seen + 1);
      failure.value = null;
      if (changed.size > 0) lanes.value = new Map([...lanes.value, ...changed]);
      if (changed.size > 0) isStoreEmpty.value = false;
      // Where much changes, the server has time for others as well.
      await rested((performance.now() - began) * REST_TIMES);
    }
  } catch (error) {
    fail(error, mine);
    // The stream comes back by itself; what was missed is asked for then, or a little later.
    setTimeout(() => void refresh(), 3000);
  } finally {
    isAsking = false;
  }
}

/** Asks for the lanes that were left out at first. */
export async function loadMore(): Promise<void> {
  const cursor = moreLanes.value;
  if (cursor === null) return;
  const found = new Map(lanes.value);
  const mine = asking ?? new AbortController();
  try {
    moreLanes.value = (await take({ ...filters.value, cursor, limit: FIRST_LANES }, found, mine.signal)).next_cursor;
    lanes.value = found;
  } catch (error) {
    fail(error, mine);
  }
}

/** Keeps the lanes as the address and the record want them. */
export function start(): void {
  effect(() => {
    void filterKey.value;
    untracked(() => void load());
  });
  effect(() => {
    void lastSeq.value;
    untracked(() => void refresh());
  });
  effect(() => {
    if (standing.value !== "failed") return;
    const timer = setTimeout(() => void load(), 2000);
    return () => clearTimeout(timer);
  });
}

/** The sessions of the present filters. */
export const sessions = (): Session[] => [...lanes.value.values()].map((lane) => lane.session);

/** The session that is chosen. */
export const picked = () => address.value.params.get("pick") ?? null;
