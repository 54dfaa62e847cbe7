// Time on the width of a screen. A scale is a value: zooming and panning give another one.

/** The closest look, in milliseconds across the whole width. */
const MIN_SPAN_MS = 0.05;

export class Scale {
  constructor(
    readonly from: number,
    readonly to: number,
    /** In pixels. */
    readonly width: number,
  ) {}

  get msPerPx(): number {
    return (this.to - this.from) / Math.max(1, this.width);
  }

  x(time: number): number {
    return ((time - this.from) / (this.to - this.from)) * this.width;
  }

  time(x: number): number {
    return this.from + x * this.msPerPx;
  }

  resized(width: number): Scale {
    return new Scale(this.from, this.to, width);
  }

  /** So many times as much time, with what is at `x` staying there. */
  zoomed(factor: number, x: number): Scale {
    const at = this.time(x);
    const span = Math.max(MIN_SPAN_MS, (this.to - this.from) * factor);
    const share = x / Math.max(1, this.width);
    return new Scale(at - span * share, at + span * (1 - share), this.width);
  }

  panned(px: number): Scale {
    const by = px * this.msPerPx;
    return new Scale(this.from + by, this.to + by, this.width);
  }

  /** Kept within reach of what there is to see: never wider than all of it with some room, never past its ends. */
  within(first: number, last: number): Scale {
    const room = Math.max(MIN_SPAN_MS, (last - first) * 0.05);
    const [low, high] = [first - room, last + room];
    const span = Math.min(this.to - this.from, high - low);
    const from = Math.min(Math.max(this.from, low - span / 2), high - span / 2);
    return new Scale(from, from + span, this.width);
  }

  /** All between two times, with some room at the sides. */
  static around(first: number, last: number, width: number): Scale {
    const room = Math.max(MIN_SPAN_MS, (last - first) * 0.03);
    return new Scale(first - room, last + room, width);
  }
}
