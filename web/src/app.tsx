// The page around the views: where one is, where one can go, whether the record is heard.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { api } from "./api/client";
import { link } from "./api/live";
import { money, short } from "./format";
import { type View, address, go, href } from "./router";
import { failure, isStoreEmpty, sessions, standing } from "./store";
import { useAnswer } from "./ui/ask";
import { Filters } from "./ui/filters";
import { Help } from "./ui/help";
import { useKeys } from "./ui/keys";
import { Search } from "./ui/search";
import { cycle, theme } from "./ui/theme";
import { CostView } from "./views/cost";
import { FindingsView } from "./views/findings";
import { SessionView } from "./views/session";
import { SessionsView } from "./views/sessions";
import { Timeline } from "./views/timeline";
import { TreeView } from "./views/tree";
import { Welcome } from "./views/welcome";

const NAV: readonly (readonly [View, string])[] = [
  ["timeline", "Timeline"],
  ["sessions", "Sessions"],
  ["tree", "Tree"],
  ["cost", "Cost"],
  ["findings", "Findings"],
];

export function App() {
  const { view } = address.value;
  const isHelping = useSignal(false);
  const isSearching = useSignal(false);
  useKeys(
    () => [
      { press: "?", does: "these keys", run: () => (isHelping.value = !isHelping.value) },
      { press: "/", does: "search", run: () => (isSearching.value = true) },
      { press: "t", does: "dark, light, or as the machine has it", run: cycle },
      ...NAV.map(([view, name], n) => ({ press: String(n + 1), does: name, run: () => go(href(view)) })),
    ],
    [],
  );
  useEffect(() => {
    const name = NAV.find(([name]) => name === view)?.[1] ?? "Session";
    document.title = `${name} \u2013 Flight Recorder`;
  }, [view]);
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <a class="brand" href={href("timeline")} aria-label="Flight Recorder">
          <img src="icon.svg" alt="" width="20" height="20" />
          <span>Flight Recorder</span>
        </a>
        <nav aria-label="Views">
          {NAV.map(([name, label]) => (
            <a key={name} href={href(name)} aria-current={view === name ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
        <span class="gap" />
        <RateLine />
        <LiveMark />
        <button type="button" class="search-button" onClick={() => (isSearching.value = true)}>
          <span>Search</span> <kbd>/</kbd>
        </button>
        <button type="button" class="quiet" onClick={cycle} aria-label={`Colours: ${theme.value}`} title={`Colours: ${theme.value} (t)`}>
          {{ auto: "\u25d1", light: "\u2600", dark: "\u263e" }[theme.value]}
        </button>
        <button type="button" class="quiet" onClick={() => (isHelping.value = true)} aria-label="Keys" title="Keys (?)">
          ?
        </button>
      </header>
      {failure.value !== null && (
        <p class="failure" role="alert">
          {failure.value}
        </p>
      )}
      <main id="main" tabIndex={-1} class={`view-${view}`}>
        {isStoreEmpty.value && standing.value === "ready" ? <Welcome /> : <Shown view={view} />}
      </main>
      {isHelping.value && <Help close={() => (isHelping.value = false)} />}
      {isSearching.value && <Search close={() => (isSearching.value = false)} />}
    </>
  );
}

function Shown({ view }: { view: View }) {
  if (view === "session") return <SessionView />;
  return (
    <>
      <Filters sessions={sessions()} />
      <View view={view} />
    </>
  );
}

function View({ view }: { view: Exclude<View, "session"> }) {
  switch (view) {
    case "timeline":
      return <Timeline />;
    case "sessions":
      return <SessionsView />;
    case "tree":
      return <TreeView />;
    case "cost":
      return <CostView />;
    case "findings":
      return <FindingsView />;
  }
}

function RateLine() {
  const { value } = useAnswer("rate", (signal) => api.rate({ window: "60s" }, signal), { live: true });
  if (value === null) return null;
  return (
    <span class="rate figures" title="Over the last minute">
      <b>{value.active_sessions}</b> active
      <span class="dot" aria-hidden="true">{"\u00b7"}</span>
      <b>{short(value.tokens_per_minute)}</b> tok/min
      <span class="dot" aria-hidden="true">{"\u00b7"}</span>
      <b>{money(value.nanos_per_minute)}</b>/min
    </span>
  );
}

const LINKS = { connecting: "connecting", live: "live", lost: "no connection" } as const;

function LiveMark() {
  return (
    <span class={`link-mark ${link.value}`} role="status">
      <span aria-hidden="true" /> {LINKS[link.value]}
    </span>
  );
}
