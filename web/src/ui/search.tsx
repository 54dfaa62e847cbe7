// Search: a session by its id or by any text of its names, and spans by theirs.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { api } from "../api/client";
import type { Session } from "../api/shapes";
import { shortId, words } from "../format";
import { go, href } from "../router";
import { lanes } from "../store";
import { nameOf } from "../timeline/lane";
import { useAnswer } from "./ask";
import { sessionHref } from "./parts";

interface Hit {
  title: string;
  of: string;
  href: string;
}

const MOST_HITS = 40;
const MOST_SPAN_HITS = 12;

/** Sessions first, by how early the text stands in what they are called; then the spans of lanes. */
export function hits(text: string, all: readonly Session[]): Hit[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const sessions: (Hit & { rank: number })[] = [];
  const spans: Hit[] = [];
  const known = new Map(all.map((session) => [session.session_id, session]));
  for (const [id, lane] of lanes.value) known.set(id, lane.session);
  for (const [id, session] of known) {
    const names = [session.label, session.role, session.model_id, session.wp_id, session.mt_id].filter((name) => name !== null);
    const rank = id.toLowerCase().startsWith(wanted) ? 0 : names.findIndex((name) => name.toLowerCase().includes(wanted)) + 1;
    const isHit = rank > 0 || id.toLowerCase().startsWith(wanted);
    const of = `${words(session.state)} \u00b7 ${session.model_id ?? ""} \u00b7 ${shortId(id)}`;
    if (isHit) sessions.push({ title: nameOf(session), of, href: sessionHref(id), rank });
    const own = lanes.value.get(id)?.spans;
    if (!own) continue;
    for (let at = 0; at < own.count && spans.length < MOST_SPAN_HITS; at++) {
      const name = own.name[at]!;
      if (own.id[at]!.startsWith(wanted) || (wanted.length > 2 && name.toLowerCase().includes(wanted))) {
        spans.push({ title: name, of: `span in ${nameOf(session)}`, href: href("timeline", { pick: id, span: own.id[at]! }) });
      }
    }
  }
  sessions.sort((a, b) => a.rank - b.rank);
  return [...sessions.slice(0, MOST_HITS - spans.length), ...spans];
}

export function Search({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const text = useSignal("");
  const at = useSignal(0);
  const message = useSignal("");
  useEffect(() => dialog.current?.showModal(), []);
  // Filters narrow what is shown, and not what is looked for.
  const all = useAnswer("search", (signal) => api.sessions({ sort: "updated", limit: 1000 }, signal));
  const found = hits(text.value, all.value?.items ?? []);
  const leave = (to: string) => {
    dialog.current?.close();
    go(to);
  };
  const open = async () => {
    const hit = found[at.value];
    if (hit) return leave(hit.href);
    // What is not loaded here is known to the server by the beginning of its id.
    try {
      const { session } = await api.session(text.value.trim());
      leave(sessionHref(session.session_id));
    } catch (error) {
      message.value = String((error as Error).message);
    }
  };
  const move = (by: number) => (at.value = Math.max(0, Math.min(found.length - 1, at.value + by)));
  const key = (event: KeyboardEvent) => {
    const run = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: () => void open() }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  return (
    <dialog ref={dialog} class="search" onClose={close} aria-label="Search">
      <input
        type="text"
        role="combobox"
        aria-expanded={found.length > 0}
        aria-controls="hits"
        aria-activedescendant={found.length > 0 ? `hit-${at.value}` : undefined}
        aria-label="Session id, name, role, model, work packet or span"
        placeholder="Session id, name, role, model, work packet or span"
        spellcheck={false}
        value={text.value}
        onKeyDown={key}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          at.value = 0;
          message.value = "";
        }}
      />
      <ul id="hits" role="listbox" aria-label="Found">
        {found.map((hit, n) => (
          // Keys are heard by the field above, which says which option is at hand.
          <li key={n} id={`hit-${n}`} role="option" aria-selected={n === at.value} onPointerUp={() => leave(hit.href)}>
            <span>{hit.title}</span> <span class="soft">{hit.of}</span>
          </li>
        ))}
      </ul>
      {text.value.trim() !== "" && found.length === 0 && (
        <p class="soft" role="status">{message.value || "Nothing here is called so; Enter asks the server for an id that begins so."}</p>
      )}
    </dialog>
  );
}
