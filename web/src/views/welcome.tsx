// What is shown while the store is empty: how to fill it.

import { Notice } from "../ui/parts";

export function Welcome() {
  const here = location.origin;
  return (
    <Notice title="Nothing is recorded yet">
      <p>This page fills by itself as soon as something is. Three ways to get there:</p>
      <ol class="ways-in">
        <li>
          <h3>Point an agent here</h3>
          <p>Anything that speaks OpenTelemetry: its sessions appear as they run.</p>
          <pre>
            {`export OTEL_EXPORTER_OTLP_ENDPOINT=${here}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`}
          </pre>
        </li>
        <li>
          <h3>Watch a demo</h3>
          <p>A scripted team of sessions with queues, limits, retries and costs; no model needed.</p>
          <pre>flightrec up --demo</pre>
        </li>
        <li>
          <h3>Bring what you have</h3>
          <p>Transcripts of coding agents, saved telemetry, or events of your own.</p>
          <pre>{`flightrec import claude-code ~/.claude\nflightrec import otlp FILE\u2026\nflightrec record events.ndjson`}</pre>
        </li>
      </ol>
    </Notice>
  );
}
