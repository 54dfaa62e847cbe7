// What the marks mean, in words.

const MEANINGS: readonly (readonly [string, string])[] = [
  ["run", "model run"],
  ["tool", "tool call"],
  ["other", "other span"],
  ["queue", "queued"],
  ["place", "held: no place"],
  ["rate", "held: rate limit"],
  ["error", "failed (cut corner)"],
  ["abandoned", "abandoned"],
  ["cancelled", "cancelled"],
  ["open", "still open"],
];
const COSTS: readonly (readonly [string, string])[] = [
  ["cost-1", "cheapest"],
  ["cost-3", "\u2026"],
  ["cost-5", "dearest"],
  ["unpriced", "no price"],
];

export function Legend({ showsCost }: { showsCost: boolean }) {
  const shown = showsCost ? [...COSTS, ...MEANINGS.slice(3, 6)] : MEANINGS;
  return (
    <ul class="legend" aria-label="Legend">
      {shown.map(([mark, meaning]) => (
        <li key={mark}>
          <span class={`swatch ${mark}`} aria-hidden="true" /> {meaning}
        </li>
      ))}
      <li>
        <span class="swatch-line" aria-hidden="true" /> spawn
      </li>
      <li>
        <span class="swatch-line dashed" aria-hidden="true" /> result back
      </li>
    </ul>
  );
}
