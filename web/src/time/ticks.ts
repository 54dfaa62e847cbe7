// Where an axis of time has its lines: at times that people would name.

import { clock, day } from "../format";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
]; // prettier-ignore

export interface Tick {
  at: number;
  label: string;
  /** Whether a day, or with steps below a second a second, begins here. */
  major: boolean;
}

/** The step between lines that lie at least so far apart. */
export function step(minMs: number): number {
  if (minMs < SECOND) {
    const power = 10 ** Math.floor(Math.log10(minMs));
    return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= minMs * 0.999) ?? power * 10;
  }
  return STEPS.find((step) => step >= minMs) ?? Math.ceil(minMs / (365 * DAY)) * 365 * DAY;
}

function label(at: number, step: number): string {
  if (step >= DAY) return day(at);
  if (step >= MINUTE) return clock(at).slice(0, 5);
  if (step >= SECOND) return clock(at);
  const digits = Math.min(6, Math.max(1, Math.ceil(-Math.log10(step / SECOND))));
  const fraction = (((at % SECOND) + SECOND) % SECOND) / SECOND;
  return `${clock(Math.floor(at + step / 1000)).slice(3)}${fraction.toFixed(digits).slice(1)}`;
}

/** The lines between two times; `offsetMs` is how far the clock here is behind UTC. */
export function ticks(from: number, to: number, minMs: number, offsetMs: number): Tick[] {
  if (!(to > from) || !(minMs > 0)) return [];
  const by = step(minMs);
  const begin = Math.ceil((from - offsetMs) / by);
  const found: Tick[] = [];
  for (let n = begin; n * by + offsetMs <= to && found.length < 200; n++) {
    const local = n * by;
    const whole = by >= SECOND ? DAY : SECOND;
    found.push({ at: local + offsetMs, label: label(local + offsetMs, by), major: local % whole === 0 });
  }
  return found;
}
