"use strict";

// Text from the store only ever becomes text: every node is made here, and none from markup.
const REFRESH_MS = 2000;
const FIRST_SESSIONS = 100;
const MOST_SESSIONS = 1000;
const FIRST_SPANS = 300;
const MOST_CONTENT = 50000;

let wantedSessions = FIRST_SESSIONS;
let wantedSpans = FIRST_SPANS;
const contents = new Map();

function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  for (const child of children) {
    if (child === null || child === undefined) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (answer.ok) return answer.json();
  let message = answer.status + " " + answer.statusText;
  try { message = (await answer.json()).error.message; } catch { /* the status says enough */ }
  throw new Error(message);
}

const none = "\u2013";
const count = (value) => value.toLocaleString("en-US");
const time = (text) => (text ? new Date(text).toLocaleString() : none);

function dollars(nanos) {
  const value = nanos / 1e9;
  if (value === 0) return "$0";
  if (value < 1e-6) return "<$0.000001";
  return "$" + (value >= 1 ? value.toFixed(2) : value.toPrecision(3));
}

function cost(nanos, unpriced) {
  if (unpriced === 0) return dollars(nanos);
  const runs = count(unpriced) + (unpriced === 1 ? " run unpriced" : " runs unpriced");
  return nanos === 0 ? runs : dollars(nanos) + " + " + runs;
}

function duration(ms) {
  if (ms === null || Number.isNaN(ms)) return none;
  if (ms < 1000) return Math.round(ms) + " ms";
  const s = ms / 1000;
  if (s < 60) return s.toFixed(1) + " s";
  const m = Math.floor(s / 60);
  if (m < 60) return m + " min " + Math.floor(s % 60) + " s";
  const h = Math.floor(m / 60);
  return h < 48 ? h + " h " + (m % 60) + " min" : Math.floor(h / 24) + " d " + (h % 24) + " h";
}

function elapsed(session) {
  if (!session.created_at) return null;
  const end = session.ended_at || session.updated_at;
  return end ? new Date(end) - new Date(session.created_at) : null;
}

// What has no price is not free.
const inclusive = (s) => (s.cost.inclusive_nanos === 0 && s.cost.unpriced_runs > 0 ? none : dollars(s.cost.inclusive_nanos));
const shorter = (id) => (id.length > 13 ? id.slice(0, 13) + "\u2026" : id);
const link = (id, text) => element("a", { href: "#/session/" + encodeURIComponent(id), title: id }, text || shorter(id));
const state = (word) => element("span", { class: "state " + word }, word.toLowerCase());

function worst(findings) {
  for (const severity of ["error", "warning"]) if (findings.some((f) => f.severity === severity)) return severity;
  return "info";
}

function table(columns, rows) {
  const head = element("tr", null, ...columns.map(([name, kind]) => element("th", { scope: "col", class: kind }, name)));
  const body = element("tbody", null, ...rows.map((cells) => element("tr", null,
    ...cells.map((cell, at) => element("td", { class: columns[at][1] }, cell ?? none)))));
  return element("div", { class: "card" }, element("table", null, element("thead", null, head), body));
}

function welcome() {
  const lines = "export OTEL_EXPORTER_OTLP_ENDPOINT=" + location.origin + "\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf";
  return element("section", { class: "card pad" },
    element("h2", null, "Nothing is recorded yet"),
    element("p", null, "Point an agent that speaks OpenTelemetry here, and its sessions appear by themselves:"),
    element("pre", { class: "block" }, lines),
    element("p", { class: "soft" }, "Or post native events to ", element("code", null, "/api/v1/events"), "."));
}

async function sessionsView() {
  const page = await ask("api/v1/sessions?sort=updated&limit=" + wantedSessions);
  if (page.items.length === 0) return [welcome()];
  const columns = [["State", null], ["Session", null], ["Role", null], ["Model", null], ["Tokens", "number"],
    ["Own cost", "number"], ["With children", "number"], ["Elapsed", "number"], ["Findings", "number"], ["Source", null]];
  const rows = page.items.map((s) => [
    state(s.state), link(s.session_id, s.label), s.role, s.model_id, count(s.tokens.total),
    cost(s.cost.own_nanos, s.cost.unpriced_runs), inclusive(s), duration(elapsed(s)),
    s.findings.length ? element("span", { class: worst(s.findings) }, count(s.findings.length)) : "0", s.source]);
  const nodes = [element("h2", null, "Sessions, latest first"), table(columns, rows)];
  if (page.next_cursor && wantedSessions < MOST_SESSIONS) {
    const more = () => { wantedSessions = Math.min(MOST_SESSIONS, wantedSessions * 3); refresh(); };
    nodes.push(element("p", { class: "more" }, element("button", { type: "button", id: "more", onclick: more }, "Show more")));
  } else if (page.next_cursor) {
    nodes.push(element("p", { class: "soft" }, "These are the latest " + count(MOST_SESSIONS) + "; the API and flightrec sessions list all."));
  }
  return nodes;
}

