// The timeline: lanes of sessions over time, drawn, with a list of the same beside it for those who read instead.

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { duration, plural, words } from "../format";
import { param, set } from "../router";
import { damage, lanes, loadMore, moreLanes, now, standing } from "../store";
import { DENSITIES, type Density, GROUPINGS, type Grouping, describe } from "../timeline/board";
import { Card } from "../timeline/card";
import { Deck, type Found } from "../timeline/deck";
import { listen } from "../timeline/gestures";
import { type Lane, STATUSES, endOf } from "../timeline/lane";
import { Legend } from "../timeline/legend";
import { Overview } from "../timeline/overview";
import { AXIS_PX } from "../timeline/paint";
import { LaneList } from "../timeline/list";
import { Panel } from "../timeline/panel";
import { Scale } from "../time/scale";
import { useKeys } from "../ui/keys";
import { Choice, Loading, Notice, Toggle } from "../ui/parts";
import { colours } from "../ui/theme";
import { sessionHref } from "../ui/parts";
import { go } from "../router";

const GROUP_NAMES: Record<Grouping, string> = { wp: "work packet", role: "role", model: "model", none: "nothing" };
const DENSITY_NAMES: Record<Density, string> = { full: "all spans", compact: "one line each", dense: "overview", packed: "packed" };

const oneOf = <T extends string>(of: readonly T[], value: string | null): T => of.find((one) => one === value) ?? of[0]!;
const next = <T extends string>(of: readonly T[], is: T): T => of[(of.indexOf(is) + 1) % of.length]!;

