// Where the page is: a view and its filters, all of it in the query string, so that an address is a view that can be
// shared. There is one path, and so nothing for the server to know about views.

import { computed, signal } from "@preact/signals";

export const VIEWS = ["timeline", "sessions", "session", "tree", "cost", "findings"] as const;
export type View = (typeof VIEWS)[number];

/** The filters that all views share, under the names that the API has for them. */
export const FILTERS = ["session", "state", "role", "model", "wp", "backend", "since", "until"] as const;
export type Filter = (typeof FILTERS)[number];

export interface Address {
  view: View;
  params: ReadonlyMap<string, string>;
}

export type Changes = Record<string, string | null>;

export function read(search: string): Address {
  const params = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) if (value !== "") params.set(name, value);
  const named = params.get("view") ?? "timeline";
  params.delete("view");
  const view = VIEWS.find((view) => view === named) ?? "timeline";
  return { view, params };
}

export function write({ view, params }: Address): string {
  const search = new URLSearchParams();
  if (view !== "timeline") search.set("view", view);
  for (const [name, value] of [...params].sort(([a], [b]) => (a < b ? -1 : 1))) search.set(name, value);
  const text = search.toString();
  return text === "" ? "./" : `?${text}`;
}

/** The address of a view with the present filters, and with what is changed; null takes a parameter out. */
export function href(view: View, changes: Changes = {}, from: Address = address.value): string {
  const params = new Map<string, string>();
  for (const filter of FILTERS) {
    const value = from.params.get(filter);
    if (value !== undefined) params.set(filter, value);
  }
  return write({ view, params: changed(params, changes) });
}

function changed(params: ReadonlyMap<string, string>, changes: Changes): Map<string, string> {
  const next = new Map(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  return next;
}

export const address = signal<Address>(read(typeof location === "undefined" ? "" : location.search));

/** One parameter of the present address. */
export const param = (name: string) => address.value.params.get(name) ?? null;

/** The filters of the present address, as the API takes them. */
export const filters = computed(() => {
  const found: Partial<Record<Filter, string>> = {};
  for (const filter of FILTERS) {
    const value = address.value.params.get(filter);
    if (value !== undefined) found[filter] = value;
  }
  return found;
});

/** The filters as one word, to tell whether they changed. */
export const filterKey = computed(() => JSON.stringify(filters.value));

/** Goes to an address. */
export function go(to: string, how: "push" | "replace" = "push"): void {
  const url = new URL(to, location.href);
  if (how === "push") history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  address.value = read(url.search);
}

/** Changes parameters of the present view. Looking closer is no step to go back from; choosing something is. */
export function set(changes: Changes, how: "push" | "replace" = "replace"): void {
  const { view, params } = address.value;
  go(write({ view, params: changed(params, changes) }), how);
}

/** Follows the browser's buttons, and the links of the page without loading it again. */
export function listen(): void {
  addEventListener("popstate", () => {
    address.value = read(location.search);
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target !== "" || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || url.pathname !== location.pathname || url.hash !== "") return;
    event.preventDefault();
    go(url.href);
  });
}