function facts(s) {
  const tokens = count(s.tokens.total) + " = " + count(s.tokens.input) + " in (" + count(s.tokens.cached) + " cached) + " +
    count(s.tokens.output) + " out (" + count(s.tokens.reasoning) + " reasoning)";
  const pairs = [["State", state(s.state)], ["Session", element("span", { class: "id" }, s.session_id)], ["Role", s.role],
    ["Model", s.model_id], ["Provider", s.provider], ["Work packet", s.wp_id], ["Parent", s.parent_session_id && link(s.parent_session_id)],
    ["Source", s.source], ["Created", time(s.created_at)], ["Ended", time(s.ended_at)], ["Elapsed", duration(elapsed(s))],
    ["Tokens", tokens], ["Own cost", cost(s.cost.own_nanos, s.cost.unpriced_runs)], ["With children", inclusive(s)],
    ["Activity", count(s.messages) + " messages, " + count(s.model_runs) + " model runs, " + count(s.tool_calls) + " tool calls"]];
  return element("div", { class: "card pad" },
    element("dl", null, ...pairs.map(([name, value]) => element("div", null, element("dt", null, name), element("dd", null, value || none)))));
}

function tree(node) {
  const s = node.session;
  return element("li", null, state(s.state), element("span", null, link(s.session_id, s.label)), element("span", { class: "soft" }, s.role || ""),
    element("span", { class: "soft" }, cost(s.cost.own_nanos, s.cost.unpriced_runs)),
    node.children.length ? element("ul", null, ...node.children.map(tree)) : null);
}

function spans(all) {
  const byId = new Map(all.map((span) => [span.span_id, span]));
  const below = new Map();
  const roots = [];
  for (const span of all) {
    const parent = span.parent_span_id;
    if (parent && parent !== span.span_id && byId.has(parent)) below.set(parent, [...(below.get(parent) || []), span]);
    else roots.push(span);
  }
  const rows = [];
  const seen = new Set();
  const stack = roots.reverse().map((span) => [span, 0]);
  const place = () => {
    while (stack.length) {
      const [span, depth] = stack.pop();
      if (seen.has(span)) continue;
      seen.add(span);
      rows.push([span, depth]);
      for (const child of [...(below.get(span.span_id) || [])].reverse()) stack.push([child, depth + 1]);
    }
  };
  place();
  // Spans that name each other as parents have no root; they follow, each once.
  for (const span of all) { stack.push([span, 0]); place(); }
  const times = all.flatMap((span) => [span.start, span.end]).filter(Boolean).map((text) => Date.parse(text));
  const first = times.reduce((a, b) => Math.min(a, b), Infinity);
  const last = times.reduce((a, b) => Math.max(a, b), -Infinity);
  const whole = Math.max(1, last - first);
  return rows.slice(0, wantedSpans).map(([span, depth]) => {
    const start = Date.parse(span.start || span.end);
    const end = span.end ? Date.parse(span.end) : last;
    const kind = span.status === "error" ? "error" : span.end ? span.kind || "other" : "open";
    const bar = element("div", { class: "bar " + kind });
    bar.style.left = (100 * (start - first)) / whole + "%";
    bar.style.width = (100 * Math.max(0, end - start)) / whole + "%";
    const name = element("div", { class: "name", title: (span.name || "") + " (" + (span.kind || "start missing") + ")" }, span.name || span.span_id);
    name.style.paddingLeft = Math.min(depth, 20) * 0.9 + "rem";
    const tokens = span.tokens_in === null && span.tokens_out === null ? "" : " \u00b7 " + count((span.tokens_in || 0) + (span.tokens_out || 0)) + " tok";
    const length = span.end ? (span.start ? duration(end - start) : "start missing") : "open";
    return element("div", { class: "span" }, name, element("div", { class: "track" }, bar), element("div", { class: "soft number" }, length + tokens));
  });
}

