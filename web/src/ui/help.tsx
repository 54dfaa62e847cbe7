// The keys, as a dialog.

import { useEffect, useRef } from "preact/hooks";

import { known, lettersWork, setLetters } from "./keys";

const NAMES: Record<string, string> = {
  ArrowUp: "\u2191",
  ArrowDown: "\u2193",
  ArrowLeft: "\u2190",
  ArrowRight: "\u2192",
  Escape: "Esc",
};

export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" onClose={close} aria-labelledby="help-title">
      <h2 id="help-title">Keys</h2>
      <dl class="keys">
        {known.value.map(({ press, does }) => (
          <div key={press + does}>
            <dt>
              <kbd>{NAMES[press] ?? press}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <h3>Mouse and touch</h3>
      <p>
        Drag to move, Ctrl and wheel or pinch to zoom, Shift and drag to choose a stretch of time, double click to zoom to
        what is there. The strip above the lanes is all of time: drag its frame.
      </p>
      <label class="check">
        <input type="checkbox" checked={lettersWork.value} onChange={(event) => setLetters(event.currentTarget.checked)} />
        Single letters work as keys
      </label>
      <p class="right">
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </p>
    </dialog>
  );
}
