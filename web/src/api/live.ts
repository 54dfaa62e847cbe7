// What is recorded while the page is open. The stream is a browser's EventSource: it comes back by itself and goes on
// after the last position that it saw.

import { signal } from "@preact/signals";

export type Link = "connecting" | "live" | "lost";

/** How the stream stands. */
export const link = signal<Link>("connecting");
/** The last position of the record that is known of here; whoever shows something asks again when it moves. */
export const lastSeq = signal(0);

/** A pulse is passed on this long after the first event of it, so that a burst is one question. */
const GATHER_MS = 250;
const RETRY_MS = 3000;

let source: EventSource | null = null;
/** Where the stream was begun. */
let begun = 0;
let gathered = 0;
let timer: ReturnType<typeof setTimeout> | null = null;
let retry: ReturnType<typeof setTimeout> | null = null;

/** Follows the record from a position on. */
export function follow(fromSeq: number): void {
  stop();
  begun = fromSeq;
  source = new EventSource(`api/v1/stream?from_seq=${fromSeq + 1}`);
  source.addEventListener("open", () => {
    link.value = "live";
  });
  source.addEventListener("error", () => {
    link.value = "lost";
    // A browser comes back by itself from a broken stream, but not from one that was refused.
    if (source?.readyState === EventSource.CLOSED) retry ??= setTimeout(() => follow(Math.max(gathered, begun)), RETRY_MS);
  });
  source.addEventListener("message", (event) => {
    gathered = Math.max(gathered, Number(event.lastEventId));
    timer ??= setTimeout(pulse, GATHER_MS);
  });
}

function pulse(): void {
  timer = null;
  if (gathered > lastSeq.value) lastSeq.value = gathered;
}

export function stop(): void {
  source?.close();
  source = null;
  for (const one of [timer, retry]) if (one !== null) clearTimeout(one);
  timer = retry = null;
}

/** A page that nobody sees asks for nothing; when it is seen again it takes up where it was. */
export function rest(): void {
  let isFollowing = false;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      isFollowing = source !== null;
      stop();
    } else if (isFollowing) {
      follow(Math.max(gathered, begun));
    }
  });
}
