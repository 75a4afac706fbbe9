/** Runs programs in a pseudo-terminal, with the standard library of Python. */
import { run } from "./process.ts";

/** One step: waits for output after the step before, or does something to the program. */
export type PtyStep =
  | { readonly until: string }
  | { readonly size: readonly [columns: number, rows: number] }
  | { readonly type: string }
  | { readonly signal: Deno.Signal };

/** A program that has ended. */
export interface PtySession {
  /** Exit code; negative for a signal. */
  readonly code: number;
  /** Whether the terminal has the same modes as before. */
  readonly restored: boolean;
  readonly output: string;
}

/** Runs a program in a terminal of 80 columns and 24 rows, until it ends.
 *
 * @param options.seconds timeout. Default 60
 * @throws if an output does not appear, or the program does not end, in time */
export async function runInTerminal(
  command: readonly string[],
  steps: readonly PtyStep[],
  { env = {}, seconds = 60 }: { env?: Record<string, string>; seconds?: number } = {},
): Promise<PtySession> {
  const script = new URL("./pty_session.py", import.meta.url).pathname;
  const given = JSON.stringify({ command, steps, seconds, columns: 80, rows: 24 });
  return JSON.parse(await run("python3", [script, given], { env }));
}
