// Questions to the server that this page came from, and to no other.

import type {
  Budget,
  CostRow,
  Finding,
  Message,
  Page,
  Rate,
  RecordedEvent,
  Session,
  SessionDetail,
  TimelineAnswer,
} from "./shapes";

/** An answer that is no success, in the server's words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "Refused";
  }
}

/** Parameters of a question; those that are empty are left out. */
export type Asked = Record<string, string | number | readonly string[] | null | undefined>;

export function query(asked: Asked): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    if (value === null || value === undefined || value === "") continue;
    if (typeof value === "string" || typeof value === "number") params.append(name, String(value));
    else for (const one of value) params.append(name, one);
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

async function answer(path: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(path, signal ? { signal } : {});
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    const told = (await response.json()) as { error?: { message?: string } };
    message = told.error?.message ?? message;
  } catch {
    // The status says enough.
  }
  throw new Refused(response.status, message);
}

async function json<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await answer(path, signal)).json()) as T;
}

const of = (id: string) => `api/v1/sessions/${encodeURIComponent(id)}`;

export const api = {
  timeline: (asked: Asked, signal?: AbortSignal) => json<TimelineAnswer>(`api/v1/timeline${query(asked)}`, signal),
  sessions: (asked: Asked, signal?: AbortSignal) => json<Page<Session>>(`api/v1/sessions${query(asked)}`, signal),
  session: (id: string, signal?: AbortSignal) => json<SessionDetail>(of(id), signal),
  events: (id: string | null, asked: Asked, signal?: AbortSignal) =>
    json<Page<RecordedEvent>>(`${id === null ? "api/v1" : of(id)}/events${query(asked)}`, signal),
  messages: (id: string, asked: Asked, signal?: AbortSignal) =>
    json<Page<Message>>(`${of(id)}/messages${query(asked)}`, signal),
  costs: (asked: Asked, signal?: AbortSignal) => json<Page<CostRow>>(`api/v1/costs${query(asked)}`, signal),
  rate: (asked: Asked, signal?: AbortSignal) => json<Rate>(`api/v1/rate${query(asked)}`, signal),
  budgets: (asked: Asked, signal?: AbortSignal) => json<Page<Budget>>(`api/v1/budgets${query(asked)}`, signal),
  findings: (asked: Asked, signal?: AbortSignal) => json<Page<Finding>>(`api/v1/findings${query(asked)}`, signal),
  artifact: async (id: string, signal?: AbortSignal) =>
    (await answer(`api/v1/artifacts/${encodeURIComponent(id)}`, signal)).text(),
};

/** All items of a list, page by page, up to `most`; whether there are more is said beside them. */
export async function pages<T>(
  ask: (cursor: string | null) => Promise<Page<T>>,
  most: number,
): Promise<{ items: T[]; more: string | null }> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await ask(cursor);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null && items.length < most);
  return { items, more: cursor };
}
