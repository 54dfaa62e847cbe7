// Who spawned whom: depth, children at work, what each cost with its children, and what a cascade cancel would reach.

import { useSignal } from "@preact/signals";

import type { Session } from "../api/shapes";
import { count, plural } from "../format";
import { grouped } from "../group";
import { href, param } from "../router";
import { isTerminal, nameOf } from "../timeline/lane";
import { IdLink, InclusiveCost, Loading, Notice, OwnCost, StateWord, sessionHref } from "../ui/parts";
import { useSessions } from "./sessions";

export interface Node {
  session: Session;
  depth: number;
  children: Node[];
  /** Children that have not ended. */
  active: number;
  /** Sessions that cancelling this one would cancel, itself among them. */
  reach: number;
  isOrphan: boolean;
}

/** The trees of some sessions; of sessions that claim to have spawned each other, the first stands above. */
export function forest(sessions: readonly Session[]): Node[] {
  const ids = new Set(sessions.map((session) => session.session_id));
  const below = grouped(sessions, (session) => session.parent_session_id);
  const isRoot = ({ parent_session_id: parent, session_id: id }: Session) => parent === null || parent === id || !ids.has(parent);
  const seen = new Set<string>();
  const grow = (session: Session, depth: number): Node => {
    seen.add(session.session_id);
    const children = (below.get(session.session_id) ?? [])
      .filter((child) => !seen.has(child.session_id))
      .sort((a, b) => ((a.created_at ?? "") < (b.created_at ?? "") ? -1 : 1))
      .filter((child) => !seen.has(child.session_id))
      .map((child) => (depth < 200 ? grow(child, depth + 1) : null))
      .filter((node) => node !== null);
    const own = isTerminal(session) ? 0 : 1;
    return {
      session,
      depth,
      children,
      active: children.filter((node) => !isTerminal(node.session)).length,
      reach: children.reduce((sum, node) => sum + node.reach, own),
      isOrphan: session.parent_session_id !== null && !ids.has(session.parent_session_id),
    };
  };
  const roots = sessions.filter(isRoot).map((session) => grow(session, 0));
  for (const session of sessions) if (!seen.has(session.session_id)) roots.push(grow(session, 0));
  return roots;
}

function flat(nodes: readonly Node[], folded: ReadonlySet<string>): Node[] {
  return nodes.flatMap((node) => [node, ...(folded.has(node.session.session_id) ? [] : flat(node.children, folded))]);
}

const deepest = (node: Node): number => node.children.reduce((depth, child) => Math.max(depth, deepest(child)), node.depth);

export function TreeView() {
  const { sessions, error, more } = useSessions();
  const folded = useSignal<ReadonlySet<string>>(new Set());
  const showsAll = param("alone") === "show";
  if (sessions === null) return error === null ? <Loading what="Asking for the sessions" /> : <Notice title={error} role="alert" />;
  const trees = forest(sessions);
  const shown = showsAll ? trees : trees.filter((node) => node.children.length > 0 || node.isOrphan);
  const alone = trees.length - shown.length;
  const rows = flat(shown, folded.value);
  const reached = param("cancel");
  const inReach = new Set<string>();
  const mark = (node: Node, isBelow: boolean) => {
    const isIn = isBelow || node.session.session_id === reached;
    if (isIn && !isTerminal(node.session)) inReach.add(node.session.session_id);
    node.children.forEach((child) => mark(child, isIn));
  };
  if (reached !== null) trees.forEach((node) => mark(node, false));
  const fold = (id: string) => {
    const after = new Set(folded.value);
    if (!after.delete(id)) after.add(id);
    folded.value = after;
  };
  return (
    <>
      <div class="tools">
        <span class="soft figures">
          {plural(shown.length, "tree")}, at most {shown.reduce((depth, node) => Math.max(depth, deepest(node)), 0)} deep
        </span>
        <a class="toggle" aria-pressed={showsAll} role="button" href={href("tree", { alone: showsAll ? null : "show" })}>
          {showsAll ? "Only those that spawned" : `Also ${plural(alone, "session")} without children`}
        </a>
        {reached !== null && (
          <span role="status">
            A cascade cancel would reach <b>{plural(inReach.size, "session")}</b>, marked here. <a href={href("tree", { alone: showsAll ? "show" : null })}>Unmark</a>
          </span>
        )}
        <span class="gap" />
        {more && <button type="button" onClick={more}>Load more</button>}
      </div>
      {rows.length === 0 ? (
        <Notice title="No session here spawned another">
          <p>A tree begins where a session hands a task to a child. <a href={href("tree", { alone: "show" })}>Show the sessions without children</a></p>
        </Notice>
      ) : (
        <div class="table-box" tabIndex={0} role="region" aria-label="Spawn trees">
          <table>
            <thead>
              <tr>
                <th scope="col">Session</th>
                <th scope="col">State</th>
                <th scope="col">Role</th>
                <th scope="col">Model</th>
                <th scope="col" class="number">Depth</th>
                <th scope="col" class="number">Active children</th>
                <th scope="col" class="number">Cancel reaches</th>
                <th scope="col" class="number">Own cost</th>
                <th scope="col" class="number">With children</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((node) => (
                <Row key={node.session.session_id} node={node} isFolded={folded.value.has(node.session.session_id)} fold={fold} isReached={inReach.has(node.session.session_id)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Row({ node, isFolded, fold, isReached }: { node: Node; isFolded: boolean; fold: (id: string) => void; isReached: boolean }) {
  const { session, depth, children } = node;
  const id = session.session_id;
  return (
    <tr class={isReached ? "reached" : ""}>
      <td style={{ paddingInlineStart: `${8 + depth * 22}px` }} class="main-cell">
        {children.length > 0 ? (
          <button type="button" class="fold" aria-expanded={!isFolded} aria-label={`Children of ${nameOf(session)}`} onClick={() => fold(id)}>
            {isFolded ? "\u25b8" : "\u25be"}
          </button>
        ) : (
          <span class="fold" aria-hidden="true">{depth > 0 ? "\u2514" : ""}</span>
        )}
        <a class="name" href={sessionHref(id)}>{nameOf(session)}</a> <IdLink id={id} />
        {node.isOrphan && <span class="severity warning" title={`Its parent ${session.parent_session_id} is not shown here`}> {"\u25b2"} parent not here</span>}
      </td>
      <td><StateWord state={session.state} /></td>
      <td>{session.role ?? "\u2013"}</td>
      <td>{session.model_id ?? "\u2013"}</td>
      <td class="number">{session.spawn_depth === null ? "\u2013" : count(session.spawn_depth)}</td>
      <td class="number">{children.length === 0 ? "\u2013" : `${node.active} of ${children.length}`}</td>
      <td class="number">{node.reach === 0 ? "none" : <a href={href("tree", { cancel: id, alone: param("alone") })}>{plural(node.reach, "session")}</a>}</td>
      <td class="number"><OwnCost session={session} /></td>
      <td class="number"><InclusiveCost session={session} /></td>
    </tr>
  );
}
