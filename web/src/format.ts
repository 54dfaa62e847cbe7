// Numbers and times as people read them. A figure is as wide as it must be and no wider, so that columns stay calm.

export const none = "\u2013";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(value: number | null): string {
  return value === null || Number.isNaN(value) ? none : whole.format(value);
}

/** 1,234 as 1.2k: for places where the exact figure stands elsewhere. */
export function short(value: number): string {
  if (value < 1000) return String(Math.round(value));
  for (const [size, unit] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (value >= size) {
      const scaled = value / size;
      return `${scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1).replace(/\.0$/, "")}${unit}`;
    }
  }
  return String(value);
}

/** Nano-dollars as dollars. */
export function money(nanos: number): string {
  const value = nanos / 1e9;
  if (value === 0) return "$0";
  if (value < 0.0001) return "<$0.0001";
  if (value < 0.01) return `$${value.toFixed(4)}`;
  if (value < 1) return `$${value.toFixed(3)}`;
  if (value < 1000) return `$${value.toFixed(2)}`;
  return `$${whole.format(value)}`;
}

/** What something cost where some of it may have no price: that is said, and never shown as nothing. */
export function cost(nanos: number, unpricedRuns: number): string {
  if (unpricedRuns === 0) return money(nanos);
  return nanos === 0 ? "unpriced" : `${money(nanos)} +?`;
}

/** The same in words, for a title. */
export function costInWords(nanos: number, unpricedRuns: number): string {
  const exact = `$${(nanos / 1e9).toFixed(9).replace(/0+$/, "").replace(/\.$/, "")}`;
  if (unpricedRuns === 0) return exact;
  const runs = `${count(unpricedRuns)} model ${unpricedRuns === 1 ? "run has" : "runs have"} no price`;
  return nanos === 0 ? runs : `${exact}, and ${runs}`;
}

export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return none;
  if (ms < 0) return `\u2212${duration(-ms)}`;
  if (ms < 1) return ms === 0 ? "0 ms" : `${Math.round(ms * 1000)} \u00b5s`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(2) : s.toFixed(1)} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min ${Math.floor(s % 60)} s`;
  const h = Math.floor(m / 60);
  return h < 48 ? `${h} h ${m % 60} min` : `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** RFC 3339 to milliseconds since 1970, microseconds kept as a fraction; NaN if it is none. */
export function millis(text: string | null): number {
  if (text === null) return Number.NaN;
  const ms = Date.parse(text);
  const digits = /\.\d{3}(\d{1,3})/.exec(text)?.[1];
  return digits === undefined ? ms : ms + Number(digits.padEnd(3, "0")) / 1000;
}

const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");

/** A time of day, here. */
export function clock(ms: number, withMs = false): string {
  if (!Number.isFinite(ms)) return none;
  const at = new Date(ms);
  const seconds = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return withMs ? `${seconds}.${pad(at.getMilliseconds(), 3)}` : seconds;
}

export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

/** Date and time of day, here. */
export function moment(text: string | null): string {
  const ms = millis(text);
  return Number.isFinite(ms) ? `${day(ms)} ${clock(ms)}` : none;
}

/** The beginning of an id by which people know it again. */
export function shortId(id: string): string {
  return id.length > 13 ? `${id.slice(0, 13)}\u2026` : id;
}

export function words(text: string): string {
  return text.toLowerCase().replaceAll("_", " ");
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
