// Answers in components: asked for when shown, asked for again when the record moves, never older than what was asked.

import { useEffect, useState } from "preact/hooks";

import { lastSeq } from "../api/live";

export interface Answer<T> {
  value: T | null;
  error: string | null;
  isLoading: boolean;
}

/** How long answers that follow the record rest between two questions, at least; */
const REST_MS = 1000;
/** and so many times as long as the last one took, so that a big answer leaves the server time for others. */
const REST_TIMES = 4;

export function useAnswer<T>(
  key: string,
  ask: (signal: AbortSignal) => Promise<T>,
  { live = false, restMs = REST_MS }: { live?: boolean; restMs?: number } = {},
): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { key: string }>({ key, value: null, error: null, isLoading: true });
  useEffect(() => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout> | null = null;
    let askedAt = -1;
    let isAsking = false;
    let rest = restMs;
    const askNow = async () => {
      timer = null;
      isAsking = true;
      askedAt = lastSeq.peek();
      const began = performance.now();
      try {
        const value = await ask(asking.signal);
        if (!asking.signal.aborted) setAnswer({ key, value, error: null, isLoading: false });
      } catch (error) {
        if (asking.signal.aborted) return;
        const message = error instanceof TypeError ? "The server does not answer." : String((error as Error).message);
        setAnswer((last) => ({ key, value: last.key === key ? last.value : null, error: message, isLoading: false }));
      }
      rest = Math.max(restMs, (performance.now() - began) * REST_TIMES);
      isAsking = false;
      if (!asking.signal.aborted && live) again();
    };
    const again = () => {
      if (timer === null && !isAsking && lastSeq.peek() > askedAt) timer = setTimeout(() => void askNow(), rest);
    };
    setAnswer((last) => (last.key === key ? last : { key, value: null, error: null, isLoading: true }));
    void askNow();
    const unsubscribe = live ? lastSeq.subscribe(again) : () => {};
    return () => {
      asking.abort();
      if (timer !== null) clearTimeout(timer);
      unsubscribe();
    };
  }, [key, live]);
  return answer.key === key ? answer : { value: null, error: null, isLoading: true };
}
