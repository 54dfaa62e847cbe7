// The real program, on a store of its own, for as long as a test wants it.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export const PROGRAM = resolve(process.env["FLIGHTREC_BIN"] ?? join(import.meta.dirname, "../../target/debug/flightrec"));
/** Where a running `up` finds the demo plan and its workspace. */
export const ROOT = resolve(import.meta.dirname, "../..");

export interface Served {
  url: string;
  data: string;
  stop(): Promise<void>;
}

export const newStore = () => mkdtempSync(join(tmpdir(), "flightrec-web-"));

/** Starts `flightrec up` on any free ports of this machine, and waits until it says where. The store goes with it. */
export async function serve(data = newStore(), ...options: string[]): Promise<Served> {
  const ports = ["--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"];
  const child = spawn(PROGRAM, ["--data", data, "up", ...ports, "--format", "ndjson", ...options], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = listen(child);
  const url = await address(child, said);
  return {
    url,
    data,
    stop: async () => {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await ended;
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** What a program says beside its output: shown only where it fails. */
function listen(child: ChildProcess): () => string {
  let said = "";
  child.stderr?.on("data", (bytes: Buffer) => (said += bytes.toString()));
  return () => said;
}

async function address(child: ChildProcess, said: () => string): Promise<string> {
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new Error(`${PROGRAM} does not start: ${error.message}; cargo build -p flightrec-cli`)));
    child.once("exit", (code) => reject(new Error(`flightrec up ended with ${code}: ${said()}`)));
  });
  const lines = createInterface({ input: child.stdout! });
  const first = new Promise<string>((told) => lines.once("line", told));
  const line = await Promise.race([first, failed]);
  return (JSON.parse(line) as { http: string }).http;
}

/** Runs another command of the program on a store, to its end. */
export async function flightrec(data: string, ...command: string[]): Promise<void> {
  const child = spawn(PROGRAM, ["--data", data, ...command], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  const said = listen(child);
  const code = await new Promise((done) => child.once("exit", done));
  if (code !== 0) throw new Error(`flightrec ${command.join(" ")} ended with ${String(code)}: ${said()}`);
}
