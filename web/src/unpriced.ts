// What has no price is told upwards: the cost of a session with its children is not whole while one of them has none.

import type { Session } from "./api/shapes";

/** Model runs without a price, of each session with all below it; each session counts once, whatever they claim. */
export function unpricedWithChildren(sessions: readonly Session[]): ReadonlyMap<string, number> {
  const known = new Map(sessions.map((session) => [session.session_id, session]));
  const sums = new Map<string, number>();
  for (const session of sessions) {
    const runs = session.cost.unpriced_runs;
    if (runs === 0) continue;
    const above = new Set<string>();
    let at: Session | undefined = session;
    while (at && !above.has(at.session_id)) {
      above.add(at.session_id);
      at = at.parent_session_id === null ? undefined : known.get(at.parent_session_id);
    }
    for (const id of above) sums.set(id, (sums.get(id) ?? 0) + runs);
  }
  return sums;
}
