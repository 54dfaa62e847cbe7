// Links between lanes: a task that was handed down, a result that came back.

import type { Lane } from "./lane";

export interface Link {
  kind: "spawn" | "announce_back";
  from: string;
  to: string;
  at: number;
}

/** All links between some lanes, in order of time. A child of whose spawn nobody told is linked where it begins. */
export function linksOf(lanes: readonly Lane[]): Link[] {
  const links: Link[] = [];
  const spawned = new Set<string>();
  for (const lane of lanes) {
    for (const { kind, from_session_id: from, to_session_id: to, at } of lane.handovers) {
      links.push({ kind, from, to, at: Date.parse(at) });
      if (kind === "spawn") spawned.add(to);
    }
  }
  for (const { session, first } of lanes) {
    const parent = session.parent_session_id;
    if (parent !== null && parent !== session.session_id && !spawned.has(session.session_id)) {
      links.push({ kind: "spawn", from: parent, to: session.session_id, at: first });
    }
  }
  return links.sort((a, b) => a.at - b.at);
}
