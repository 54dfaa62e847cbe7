// The thread: what was said, with its content, tool calls where they belong, and the way to the span and event of each.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { Refused, api } from "../../api/client";
import type { Message, Session, Span } from "../../api/shapes";
import { clock, count, duration, millis, none, plural, words } from "../../format";
import { href, param } from "../../router";
import { useAnswer } from "../../ui/ask";
import { Loading, Notice, sessionHref } from "../../ui/parts";

/** As much of a content is shown at once; the rest when somebody wants it. */
const SHOWN = 2_000;
const PAGE = 200;

export function Thread({ session, spans }: { session: Session; spans: readonly Span[] }) {
  const id = session.session_id;
  const pages = useSignal(1);
  const { value, error } = useAnswer(
    `thread ${id} ${pages.value}`,
    async (signal) => {
      const messages: Message[] = [];
      let cursor: string | null = null;
      for (let n = 0; n < pages.value || isWanted(messages); n++) {
        const page: { items: Message[]; next_cursor: string | null } = await api.messages(id, { cursor, limit: PAGE }, signal);
        messages.push(...page.items);
        cursor = page.next_cursor;
        if (cursor === null) break;
      }
      return { messages, more: cursor !== null };
    },
    { live: true },
  );
  const [message, span] = [param("message"), param("span")];
  const target = value?.messages.find((one) => one.message_id === message || (message === null && span !== null && one.span_id === span));
  const thread = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (target) thread.current?.querySelector(`[data-seq="${target.seq}"]`)?.scrollIntoView({ block: "center" });
  }, [target?.seq]);
  if (value === null) return error === null ? <Loading what="Asking for the thread" /> : <Notice title={error} role="alert" />;
  if (value.messages.length === 0) return <Notice title="No message is on record" />;
  const named = new Map(spans.map((span) => [span.span_id, span]));
  return (
    <div class="thread-box">
      {span !== null && !target && message === null && <p class="soft">Nothing was said in that span.</p>}
      <ol class="thread" ref={thread}>
        {value.messages.map((one) => (
          <Said key={one.seq} message={one} isTarget={one === target || (span !== null && one.span_id === span)} span={one.span_id === null ? undefined : named.get(one.span_id)} />
        ))}
      </ol>
      {value.more && (
        <p>
          <button type="button" onClick={() => (pages.value = pages.value + 2)}>
            Show more of {plural(session.messages, "message")}
          </button>
        </p>
      )}
    </div>
  );
}

/** Whether the message that the address names has not come yet. */
function isWanted(messages: readonly Message[]): boolean {
  const [message, span] = [param("message"), param("span")];
  if (message !== null) return !messages.some((one) => one.message_id === message);
  return span !== null && messages.length < 5_000 && !messages.some((one) => one.span_id === span);
}

const SPEAKERS = { SYSTEM: "System", USER: "User", ASSISTANT: "Assistant", TOOL_CALL: "Tool call", TOOL_RESULT: "Tool result" };

function Said({ message, isTarget, span }: { message: Message; isTarget: boolean; span: Span | undefined }) {
  const id = message.session_id;
  const took = span?.start && span.end ? duration(millis(span.end) - millis(span.start)) : null;
  return (
    <li class={`said ${message.role.toLowerCase()} ${isTarget ? "target" : ""}`} data-seq={message.seq} aria-current={isTarget ? "true" : undefined}>
      <header>
        <strong>{SPEAKERS[message.role]}</strong>
        <time class="figures soft" dateTime={message.timestamp} title={message.timestamp}>{clock(millis(message.timestamp))}</time>
        <span class="soft">{message.token_count === null ? "" : plural(message.token_count, "token")}</span>
        {message.redacted && <span class="tag">redacted</span>}
        <span class="gap" />
        <span class="ways">
          {message.span_id !== null && (
            <a href={href("timeline", { pick: id, span: message.span_id })} title={`Span ${message.span_id} on the timeline`}>
              {span?.name ?? "span"}{took === null ? "" : `, ${took}`}
            </a>
          )}
          <a href={sessionHref(id, { tab: "events", seq: String(message.seq) })} title={`Event at position ${message.seq}`}>event</a>
          <a href={sessionHref(id, { tab: "thread", message: message.message_id })} title="The address of this message">link</a>
        </span>
      </header>
      <Content message={message} />
    </li>
  );
}

const contents = new Map<string, string>();
const MOST_CONTENTS = 500;

/** The content of a message, asked for when it comes into view. */
function Content({ message }: { message: Message }) {
  const id = message.artifact_id;
  const place = useRef<HTMLDivElement>(null);
  const content = useSignal<string | null>(id === null ? null : (contents.get(id) ?? null));
  const missing = useSignal<string | null>(id === null ? `Its content was not kept; its hash is ${message.content_hash}.` : null);
  const isWhole = useSignal(false);
  useEffect(() => {
    if (id === null || content.value !== null || !place.current) return;
    const asking = new AbortController();
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      api.artifact(id, asking.signal).then(
        (text) => {
          if (contents.size >= MOST_CONTENTS) contents.delete(contents.keys().next().value!);
          contents.set(id, text);
          content.value = text;
        },
        (error: unknown) => {
          if (asking.signal.aborted) return;
          const isUnknown = error instanceof Refused && error.status === 404;
          missing.value = isUnknown ? "Its content was never given to this store." : String((error as Error).message);
        },
      );
    });
    seen.observe(place.current);
    return () => {
      seen.disconnect();
      asking.abort();
    };
  }, [id]);
  if (missing.value !== null) return <p class="soft missing">{missing.value}</p>;
  const text = content.value;
  if (text === null) return <div ref={place} class="content soft">{none}</div>;
  const isLong = text.length > SHOWN && !isWhole.value;
  return (
    <div ref={place}>
      <pre class="content">{isLong ? `${text.slice(0, SHOWN)}\u2026` : text}</pre>
      {isLong && (
        <button type="button" class="quiet" onClick={() => (isWhole.value = true)}>
          Show all {count(text.length)} characters
        </button>
      )}
      {message.tool_call_id !== null && <p class="soft small">{words(message.role)} <span class="id">{message.tool_call_id}</span></p>}
    </div>
  );
}
