// A list of lines of one height, of which only those in view are in the page.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const BEYOND = 12;

export function VirtualList<T>({
  items,
  height,
  label,
  focus,
  line,
  nearEnd,
}: {
  items: readonly T[];
  /** Of one line, in pixels. */
  height: number;
  label: string;
  /** The line that is brought into view when it changes. */
  focus?: number;
  line: (item: T, at: number) => ComponentChildren;
  /** Called when the end comes near. */
  nearEnd?: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  useEffect(() => {
    const element = box.current!;
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const resized = new ResizeObserver(look);
    resized.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, []);
  useEffect(() => {
    if (focus !== undefined && focus >= 0 && box.current) {
      box.current.scrollTop = Math.max(0, focus * height - box.current.clientHeight / 3);
    }
  }, [focus]);
  const first = Math.max(0, Math.floor(view.top / height) - BEYOND);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / height) + BEYOND);
  useEffect(() => {
    if (last >= items.length) nearEnd?.();
  }, [last, items.length]);
  return (
    <div class="virtual" ref={box} tabIndex={0} role="region" aria-label={label}>
      <ol style={{ height: `${items.length * height}px` }}>
        {items.slice(first, last).map((item, n) => (
          <li key={first + n} aria-setsize={items.length} aria-posinset={first + n + 1} style={{ top: `${(first + n) * height}px`, height: `${height}px` }}>
            {line(item, first + n)}
          </li>
        ))}
      </ol>
    </div>
  );
}
