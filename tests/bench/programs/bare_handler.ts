/** Runs the handler of the bare loop.
 * @module
 */
import { add, stamp } from "../app/contracts.ts";
import type { TaskCall } from "./bare_call.ts";
import { nowMs } from "./load_loops.ts";

/** Seconds until the handler's signal aborts. */
const LIMIT = 60;

/** Validates the arguments and runs the handler with a time limit.
 *
 * @returns JSON text
 * @throws if the arguments are invalid */
export function runHandler(call: TaskCall): string {
  const [x, y] = call.args;
  const isStamp = call.name === stamp.name;
  const input = isStamp ? { x: 0, y: nowMs() } : add.input.parse({ x, y, ...call.kwargs });
  call.startedAt = new Date().toISOString();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), LIMIT * 1000);
  const result = handler(input, { id: call.id, signal: controller.signal });
  clearTimeout(timer);
  return JSON.stringify(add.output?.parse(result));
}

interface Context {
  readonly id: string;
  readonly signal: AbortSignal;
}

function handler({ x, y }: { x: number; y: number }, { signal }: Context): number {
  signal.throwIfAborted();
  return x + y;
}