export function Timeline() {
  const deck = useMemo(() => new Deck(now), []);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const hovered = useSignal<{ found: Found; x: number; y: number } | null>(null);
  const chosen = useSignal<{ from: number; to: number } | null>(null);
  const folded = useSignal<ReadonlySet<string>>(new Set());
  const said = useSignal("");
  const all = useComputed(() => [...lanes.value.values()]);
  const density = oneOf(DENSITIES, param("density"));
  const grouping = oneOf(GROUPINGS, param("group"));
  const showsCost = param("overlay") === "cost";
  const showsLinks = param("links") !== "off";
  const asList = param("as") === "list";
  const [pick, span] = [param("pick"), param("span")];

  useEffect(() => deck.arrange({ grouping, density, folded: folded.value }, showsCost, showsLinks), [
    deck, grouping, density, folded.value, showsCost, showsLinks,
  ]); // prettier-ignore
  useEffect(() => {
    deck.pick(pick, span);
    if (pick !== null) deck.reveal(pick);
  }, [deck, pick, span]);
  useSignalEffect(() => deck.show(all.value));
  // In the same frame as the rest of the page.
  useEffect(() => colours.subscribe(() => deck.recolour()), [deck]);
  useAddress(deck);

  const choose = (lane: Lane | null, at: number) => {
    set({ pick: lane?.session.session_id ?? null, span: lane && at >= 0 ? lane.spans.id[at]! : null }, "push");
    said.value = lane ? tell(lane, at) : "Nothing is chosen";
  };
  const fold = (key: string) => {
    const after = new Set(folded.value);
    if (!after.delete(key)) after.add(key);
    folded.value = after;
  };
  const press = (found: Found) => {
    const { line, lane } = found;
    if (line.kind === "head") fold(`group:${line.group}`);
    else if (found.isInGutter && line.folds && lane && lane.session.session_id === pick) fold(lane.session.session_id);
    else choose(lane, found.span);
  };
  const open = ({ lane, span: at, wait }: Found) => {
    if (!lane) return;
    if (wait) deck.lookAt(wait.start, Math.min(wait.end, now()));
    else if (at >= 0) deck.lookAt(lane.spans.start[at]!, Math.min(lane.spans.end[at]!, now()));
    else deck.lookAt(lane.first, endOf(lane, now()));
  };

  useEffect(() => {
    if (!canvas.current || !scroller.current) return;
    const detach = deck.attach(canvas.current, scroller.current);
    const handlers = { current: { press, open } };
    gestures.current = handlers;
    const stop = listen(canvas.current, deck, scroller.current, {
      hover: (found, x, y) => {
        deck.hover(found);
        hovered.value = found && (found.lane || found.line.kind === "lanes") ? { found, x, y } : null;
      },
      press: (found) => handlers.current.press(found),
      open: (found) => handlers.current.open(found),
      choose: (from, to, isDone) => {
        const [a, b] = [Math.min(from, to) - deck.gutterPx, Math.max(from, to) - deck.gutterPx];
        chosen.value = isDone ? null : { from: a, to: b };
        if (isDone && b - a > 4) deck.look(new Scale(deck.scale.time(a), deck.scale.time(b), deck.scale.width));
      },
    });
    return () => {
      stop();
      detach();
    };
  }, [deck, asList, standing.value === "ready" && all.value.length > 0]);
  const gestures = useRef<{ current: { press: (found: Found) => void; open: (found: Found) => void } } | null>(null);
  if (gestures.current) gestures.current.current = { press, open };

  const picked = pick === null ? null : (lanes.value.get(pick) ?? null);
  const at = picked && span !== null ? picked.spans.id.indexOf(span) : -1;
  const walk = (by: number) => {
    const ordered = deck.board.value.lines.filter((line) => line.kind === "lanes").flatMap((line) => line.lanes);
    const place = picked ? ordered.indexOf(picked) : by > 0 ? -1 : ordered.length;
    const to = ordered[Math.max(0, Math.min(ordered.length - 1, place + by))];
    if (to) choose(to, -1);
  };
  const walkSpans = (by: number) => {
    if (!picked || picked.spans.count === 0) return;
    const to = Math.max(0, Math.min(picked.spans.count - 1, (at < 0 ? (by > 0 ? -1 : picked.spans.count) : at) + by));
    choose(picked, to);
    const { scale } = deck;
    const start = picked.spans.start[to]!;
    if (start < scale.from || start > scale.to) deck.look(scale.panned(scale.x(start) - scale.width / 2));
  };
  useKeys(
    () => [
      { press: "ArrowDown", does: "next lane", run: () => walk(1) },
      { press: "ArrowUp", does: "lane before", run: () => walk(-1) },
      { press: "ArrowRight", does: "next span of the lane", run: () => walkSpans(1) },
      { press: "ArrowLeft", does: "span before", run: () => walkSpans(-1) },
      { press: "Enter", does: "open the chosen session", run: () => picked && go(sessionHref(pick!, { span })) },
      { press: "w", does: "zoom in", run: () => deck.zoom(0.7) },
      { press: "s", does: "zoom out", run: () => deck.zoom(1 / 0.7) },
      { press: "a", does: "earlier", run: () => deck.pan(-deck.scale.width * 0.15) },
      { press: "d", does: "later", run: () => deck.pan(deck.scale.width * 0.15) },
      { press: "z", does: "zoom to what is chosen", run: () => picked && open({ lane: picked, span: at, wait: null } as Found) },
      { press: "0", does: "all of time", run: () => deck.follow("all") },
      { press: "r", does: "the latest burst of work", run: () => deck.follow("latest") },
      { press: "f", does: "follow the present", run: () => followPresent(deck) },
      { press: "g", does: "group by something else", run: () => set({ group: next(GROUPINGS, grouping) }) },
      { press: "v", does: "denser, or not", run: () => set({ density: next(DENSITIES, density) }) },
      { press: "c", does: "cost on top, or not", run: () => set({ overlay: showsCost ? null : "cost" }) },
      { press: "x", does: "fold or unfold the chosen lane", run: () => pick !== null && fold(pick) },
      { press: "l", does: "list instead of picture, or back", run: () => set({ as: asList ? null : "list" }) },
      { press: "Escape", does: "choose nothing", run: () => pick !== null && choose(null, -1) },
    ],
    [deck, picked, at, grouping, density, showsCost, asList, folded.value],
  );

  if (standing.value === "loading" && all.value.length === 0) return <Loading what="Asking for the sessions" />;
  if (all.value.length === 0) {
    return (
      <Notice title="No session passes the filters">
        <p>Take a filter away, or look at a longer time.</p>
      </Notice>
    );
  }
  return (
    <div class={`deck ${pick === null ? "" : "has-panel"}`}>
      <div class="tools" role="toolbar" aria-label="Timeline">
        <Choice label="Group by" of={GROUPINGS} is={grouping} choose={(group) => set({ group })} name={(one) => GROUP_NAMES[one]} />
        <Choice label="Lanes" of={DENSITIES} is={density} choose={(density) => set({ density })} name={(one) => DENSITY_NAMES[one]} />
        <Toggle label="Cost" title="Colour spans by what they cost (c)" is={showsCost} set={(is) => set({ overlay: is ? "cost" : null })} />
        <Toggle label="Links" title="Spawns and results between lanes" is={showsLinks} set={(is) => set({ links: is ? null : "off" })} />
        <Toggle label="List" title="The same as a list (l)" is={asList} set={(is) => set({ as: is ? "list" : null })} />
        <span class="gap" />
        {!asList && <Zooming deck={deck} />}
      </div>
      {damage.value.length > 0 && (
        <p class="damage" role="alert">
          Parts of the log cannot be read, and are missing here: {damage.value.join("; ")}
        </p>
      )}
      {!asList && <Overview deck={deck} lanes={all.value} now={now} />}
      {asList ? (
        <LaneList board={deck.board.value} pick={pick} choose={(lane) => choose(lane, -1)} />
      ) : (
        <div
          class="scroller"
          ref={scroller}
          tabIndex={0}
          role="group"
          aria-roledescription="timeline"
          aria-label={`Timeline of ${plural(all.value.length, "session")}. Arrow keys go through lanes and spans; the button List shows the same as a table.`}
        >
          <div class="board" style={{ height: `${deck.board.value.height + AXIS_PX + 24}px` }}>
            <canvas ref={canvas} aria-hidden="true" />
          </div>
        </div>
      )}
      {chosen.value && !asList && (
        <div
          class="chosen"
          aria-hidden="true"
          style={{ marginLeft: `${deck.gutterPx + chosen.value.from}px`, width: `${chosen.value.to - chosen.value.from}px` }}
        />
      )}
      {pick !== null && <Panel session={pick} span={span} close={() => choose(null, -1)} />}
      <div class="foot">
        <Legend showsCost={showsCost} />
        <span class="soft">
          {plural(all.value.length, "session")}
          {moreLanes.value !== null && (
            <button type="button" class="quiet" onClick={() => void loadMore()}>
              Load earlier ones
            </button>
          )}
        </span>
      </div>
      {hovered.value && <Card found={hovered.value.found} x={hovered.value.x} y={hovered.value.y} now={now()} />}
      <p class="unseen" aria-live="polite">{said.value}</p>
    </div>
  );
}

