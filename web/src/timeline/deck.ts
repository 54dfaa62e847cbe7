// The timeline as a thing that is looked at and moved: what is visible, what is under the pointer, when to draw again.

import { signal } from "@preact/signals";

import { Scale } from "../time/scale";
import { type Arrangement, type Board, type Line, arrange, lineAt } from "./board";
import { type Ink, ink } from "./ink";
import { unpricedWithChildren } from "../unpriced";
import { type Lane, type WaitBar, endOf, nameOf } from "./lane";
import { latest } from "./latest";
import { type Link, linksOf } from "./links";
import { AXIS_PX, type Look, paint } from "./paint";
import { placeAt } from "./rows";
import { rowBox } from "./strip";

/** What is at a point. */
export interface Found {
  line: Line;
  lane: Lane | null;
  /** The place of a span in its lane; -1 if there is none. */
  span: number;
  wait: WaitBar | null;
  /** Whether the point is among the names at the left. */
  isInGutter: boolean;
}

/** How the window follows time: all of it, the latest burst of work, the present, or nothing. */
export type Following = "all" | "latest" | "present" | "nothing";

/** While work is open, the picture grows so often. */
const GROW_MS = 60;
const CALM_GROW_MS = 1000;

/** Open work of which nothing was heard for so much longer than it took is not taken for live. */
const LIVELY_MS = 60_000;
const NO_TIMES = new Float64Array();

export class Deck {
  readonly following = signal<Following>("latest");
  readonly board = signal<Board>({ lines: [], height: 0, places: new Map() });
  /** Moves with every frame that shows another stretch of time. */
  readonly window = signal<{ from: number; to: number }>({ from: 0, to: 1 });

  lanes: readonly Lane[] = [];
  scale = new Scale(0, 1, 100);
  first = 0;
  last = 1;
  mostNanos = 0;
  showsCost = false;
  picked: Look["picked"] = { session: null, span: null };
  private arrangement: Arrangement = { grouping: "wp", density: "full", folded: new Set() };
  private links: Link[] = [];
  private linkTimes = NO_TIMES;
  private names: ReadonlyMap<string, string> = new Map();
  private unpriced: ReadonlyMap<string, number> = new Map();
  private showsLinks = true;
  private burst: { first: number; last: number } | null = null;
  private hovered = -1;
  private scroller: HTMLElement = document.body;
  private pen: CanvasRenderingContext2D | null = null;
  private ink: Ink | null = null;
  private size = { width: 0, height: 0, scale: 1 };
  private gutter = 300;
  private wanted = 0;
  private drawn = 0;
  private hasOpen = false;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(
    /** The present on the server's clock. */
    private readonly now: () => number,
  ) {}