function content(message) {
  if (!message.artifact_id) return "hash only";
  const id = message.artifact_id;
  if (contents.has(id)) return element("pre", null, contents.get(id));
  const show = async () => {
    try {
      const answer = await fetch("api/v1/artifacts/" + encodeURIComponent(id));
      const text = answer.ok ? await answer.text() : "not in this store";
      contents.set(id, text.length > MOST_CONTENT ? text.slice(0, MOST_CONTENT) + "\n\u2026 cut here; flightrec artifact get shows all" : text);
    } catch (error) { contents.set(id, error.message); }
    refresh();
  };
  return element("button", { type: "button", onclick: show }, "Show");
}

async function sessionView(id) {
  const path = "api/v1/sessions/" + encodeURIComponent(id);
  const [detail, thread] = await Promise.all([ask(path), ask(path + "/messages")]);
  const s = detail.session;
  const nodes = [element("p", null, element("a", { href: "#/" }, "\u2190 Sessions")), element("h2", null, s.label || s.session_id), facts(s)];
  if (s.findings.length) {
    nodes.push(element("h2", null, "Findings"), table([["Severity", null], ["Kind", null], ["Detail", "wide"]],
      s.findings.map((f) => [element("span", { class: f.severity }, f.severity), f.kind.replaceAll("_", " "), f.detail])));
  }
  if (detail.children.length) {
    nodes.push(element("h2", null, "Spawned"), element("div", { class: "card pad" }, element("ul", { class: "tree" }, ...detail.children.map(tree))));
  }
  if (detail.spans.length) {
    nodes.push(element("h2", null, "Spans (" + count(detail.spans.length) + ")"), element("div", { class: "card" }, ...spans(detail.spans)));
    if (detail.spans.length > wantedSpans) {
      const more = () => { wantedSpans = detail.spans.length; refresh(); };
      nodes.push(element("p", { class: "more" }, element("button", { type: "button", id: "more", onclick: more }, "Show all spans")));
    }
  }
  if (thread.items.length) {
    nodes.push(element("h2", null, "Messages"), table([["Time", null], ["Role", null], ["Tokens", "number"], ["Content", "wide"]],
      thread.items.map((m) => [time(m.timestamp), m.role.toLowerCase().replace("_", " "), m.token_count === null ? none : count(m.token_count), content(m)])));
    if (thread.next_cursor) nodes.push(element("p", { class: "soft" }, "These are the first " + count(thread.items.length) + "; flightrec messages lists all."));
  }
  return nodes;
}

function view() {
  const found = location.hash.match(/^#\/session\/(.+)$/);
  try { return found ? () => sessionView(decodeURIComponent(found[1])) : sessionsView; } catch { return sessionsView; }
}

let round = 0;
const key = (node) => node.getAttribute("href") || node.id;

async function refresh() {
  const main = document.getElementById("main");
  const status = document.getElementById("status");
  const mine = ++round;
  try {
    const [nodes, rate] = await Promise.all([view()(), ask("api/v1/rate")]);
    if (mine !== round) return;
    // What did not change is left alone, so that focus, selection and scrolling stay.
    const next = element("main", { id: "main", tabindex: "-1" }, ...nodes);
    if (!main.isEqualNode(next)) {
      const focused = main.contains(document.activeElement) ? key(document.activeElement) : null;
      main.replaceChildren(...next.childNodes);
      if (focused) [...main.querySelectorAll("a, button")].find((node) => key(node) === focused)?.focus();
    }
    const words = count(rate.active_sessions) + " active \u00b7 " + count(rate.tokens_per_minute) + " tokens/min \u00b7 " + dollars(rate.nanos_per_minute) + "/min";
    document.getElementById("rate").textContent = words;
    if (status.textContent) status.textContent = "";
  } catch (error) {
    if (mine !== round) return;
    const message = error instanceof TypeError ? "The server does not answer; trying again." : error.message;
    if (status.textContent !== message) status.textContent = message;
  }
}

addEventListener("hashchange", () => { wantedSpans = FIRST_SPANS; contents.clear(); refresh(); document.getElementById("main").focus(); scrollTo(0, 0); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
refresh();