function Zooming({ deck }: { deck: Deck }) {
  const only = () => {
    const [since, until] = [deck.scale.from, deck.scale.to].map((at) => new Date(at).toISOString());
    set({ since: since!, until: until!, from: null, to: null }, "push");
    deck.follow("all");
  };
  return (
    <>
      {deck.following.value === "nothing" && (
        <button type="button" class="quiet" title="Only sessions that were there in this stretch of time" onClick={only}>
          Only this time
        </button>
      )}
        <Span deck={deck} />
        <button type="button" onClick={() => deck.zoom(1 / 0.7)} aria-label="Zoom out" title="Zoom out (s)">{"\u2212"}</button>
        <button type="button" onClick={() => deck.zoom(0.7)} aria-label="Zoom in" title="Zoom in (w)">+</button>
        <Toggle label="Latest" title="The latest burst of work (r)" is={deck.following.value === "latest"} set={() => deck.follow("latest")} />
        <Toggle label="All" title="All of time (0)" is={deck.following.value === "all"} set={() => deck.follow("all")} />
        <Toggle label="Live" title="Follow the present (f)" is={deck.following.value === "present"} set={() => followPresent(deck)} />
    </>
  );
}

/** How long the stretch of time is that is shown. */
function Span({ deck }: { deck: Deck }) {
  const { from, to } = deck.window.value;
  return <span class="soft figures">{duration(to - from)}</span>;
}

function followPresent(deck: Deck): void {
  const span = deck.scale.to - deck.scale.from;
  const most = Math.min(span, 300_000);
  deck.scale = new Scale(now() - most, now(), deck.scale.width);
  deck.follow(deck.following.value === "present" ? "nothing" : "present");
}

function tell(lane: Lane, at: number): string {
  if (at < 0) {
    return `${describe(lane)}; ${plural(lane.spans.count, "span")}, waited ${duration(lane.waitedMs)}`;
  }
  const { spans } = lane;
  const end = spans.end[at]!;
  const long = end === Infinity ? "still open" : duration(end - spans.start[at]!);
  return `${spans.name[at]}, ${words(STATUSES[spans.status[at]!]!)}, ${long}`;
}

/** The stretch of time is in the address once it rests, and is taken from there at first. */
function useAddress(deck: Deck): void {
  useEffect(() => {
    const [from, to] = [Number(param("from")), Number(param("to"))];
    if (from > 0 && to > from) {
      deck.following.value = "nothing";
      deck.scale = new Scale(from, to, deck.scale.width);
    }
    let timer: ReturnType<typeof setTimeout> | null = null;
    const keep = () => {
      timer = null;
      const isFree = deck.following.value === "nothing";
      const { from, to } = deck.scale;
      const changes = { from: isFree ? from.toFixed(3) : null, to: isFree ? to.toFixed(3) : null };
      if (param("from") !== changes.from || param("to") !== changes.to) set(changes);
    };
    const stop = deck.window.subscribe(() => {
      if (timer !== null) clearTimeout(timer);
      timer = setTimeout(keep, 300);
    });
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [deck]);
}