  attach(canvas: HTMLCanvasElement, scroller: HTMLElement): () => void {
    this.scroller = scroller;
    this.pen = canvas.getContext("2d", { alpha: false });
    const resized = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = scroller;
      const scale = Math.min(3, window.devicePixelRatio || 1);
      this.size = { width, height, scale };
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.height = `${height}px`;
      this.gutter = Math.round(Math.min(340, Math.max(150, width * 0.27)));
      this.scale = this.scale.resized(Math.max(50, width - this.gutter));
      this.recolour();
    });
    resized.observe(scroller);
    const scrolled = () => this.draw();
    scroller.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      resized.disconnect();
      scroller.removeEventListener("scroll", scrolled);
      cancelAnimationFrame(this.wanted);
      this.wanted = 0;
      this.pen = null;
    };
  }

  /** Reads the colours again. */
  recolour(): void {
    if (this.pen) this.ink = ink(this.scroller, this.pen, this.size.scale);
    this.draw();
  }

  get gutterPx(): number {
    return this.gutter;
  }

  show(lanes: readonly Lane[]): void {
    this.lanes = lanes;
    this.links = linksOf(lanes);
    this.linkTimes = Float64Array.from(this.links, (link) => link.at);
    this.names = new Map(lanes.map(({ session }) => [session.session_id, nameOf(session)]));
    this.unpriced = unpricedWithChildren(lanes.map((lane) => lane.session));
    const now = this.now();
    let [first, last, most] = [Infinity, -Infinity, 0];
    this.hasOpen = false;
    for (const lane of lanes) {
      first = Math.min(first, lane.first);
      last = Math.max(last, endOf(lane, now));
      this.hasOpen ||= lane.isOpen;
      for (const nanos of lane.spans.nanos) if (nanos > most) most = nanos;
    }
    if (lanes.length > 0) [this.first, this.last] = [first, Math.max(last, first + 1)];
    this.mostNanos = most;
    this.burst = latest(lanes);
    this.rearrange();
  }

  arrange(arrangement: Arrangement, showsCost: boolean, showsLinks: boolean): void {
    this.arrangement = arrangement;
    this.showsCost = showsCost;
    this.showsLinks = showsLinks;
    this.rearrange();
  }

  private rearrange(): void {
    this.board.value = arrange(this.lanes, this.arrangement);
    this.draw();
  }

  pick(session: string | null, span: string | null): void {
    this.picked = { session, span };
    this.draw();
  }

  /** Asks for a frame; however often that is, there is one. */
  draw(): void {
    if (this.wanted === 0) this.wanted = requestAnimationFrame((at) => this.frame(at));
  }

  private frame(at: number): void {
    this.wanted = 0;
    if (!this.pen || !this.ink || this.size.width === 0) return;
    const now = this.now();
    const grows = this.hasOpen && (this.following.value !== "nothing" || now < this.scale.to + this.scale.msPerPx);
    const pause = this.calm.matches ? CALM_GROW_MS : GROW_MS;
    if (grows) setTimeout(() => this.draw(), Math.max(0, pause - (at - this.drawn)));
    this.drawn = at;
    if (this.hasOpen) this.last = Math.max(this.last, now);
    this.followTime(now);
    const { width, height, scale } = this.size;
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    paint(this.pen, this.ink, {
      scale: this.scale,
      board: this.board.value,
      density: this.arrangement.density,
      grouping: this.arrangement.grouping,
      top: this.scroller.scrollTop,
      height,
      gutter: Math.min(this.gutter, width),
      now,
      showsCost: this.showsCost,
      mostNanos: this.mostNanos,
      links: this.showsLinks ? this.links : [],
      linkTimes: this.showsLinks ? this.linkTimes : NO_TIMES,
      nameOfId: (id) => this.names.get(id) ?? null,
      unpriced: this.unpriced,
      picked: this.picked,
      hovered: this.hovered,
    });
    const { from, to } = this.scale;
    if (this.window.value.from !== from || this.window.value.to !== to) this.window.value = { from, to };
  }

  private followTime(now: number): void {
    if (this.following.value === "all") {
      this.scale = Scale.around(this.first, this.last, this.scale.width);
    } else if (this.following.value === "latest" && this.burst) {
      const end = this.hasOpen && now - this.burst.last < this.burst.last - this.burst.first + LIVELY_MS ? now : this.burst.last;
      this.scale = Scale.around(this.burst.first, Math.max(end, this.burst.last), this.scale.width);
    } else if (this.following.value === "present") {
      const span = this.scale.to - this.scale.from;
      const to = now + span * 0.04;
      this.scale = new Scale(to - span, to, this.scale.width);
    }
  }

  /** Looks at another stretch of time, and follows nothing from then on. */
  look(scale: Scale): void {
    this.following.value = "nothing";
    this.scale = scale.within(this.first, this.last);
    this.draw();
  }

  zoom(factor: number, x = this.scale.width / 2): void {
    const follows = this.following.value === "present";
    this.look(this.scale.zoomed(factor, x));
    if (follows) this.following.value = "present";
  }

  pan(px: number): void {
    this.look(this.scale.panned(px));
  }

  follow(what: Following): void {
    this.following.value = what;
    this.draw();
  }

  /** Looks at one stretch of time with a little room around it. */
  lookAt(from: number, to: number): void {
    const room = Math.max((to - from) * 0.1, 1);
    this.look(new Scale(from - room, to + room, this.scale.width));
  }

  /** Scrolls a session's line into view. */
  reveal(session: string): void {
    const place = this.board.value.places.get(session);
    const line = place === undefined ? undefined : this.board.value.lines[place];
    if (!line) return;
    const inner = this.size.height - AXIS_PX;
    const top = this.scroller.scrollTop;
    if (line.y < top) this.scroller.scrollTop = line.y - 8;
    else if (line.y + line.height > top + inner) this.scroller.scrollTop = line.y + line.height - inner + 8;
  }

  hover(found: Found | null): void {
    const at = found ? this.board.value.lines.indexOf(found.line) : -1;
    if (at === this.hovered) return;
    this.hovered = at;
    this.draw();
  }

  /** What lies at a point of the canvas. */
  find(x: number, y: number): Found | null {
    if (y < AXIS_PX) return null;
    const board = this.board.value;
    const inBoard = y - AXIS_PX + this.scroller.scrollTop;
    const line = board.lines[lineAt(board, inBoard)];
    if (!line || inBoard > line.y + line.height) return null;
    const isInGutter = x < this.gutter;
    const nothing: Found = { line, lane: null, span: -1, wait: null, isInGutter };
    if (line.kind === "head") return nothing;
    const time = this.scale.time(x - this.gutter);
    const slack = this.scale.msPerPx * 3;
    const now = this.now();
    const lane =
      line.lanes.length === 1
        ? line.lanes[0]!
        : line.lanes.find((lane) => time >= lane.first - slack && time <= endOf(lane, now) + slack);
    if (!lane || isInGutter) return { ...nothing, lane: lane ?? null };
    return { line, lane, isInGutter, ...this.inside(lane, time, inBoard - line.y, line.height, slack) };
  }

  private inside(lane: Lane, time: number, y: number, height: number, slack: number): Pick<Found, "span" | "wait"> {
    for (let depth = lane.rows.length - 1; depth >= 0; depth--) {
      const box = rowBox(lane, depth, height, this.arrangement.density);
      if (y < box.y - 1 || y > box.y + box.height + 1) continue;
      const place = placeAt(lane.rows[depth]!, lane.spans, time, slack);
      if (place >= 0) return { span: lane.rows[depth]!.spans[place]!, wait: null };
    }
    const wait = lane.waits.find((bar) => bar.start - slack <= time && bar.end + slack > time) ?? null;
    return { span: -1, wait };
  }
}
